"""What pulling 10,000 runs from a GitHub costs, beside fetching the same pages with bare httpx2 and copying the rows.

The double is a process of its own. `python -m tests.bench.github` is that process: it prints its address.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

RUNS, ROUNDS = 10_000, 5
NAME = "shop/checkout"
TOKEN = "ghp_made-up-token"
PULL_BOUND, MEMORY_BOUND = 1.5, 16.0
NEWEST = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
APART = timedelta(minutes=12)


# The double


def serve() -> None:
    """Serve runs whose answers have the size that GitHub's have, ready made; until standard input ends."""
    from tests.doubles.github import GitHub
    from tests.doubles.serving import Asked, Reply

    stamps = [(NEWEST - APART * number).strftime("%Y-%m-%dT%H:%M:%SZ") for number in reversed(range(RUNS))]
    bodies = [json.dumps(_run(number, at)).encode() for number, at in enumerate(stamps)]

    class Quick(GitHub):
        def answer(self, asked: Asked) -> Reply:
            if asked.path == "/counts":
                counts, self.asked = self.kinds(), []
                return Reply(dict(counts))
            return super().answer(asked)

        def _list(self, asked: Asked, name: str, rest: str) -> Reply:
            if rest != "actions/runs":
                return super()._list(asked, name, rest)
            begin, _, end = asked.params["created"].partition("..")
            first, last = bisect_left(stamps, begin), bisect_right(stamps, end)
            some = bodies[max(first, last - 100) : last][::-1]
            tag = f'"{first}-{last}"'
            if asked.headers.get("if-none-match") == tag:
                return Reply(None, 304, {"ETag": tag})
            link = {"Link": f'<{self.url}{asked.path}?{urlencode(asked.params)}&page=2>; rel="next"'}
            body = b'{"total_count": %d, "workflow_runs": [%s]}' % (last - first, b",".join(some))
            return Reply(body, headers={"ETag": tag, **(link if last - first > 100 else {})})

    double = Quick()
    double.add(NAME)
    double.put(NAME, "branches", {"id": "main", "commit": {"sha": "a" * 40}})
    double.put(NAME, "commits", {"sha": "a" * 40})
    print(double.url, flush=True)
    sys.stdin.read()


def _run(number: int, at: str) -> dict[str, Any]:
    api = f"https://api.github.example/repos/{NAME}"
    urls = {f"{name}_url": f"{api}/{name}{{/sha}}" for name in (f"list_of_some_things_{each}" for each in range(35))}
    person = {"login": "ana", "id": 1, **dict(list(urls.items())[:12])}
    place = {"id": 1, "full_name": NAME, "html_url": f"https://github.example/{NAME}", "owner": person, **urls}
    return {
        "id": number,
        "name": "CI",
        "head_sha": f"{number:040x}",
        "head_branch": "main",
        "status": "completed",
        "conclusion": "success",
        "path": ".github/workflows/ci.yml",
        "event": "push",
        "run_number": number,
        "created_at": at,
        "run_started_at": at,
        "updated_at": at,
        "run_attempt": 1,
        "pull_requests": [],
        "html_url": f"https://github.example/{NAME}/actions/runs/{number}",
        "actor": person,
        "triggering_actor": person,
        "head_commit": {"id": f"{number:040x}", "message": "A change " * 8, "timestamp": at},
        "repository": place,
        "head_repository": place,
        **dict(list(urls.items())[:9]),
    }


