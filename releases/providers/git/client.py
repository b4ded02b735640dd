"""Reading a repository with git: never its hooks, its submodules, its files, or a question to a person.

`Git.stream` is the one place that starts git. A `Mirror` is a bare copy of a repository's mainline and tags, without
contents where the server can leave them out; it is a cache and may be deleted at any time. No Django in here.
"""

import os
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from releases.providers.base import Provider
from releases.providers.git import messages
from releases.providers.git.config import SCHEMES, Address
from releases.providers.git.reach import Check, authorities, pinned
from releases.providers.git.remedies import GitFailed as GitFailed
from releases.providers.git.remedies import explain
from releases.providers.signatures import basic

SAFE = (
    "--no-pager",
    "--no-replace-objects",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "protocol.ext.allow=never",
    "-c",
    "submodule.recurse=false",
    "-c",
    "fetch.recurseSubmodules=false",
    "-c",
    "transfer.fsckObjects=false",
    "-c",
    "transfer.credentialsInUrl=die",
    "-c",
    "credential.helper=",
    "-c",
    "core.askPass=true",
    "-c",
    "gc.autoDetach=false",
    "-c",
    "http.lowSpeedLimit=1000",
    "-c",
    "http.lowSpeedTime=60",
    "-c",
    "http.followRedirects=false",
)
# Read by the git at the other end of a local path too, which -c does not reach. Only folders that an administrator
# named are ever opened, so whose they are does not matter; and none of their file contents need copying.
GLOBAL = """[safe]
	directory = *
[uploadpack]
	allowFilter = true
[core]
	hooksPath = /dev/null
	fsmonitor = false
"""
SSH = "ssh -oBatchMode=yes -oStrictHostKeyChecking=accept-new -oConnectTimeout=15 -oPermitLocalCommand=no"
MOST_OUTPUT = 2 * 1024**3
SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(slots=True)
class Git:
    """How git is run for one repository. `tick` is called at least once a second while git works; it may raise.

    `folder` is where Rodeo keeps what git needs; `timeout` is for everything done with this object, in seconds. `check`
    returns the addresses at which a host and port may be asked, or raises; `ca_bundle` is a file of authorities
    trusted beside the machine's.
    """

    folder: Path
    address: Address
    secret: str = field(default="", repr=False)
    user: str = ""
    timeout: float = 900
    tick: Callable[[], None] = lambda: None
    check: Check | None = None
    ca_bundle: str = ""
    kept_open: int | None = None
    _deadline: float = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.timeout
        (self.folder / "home").mkdir(parents=True, exist_ok=True)
        written = self.folder / "gitconfig"
        if not written.exists() or written.read_text() != GLOBAL:
            fresh = self.folder / f"gitconfig.{os.getpid()}"
            fresh.write_text(GLOBAL)
            fresh.replace(written)

    def environment(self) -> dict[str, str]:
        """Return the whole environment git gets: nothing of the worker's own but the path and proxies."""
        kept = (
            "PATH",
            "http_proxy",
            "https_proxy",
            "HTTPS_PROXY",
            "no_proxy",
            "NO_PROXY",
            "all_proxy",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
            "GIT_SSL_CAINFO",
            "GIT_EXEC_PATH",
            "SSH_AUTH_SOCK",
            "TMPDIR",
        )
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment |= {
            "HOME": str(self.folder / "home"),
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "SSH_ASKPASS": "true",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"),
            "GIT_ALLOW_PROTOCOL": "file" if self.address.local else ":".join(SCHEMES),
            "GIT_SSH_COMMAND": SSH,
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(self.folder),
        }
        if self.ca_bundle and self.address.url.startswith("https:"):
            environment["GIT_SSL_CAINFO"] = str(authorities(self.ca_bundle, self.folder))
        return environment | self._credentials()

    def _credentials(self) -> dict[str, str]:
        """Hand the secret over in the environment, for this host only: command lines can be read by everyone."""
        if not self.secret or not self.address.url.startswith("http"):
            return {}
        parts = urlsplit(self.address.url)
        host = parts.netloc.rpartition("@")[2]
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{host}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: {self._basic()}",
        }

    def _basic(self) -> str:
        return basic(self.address.user or self.user or "git", self.secret)

    def stream(
        self,
        *arguments: str,
        stdin: bytes = b"",
        heard: Callable[[str], None] | None = None,
        environment: Mapping[str, str] | None = None,
        most: int = MOST_OUTPUT,
    ) -> Iterator[bytes]:
        """Run git and yield its output in pieces; raise GitFailed if it fails, is too slow or says too much."""
        program = shutil.which("git")
        if program is None:
            raise GitFailed("git is not installed where the worker runs. Install it.")
        with tempfile.TemporaryFile() as given:
            given.write(stdin)
            given.seek(0)
            process = subprocess.Popen(
                [program, *SAFE, *arguments],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self.folder / "home",
                env=self.environment() | dict(environment or {}),
                start_new_session=True,
                pass_fds=() if self.kept_open is None else (self.kept_open,),
            )
            said: list[str] = []
            try:
                yield from self._listen(process, said, heard, most)
                code = process.wait(timeout=60)
            finally:
                if process.poll() is None:
                    _kill(process)
                for pipe in (process.stdout, process.stderr):
                    if pipe:
                        pipe.close()
        if code:
            raise GitFailed(explain("".join(said), (self._basic().split()[-1], self.secret)))

    def _listen(
        self, process: subprocess.Popen[bytes], said: list[str], heard: Callable[[str], None] | None, most: int
    ) -> Iterator[bytes]:
        total = 0
        with selectors.DefaultSelector() as both:
            for pipe in (process.stdout, process.stderr):
                if pipe:
                    both.register(pipe, selectors.EVENT_READ)
            while both.get_map():
                ready = both.select(timeout=0.5)
                self.tick()
                if time.monotonic() > self._deadline:
                    raise GitFailed(
                        f"git was stopped: reading the repository took longer than {self.timeout:.0f} seconds. "
                        "It will be tried again; if it always takes this long, raise RODEO_GIT_TIMEOUT."
                    )
                for key, _ in ready:
                    piece = os.read(key.fd, 1 << 17)
                    if not piece:
                        both.unregister(key.fileobj)
                    elif key.fileobj is process.stdout:
                        total += len(piece)
                        if total > most:
                            raise GitFailed(f"git was stopped: it printed more than {most // 1024**2} MiB.")
                        yield piece
                    else:
                        text = piece.decode("utf-8", "replace")
                        said.append(text)
                        del said[:-40]
                        if heard:
                            heard(text)

    def reached(self) -> list[str]:
        """Return the options for a command that asks the server: it connects to checked addresses only."""
        return [] if self.check is None else pinned(self.address, self.check)

    def run(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        """Run git and return all it printed (at most 512 MiB); raise GitFailed."""
        return b"".join(self.stream(*arguments, stdin=stdin, environment=environment, most=512 * 1024**2))

    def is_repository(self) -> bool:
        """Say whether the local path is itself a repository: not merely a folder inside one."""
        place = Path(self.address.url)
        if not place.is_dir():
            return False
        try:
            self.run(
                "-C",
                str(place),
                "rev-parse",
                "--absolute-git-dir",
                environment={"GIT_CEILING_DIRECTORIES": str(place.parent)},
            )
        except GitFailed:
            return False
        return True


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End git and what it started; it leads a process group of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()


PROVIDER = Provider(kind="git", name="git", pushes=False, pulls=True, label=None, translate=messages.translate)
