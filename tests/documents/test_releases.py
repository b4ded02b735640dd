"""Which commit counts as the previous release, in any clone that CI may have."""

from pathlib import Path

import pytest

from tests.documents.releases import git, previous_release, served

pytestmark = pytest.mark.only_on("sqlite")


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A repository with two migrations, and work after each."""
    folder = tmp_path / "history"
    folder.mkdir()
    git("init", "--quiet", "--initial-branch", "main", folder=folder)
    for name in (
        "squads/migrations/0001_first.py",
        "manage.py",
        "squads/migrations/0002_second.py",
        "later.py",
        "last.py",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        git("add", ".", folder=folder)
        git("-c", "user.name=Ana", "-c", "user.email=ana@example.org", "commit", "--quiet", "-m", name, folder=folder)
    return folder


def subject(folder: Path, commit: str) -> str:
    return git("log", "-1", "--format=%s", commit, folder=folder)


def test_it_is_the_newest_tag(history: Path) -> None:
    git("tag", "v1.0", "HEAD~1", folder=history)
    git("tag", "v1.1-of-this-commit", "HEAD", folder=history)
    assert subject(history, previous_release(history)) == "later.py"


def test_without_tags_it_is_the_last_commit_with_another_schema(history: Path) -> None:
    assert subject(history, previous_release(history)) == "manage.py"


def test_in_a_shallow_clone_it_is_this_one(history: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    git("clone", "--quiet", "--depth", "1", f"file://{history}", str(shallow), folder=tmp_path)
    assert previous_release(shallow) == git("rev-parse", "HEAD", folder=shallow)


def test_a_commit_that_is_on_no_branch_is_served_too(history: Path, tmp_path: Path) -> None:
    git("checkout", "--quiet", "--detach", folder=history)
    git(
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        "CI",
        folder=history,
    )
    head = git("rev-parse", "HEAD", folder=history)
    with served(tmp_path, history) as source:
        source.offer(head)
        git("clone", "--quiet", source.address, str(tmp_path / "app"), folder=tmp_path)
    assert git("rev-parse", "HEAD", folder=tmp_path / "app") == head


def test_a_shallow_clone_can_be_served(history: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    git("clone", "--quiet", "--depth", "1", f"file://{history}", str(shallow), folder=tmp_path)
    with served(tmp_path, shallow) as source:
        source.offer(git("rev-parse", "HEAD", folder=shallow))
        git("clone", "--quiet", source.address, str(tmp_path / "app"), folder=tmp_path)
    assert (tmp_path / "app" / "last.py").exists()
