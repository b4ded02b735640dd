"""Running git safely: no hooks, no submodules, no checkout, no prompts. `Git.stream` is the one place that starts git.

The mirror it works on (mirror.py) is a bare copy of a repository's mainline and tags, without large files, and without any
where RODEO_GIT_CONTENTS says so and the server can leave them out. It is a cache and may be deleted at any time.
No Django in here.
"""

import os
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from releases.providers.base import Provider
from releases.providers.git import records
from releases.providers.git.address_pinning import HostCheck, ca_bundle_file, pinning_options
from releases.providers.git.config import SCHEMES, Address
from releases.providers.git.errors import GitFailed as GitFailed
from releases.providers.git.errors import failure
from releases.providers.signatures import basic_auth

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
# The git that serves a local path reads this file as well, but not the -c options above. Only folders that an administrator
# named are opened, so their owner does not matter (safe.directory), and file contents need not be copied (allowFilter).
GLOBAL_CONFIG = """[safe]
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
    """Runs git for one repository. `tick` is called at least once a second while git works; it may raise.

    `folder` holds git's configuration and home; `timeout` is for everything done with this object, in seconds. `check`
    returns the IP addresses at which a host and port may be reached, or raises; `ca_bundle` is a file of certificate
    authorities trusted beside the machine's. `lock_fd` is inherited by git, so that a lock outlives a killed worker.
    """

    folder: Path
    address: Address
    secret: str = field(default="", repr=False)
    user: str = ""
    timeout: float = 900
    tick: Callable[[], None] = lambda: None
    check: HostCheck | None = None
    ca_bundle: str = ""
    lock_fd: int | None = None
    _deadline: float = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.timeout
        (self.folder / "home").mkdir(parents=True, exist_ok=True)
        path = self.folder / "gitconfig"
        if not path.exists() or path.read_text() != GLOBAL_CONFIG:
            fresh = self.folder / f"gitconfig.{os.getpid()}"
            fresh.write_text(GLOBAL_CONFIG)
            fresh.replace(path)

    def environment(self) -> dict[str, str]:
        """Return the whole environment of git: of the worker's own only the path, proxies and certificates."""
        inherited = (
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
        environment = {name: os.environ[name] for name in inherited if name in os.environ}
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
            environment["GIT_SSL_CAINFO"] = str(ca_bundle_file(self.ca_bundle, self.folder))
        return environment | self._credentials()

    def _credentials(self) -> dict[str, str]:
        """Pass the secret in the environment and for this host only: every user of the machine can read command lines."""
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
        return basic_auth(self.address.user or self.user or "git", self.secret)

    def stream(
        self,
        *arguments: str,
        stdin: bytes = b"",
        on_stderr: Callable[[str], None] | None = None,
        environment: Mapping[str, str] | None = None,
        most: int = MOST_OUTPUT,
        source: IO[bytes] | None = None,
    ) -> Iterator[bytes]:
        """Run git and yield its stdout in pieces; raise GitFailed on failure, timeout or more than `most` bytes.

        It reads `stdin`, or what `source` holds.
        """
        with tempfile.TemporaryFile() as input_file:
            input_file.write(stdin)
            input_file.seek(0)
            process = self._start(arguments, source or input_file, environment, stderr=subprocess.PIPE)
            stderr: list[str] = []
            try:
                yield from self._output(process, stderr, on_stderr, most)
                code = process.wait(timeout=60)
            finally:
                if process.poll() is None:
                    _kill(process)
                for pipe in (process.stdout, process.stderr):
                    if pipe:
                        pipe.close()
        if code:
            raise failure("".join(stderr), (self._basic().split()[-1], self.secret))

    def _start(
        self, arguments: Sequence[str], stdin: IO[bytes], environment: Mapping[str, str] | None = None, *, stderr: int
    ) -> subprocess.Popen[bytes]:
        program = shutil.which("git")
        if program is None:
            raise GitFailed("Git isn’t installed on the worker’s machine. Install it.")
        return subprocess.Popen(
            [program, *SAFE, *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=self.folder / "home",
            env=self.environment() | dict(environment or {}),
            start_new_session=True,
            pass_fds=() if self.lock_fd is None else (self.lock_fd,),
        )

    def piped(
        self, first: Sequence[str], second: Sequence[str], stdin: bytes, environment: Mapping[str, str] | None = None
    ) -> Iterator[bytes]:
        """Run git twice, the second reading what the first prints, and yield what the second prints; raise as `stream`."""
        with tempfile.TemporaryFile() as input_file, tempfile.TemporaryFile() as complaints:
            input_file.write(stdin)
            input_file.seek(0)
            producer = self._start(first, input_file, environment, stderr=complaints.fileno())
            try:
                yield from self.stream(*second, source=producer.stdout)
                code = producer.wait(timeout=60)
            finally:
                if producer.poll() is None:
                    _kill(producer)
                if producer.stdout:
                    producer.stdout.close()
            if code:
                complaints.seek(0)
                raise failure(complaints.read().decode("utf-8", "replace"))

    def _output(
        self, process: subprocess.Popen[bytes], stderr: list[str], on_stderr: Callable[[str], None] | None, most: int
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
                        "Rodeo will try again. If it keeps happening, raise RODEO_GIT_TIMEOUT."
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
                        stderr.append(text)
                        del stderr[:-40]
                        if on_stderr:
                            on_stderr(text)

    def network_options(self) -> list[str]:
        """Return the options of a command that connects to the server, which keep it to checked IP addresses."""
        return [] if self.check is None else pinning_options(self.address, self.check)

    def run(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        """Run git and return its stdout (at most 512 MiB); raise GitFailed."""
        return b"".join(self.stream(*arguments, stdin=stdin, environment=environment, most=512 * 1024**2))

    def is_repository(self) -> bool:
        """Say whether the local path is itself a repository, not merely a folder inside one."""
        path = Path(self.address.url)
        if not path.is_dir():
            return False
        try:
            self.run(
                "-C",
                str(path),
                "rev-parse",
                "--absolute-git-dir",
                environment={"GIT_CEILING_DIRECTORIES": str(path.parent)},
            )
        except GitFailed:
            return False
        return True


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill git and its children, which are in a process group of their own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()


PROVIDER = Provider(
    kind="git",
    name="git",
    pushes=False,
    pulls=True,
    label=None,
    translate=records.translate,
    facts_are_whole=False,
)
