"""The measurements on one database: `DATABASE_URL` names it, else it is SQLite. Prints one JSON line."""

import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.settings"
django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, reset_queries, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from portal.accounts.models import User  # noqa: E402
from portal.ops.broker import embedded  # noqa: E402
from portal.settings.embedded import broker_socket  # noqa: E402
from releases.inbox.models import InboundEvent, Source  # noqa: E402
from releases.planning.models import Release  # noqa: E402
from squads.imports import actions as imports  # noqa: E402
from squads.imports import queries as import_queries  # noqa: E402
from squads.models import Evidence, Squad, StageChange, Story  # noqa: E402
from squads.stories.actions import create_story  # noqa: E402
from tests.bench import data  # noqa: E402
from tests.bench.postgres import free_port  # noqa: E402

TOKEN = "bench-token"
SENDERS = 8
SECONDS = 6.0
Row = dict[str, Any]


def row(name: str, value: float, unit: str, bound: float | None = None, least: bool = False) -> Row:
    """One line of the table: what was measured, and the bound it must keep (at most, or at least)."""
    ok = bound is None or (value >= bound if least else value <= bound)
    return {"name": name, "value": value, "unit": unit, "bound": bound, "least": least, "ok": ok}


@contextmanager
def process(*command: str) -> Iterator[None]:
    """Run a process of ours for a while."""
    child = subprocess.Popen(
        [sys.executable, "-m", *command], env={**os.environ}, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)


@contextmanager
def web() -> Iterator[int]:
    """Serve as `make run` does."""
    port = free_port()
    with process(
        "gunicorn",
        "portal.wsgi",
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        "2",
        "--threads",
        "8",
        "--worker-class",
        "gthread",
        "--keep-alive",
        "75",
    ):
        until(lambda: answers(port), 20)
        yield port


@contextmanager
def worker() -> Iterator[None]:
    """Run the broker (unless BROKER_URL names one) and a worker."""
    broker = None
    if not os.environ.get("BROKER_URL"):
        broker = subprocess.Popen(
            embedded(broker_socket(settings.STATE_DIR), settings.STATE_DIR / "broker"), stdout=subprocess.DEVNULL
        )
    try:
        with process("celery", "-A", "portal.celery", "worker", "-c", "2", "--without-gossip", "--without-mingle"):
            time.sleep(4)
            yield
    finally:
        if broker is not None:
            broker.terminate()
            broker.wait(10)


def until(so: Callable[[], Any], seconds: float) -> float:
    """Wait until something is so; return how long that took."""
    start = time.perf_counter()
    while not so():
        if time.perf_counter() - start > seconds:
            raise TimeoutError(f"not so within {seconds} s")
        time.sleep(0.01)
    return time.perf_counter() - start


def answers(port: int) -> bool:
    """Say whether the web process answers."""
    try:
        connected = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        connected.request("GET", "/healthz")
        return connected.getresponse().status == 200
    except OSError:
        return False


def event(number: int, at: str = "2026-01-05T10:00:00Z") -> bytes:
    """A deployment as a CI system would tell it."""
    return data.as_json(
        {
            "context": {
                "version": "0.4.1",
                "id": f"bench-{number}",
                "source": "/bench",
                "timestamp": at,
                "type": "dev.cdevents.service.deployed.0.2.0",
            },
            "subject": {
                "id": "checkout",
                "type": "service",
                "content": {"environment": {"id": "production"}, "artifactId": f"pkg:oci/checkout@sha256:{number}"},
            },
        }
    )


