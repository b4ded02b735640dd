"""A thousand mails through a real worker to a real mail server, while the broker forgets everything and the worker is killed."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.core.mail import EmailMessage
from pytest_django import Settings

from portal.kernel import clock, mail
from portal.kernel.broker import client
from portal.kernel.models import Mail
from portal.ops.parent_death import tied_to_parent
from tests.conftest import wait_until
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.only_on("sqlite")
MANY = 1000
Start = Callable[..., subprocess.Popen[bytes]]


class Accepted:
    """Counts how often each Message-ID was accepted."""

    def __init__(self) -> None:
        self.times: Counter[str] = Counter()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.times[str(message_from_bytes(envelope.content)["Message-ID"])] += 1
        return "250 kept"


@pytest.fixture
def accepted(child_environment: dict[str, str]) -> Iterator[Accepted]:
    """What a real mail server accepted; processes of the test send their mail there."""
    made = Accepted()
    controller = Controller(made, hostname="127.0.0.1", port=free_port())
    controller.start()
    child_environment["RODEO_EMAIL_URL"] = f"smtp://127.0.0.1:{controller.port}"
    yield made
    controller.stop()


@pytest.fixture
def processes(child_environment: dict[str, str]) -> Iterator[Start]:
    """Start worker and scheduler on the test's own database and broker."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> subprocess.Popen[bytes]:
        command = tied_to_parent([sys.executable, "-m", "celery", "-A", "portal.celery", "--quiet", *words], 9)
        started.append(subprocess.Popen(command, cwd=ROOT, env=child_environment, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(20)


WORKER = (
    "worker",
    "--queues",
    "pulls",
    "--pool",
    "threads",
    "--concurrency",
    "8",
    "--without-gossip",
    "--without-mingle",
)


def test_a_thousand_mails_arrive_once_each_though_the_broker_is_emptied_and_the_worker_killed(
    accepted: Accepted, processes: Start, broker: str, settings: Settings
) -> None:
    settings.RODEO_WAKE = True
    worker = processes(*WORKER)
    processes("beat", "--pidfile=")
    written = {
        mail.send_soon(EmailMessage("Hello", "x", "rodeo@example.org", [f"p{number}@example.org"])).message_id
        for number in range(MANY)
    }
    wait_until(lambda: len(accepted.times) > MANY // 5, 60, "some mails arrive")
    with client(broker) as connected:
        connected.flushdb()
    wait_until(lambda: len(accepted.times) > MANY // 3, 60, "more mails arrive after the broker forgot its tasks")
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait(20)
    assert len(accepted.times) < MANY, "the worker was killed in the middle"
    left = Mail.objects.waiting().count()
    # The one it was about to send is claimed for some minutes, which pass.
    claimed = Mail.objects.waiting().filter(next_attempt_at__lte=clock.now() + mail.CLAIM)
    assert claimed.update(next_attempt_at=clock.now() - timedelta(seconds=1)) <= 1
    processes(*WORKER)
    wait_until(lambda: not Mail.objects.waiting().exists(), 60, f"the {left} that were left arrive too")
    assert set(accepted.times) == written, "each was accepted, and nothing else"
    assert set(Mail.objects.values_list("state", flat=True)) == {"sent"}
    # Killed between the mail server's word and the note of it, one may go out a second time: with the same Message-ID.
    assert accepted.times.total() - MANY in (0, 1)
