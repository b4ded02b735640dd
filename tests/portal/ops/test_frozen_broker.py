"""A broker that answers nothing: events are taken as quickly as ever, and read when it is back."""

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.celery import app
from portal.ops.broker import embedded
from portal.ops.parent_death import tied_to_parent
from portal.settings.embedded import broker_socket, broker_url
from releases.inbox.models import InboundEvent, Source
from tests.conftest import _answers, wait_until
from tests.portal.ops.test_locked import asked
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
EVENTS, SENDERS = 3000, 6
CELERY = [sys.executable, "-m", "celery", "-A", "portal.celery", "--quiet"]
# Every connection to the broker has given it up by then.
FROZEN = app.conf.broker_transport_options["socket_timeout"] + 5


pytestmark = pytest.mark.only_on("sqlite")


@pytest.fixture
def frozen_broker(tmp_path: Path, child_environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A broker that belongs to this test alone, which may stop it."""
    url = broker_url(tmp_path)
    process = subprocess.Popen(
        tied_to_parent(embedded(broker_socket(tmp_path), tmp_path / "broker"), signal.SIGKILL),
        stdout=subprocess.DEVNULL,
    )
    wait_until(lambda: _answers(url), 15, "the broker answers")
    child_environment["BROKER_URL"] = url
    yield process
    process.send_signal(signal.SIGCONT)
    process.terminate()
    process.wait(20)


@pytest.fixture
def web(frozen_broker: subprocess.Popen[bytes], child_environment: dict[str, str]) -> Iterator[int]:
    """The port of a web process; a worker and the scheduler are there too."""
    port = free_port()
    web = [sys.executable, "-m", "gunicorn", "portal.wsgi", "-c", "python:portal.ops.gunicorn"]
    worker = ["worker", "--concurrency", "1", "--without-gossip", "--without-mingle"]
    commands = [[*web, "--bind", f"127.0.0.1:{port}"], [*CELERY, *worker], [*CELERY, "beat", "--pidfile="]]
    processes = [subprocess.Popen(tied_to_parent(each, 15), cwd=ROOT, env=child_environment) for each in commands]
    wait_until(lambda: asked(port, "GET", "/healthz") == 200, 30, "the web process answers")
    wait_until(lambda: works(port), 40, "worker and scheduler are there")
    yield port
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def works(port: int) -> bool:
    """Say whether the web process hears of the others."""
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    asking.request("GET", "/status")
    checks = json.loads(asking.getresponse().read())["checks"]
    asking.close()
    return all(checks[name]["ok"] for name in ("broker", "worker", "scheduler"))


def send_all(port: int) -> list[int]:
    """Send all events over a few connections; return the answers."""
    answers: list[int] = []

    def send(first: int) -> None:
        asking = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for number in range(first, EVENTS, SENDERS):
            headers = {"Authorization": "Bearer hush", "Content-Type": "application/json"}
            asking.request("POST", "/hooks/ci/", body=f'{{"number": {number}}}', headers=headers)
            answer = asking.getresponse()
            answer.read()
            answers.append(answer.status)
        asking.close()

    senders = [threading.Thread(target=send, args=(number,), daemon=True) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    # If each waited for the broker until it gives it up, this would take over an hour.
    wait_until(lambda: not any(sender.is_alive() for sender in senders), 60, "all events are answered")
    return answers


def test_events_are_taken_while_the_broker_is_frozen_and_all_are_read_afterwards(
    web: int, frozen_broker: subprocess.Popen[bytes]
) -> None:
    Source.objects.create(key="ci", name="CI", kind="cdevents", secret="hush")
    frozen_broker.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    assert send_all(web) == [202] * EVENTS
    assert asked(web, "GET", "/readyz") == 200
    assert asked(web, "GET", "/status") == 503
    time.sleep(max(0.0, began + FROZEN - time.monotonic()))
    frozen_broker.send_signal(signal.SIGCONT)
    wait_until(
        lambda: not InboundEvent.objects.filter(state=InboundEvent.State.PENDING).exists(), 60, "all events are read"
    )
    assert InboundEvent.objects.count() == EVENTS
    wait_until(lambda: works(web), 40, "worker and scheduler are there again")
