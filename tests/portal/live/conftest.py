"""A real stream process, on the test's own database and broker, and browsers that listen to it."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from portal.ops.parent_death import tied_to_parent
from tests.conftest import wait_until
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Process:
    """The stream process; `start` and `kill` as often as a test wants."""

    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> "Process":
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "portal.live.asgi",
            "-c",
            "python:portal.live.gunicorn",
            "--bind",
            f"127.0.0.1:{self.port}",
        ]
        self.child = subprocess.Popen(
            tied_to_parent(command, signal.SIGKILL), env=self.environment, cwd=ROOT, start_new_session=True
        )
        wait_until(self.is_alive, 20, "the stream process answers")
        return self

    def serve(self, environment: dict[str, str]) -> "Process":
        """Run with this environment, and with nobody who listens; start it only where it does not run like that."""
        wanted = {name: value for name, value in environment.items() if name != "PYTEST_CURRENT_TEST"}
        if self.child is None or self.environment != wanted or not self.is_alive():
            self.kill()
            self.environment = wanted
            self.start()
        wait_until(lambda: self.health()["streams"] == 0, 10, "the streams of the test before are closed")
        return self

    def is_alive(self) -> bool:
        try:
            return bool(self.health()["alive"])
        except (OSError, http.client.HTTPException, ValueError):
            return False

    def health(self) -> dict[str, Any]:
        connected = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connected.request("GET", "/healthz")
            said: dict[str, Any] = json.loads(connected.getresponse().read())
            return said
        finally:
            connected.close()

    def kill(self) -> None:
        if self.child is not None:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait(10)
            self.child = None

    def restart(self) -> None:
        """Forget all that other tests told: nothing they left to be said can be taken for what this one waits for."""
        self.kill()
        self.start()

    def stop(self) -> float:
        """Ask it to stop; return how many seconds that took."""
        assert self.child is not None
        started = time.monotonic()
        self.child.terminate()
        self.child.wait(10)
        self.child = None
        return time.monotonic() - started


@pytest.fixture(scope="session")
def stream_process() -> Iterator[Process]:
    """The one stream process of this test process: starting one takes longer than most of what is asked of it."""
    process = Process()
    yield process
    process.kill()


@pytest.fixture
def stream_environment(child_environment: dict[str, str]) -> dict[str, str]:
    """How the stream process runs: sessions are checked every half second."""
    return {**child_environment, "RODEO_EVENTS_CHECK_EVERY": "0.5"}


@pytest.fixture
def stream(stream_process: Process, stream_environment: dict[str, str]) -> Iterator[Process]:
    """A stream process that runs, and that a test may kill. One that must know nothing of earlier tests starts it anew."""
    settings.RODEO_WAKE = True
    yield stream_process.serve(stream_environment)
    settings.RODEO_WAKE = False


class Listener:
    """One open stream, read by a thread of its own."""

    def __init__(self, port: int, session: str, *topics: str) -> None:
        self.heard: list[tuple[str, dict[str, Any], float]] = []
        self.connected = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session}"} if session else {}
        self.connected.request("GET", "/events/?" + "&".join(f"topic={topic}" for topic in topics), headers=headers)
        self.socket = self.connected.sock
        self.answer = self.connected.getresponse()
        self.status = self.answer.status
        self.ended = threading.Event()
        if self.status == 200:
            threading.Thread(target=self._read, daemon=True).start()
            self.wait_for("hello")
        else:
            self.said = json.loads(self.answer.read())

    def _read(self) -> None:
        name = ""
        try:
            while line := self.answer.readline().decode().rstrip("\n"):
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    self.heard.append((name, json.loads(line[6:]), time.monotonic()))
                    self.answer.readline()
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass
        self.ended.set()

    def of(self, name: str) -> list[dict[str, Any]]:
        return [said for each, said, _ in self.heard if each == name]

    def wait_for(self, name: str, seconds: float = 5, **like: Any) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            return [said for said in self.of(name) if all(said[key] == value for key, value in like.items())]

        answer: list[dict[str, Any]] = wait_until(found, seconds, f"“{name}” is heard")
        return answer[-1]

    def close(self) -> None:
        # First for the thread that reads, which would hold the connection until the next heartbeat.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.connected.close()


Listen = Callable[..., Listener]


@pytest.fixture
def listen(stream: Process) -> Iterator[Listen]:
    """Open streams: `listen(browser, "release:shop-1.0")`, `listen(None, ...)` as nobody."""
    opened: list[Listener] = []

    def open_one(browser: Any, *topics: str) -> Listener:
        session = browser.cookies[settings.SESSION_COOKIE_NAME].value if browser else ""
        opened.append(Listener(stream.port, session, *topics))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()
