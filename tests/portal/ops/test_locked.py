"""A database that is locked for ten seconds, while senders and readers go on: whoever asks for /healthz is answered."""

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import transaction

from portal.ops.parent_death import tied_to_parent
from releases.inbox.models import InboundEvent, Source
from tests.conftest import wait_until
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.only_on("sqlite")
LOCKED = 10.0
SENDERS = 40


def asked(port: int, method: str, path: str, **more: str) -> int:
    """Ask on a connection of its own; return the status, 0 if there was no answer."""
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=40)
    try:
        asking.request(method, path, body=more.pop("body", None), headers=more)
        return asking.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        asking.close()


@pytest.fixture
def web(child_environment: dict[str, str]) -> Iterator[int]:
    """The port of a web process as `make run` starts it."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "portal.wsgi", "-c", "python:portal.ops.gunicorn"]
    process = subprocess.Popen(
        tied_to_parent([*command, "--bind", f"127.0.0.1:{port}"], 15), cwd=ROOT, env=child_environment
    )
    wait_until(lambda: asked(port, "GET", "/healthz") == 200, 30, "the web process answers")
    yield port
    process.terminate()
    process.wait(20)


@contextmanager
def locked() -> Iterator[None]:
    """Hold what writers wait for: SQLite lets one write at a time."""
    with transaction.atomic():
        yield


def test_a_locked_database_keeps_no_monitor_waiting_and_loses_no_event(web: int) -> None:
    Source.objects.create(key="ci", name="CI", kind="cdevents", secret="hush")
    answers: list[int] = []

    def send(number: int) -> None:
        header = {"Authorization": "Bearer hush", "Content-Type": "application/json", "X-Number": str(number)}
        answers.append(asked(web, "POST", "/hooks/ci/", body=f'{{"number": {number}}}', **header))

    senders = [threading.Thread(target=send, args=(number,)) for number in range(SENDERS)]
    with locked():
        began = time.monotonic()
        for sender in senders:
            sender.start()
        while time.monotonic() < began + LOCKED:
            assert asked(web, "GET", "/healthz") == 200
            assert answers == [], "it comes before those of the senders, who wait, more of them than there are threads"
            time.sleep(0.1)
    for sender in senders:
        sender.join(60)
    assert answers == [202] * SENDERS
    assert InboundEvent.objects.count() == SENDERS
    assert asked(web, "GET", "/readyz") == 200


def is_open(connected: socket.socket) -> bool:
    """Say whether the other end hasn't closed a connection on which it said nothing."""
    connected.setblocking(False)
    try:
        return connected.recv(1) != b""
    except BlockingIOError:
        return True
    finally:
        connected.setblocking(True)


def test_a_client_that_says_nothing_holds_no_thread(web: int) -> None:
    silent = [socket.create_connection(("127.0.0.1", web)) for _ in range(60)]
    slow = socket.create_connection(("127.0.0.1", web))
    slow.sendall(b"GET /healthz HTTP/1.1\r\n")
    try:
        assert [asked(web, "GET", path) for path in ("/readyz", "/healthz", "/readyz", "/healthz")] == [200] * 4
        assert all(is_open(each) for each in (*silent, slow)), "they came before any of the silent ones was given up"
        slow.sendall(b"Host: 127.0.0.1\r\n\r\n")
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
    finally:
        for each in (*silent, slow):
            each.close()
