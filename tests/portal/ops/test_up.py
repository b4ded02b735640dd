"""`make run` as a newcomer meets it: one command, the whole portal, Ctrl-C."""

import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from portal.ops.start import Refusal, the_port
from tests.conftest import wait_until
from tests.database import template_in
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
Up = Callable[..., subprocess.Popen[str]]
# It has a database of its own, whatever the tests run on.
pytestmark = pytest.mark.only_on("sqlite")


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
    asked.request("GET", "/status")
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


def static_files(state: Path) -> list[Path]:
    return [path for path in (state / "static").rglob("*.*") if path.is_file()]


def killed(process: subprocess.Popen[str], tmp_path: Path, so: Callable[[Path], bool]) -> None:
    """Kill a portal that is starting outright as soon as it has come so far."""
    wait_until(lambda: so(tmp_path / "state"), 60, "it comes so far")
    process.kill()
    process.communicate(timeout=20)


@pytest.mark.only_on("sqlite")
def test_a_first_run_that_is_interrupted_anywhere_is_completed_by_the_next(up: Up, tmp_path: Path) -> None:
    state, port = tmp_path / "state", free_port()
    # What a process leaves that is stopped between making a file and writing to it.
    state.mkdir()
    for name in ("secret_key", "field_key", "first_password"):
        (state / name).touch()
    killed(up(port), tmp_path, lambda state: any(state.glob("rodeo.sqlite3.new*")))
    assert not (state / "rodeo.sqlite3").exists(), "no database that is half made"
    killed(up(port), tmp_path, lambda state: len(static_files(state)) > 5)
    assert not (state / "static.whole").exists()
    # The last of these may be half copied as it is; the first ones are whole, until here.
    copied = {
        path: path.read_bytes() for path in sorted(static_files(state), key=lambda path: path.stat().st_mtime)[:5]
    }
    for path, content in copied.items():
        path.write_bytes(content[: len(content) // 2])
    process = up(port)
    said = read_until(process, "Stop everything with Ctrl-C")
    assert "Traceback" not in said
    password = re.search(r"password “(.{10,})”", said)
    assert password is not None and (state / "first_password").read_text().strip() == password[1]
    assert all(check["ok"] for check in readiness(port).values())
    assert {path: path.read_bytes() for path in copied} == copied, "every file is whole"


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


class Writer(threading.Thread):
    """Somebody who creates one story after the other, and remembers those that Rodeo said are created."""

    def __init__(self, port: int, password: str) -> None:
        super().__init__()
        self.password, self.port = password, port
        self.created: list[str] = []
        self.stop = threading.Event()
        self.ask("POST", "/api/v1/squads/", {"name": "Payments", "key_prefix": "PAY", "kind": "horizontal"})

    def ask(self, method: str, path: str, said: object = None) -> dict[str, Any]:
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {
            "Authorization": "Basic " + base64.b64encode(f"rodeo:{self.password}".encode()).decode(),
            "Content-Type": "application/json",
        }
        asked.request(method, path, body=json.dumps(said) if said else None, headers=headers)
        answer = asked.getresponse()
        text = answer.read()
        asked.close()
        assert answer.status in (200, 201), text
        read: dict[str, Any] = json.loads(text)
        return read

    def run(self) -> None:
        while not self.stop.is_set():
            told = self.ask(
                "POST", "/api/v1/stories/", {"title": f"Number {len(self.created) + 1}", "squad": "payments"}
            )
            self.created.append(str(told["key"]))


@pytest.mark.only_on("sqlite")
def test_a_backup_made_while_people_write_holds_all_that_was_created_before(
    up: Up, tmp_path: Path, used_before: None
) -> None:
    def manage(state: str, *words: object) -> subprocess.CompletedProcess[str]:
        ours = ("RODEO_", "DJANGO_", "DATABASE_URL", "BROKER_URL", "PYTEST_", "PORT")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        environment["RODEO_STATE_DIR"] = str(tmp_path / state)
        command = [sys.executable, "manage.py", *map(str, words)]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    port = free_port()
    process = up(port)
    password = re.search(r"password “(.+)”", read_until(process, "Stop everything with Ctrl-C"))
    assert password is not None
    writer = Writer(port, password[1])
    writer.start()
    wait_until(lambda: len(writer.created) >= 5, 10, "stories are created")
    before = list(writer.created)
    done = manage("state", "backup", tmp_path / "monday.zip")
    assert done.returncode == 0, done.stderr
    during = len(writer.created)
    refused = manage("state", "restore", tmp_path / "monday.zip")
    assert refused.returncode == 1
    assert "Rodeo is running here. Stop it first" in refused.stderr
    writer.stop.set()
    writer.join()
    assert len(before) < during < len(writer.created)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert manage("other", "restore", tmp_path / "monday.zip").returncode == 0
    again = up(port, RODEO_STATE_DIR=str(tmp_path / "other"))
    assert f"“{password[1]}”" in read_until(again, "Stop everything with Ctrl-C")
    kept: list[str] = []
    page: Any = "/api/v1/stories/?page_size=200"
    while page:
        answer = writer.ask("GET", str(page).removeprefix(f"http://127.0.0.1:{port}"))
        kept += [each["key"] for each in answer["results"]]
        page = answer["next"]
    # Everything up to one moment, and nothing of what came after it.
    assert set(before) <= set(kept)
    assert sorted(kept, key=lambda key: int(key[4:])) == writer.created[: len(kept)]
