"""Several workers deliver at once: every message exactly once, and none waits for another's."""

import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.db import connection, transaction

from portal.accounts.models import User
from portal.kernel import clock, outbox
from portal.kernel.events import Event
from portal.kernel.models import Message, StateChange
from portal.kernel.transitions import AlreadyMoved
from squads.events import SquadSaved

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True, kw_only=True)
class Happened(Event):
    """Something happened."""

    topic: ClassVar[str] = "happened"
    number: int


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Do these at once, each with a connection of its own; return what they returned or raised, in this order."""
    ready = threading.Barrier(len(works))
    results: list[Any] = [None] * len(works)

    def run(place: int) -> None:
        ready.wait(60)
        try:
            results[place] = works[place]()
        except Exception as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(works))]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)
        assert not each.is_alive()
    return results


def deliver_all() -> int:
    """Deliver like a worker: until nothing is due, and again after an outage."""
    done = 0
    while Message.objects.due(clock.now()).exists():
        done += outbox.deliver(5)
    return done


def test_four_workers_deliver_every_message_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "SUBSCRIPTIONS", {})
    outbox.subscribe(Happened, lambda event: StateChange.objects.create(kind="heard", key=event.number, at=clock.now()))
    for number in range(40):
        outbox.publish(Happened(number=number))
    assert sum(at_once(*[deliver_all] * 4)) == 40
    heard = Counter(StateChange.objects.filter(kind="heard").values_list("key", flat=True))
    assert heard == Counter(str(number) for number in range(40))


def test_a_message_another_worker_holds_is_passed_over_though_its_claim_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A handler that takes longer than the claim is not run a second time, and the others do not wait for it.

    SQLite lets one process write at a time; there the second worker can only wait.
    """
    if connection.vendor == "sqlite":
        monkeypatch.setattr(outbox, "CLAIM", timedelta(seconds=60))
    else:
        monkeypatch.setattr(outbox, "CLAIM", timedelta(0))
    monkeypatch.setattr(outbox, "SUBSCRIPTIONS", {})
    started, go_on, calls = threading.Event(), threading.Event(), Counter[int]()

    def slow_for_the_first(event: Happened) -> None:
        calls[event.number] += 1
        if event.number == 0:
            started.set()
            go_on.wait(60)

    outbox.subscribe(Happened, slow_for_the_first)
    first = outbox.publish(Happened(number=0))
    second = outbox.publish(Happened(number=1))

    def other_worker() -> bool:
        assert started.wait(60)
        if connection.vendor == "sqlite":
            go_on.set()
        outbox.deliver()
        arrived = Message.objects.get(pk=second.pk).state == "delivered"
        go_on.set()
        return arrived

    assert at_once(lambda: outbox.deliver(1), other_worker) == [1, True]
    assert Message.objects.get(pk=first.pk).state == "delivered"
    assert calls == {0: 1, 1: 1}


def test_of_two_presses_at_once_one_redelivers(root: User) -> None:
    now = clock.now()
    dead = Message.objects.create(topic="happened", failed_at=now, dead_at=now)

    def press() -> None:
        outbox.redeliver(dead.pk, by=root)

    results = at_once(press, press)
    assert sorted(type(each) for each in results if each is not None) == [AlreadyMoved]
    assert StateChange.objects.filter(kind="message").count() == 1


KILLED_WHILE_HANDLING = """
import os, signal
import django
django.setup()
from portal.kernel import clock, outbox
from portal.kernel.models import StateChange
from squads.events import SquadSaved

def handler(event):
    StateChange.objects.create(kind="heard", key=str(event.ids[0]), at=clock.now())
    if event.ids[0] == 1:
        os.kill(os.getpid(), signal.SIGKILL)

outbox.SUBSCRIPTIONS.clear()
outbox.subscribe(SquadSaved, handler)
outbox.deliver()
"""


def test_a_worker_killed_while_it_handles_a_message_loses_nothing_and_doubles_nothing(
    child_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.publish(SquadSaved(ids=[1]))
    outbox.publish(SquadSaved(ids=[2]))
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_HANDLING], cwd=ROOT, env=child_environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not StateChange.objects.filter(kind="heard").exists()
    monkeypatch.setattr(outbox, "SUBSCRIPTIONS", {})
    outbox.subscribe(
        SquadSaved, lambda event: StateChange.objects.create(kind="heard", key=event.ids[0], at=clock.now())
    )
    assert outbox.deliver() == 1, "the other one is not kept back"
    Message.objects.update(next_attempt_at=clock.now())
    assert outbox.deliver() == 1
    assert outbox.deliver() == 0
    assert list(StateChange.objects.filter(kind="heard").order_by("pk").values_list("key", flat=True)) == ["2", "1"]
    assert not Message.objects.exclude(attempts=0).exists()


def test_a_rollback_after_the_handlers_delivers_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process killed before its commit did is as if it never was."""
    monkeypatch.setattr(outbox, "SUBSCRIPTIONS", {})
    outbox.subscribe(Happened, lambda event: StateChange.objects.create(kind="heard", key=event.number, at=clock.now()))
    outbox.publish(Happened(number=1))
    with transaction.atomic():
        assert outbox.deliver() == 1
        transaction.set_rollback(True)
    assert outbox.deliver() == 1
    assert StateChange.objects.filter(kind="heard").count() == 1
