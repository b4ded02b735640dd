"""A year of events is emptied in short steps while the portal serves and takes events, by a task that may be killed.

RODEO_YEAR=100000 tries a whole year; RODEO_YEAR_SAYS=1 prints what it took.
"""

import gzip
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from portal.kernel import clock
from portal.kernel.stable_ids import stable_id
from portal.retention import actions
from portal.retention.models import Retention
from portal.retention.tasks import delete_old_contents
from releases.inbox.actions import store
from releases.inbox.models import ContentsFile, Fact, InboundEvent, Source
from releases.reading.actions import drain_inbox
from squads.stories.actions import create_story
from tests import conftest
from tests.conftest import ROOT, wait_until
from tests.releases import conftest as releases
from tests.releases.inbox import test_killed
from tests.releases.inbox.test_killed import Processes, event
from tests.releases.reading.test_order import answers, everything

pytestmark = pytest.mark.django_db(transaction=True)
ci, processes = releases.ci, test_killed.processes
child_environment, broker = conftest.child_environment, conftest.broker
ALL = int(os.environ.get("RODEO_YEAR", "2000"))
# So many are read by the reader; the others are rows as it would leave them.
READ = 100
DAYS = 365


def moment(number: int) -> Any:
    """When the n-th event came: they are spread over the year before last month."""
    return clock.now() - timedelta(days=31) - timedelta(days=DAYS) * (1 - number / ALL)


@pytest.fixture(autouse=True)
def _no_files() -> Iterator[None]:
    """The state folder is that of all processes of this test, so it is cleared here."""
    shutil.rmtree(folder(), ignore_errors=True)
    yield
    shutil.rmtree(folder(), ignore_errors=True)


@pytest.fixture
def year(ci: Source, payments: Any, checkout: Any, ana: Any) -> Source:
    """A year of events, of about 4 KB each."""
    for number in range(4):
        create_story(payments, by=ana, title=f"Story {number}")
    for number in range(READ):
        said, at = event(number), moment(number * ALL // READ)
        said["context"]["timestamp"] = at.isoformat()
        store(ci, delivery=f"read {number}", kind="", body=json.dumps(said).encode(), at=at)
    drain_inbox()
    assert not InboundEvent.objects.filter(state="failed").exists()
    r = random.Random(7)
    for start in range(0, ALL, 1000):
        rows = [bulk_event(ci, number, r) for number in range(start, min(start + 1000, ALL))]
        InboundEvent.objects.bulk_create(rows)
        Fact.objects.bulk_create(
            Fact(
                id=stable_id("fact", row.pk, 0), event=row, kind="left_out", key=f"x{row.delivery}", at=row.received_at
            )
            for row in rows
            if row.state == "processed"
        )
    return ci


def bulk_event(source: Source, number: int, r: random.Random) -> InboundEvent:
    """An event as the reader leaves it; every fourth says nothing and is ignored."""
    said = {"sha": f"{r.getrandbits(160):040x}", "log": [f"{r.getrandbits(64):016x} built a part" for _ in range(120)]}
    return InboundEvent(
        id=stable_id("event", source.key, f"bulk {number}"),
        source=source,
        delivery=f"bulk {number}",
        kind="dev.cdevents.made.up",
        body=json.dumps(said).encode(),
        received_at=moment(number),
        processed_at=moment(number),
        attempts=1,
        state="processed" if number % 4 else "ignored",
    )


class Visitors:
    """People who open a page and systems that send events, one after the other, as long as it lasts."""

    def __init__(self, port: int, cookie: str) -> None:
        self.port, self.cookie = port, cookie
        self.answers: list[tuple[str, int, float]] = []
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(each,)) for each in (self.look, self.send)]

    def __enter__(self) -> "Visitors":
        for each in self.threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let the last answers come."""
        self.is_over.set()
        for each in self.threads:
            each.join(60)

    def run(self, ask: Any) -> None:
        number = 0
        while not self.is_over.is_set():
            started = time.monotonic()
            what, status = ask(number)
            self.answers.append((what, status, time.monotonic() - started))
            number += 1
            time.sleep(0.1)

    def ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def look(self, number: int) -> tuple[str, int]:
        path = ("/squads/payments/board/", "/inbox/", "/administration/retention/")[number % 3]
        return path, self.ask("GET", path, None, {"Cookie": f"sessionid={self.cookie}"})

    def send(self, number: int) -> tuple[str, int]:
        headers = {"Authorization": f"Bearer {releases.TOKEN}", "Content-Type": "application/json"}
        said = event(READ + number)
        said["context"]["timestamp"] = clock.now().isoformat()
        return "hook", self.ask("POST", "/hooks/ci/", json.dumps(said), headers)


@pytest.fixture
def visited(processes: Processes, as_root: Client) -> Iterator[Visitors]:
    """The portal as it runs, with its visitors."""
    visitors = Visitors(processes.port, as_root.cookies["sessionid"].value)

    def serves() -> bool:
        try:
            return visitors.look(1)[1] == 200
        except OSError:
            return False

    wait_until(serves, 30, "the web server answers")
    with visitors:
        yield visitors


def kill_a_run(environment: dict[str, str]) -> None:
    """Have a process of its own delete contents, and kill it in the middle of that."""
    code = "import django; django.setup(); from portal.retention.tasks import delete_old_contents as d; d()"
    left = remaining()
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment)
    wait_until(lambda: remaining() < left, 20, "a step was made")
    process.send_signal(signal.SIGKILL)
    process.wait(10)


def remaining() -> int:
    return InboundEvent.objects.deletable(clock.now() - timedelta(days=30)).count()


def folder() -> Path:
    return Path(settings.STATE_DIR) / "exports"


def held_by_files() -> dict[str, str]:
    """The bodies that the files hold, by the event's delivery."""
    found: dict[str, str] = {}
    for path in folder().glob("*.gz"):
        with gzip.open(path, "rb") as lines:
            found |= {said["delivery"]: said["body"] for said in map(json.loads, lines)}
    return found


