"""`make run` as a newcomer meets it: one command, the whole portal, Ctrl-C."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from portal.ops.start import Refusal, the_port
from tests.database import template_in
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
Up = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """Start the portal in a folder of its own, with nothing but what its user has."""
    started: list[subprocess.Popen[str]] = []

    def start(port: int, **more: str) -> subprocess.Popen[str]:
        ours = ("RODEO_", "DJANGO_", "DATABASE_URL", "BROKER_URL", "PYTEST_", "PORT")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        environment |= {"RODEO_STATE_DIR": str(tmp_path / "state"), "RODEO_SAMPLE": "no", **more}
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def used_before(tmp_path: Path, django_db_setup: None) -> None:
    """A folder with a database that is migrated, where there is one to copy: starting does not take a newcomer's time."""
    kept = template_in(Path(settings.STATE_DIR).parent)
    if kept.exists():
        (tmp_path / "state").mkdir()
        shutil.copyfile(kept, tmp_path / "state" / "rodeo.sqlite3")


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    pytest.fail(f"it ended without saying “{words}”:\n{said}")


def readiness(port: int) -> dict[str, dict[str, object]]:
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    asked.request("GET", "/readyz")
    checks: dict[str, dict[str, object]] = json.loads(asked.getresponse().read())["checks"]
    asked.close()
    return checks


def offspring(pid: int) -> set[int]:
    """Everything a process started, and what that started."""
    table = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(child): int(parent) for child, parent in (line.split() for line in table.splitlines())}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def alive(pids: set[int]) -> set[int]:
    table = subprocess.run(["ps", "-eo", "pid=,stat="], capture_output=True, text=True, check=True).stdout
    running = {int(pid) for pid, state in (line.split() for line in table.splitlines()) if not state.startswith("Z")}
    return pids & running


def test_one_command_brings_everything_up_and_one_key_takes_it_down(up: Up, tmp_path: Path) -> None:
    port = free_port()
    process = up(port)
    said = read_until(process, "Stop everything with Ctrl-C")
    assert f"Rodeo is ready: http://127.0.0.1:{port}/" in said
    password = re.search(r"Sign in as “rodeo” with the password “(.+)”", said)
    assert password is not None
    kept = tmp_path / "state" / "first_password"
    assert kept.read_text().strip() == password[1]
    assert kept.stat().st_mode & 0o777 == 0o600
    assert all(check["ok"] for check in readiness(port).values())
    assert re.search(r"^Traceback|\| Traceback", said, re.M) is None, said

    second = up(port + 1)
    refusal, _ = second.communicate(timeout=30)
    assert second.returncode == 1
    assert f"is already running here: process {process.pid}, http://127.0.0.1:{port}/" in refusal
    assert "RODEO_STATE_DIR=" in refusal

    everything = offspring(process.pid)
    assert len(everything) >= 5
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0, rest
    assert alive(everything) == set()


@pytest.mark.skipif("not sys.platform.startswith('linux')", reason="only the Linux kernel ties children to a parent")
def test_killed_outright_it_leaves_nothing_and_starts_again_with_the_same_people(
    up: Up, tmp_path: Path, used_before: None
) -> None:
    port = free_port()
    first = up(port)
    password = re.search(r"password “(.+)”", read_until(first, "Stop everything with Ctrl-C"))
    everything = offspring(first.pid)
    first.kill()
    first.wait()
    deadline = time.monotonic() + 30
    while alive(everything) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert alive(everything) == set()

    (tmp_path / "state" / "broker.sock").touch()
    again = read_until(up(port), "Stop everything with Ctrl-C")
    assert password is not None
    assert f"“{password[1]}”" in again


def test_a_process_that_dies_comes_back(up: Up, tmp_path: Path, used_before: None) -> None:
    port = free_port()
    process = up(port)
    read_until(process, "Stop everything with Ctrl-C")
    records = json.loads((tmp_path / "state" / "processes.json").read_text())
    for each in records:
        if each["name"] in ("worker", "broker"):
            os.kill(each["pid"], signal.SIGKILL)
    said = read_until(process, "worker was ended by SIGKILL; starting it again")
    said += "" if "broker was" in said else read_until(process, "broker was ended by SIGKILL; starting it again")
    deadline = time.monotonic() + 90
    while not all(check["ok"] for check in readiness(port).values()):
        assert time.monotonic() < deadline, readiness(port)
        time.sleep(0.2)


def test_a_taken_port_is_said_with_the_remedy(up: Up) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = up(port)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"Port {port} is in use. Choose another: make run PORT=" in said
    assert "Traceback" not in said


def test_a_broker_that_does_not_answer_is_said_with_the_remedy(up: Up) -> None:
    process = up(free_port(), BROKER_URL="redis://127.0.0.1:1/0")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "No broker answers at BROKER_URL" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("words", ["http", "0", "70000", "-1", ""])
def test_what_is_no_port_is_refused(words: str) -> None:
    with pytest.raises(Refusal, match="isn’t a port"):
        the_port(words)