def per_second(port: int, path: str, headers: dict[str, str], first: int) -> float:
    """Post distinct bodies from SENDERS keep-alive connections for SECONDS; return accepted posts a second."""
    counts = [0] * SENDERS
    end = time.perf_counter() + SECONDS

    def send(which: int) -> None:
        connected = http.client.HTTPConnection("127.0.0.1", port)
        number = first + which * 1_000_000
        while time.perf_counter() < end:
            connected.request("POST", path, event(number), {**headers, "X-Key": str(number)})
            answer = connected.getresponse()
            said = answer.read()
            assert answer.status == 202, said[:500]
            counts[which] += 1
            number += 1

    threads = [threading.Thread(target=send, args=(which,)) for which in range(SENDERS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def intake() -> list[Row]:
    """Accepted events against a bare view doing one INSERT, in turns, under the same server."""
    source = Source.objects.create(key="bench", name="Bench", kind="cdevents", secret=TOKEN)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    bare, ours = [], []
    with web() as port:
        for turn in range(2):
            bare.append(per_second(port, "/bench/insert/", headers, turn * 100_000))
            ours.append(per_second(port, f"/hooks/{source.key}/", headers, turn * 100_000))
    InboundEvent.objects.all().delete()
    return [
        row("bare view, one INSERT", statistics.mean(bare), "a second"),
        row("events accepted", statistics.mean(ours), "a second"),
        row("events accepted ÷ bare view", statistics.mean(ours) / statistics.mean(bare), "×", 0.5, least=True),
    ]


def judge() -> list[Row]:
    """Judge 10,000 stories with 20 evidence rows each, all of them changing, against Django reading and writing as much."""
    [squad] = data.squads(1, "J")
    data.stories(squad, 10_000, evidence=20)
    stories = Story.objects.filter(squad=squad)
    start = time.perf_counter()
    changed = stories.judge()
    took = time.perf_counter() - start
    assert changed == 10_000, changed
    start = time.perf_counter()
    assert stories.judge() == 0
    again = time.perf_counter() - start
    yard = _plainly(squad)
    Evidence.objects.filter(story__squad=squad).delete()
    stories.delete()
    return [
        row("read its evidence and write its history, plainly", yard, "s"),
        row("judge 10,000 stories, 20 rows each", took, "s"),
        row("judge them again, nothing new", again, "s"),
        row("judge ÷ plain reading and writing", took / yard, "×", 1.5),
        row("judge again ÷ plain reading and writing", again / yard, "×", 0.5),
    ]


def _plainly(squad: Squad) -> float:
    """How long Django itself takes to read what was judged and to write what came of it, without judging."""
    changes = list(StageChange.objects.filter(story__squad=squad))
    StageChange.objects.filter(story__squad=squad).delete()
    start = time.perf_counter()
    assert len(list(Evidence.objects.filter(story__squad=squad))) > 150_000
    with transaction.atomic():
        StageChange.objects.bulk_create(changes, batch_size=1000)
    return time.perf_counter() - start


def rounds(get: Callable[[], Any], count: int = 40) -> float:
    """The median time of a request, in ms."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        assert get().status_code == 200
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def board() -> list[Row]:
    """The release board of 200 stories against 200 plain cards; then the same board among 100,000 stories."""
    squads = data.squads(5, "B")
    release = Release.objects.create(version="1.0", line="bench", slug="bench-1.0")
    for squad in squads:
        data.stories(squad, 40, release=release, evidence=10)
    Story.objects.filter(release=release).judge()
    data.analyze()
    browser = Client()
    browser.force_login(User.objects.create(username="bench"))
    path = "/releases/bench-1.0/"
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(path).status_code == 200
    asked = len(queries)
    small, plain = [], []
    for _ in range(3):
        plain.append(rounds(lambda: browser.get("/bench/cards/")))
        small.append(rounds(lambda: browser.get(path)))
    for number, squad in enumerate(data.squads(20, "L")):
        other = Release.objects.create(version=f"0.{number}", line="bench", slug=f"bench-0.{number}")
        data.stories(squad, 5_000, release=other if number % 2 else None)
    data.crowd(Story.objects.filter(release=release, number=1).first())
    data.analyze()
    assert Story.objects.count() > 100_000 and Evidence.objects.count() > 1_000_000
    large = [rounds(lambda: browser.get(path)) for _ in range(3)]
    ours, yard = statistics.median(small), statistics.median(plain)
    return [
        row("200 plain cards, Django templates", yard, "ms"),
        row("release board, 200 stories", ours, "ms"),
        row("release board ÷ plain cards", ours / yard, "×", 1.5),
        row("release board, queries", asked, "", 12),
        row("release board among 100,000 stories ÷ alone", statistics.median(large) / ours, "×", 1.3),
    ]


def latency() -> list[Row]:
    """From the 202 to the changed board, on an idle machine, web and worker as in use; among 100,000 stories."""
    Source.objects.get_or_create(key="bench", defaults={"name": "Bench", "kind": "cdevents", "secret": TOKEN})
    release = Release.objects.get(slug="bench-1.0")
    squad = data.squads(1, "B")[0]
    squad.next_number = squad.stories.order_by("-number").values_list("number", flat=True)[0] + 1
    squad.save(update_fields=["next_number"])
    story = create_story(squad, by=User.objects.get(username="bench"), title="Timed", release=release)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    times = []
    with worker(), web() as port:
        for number in range(10):
            body = data.as_json(
                {
                    "context": {
                        "version": "0.4.1",
                        "id": f"timed-{number}",
                        "source": "/bench",
                        "timestamp": f"2026-01-06T10:00:{number:02}Z",
                        "type": "dev.cdevents.change.merged.0.2.0",
                    },
                    "subject": {
                        "id": f"{number:040x}",
                        "type": "change",
                        "content": {"repository": {"id": "shop/bench"}, "description": f"{story.key} step {number}"},
                    },
                }
            )
            connected = http.client.HTTPConnection("127.0.0.1", port)
            connected.request("POST", "/hooks/bench/", body, headers)
            answer = connected.getresponse()
            answer.read()
            assert answer.status == 202, answer.status
            wanted = f"{number:040x}"
            times.append(until(lambda: Evidence.objects.filter(story=story, shas=[wanted]).exists(), 10))
            time.sleep(0.3)
    return [
        row("from the 202 to the changed board, median", statistics.median(times), "s", 1),
        row("from the 202 to the changed board, worst of 10", max(times), "s", 1),
    ]


def bring_in() -> list[Row]:
    """A table of 5,000 rows of which 40 are bad: its preview, its import, and the same file once more."""
    [squad] = data.squads(1, "I")
    person = User.objects.get_or_create(username="bench-import")[0]
    lines = ["Key,Title,Type,Status,Created,Description"]
    for number in range(5_000):
        title = "" if number % 125 == 60 else f"Story {number}"
        lines.append(
            f'K-{number},{title},{("Story", "Bug")[number % 2]},{("To Do", "Done")[number % 2]},2026-01-05,"a\nb"'
        )
    body = "\n".join(lines).encode()
    times = []
    for _ in range(2):
        imported = imports.upload(squad, by=person, name="bench.csv", body=body)
        start = time.perf_counter()
        plan = import_queries.plan_import(imported, *import_queries.read_file(imported))
        looked = time.perf_counter()
        report = imports.run_import(imported, by=person, leave_out_bad=True)
        times.append((looked - start, time.perf_counter() - looked))
        assert len(plan.problems) == 40 and report["refused"] == 40, report
    assert report["unchanged"] == 4_960 and Story.objects.filter(squad=squad).count() == 4_960
    return [
        row("preview of 5,000 rows, all new", times[0][0], "s", 3),
        row("import of 5,000 rows, all new", times[0][1], "s", 8),
        row("preview of 5,000 rows, all there", times[1][0], "s", 3),
        row("import of 5,000 rows, all there", times[1][1], "s", 8),
    ]


def main() -> None:
    """Measure everything on this database."""
    from tests.bench import forecast, git, github, live, readiness, retrospectives, search, session, squad_board

    call_command("migrate", verbosity=0)
    call_command("flush", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    reset_queries()
    only = sys.argv[1:]
    parts: dict[str, Callable[[], list[Row]]] = {
        "intake": intake,
        "judge": judge,
        "board": board,
        "latency": latency,
        "git": git.run,
        "github": github.run,
        "live": live.run,
        "session": session.run,
        "search": search.run,
        "squad_board": lambda: squad_board.run(row),
        "readiness": lambda: readiness.run(row),
        "retrospectives": lambda: retrospectives.run(row),
        "import": bring_in,
        "forecast": lambda: forecast.run(row),
    }
    for name, measure in parts.items():
        if only and name not in only:
            continue
        for each in measure():
            print(json.dumps(each), flush=True)


if __name__ == "__main__":
    main()