def test_a_year_of_events_is_emptied_while_the_portal_serves(
    year: Source,
    visited: Visitors,
    processes: Processes,
    child_environment: dict[str, str],
    as_root: Client,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bodies = {delivery: bytes(body).decode() for delivery, body in InboundEvent.objects.values_list("delivery", "body")}
    Retention.objects.create(pk=1, events_days=30)
    steps: list[float] = []
    delete = actions.delete_contents

    def timed(*args: Any, **kwargs: Any) -> Any:
        step = delete(*args, **kwargs)
        steps.append(step.seconds)
        return step

    monkeypatch.setattr(actions, "delete_contents", timed)
    kill_a_run(child_environment)
    kill_a_run(child_environment)
    started = time.monotonic()
    while remaining():
        delete_old_contents()
    took = time.monotonic() - started

    visited.stop()
    assert {status for what, status, _ in visited.answers if what == "hook"} == {202}
    assert {status for what, status, _ in visited.answers if what != "hook"} == {200}
    wait_until(lambda: not InboundEvent.objects.filter(state="pending").exists(), 60, "what came meanwhile was read")
    processes.stop()
    processes.running.clear()

    # Nothing is lost: whatever is gone here is in the files, and what came meanwhile is here.
    old = {delivery: body for delivery, body in bodies.items() if delivery.startswith(("read", "bulk"))}
    files = held_by_files()
    assert {delivery: files.get(delivery) for delivery in old} == old
    assert sum(ContentsFile.objects.values_list("events", flat=True)) == len(old)
    page = as_root.get("/administration/retention/").content.decode()
    assert f"So far, {READ + ALL * 3 // 4:,} keep this without their contents." in page
    assert f"deleted whole: {ALL // 4:,} so far." in page
    assert page.count(".jsonl.gz</th>") == ContentsFile.objects.count() >= 12

    # What was read of it counts as before, in a rebuild as well, which says what it can't read again.
    rows, said = everything(), answers()
    call_command("rebuild")
    assert f"Not included: {READ + ALL * 3 // 4:,} events received before" in capsys.readouterr().out
    assert answers() == said
    again = everything()
    assert [name for name in rows if rows[name] != again[name]] == []
    if os.environ.get("RODEO_YEAR_SAYS"):
        steps.sort()
        waits = sorted(seconds for _, _, seconds in visited.answers)
        size = sum(ContentsFile.objects.values_list("size", flat=True)) / 1e6
        with capsys.disabled():
            print(
                f"\n{len(old)} events in {took:.0f} s, {len(steps)} steps, median {steps[len(steps) // 2]:.2f} s, longest "
                f"{steps[-1]:.2f} s; files {size:.0f} MB; {len(waits)} answers meanwhile, median {waits[len(waits) // 2]:.2f} s, "
                f"longest {waits[-1]:.2f} s"
            )
