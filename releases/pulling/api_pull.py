"""Pulling a system through its API: the records of each page are stored as events together with the cursor after it."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from portal.kernel import clock, http
from portal.kernel.stable_ids import stable_id
from portal.kernel.wake import wake
from releases.inbox.models import InboundEvent, Source
from releases.providers import PROVIDERS
from releases.providers.base import Page, PullFailed, PullRefused, Record
from releases.pulling.http_session import session_of
from releases.pulling.leases import LEASE_DURATION, Pull, PullResult

# Seconds without a complete page after which a pull is given up. Workers that pull are threads, which Celery cannot stop.
LONGEST_STEP = 1200
# Seconds for the button "Test", since a person waits for the answer.
LONGEST_TEST = 30
TEST_LIMITS = http.Limits(connect=5, read=10, whole=15)
CONTENT_TYPE = "application/json"
_INSERT = f"""
    INSERT INTO {InboundEvent._meta.db_table}
        (source_id, content_type, received_at, state, id, delivery, kind, body, headers, attempts, error, reason)
    SELECT %s, %s, %s, %s, new.*, '{{}}', 0, '', ''
    FROM unnest(%b::uuid[], %s::text[], %s::text[], %b::bytea[]) AS new
    ON CONFLICT DO NOTHING
"""  # noqa: S608 (the name of a table)


class ProgressTimeout:
    """Gives up a pull that brings nothing for too long: many answers, each within its own timeout, add up to hours."""

    def __init__(self, seconds: float, tick: Callable[[], None] = lambda: None) -> None:
        self._seconds, self._tick = seconds, tick
        self.renew()

    def renew(self) -> None:
        """Start the time anew: a complete page came."""
        self._deadline = time.monotonic() + self._seconds

    def tick(self) -> None:
        """Raise PullFailed after the deadline; renew the lease before it."""
        if time.monotonic() > self._deadline:
            minutes = f"{self._seconds / 60:.0f} minutes" if self._seconds > 90 else f"{self._seconds:.0f} seconds"
            raise PullFailed(f"It took longer than {minutes}, because the system answers slowly.")
        self._tick()


def read_api(pull: Pull) -> PullResult:
    """Read everything new in a system, page by page. Raises PullFailed otherwise; pages read before that stay stored.

    After RODEO_PULL_SLICE seconds it stops after a page, so that no source keeps others waiting for long.
    """
    provider = PROVIDERS[pull.source.kind]
    if provider.pulling is None:
        raise PullRefused(f"{provider.name} is not pulled.")
    slice_ends = time.monotonic() + settings.RODEO_PULL_SLICE
    new = 0
    timeout = ProgressTimeout(LONGEST_STEP, pull.tick)
    with contextlib.closing(session_of(pull.source, timeout.tick)) as session:
        for page in provider.pulling.pages(session, pull.source.config, pull.source.cursor, clock.now()):
            new += _store_page(pull, page)
            timeout.renew()
            if time.monotonic() > slice_ends:
                return PullResult(records=new, changed=bool(new), more=True)
    return PullResult(records=new, changed=bool(new))


def _store_page(pull: Pull, page: Page) -> int:
    """Store a page's records and its cursor in one transaction, if the lease is still ours; return how many are new."""
    pull.progress = {"step": page.step, "done": page.done, "of": page.of}
    cursor = dict(page.cursor)
    with transaction.atomic():
        new = store_records(pull.source, page.records)
        pull.update_source(cursor=cursor, leased_until=clock.now() + LEASE_DURATION, progress=pull.progress)
        if new:
            transaction.on_commit(wake)
    pull.source.cursor = cursor
    if pull.on_progress:
        pull.on_progress(pull.progress)
    return new


def store_records(source: Source, records: Sequence[Record]) -> int:
    """Store polled records as events; return how many were new. Known ones are left alone. One or two statements a page."""
    bodies: dict[UUID, tuple[str, str, bytes]] = {}
    for record in records:
        delivery = record.delivery[:300] or hashlib.sha256(record.kind.encode() + b"\0" + record.body).hexdigest()
        bodies[stable_id("event", source.key, delivery)] = (delivery, record.kind[:150], record.body)
    if not bodies:
        return 0
    return _insert_arrays(source, bodies) if connection.vendor == "postgresql" else _bulk_create(source, bodies)


def _bulk_create(source: Source, bodies: Mapping[UUID, tuple[str, str, bytes]]) -> int:
    known = set(InboundEvent.objects.filter(pk__in=list(bodies)).values_list("pk", flat=True))
    now = clock.now()
    events = [
        InboundEvent(
            id=pk, source=source, delivery=delivery, kind=kind, body=body, content_type=CONTENT_TYPE, received_at=now
        )
        for pk, (delivery, kind, body) in bodies.items()
        if pk not in known
    ]
    InboundEvent.objects.bulk_create(events, ignore_conflicts=True)
    return len(events)


def _insert_arrays(source: Source, bodies: Mapping[UUID, tuple[str, str, bytes]]) -> int:
    """Insert a page as four binary arrays: a text parameter for every value took longer than all else in a pull."""
    from psycopg import Cursor  # not where the database is SQLite

    connection.ensure_connection()
    # Django's own cursor sends parameters as text.
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(
            _INSERT,
            [
                source.pk,
                CONTENT_TYPE,
                clock.now(),
                InboundEvent.State.PENDING.value,
                list(bodies),
                *(list(column) for column in zip(*bodies.values(), strict=True)),
            ],
        )
        return int(cursor.rowcount)


def describe_access(source: Source) -> list[str]:
    """Return what a source's credential can read, such as “3 repositories”. Raises PullFailed with the remedy."""
    provider = PROVIDERS[source.kind]
    if provider.pulling is None:
        raise PullRefused(f"{provider.name} isn’t pulled. It sends events instead.")
    with contextlib.closing(session_of(source, ProgressTimeout(LONGEST_TEST).tick, limits=TEST_LIMITS)) as session:
        return provider.pulling.test_connection(session, source.config)
