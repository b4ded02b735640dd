"""The worker and the scheduler, for real: what wakes up, and that one wake-up reaches the rows that wait."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from celery import current_app
from django.core.mail import EmailMultiAlternatives
from django.utils.module_loading import import_string
from pytest_django import Settings

from portal.celery import app
from portal.kernel import mail, outbox
from portal.kernel.models import Message
from portal.ops import heartbeat
from portal.ops.parent_death import tied_to_parent
from portal.schedule import HEARTBEAT_EVERY, HEARTBEAT_LATE, SCHEDULE
from squads.events import StoryCommented
from tests.conftest import wait_until

ROOT = Path(__file__).resolve().parents[3]


def test_everything_periodic_names_a_task_that_exists() -> None:
    app.loader.import_default_modules()
    for entry in SCHEDULE.values():
        assert entry["task"] in app.tasks


def test_everything_periodic_expires_before_it_is_due_again() -> None:
    for entry in SCHEDULE.values():
        options = entry["options"]
        assert isinstance(options, dict)
        assert options["expires"] <= entry["schedule"]


def test_a_process_is_late_only_after_several_missed_heartbeats() -> None:
    assert HEARTBEAT_LATE > 3 * HEARTBEAT_EVERY


def test_every_thread_finds_our_celery_and_not_a_default_one() -> None:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(current_app.main))
    thread.start()
    thread.join()
    assert found == ["rodeo"]


def test_tasks_survive_a_killed_worker_by_configuration() -> None:
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.broker_transport_options["visibility_timeout"] > app.conf.task_time_limit
    assert import_string(app.conf.beat_scheduler.replace(":", ".")) is heartbeat.BeatingScheduler


@pytest.fixture
def worker(child_environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A real worker on the test's database and broker."""
    heartbeat.forget(heartbeat.WORKER, heartbeat.BEAT)
    command = [sys.executable, "-m", "celery", "-A", "portal.celery", "--quiet", "worker", "--concurrency", "1"]
    process = subprocess.Popen(
        tied_to_parent([*command, "--without-gossip", "--without-mingle"], 9), cwd=ROOT, env=child_environment
    )
    wait_until(lambda: heartbeat.last(heartbeat.WORKER), 40, "the worker says that it is there")
    yield process
    # Outright, as the supervisor does after three seconds: Celery's own way out waits for its pool, now and then for ever.
    process.kill()
    process.wait()


def test_a_wake_up_reaches_the_rows_that_wait_and_mail_goes_out(
    worker: subprocess.Popen[bytes], settings: Settings
) -> None:
    settings.RODEO_WAKE = True
    message = outbox.publish(StoryCommented(id=1, key="PAY-1", comment=1))
    wait_until(lambda: Message.objects.get(pk=message.pk).handled_at, 20, "the message was handled")
    # Without a mail server, mail lands in a folder.
    folder = Path(settings.STATE_DIR) / "mail"
    shutil.rmtree(folder, ignore_errors=True)
    mail.send_soon(EmailMultiAlternatives("Your password", "Ünder this link", "rodeo@example.org", ["ana@example.org"]))
    wait_until(lambda: any(b"-" * 79 in each.read_bytes() for each in folder.glob("*.log")), 20, "the mail was sent")
    (sent,) = (BytesParser(policy=policy.default).parsebytes(each.read_bytes()) for each in folder.iterdir())
    body = sent.get_body()
    assert (sent["To"], sent["Subject"]) == ("ana@example.org", "Your password")
    assert body is not None and body.get_content().startswith("Ünder this link")


def test_the_schedule_reaches_the_rows_that_nobody_was_woken_for(
    worker: subprocess.Popen[bytes], child_environment: dict[str, str]
) -> None:
    message = outbox.publish(StoryCommented(id=1, key="PAY-1", comment=1))
    command = [sys.executable, "-m", "celery", "-A", "portal.celery", "--quiet", "beat", "--pidfile="]
    beat = subprocess.Popen(tied_to_parent(command, 9), cwd=ROOT, env=child_environment)
    try:
        wait_until(lambda: Message.objects.get(pk=message.pk).handled_at, 40, "the message was handled")
        wait_until(lambda: heartbeat.last(heartbeat.BEAT), 10, "the scheduler says that it is there")
    finally:
        beat.kill()
        beat.wait()
