"""A Debian of its own for what documents say: a real systemd and its servers, in namespaces (see `boot`)."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portal.ops.parent_death import tied_to_parent
from tests.documents.blocks import Block

BOOT = Path(__file__).with_name("boot")
PACKAGES = ("python3-venv", "git", "make", "postgresql", "redis-server", "nginx", "systemd", "dbus", "iproute2")
AS_RODEO = "su - rodeo -s /bin/sh"
# Asks a server in there, from in there, and prints what it answered.
ASK = """
import http.client, json, ssl, sys, urllib.parse
said = json.loads(sys.argv[1])
url = urllib.parse.urlsplit(said["url"])
if url.scheme == "https":
    context = ssl.create_default_context(cafile="/etc/ssl/rodeo/fullchain.pem")
    asked = http.client.HTTPSConnection(url.hostname, url.port or 443, timeout=60, context=context)
else:
    asked = http.client.HTTPConnection(url.hostname, url.port or 80, timeout=60)
path = url.path + ("?" + url.query if url.query else "")
try:
    asked.request(said["method"], path, body=said["body"], headers=said["headers"])
except ConnectionRefusedError:
    sys.exit(print(json.dumps([0, {}, "nobody listens"])))
answer = asked.getresponse()
text = answer.readline() if said["stream"] else answer.read()
print(json.dumps([answer.status, dict(answer.headers), text.decode(errors="replace")]))
"""


def why_not() -> str:
    """Say why there can be no such machine here; "" if there can be one."""
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        return "needs root on Debian: the commands of the document create users and start servers"
    missing = [name for name in PACKAGES if not is_installed(name)]
    return f"not installed: {', '.join(missing)}" if missing else ""


def is_installed(package: str) -> bool:
    words = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout == "installed"


@dataclass(frozen=True)
class Answer:
    """What a web server said. The status is 0 where none listens."""

    status: int
    headers: Mapping[str, str]
    text: str = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Machine:
    """It runs from `start` to `stop`. `replaced` are the words in capitals of the document, with what they stand for."""

    replaced: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    pid: int = 0

    def start(self) -> None:
        """Boot it, and start what Debian starts when it installs packages."""
        self.cgroup = f"rodeo-test-{os.getpid()}"
        command = ["unshare", "--mount", str(BOOT), self.cgroup]
        self.process = subprocess.Popen(tied_to_parent(command, signal.SIGKILL), stdin=subprocess.DEVNULL)
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self._wait(lambda: children.read_text().split() and self._is("running", "degraded"), "systemd starts")
        self._set_up_pip()
        self.run(
            "pg_createcluster 15 main -- --no-sync >/dev/null\n".replace("15", _postgresql())
            + "systemctl enable --quiet --now postgresql redis-server nginx"
        )

    def _is(self, *states: str) -> bool:
        assert self.process is not None
        self.pid = int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])
        done = subprocess.run(
            self._inside("systemctl", "is-system-running"), capture_output=True, text=True, check=False
        )
        return done.stdout.strip() in states

    def _set_up_pip(self) -> None:
        """Have everybody's pip find packages where it finds them for whoever runs the tests."""
        command = [sys.executable, "-m", "pip", "config", "list"]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        said = dict(re.findall(r"^(?:global|install|:env:)\.([\w-]+)='(.*)'$", listed, re.M))
        text = "[global]\n" + "".join(f"{name} = {value}\n" for name, value in said.items() if name != "cache-dir")
        self.write("/etc/pip.conf", text.replace("\\n", " "))
        way_out = {name: value for name, value in os.environ.items() if re.search("(?i)_proxy$|^SSL_CERT_", name)}
        # su reads it for whoever signs in.
        self.write("/etc/environment", "".join(f"{name}={value}\n" for name, value in way_out.items()))

    def stop(self) -> None:
        """Kill it, and everything in it."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        clean = f"mount -t cgroup2 cgroup2 /mnt; find /mnt/{self.cgroup} -depth -type d -exec rmdir {{}} +"
        for _ in range(100):
            if (
                subprocess.run(["unshare", "--mount", "sh", "-c", clean], capture_output=True, check=False).returncode
                == 0
            ):
                return
            time.sleep(0.1)

    def _inside(self, *command: str, network: str = "own") -> list[str]:
        namespaces = ["--mount", "--pid", "--uts", "--ipc", "--cgroup", *(["--net"] if network == "own" else [])]
        environment = [
            "env",
            "-i",
            "HOME=/root",
            "LANG=C.UTF-8",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ]
        return ["nsenter", "--target", str(self.pid), *namespaces, "--wd=/root", "--", *environment, *command]

    def run(self, script: str, network: str = "own", check: bool = True) -> str:
        """Type these lines into a root shell, and return what it said. Stops at the first that fails."""
        typed = re.sub(rf"^{AS_RODEO}$", rf"{AS_RODEO}\nset -e", script, flags=re.M)
        after = typed.partition("\nexit\n")[2]
        assert not after, "The shell of rodeo would read these lines: give them a block of their own.\n" + after
        done = subprocess.run(
            self._inside("bash", "-e", network=network),
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{script}\nended with {done.returncode}:\n{done.stdout}\n{self.journal()}"
        return done.stdout

    def journal(self) -> str:
        """What the servers logged last."""
        command = self._inside(
            "journalctl", "--no-pager", "--identifier", "gunicorn", "--identifier", "celery", "-n", "40"
        )
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def start_command(self, *command: str) -> subprocess.Popen[str]:
        """Start a command in there, and don't wait for it."""
        return subprocess.Popen(self._inside(*command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def answer(self, command: str, answers: Mapping[str, str]) -> str:
        """Run a command in a terminal, and answer each of its questions that contains one of these words, in this order."""
        pid, terminal = pty.fork()
        if pid == 0:
            words = self._inside("bash", "-ec", command)
            os.execvp(words[0], words)
        said, left = "", list(answers.items())
        while True:
            if not select.select([terminal], [], [], 120)[0]:
                os.kill(pid, signal.SIGKILL)
                raise AssertionError(f"{command} asked something unexpected:\n{said}")
            try:
                read = os.read(terminal, 4096)
            except OSError:
                break
            if not read:
                break
            said += read.decode(errors="replace")
            if left and left[0][0] in said.rpartition("\n")[2]:
                os.write(terminal, left.pop(0)[1].encode() + b"\n")
        os.close(terminal)
        _, ended = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(ended) == 0, said
        assert left == [], said
        return said

    def write(self, path: str, text: str, add: bool = False) -> None:
        """Create a file as root's editor would, or add to it."""
        command = self._inside("sh", "-c", f"cat {'>>' if add else '>'} {path}")
        subprocess.run(command, input=text, text=True, check=True)

    def do(self, block: Block) -> str:
        """Do what a block of a document says, and return what was printed."""
        text = block.text
        for word, value in self.replaced.items():
            text = text.replace(word, value)
        if block.file:
            self.write(block.file, text, add=block.adds)
            return ""
        # Only what comes from elsewhere needs another network than the machine's own.
        network = "any" if re.search("git (clone|pull)|pip install", text) else "own"
        return self.run(text, network=network)

    def ask(self, url: str, method: str = "GET", body: Any = None, stream: bool = False, **headers: str) -> Answer:
        """Ask a web server in there. `body` is sent as JSON; of a stream, only the first line is read."""
        said: dict[str, Any] = {
            "url": url,
            "method": method,
            "body": None if body is None else json.dumps(body),
            "headers": {name.replace("_", "-"): each for name, each in headers.items()},
            "stream": stream,
        }
        if body is not None:
            said["headers"]["Content-Type"] = "application/json"
        done = subprocess.run(
            self._inside("python3", "-c", ASK, json.dumps(said)), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{method} {url}: {done.stderr.strip()[-500:]}\n{self.journal()}"
        return Answer(*json.loads(done.stdout))

    def _wait(self, so: Any, what: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not so():
            assert self.process is not None
            assert self.process.poll() is None, f"the machine ended before {what}"
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            time.sleep(0.1)


def _postgresql() -> str:
    return sorted(Path("/usr/lib/postgresql").iterdir(), key=lambda path: int(path.name))[-1].name
