"""The previous release and the present one, served by git as a company's server would."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.doubles import git_http

ROOT = Path(__file__).resolve().parents[2]


def git(*words: str, folder: Path = ROOT) -> str:
    command = ["git", "-c", "safe.directory=*", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def previous_release(folder: Path = ROOT) -> str:
    """Return the commit of the release before this one.

    It is the newest tag v* before HEAD. Where there is none: the last commit before the newest migration was added, the nearest
    one whose database is another. In a clone so shallow that it has neither, it is HEAD: then code and database of both are
    alike, and the commands are rehearsed all the same.
    """
    if has_parent("HEAD", folder):
        tags = git("tag", "--list", "v*", "--merged", "HEAD~1", "--sort", "-creatordate", folder=folder)
        if tags:
            return git("rev-parse", f"{tags.splitlines()[0]}^{{commit}}", folder=folder)
    newest = git("log", "-1", "--format=%H", "--diff-filter=A", "--", "*/migrations/0*.py", folder=folder)
    return git("rev-parse", f"{newest}~1" if newest and has_parent(newest, folder) else "HEAD", folder=folder)


def has_parent(commit: str, folder: Path) -> bool:
    """Say whether this clone has the commit before this one."""
    words = ["git", "-c", "safe.directory=*", "rev-parse", "--quiet", "--verify", f"{commit}~1"]
    return subprocess.run(words, cwd=folder, capture_output=True, check=False).returncode == 0


@dataclass
class Served:
    """A repository with one branch, main."""

    folder: Path
    address: str

    def offer(self, commit: str) -> None:
        """Have main be this commit."""
        git("update-ref", "refs/heads/main", commit, folder=self.folder)


@contextmanager
def served(folder: Path, checkout: Path = ROOT) -> Iterator[Served]:
    """Serve a checkout's history from a folder."""
    bare = folder / "rodeo.git"
    git("clone", "--quiet", "--bare", str(checkout), str(bare))
    git("symbolic-ref", "HEAD", "refs/heads/main", folder=bare)
    with git_http.serving(folder) as server:
        yield Served(bare, f"{server.address}/rodeo.git")