@contextlib.contextmanager
def double() -> Iterator[str]:
    """Run the double for a while; yield its address."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.github"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        yield child.stdout.readline().strip()
    finally:
        child.terminate()
        child.wait(10)


# The measurements


def run() -> list[dict[str, Any]]:
    """Pull, and fetch and copy, in turns; return the figures. Needs Django and a database."""
    import gc

    from releases.allowed_hosts.models import AllowedHost
    from releases.inbox.models import InboundEvent, Source

    AllowedHost.objects.get_or_create(host="127.0.0.1")
    with double() as url:
        source = Source.objects.create(
            key="bench-github",
            name="Bench GitHub",
            kind="github",
            credential=TOKEN,
            config={"url": url, "repositories": [NAME], "days": "100"},
        )
        pages, rows = _pages_of(source)
        bare, pulled, grown = [], [], 0.0
        for _ in range(ROUNDS):
            gc.collect()
            bare.append(_bare(url, pages, rows))
            InboundEvent.objects.filter(source=source).delete()
            Source.objects.filter(pk=source.pk).update(cursor={})
            source.refresh_from_db()
            gc.collect()
            took, more = _pull(source)
            pulled.append(took)
            grown = max(grown, more)
        stored = InboundEvent.objects.filter(source=source).count()
        _get(url, "/counts")
        again, _ = _pull(source)
        counts = _get(url, "/counts")
        InboundEvent.objects.filter(source=source).delete()
        source.delete()
    ratio = statistics.median(one / other for one, other in zip(pulled, bare, strict=True))
    plain = counts.get("plain", 0) - 1  # the question for the counts itself
    whole = stored == RUNS
    return [
        {
            "name": f"github: pull of {stored:,} runs",
            "value": statistics.median(pulled),
            "unit": "s",
            "bound": None,
            "least": False,
            "ok": True,
        },
        {
            "name": "github: that, to bare httpx2 and COPY",
            "value": ratio,
            "unit": "times",
            "bound": PULL_BOUND,
            "least": False,
            "ok": whole and ratio <= PULL_BOUND,
        },
        {
            "name": "github: memory that a pull takes more and more",
            "value": grown,
            "unit": "MB",
            "bound": MEMORY_BOUND,
            "least": False,
            "ok": grown <= MEMORY_BOUND,
        },
        {
            "name": "github: pull with nothing new",
            "value": again,
            "unit": "s",
            "bound": None,
            "least": False,
            "ok": True,
        },
        {
            "name": f"github: unconditional of its {sum(counts.values()) - 1} requests",
            "value": plain,
            "unit": "requests",
            "bound": 0,
            "least": False,
            "ok": plain == 0,
        },
    ]


def _get(url: str, path: str) -> Any:
    import httpx2

    return httpx2.get(f"{url}{path}").json()


def _pages_of(source: Any) -> tuple[list[str], dict[int, bytes]]:
    """Return every address that a pull asks, in its order, and the rows it keeps by the number of their run."""
    from releases.providers.github import client
    from releases.pulling.http_session import session_of

    asked: list[str] = []

    class Noting:
        def __init__(self, session: Any) -> None:
            self.session = session

        def get(self, path: str, params: Mapping[str, Any] | None = None, headers: Any = None) -> Any:
            asked.append(f"{path}?{urlencode(params or {})}")
            return self.session.get(path, params, headers)

    with contextlib.closing(session_of(source)) as session:
        noting: Any = Noting(session)
        pages = client.pages(noting, source.config, {}, datetime.now(UTC))
        rows = {int(json.loads(record.body)["id"]): record.body for page in pages for record in page.records}
    return asked, rows


def _bare(url: str, pages: list[str], rows: dict[int, bytes]) -> float:
    """Fetch and read the pages with bare httpx2, and copy the same rows to a table like the inbox, indexes included."""
    import hashlib
    import uuid

    import httpx2
    from django.db import connection

    from releases.inbox.models import InboundEvent, Source

    table = InboundEvent._meta.db_table
    source = Source.objects.get(key="bench-github")
    names = (
        "id",
        "source_id",
        "delivery",
        "kind",
        "headers",
        "body",
        "content_type",
        "received_at",
        "state",
        "error",
        "attempts",
    )
    postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_rows")
        cursor.execute(
            f"CREATE TABLE bench_rows (LIKE {table} INCLUDING ALL)"
            if postgres
            else f"CREATE TABLE bench_rows AS SELECT * FROM {table} WHERE 0"
        )
        if not postgres:
            cursor.execute("CREATE UNIQUE INDEX bench_rows_id ON bench_rows (id)")
            cursor.execute("CREATE UNIQUE INDEX bench_rows_delivery ON bench_rows (source_id, delivery)")
        began = time.perf_counter()
        now = datetime.now(UTC)
        seen: set[int] = set()
        with httpx2.Client(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
            for page in pages:
                answer = client.get(f"{url}{page}")
                if answer.status_code != 200 or "workflow_runs" not in answer.text[:60]:
                    continue
                some = []
                for each in answer.json()["workflow_runs"]:
                    if each["id"] in seen:
                        continue
                    seen.add(each["id"])
                    body = rows[each["id"]]
                    delivery = hashlib.sha256(body).hexdigest()
                    some.append((uuid.uuid4(), source.pk, delivery, "run", "{}", body, "", now, "pending", "", 0))
                _copy(cursor, names, some, postgres=postgres)
        took = time.perf_counter() - began
        assert len(seen) == RUNS
        cursor.execute("DROP TABLE bench_rows")
    return took


def _copy(cursor: Any, names: tuple[str, ...], rows: list[Any], *, postgres: bool) -> None:
    columns = ", ".join(names)
    if postgres:
        with cursor.copy(f"COPY bench_rows ({columns}) FROM STDIN") as copy:
            for each in rows:
                copy.write_row(each)
        return
    marks = ", ".join(["%s"] * len(names))
    texts = [(each[0].hex, *each[1:7], each[7].isoformat(), *each[8:]) for each in rows]
    cursor.executemany(f"INSERT INTO bench_rows ({columns}) VALUES ({marks})", texts)  # noqa: S608 (names of columns)


def _pull(source: Any) -> tuple[float, float]:
    """Pull as the worker does; return the seconds, and by how many MB the process grew after its first fifth."""
    from releases.pulling import actions as pulling
    from releases.pulling import leases

    sizes: list[float] = []

    def say(_: dict[str, Any]) -> None:
        sizes.append(_megabytes())

    began = time.perf_counter()
    more = True
    while more:
        lease = leases.lease_now(source)
        assert lease is not None
        pulled = pulling.pull_source(source.pk, lease, say)
        source.refresh_from_db()
        assert pulled is not None, source.last_error
        more = pulled.more
    took = time.perf_counter() - began
    fifth = len(sizes) // 5
    return took, max(sizes[fifth:], default=0) - max(sizes[: fifth + 1], default=0)


def _megabytes() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    serve()
