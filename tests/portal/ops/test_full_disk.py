"""`make run` on a disk that is full, then in a folder that nobody can write to: it says so, stays, and goes on by itself."""

import contextlib
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.conf import settings

from tests.conftest import wait_until
from tests.database import template_in
from tests.portal.ops.test_locked import asked
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
# The embedded broker and database are meant; a server elsewhere has a disk of its own.
pytestmark = pytest.mark.only_on("sqlite")
ROOM = 96
HEARD = ("worker", "puller", "scheduler")


def namespaces() -> list[str]:
    """The command that gives a program mounts of its own; nothing where that cannot be had."""
    if not sys.platform.startswith("linux") or not shutil.which("unshare") or not shutil.which("nsenter"):
        return []
    command = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    tried = subprocess.run([*command, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    return command if tried.returncode == 0 else []


class Portal:
    """`make run` in a state folder that is a small disk of its own."""

    def __init__(self, state: Path, port: int, command: list[str], used_before: bool = True) -> None:
        self.state, self.port, self.said = state, port, ""
        # How much of what it said was waited for already.
        self.heard = 0
        ours = ("RODEO_", "DJANGO_", "DATABASE_URL", "BROKER_URL", "PYTEST_", "PORT")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        script = (
            f'mount -t tmpfs -o size={ROOM}m rodeo "$1" && cp "$2" "$1/rodeo.sqlite3" && '
            'printf %s "$5" > "$1/secret_key" && printf %s "$6" > "$1/field_key" && '
            'dd if=/dev/zero of="$1/filler" bs=64k status=none; exec "$3" manage.py up --port "$4"'
        )
        keys = (secrets.token_urlsafe(50), Fernet.generate_key().decode()) if used_before else ("", "")
        template = template_in(Path(settings.STATE_DIR).parent)
        self.process = subprocess.Popen(
            [*command, "sh", "-c", script, "sh", str(state), str(template), sys.executable, str(port), *keys],
            cwd=ROOT,
            env={**environment, "RODEO_STATE_DIR": str(state), "RODEO_SAMPLE": "no"},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line

    def inside(self, *command: str, check: bool = True) -> bool:
        """Run a command with the mounts of the portal. Say whether it succeeded."""
        entered = ["nsenter", "--target", str(self.process.pid), "--mount"]
        entered += [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return subprocess.run([*entered, *command], check=check, capture_output=True).returncode == 0

    def remount(self, how: str) -> None:
        """Make the state folder read-only (ro) or not (rw), as soon as nobody is writing in it."""
        command = ("mount", "-o", f"remount,bind,{how}", str(self.state))
        wait_until(lambda: self.inside(*command, check=False), 60, f"the folder is {how}")

    def fill(self) -> None:
        """Leave no room on the disk."""
        self.inside("dd", "if=/dev/zero", f"of={self.state}/filler", "bs=4k", "status=none", check=False)

    def make_room(self) -> None:
        self.inside("rm", f"{self.state}/filler")

    def running(self, *names: str) -> list[int]:
        """The processes that run under one of these names now."""
        found = []
        for pid in re.findall(r"\d+", Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                if any(name in command for name in names):
                    found.append(int(pid))
        return found

    def kill(self, *names: str) -> None:
        """End processes outright."""
        there = self.running(*names)
        assert there, f"none of {', '.join(names)} runs:\n{self.said}"
        for pid in there:
            os.kill(pid, signal.SIGKILL)

    def works(self, since: float) -> bool:
        """Say whether every part is there, and was heard of since this moment: what is dead is called well for a while."""
        if asked(self.port, "GET", "/readyz") != 200:
            return False
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            asking.request("GET", "/status")
            checks = json.loads(asking.getresponse().read())["checks"]
            heard = [re.fullmatch(r"last heartbeat (\d+) s ago", checks[name]["detail"]) for name in HEARD]
            return all(checks[name]["ok"] for name in ("database", "broker", *HEARD)) and all(
                # Whole seconds, rounded: one more, so that none from before is let pass.
                each and int(each[1]) + 1 < time.monotonic() - since
                for each in heard
            )
        return False

    def wait_until_all_works(self) -> None:
        now = time.monotonic()
        wait_until(lambda: self.works(now), 60, "everything works again")

    def wait_for(self, words: str) -> None:
        """Wait until it says something, after what was waited for before."""
        wait_until(
            lambda: words in self.said[self.heard :] or self.process.poll() is not None, 60, f"it says “{words}”"
        )
        assert self.process.poll() is None, self.said
        self.heard = self.said.index(words, self.heard) + len(words)


@pytest.fixture
def portal(tmp_path: Path, django_db_setup: None) -> Iterator[Portal]:
    """The portal, started on a disk that is full already."""
    command = namespaces()
    if not command:
        pytest.skip("needs mounts of its own: Linux with unshare and nsenter")
    state = tmp_path / "state"
    state.mkdir()
    made = Portal(state, free_port(), command)
    yield made
    if made.process.poll() is None:
        made.process.send_signal(signal.SIGINT)
        try:
            made.process.wait(30)
        except subprocess.TimeoutExpired:
            made.process.kill()
            made.process.wait(10)


def test_a_full_disk_and_a_folder_nobody_can_write_to_end_nothing(portal: Portal) -> None:
    full, free = "The disk is full: there’s no room in", "The state folder can be written to again. Going on."
    # From the start.
    portal.wait_for(full)
    portal.make_room()
    portal.wait_for("Stop everything with Ctrl-C")
    assert "Traceback" not in portal.said

    # While it runs. What dies cannot start, and says so once.
    portal.fill()
    portal.wait_for(full)
    before = len(portal.said.splitlines())
    portal.kill("worker --queues celery", "valkey-server", "redis-server")
    time.sleep(8)
    assert portal.process.poll() is None
    assert len(portal.said.splitlines()) - before < 80, f"it floods the log:\n{portal.said}"
    assert asked(portal.port, "GET", "/healthz") == 200
    portal.make_room()
    portal.wait_for(free)
    portal.wait_until_all_works()

    # A folder that nobody can write to.
    portal.inside("mount", "--bind", str(portal.state), str(portal.state))
    portal.remount("ro")
    portal.wait_for("can’t be written to (read-only)")
    portal.kill("worker --queues celery")
    portal.wait_for("worker was ended by SIGKILL; starting it again when that is over")
    portal.remount("rw")
    portal.wait_for(free)
    portal.wait_until_all_works()
