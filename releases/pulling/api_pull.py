"""Pulling a system by its API: each page that a provider reads becomes events, together with the cursor that follows."""

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
from releases.pulling.leases import LEASE, Pull, Pulled

# So many seconds without a complete page, and a pull is given up. Workers that pull are threads, which Celery cannot stop.
LONGEST_STEP = 1200
# Somebody waits for the answer to "Test".
LONGEST_LOOK = 30
LOOK = http.Limits(connect=5, read=10, whole=15)
CONTENT_TYPE = "application/json"
_INSERT = f"""
    INSERT INTO {InboundEvent._meta.db_table}
        (source_id, content_type, received_at, state, id, delivery, kind, body, headers, attempts, error)
    SELECT %s, %s, %s, %s, new.*, '{{}}', 0, ''
    FROM unnest(%b::uuid[], %s::text[], %s::text[], %b::bytea[]) AS new
    ON CONFLICT DO NOTHING
"""  # noqa: S608 (the name of a table)


class Patience:
    """Ticks, and gives up what has brought nothing for too long: so many answers, each just in time, add up to hours."""

    def __init__(self, seconds: float, tick: Callable[[], None] = lambda: None) -> None:
        self._seconds, self._tick = seconds, tick
        self.renew()

    def renew(self) -> None:
        """Something came: wait as long again."""
        self._until = time.monotonic() + self._seconds

    def tick(self) -> None:
        """Raise PullFailed when it has lasted too long."""
        if time.monotonic() > self._until:
            minutes = f"{self._seconds / 60:.0f} minutes" if self._seconds > 90 else f"{self._seconds:.0f} seconds"
            raise PullFailed(f"It was given up: its system answers too slowly to be read within {minutes}.")
        self._tick()


def read_api(this: Pull) -> Pulled:
    """Read what is new in a system, page by page. Complete, or it raises; what was read so far stands.

    After RODEO_PULL_SLICE seconds it stops behind a page, so that no source keeps others waiting for long.
    """
    provider = PROVIDERS[this.source.kind]
    if provider.pulling is None:
        raise PullRefused(f"{provider.name} is not pulled.")
    until = time.monotonic() + settings.RODEO_PULL_SLICE
    new = 0
    patience = Patience(LONGEST_STEP, this.tick)
    with contextlib.closing(session_of(this.source, patience.tick)) as session:
        for page in provider.pulling.pages(session, this.source.config, this.source.cursor, clock.now()):
            new += _keep(this, page)
            patience.renew()
            if time.monotonic() > until:
                return Pulled(records=new, changed=bool(new), more=True)
    return Pulled(records=new, changed=bool(new))


def _keep(this: Pull, page: Page) -> int:
    """Store a page's records and its cursor in one transaction, if the lease is still ours; return how many are new."""
    this.progress = {"step": page.step, "done": page.done, "of": page.of}
    cursor = dict(page.cursor)
    with transaction.atomic():
        new = store_records(this.source, page.records)
        this.keep(cursor=cursor, leased_until=clock.now() + LEASE, progress=this.progress)
        if new:
            transaction.on_commit(wake)
    this.source.cursor = cursor
    if this.say:
        this.say(this.progress)
    return new


def store_records(source: Source, records: Sequence[Record]) -> int:
    """Keep polled records as events, those known already left alone; return how many were new. A statement or two a page."""
    bodies: dict[UUID, tuple[str, str, bytes]] = {}
    for record in records:
        delivery = record.delivery[:300] or hashlib.sha256(record.kind.encode() + b"\0" + record.body).hexdigest()
        bodies[stable_id("event", source.key, delivery)] = (delivery, record.kind[:150], record.body)
    if not bodies:
        return 0
    return _insert(source, bodies) if connection.vendor == "postgresql" else _create(source, bodies)


def _create(source: Source, bodies: Mapping[UUID, tuple[str, str, bytes]]) -> int:
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


def _insert(source: Source, bodies: Mapping[UUID, tuple[str, str, bytes]]) -> int:
    """Keep a page as four lists, in binary: a parameter in text for every value took longer than all else in a pull."""
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


def seen_by(source: Source) -> list[str]:
    """Say what a source's system shows to us, such as “3 repositories”. Raises PullFailed with the remedy."""
    provider = PROVIDERS[source.kind]
    if provider.pulling is None:
        raise PullRefused(f"{provider.name} is not pulled: it sends its events by itself.")
    with contextlib.closing(session_of(source, Patience(LONGEST_LOOK).tick, limits=LOOK)) as session:
        return provider.pulling.test_connection(session, source.config)
