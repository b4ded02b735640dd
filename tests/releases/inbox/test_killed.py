"""Killing any process at any time loses nothing and doubles nothing."""

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
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from portal.ops.parent_death import tied_to_parent
from releases.inbox.models import Fact, InboundEvent, Source
from releases.models import AcceptanceRun, Change, Deployment, Repository, Run
from releases.reading.actions import rebuild
from releases.reading.registry import DERIVED
from squads.models import Evidence, Squad, Story
from squads.stories.actions import create_story
from tests.conftest import ROOT, wait_until
from tests.releases.conftest import TOKEN

pytestmark = pytest.mark.django_db(transaction=True)
EVENTS, SENDERS, STORIES = 1200, 6, 20
T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
# Who is killed, one after the other, as the acknowledged events reach the next seventh of all.
VICTIMS = ("worker", "web", "worker", "worker", "web", "worker", "worker")


def event(number: int) -> dict[str, Any]:
    """The n-th event: four in a row tell of one commit, merged, built, deployed and accepted."""
    change, kind = divmod(number, 4)
    sha, story = f"{change:040x}", f"PAY-{change % STORIES + 1}"
    subject, content, custom = (
        (sha, {"repository": {"id": "shop/checkout"}}, {"message": f"{story} part {change}"}),
        (
            f"run-{change}",
            {"pipelineName": "main", "outcome": "success"},
            {"commit": sha, "repository": "shop/checkout"},
        ),
        (
            "checkout",
            {"environment": {"id": "production"}, "artifactId": f"pkg:oci/checkout@sha256:{change:x}"},
            {"commit": sha},
        ),
        (
            f"check-{change}",
            {"outcome": "pass", "environment": {"id": "production"}, "testCase": {"name": "smoke"}},
            {"story": story},
        ),
    )[kind]
    name = ("change.merged", "pipelinerun.finished", "service.deployed", "testcaserun.finished")[kind]
    return {
        "context": {
            "version": "0.4.1",
            "id": f"event-{number}",
            "source": "/ci",
            "type": f"dev.cdevents.{name}.0.2.0",
            "timestamp": (T0 + timedelta(minutes=number)).isoformat(),
        },
        "subject": {"id": subject, "type": name.split(".")[0], "content": content},
        "customData": custom,
    }


class Processes:
    """A web server and a worker as `make run` has them, which can be killed and started again."""

    def __init__(self, environment: dict[str, str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.environment = environment
        celery = [sys.executable, "-m", "celery", "-A", "portal.celery", "--quiet"]
        web = [sys.executable, "-m", "gunicorn", "portal.wsgi", "-c", "python:portal.ops.gunicorn"]
        self.commands = {
            "web": [*web, "--bind", f"127.0.0.1:{self.port}"],
            "worker": [*celery, "worker", "--concurrency", "2", "--without-gossip", "--without-mingle"],
            "beat": [*celery, "beat", "--pidfile="],
        }
        self.running = {name: self.start(name) for name in self.commands}

    def start(self, name: str) -> "subprocess.Popen[bytes]":
        # As in portal/ops/start.py: the web server lets its workers go in peace when it is killed.
        death = signal.SIGTERM if name == "web" else signal.SIGKILL
        return subprocess.Popen(
            tied_to_parent(self.commands[name], death),
            cwd=ROOT,
            env=self.environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self, name: str) -> None:
        """Kill a process outright with all it started, and start it again."""
        os.killpg(self.running[name].pid, signal.SIGKILL)
        self.running[name].wait(10)
        self.running[name] = self.start(name)

    def stop(self) -> None:
        for process in self.running.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


@pytest.fixture
def processes(child_environment: dict[str, str]) -> Iterator[Processes]:
    started = Processes(child_environment)
    yield started
    started.stop()


class Senders:
    """Systems that send events and do as they are told: they send again what was not acknowledged."""

    def __init__(self, port: int) -> None:
        self.port, self.numbers, self.lock = port, count(), threading.Lock()
        self.acknowledged: set[int] = set()
        self.refused: list[tuple[int, int]] = []
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(SENDERS)]
        for each in self.threads:
            each.start()

    def run(self) -> None:
        while True:
            with self.lock:
                number = next(self.numbers)
            if number >= EVENTS:
                return
            until = time.monotonic() + 120
            while not self.send(number) and time.monotonic() < until:
                time.sleep(0.05)

    def send(self, number: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            connection.request("POST", "/hooks/ci/", json.dumps(event(number)), headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return False  # nobody there, or gone in the middle: not acknowledged
        finally:
            connection.close()
        with self.lock:
            if status in (200, 202):
                self.acknowledged.add(number)
            elif status != 503:
                self.refused.append((number, status))
        return status in (200, 202)


@pytest.fixture
def sending(ci: Source, payments: Squad, checkout: Any, ana: Any, processes: Processes) -> Callable[[], Senders]:
    Repository.objects.create(key="shop/checkout", service=checkout)
    for number in range(STORIES):
        create_story(payments, by=ana, title=f"Story {number}")
    return lambda: Senders(processes.port)


def rows() -> dict[str, list[dict[str, Any]]]:
    tables: dict[str, Any] = {model.__name__: model._default_manager.order_by("pk") for model in DERIVED}
    tables |= {"Evidence": Evidence.objects.order_by("pk"), "Story": Story.objects.order_by("pk")}
    return {name: list(table.values()) for name, table in tables.items()}


def test_over_a_thousand_events_survive_seven_kills(processes: Processes, sending: Callable[[], Senders]) -> None:
    senders = sending()
    for turn, victim in enumerate(VICTIMS, start=1):
        share = EVENTS * turn // (len(VICTIMS) + 1)
        wait_until(lambda share=share: len(senders.acknowledged) >= share, 120, f"{share} events acknowledged")
        processes.kill(victim)
    for thread in senders.threads:
        thread.join(120)
    assert senders.refused == []
    assert len(senders.acknowledged) == EVENTS

    wait_until(lambda: not InboundEvent.objects.filter(state="pending").exists(), 240, "every event was read")
    deliveries = InboundEvent.objects.filter(state="processed", attempts=1).values_list("delivery", flat=True)
    assert len(deliveries) == len(set(deliveries)) == EVENTS == InboundEvent.objects.count()
    assert [each.objects.count() for each in (Change, Run, Deployment, AcceptanceRun)] == [EVENTS // 4] * 4
    assert Fact.objects.values("event").distinct().count() == EVENTS
    assert set(Story.objects.values_list("stage", flat=True)) == {"rodeo_done"}
    once = rows()
    processes.stop()
    processes.running.clear()
    rebuild()
    again = rows()
    assert {name: len(found) for name, found in again.items()} == {name: len(found) for name, found in once.items()}
    assert [name for name, found in once.items() if found != again[name]] == []
