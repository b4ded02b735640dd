"""What is kept, how much of it there is and since when, and what a shorter time would delete."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery

from portal.kernel import clock
from portal.kernel.models import AuditEntry, Mail, Message
from portal.retention.models import Deletion, Retention, start_of
from releases.deployment_checks.actions import KEEP_DAYS
from releases.deployment_checks.models import DeploymentCheck
from releases.inbox.models import ContentsFile, InboundEvent
from releases.inbox.queries import MOST_COUNTED, sources_with_whole_facts

State = InboundEvent.State
Kind = Deletion.Kind
FILES_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Count:
    """A number of rows, counted no further than MOST_COUNTED."""

    number: int

    def __str__(self) -> str:
        return f"over {MOST_COUNTED:,}" if self.number > MOST_COUNTED else f"{self.number:,}"


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of rows: how long they are kept, how many there are, since when, and what was deleted of them."""

    kind: str
    name: str
    days: int | None
    decided_by: str
    count: Count
    oldest: datetime | None
    deletion: Deletion

    @property
    def deleted(self) -> str:
        """How many were deleted so far, in words."""
        return f"{self.deletion.deleted:,}"

    @property
    def kept_for(self) -> str:
        """How long, in words."""
        if self.days is None:
            return "for ever"
        return f"{self.days:,} day{'' if self.days == 1 else 's'}" if self.days else "until they expire"


def count(rows: QuerySet) -> Count:
    """Count rows in the time that the largest count takes, however many there are."""
    return Count(rows.order_by().values("pk")[: MOST_COUNTED + 1].count())


def kept(row: Retention) -> list[Kept]:
    """Return everything that is deleted after a time. A fixed number of queries."""
    known = {each.kind: each for each in Deletion.objects.all()}

    def of(kind: Kind, name: str, days: int | None, by: str, rows: Count, oldest: datetime | None) -> Kept:
        return Kept(kind, name, days, by, rows, oldest, known.get(kind) or Deletion(kind=kind))

    answers = DeploymentCheck.objects.all()
    sent = Mail.objects.filter(state=Mail.State.SENT)
    delivered = Message.objects.filter(handled_at__isnull=False)
    return [
        of(
            Kind.CONTENTS,
            "Contents of events",
            row.events_days,
            "",
            count(InboundEvent.objects.deletable(clock.now())),
            oldest_contents(),
        ),
        of(
            Kind.AUDIT,
            "Entries of the audit log",
            row.audit_days,
            "",
            *_dated(AuditEntry.objects.all()),
        ),
        of(
            Kind.MESSAGES,
            "Delivered messages of the outbox",
            settings.RODEO_OUTBOX_KEEP_DAYS,
            "RODEO_OUTBOX_KEEP_DAYS",
            *_dated(delivered, "handled_at"),
        ),
        of(
            Kind.MAILS,
            "Sent mails",
            settings.RODEO_OUTBOX_KEEP_DAYS,
            "RODEO_OUTBOX_KEEP_DAYS",
            *_dated(sent, "sent_at"),
        ),
        of(Kind.CHECKS, "Answers to pipelines that asked whether they may deploy", KEEP_DAYS, "", *_dated(answers)),
        of(Kind.SESSIONS, "Sessions", 0, "", count(Session.objects.all()), None),
        of(Kind.CACHE, "Counts of failed sign-ins and the like", 0, "", _cached(), None),
    ]


def _dated(rows: QuerySet, moment: str = "at") -> tuple[Count, datetime | None]:
    """Return how many rows there are, and the moment of the oldest, for rows with an index on theirs."""
    return count(rows), rows.order_by(moment).values_list(moment, flat=True).first()


def oldest_contents() -> datetime | None:
    """Return when the oldest event whose contents may be deleted some day was received: one look into the index per source."""
    own = InboundEvent.objects.deletable(clock.now()).filter(source=OuterRef("pk")).order_by("received_at")
    found = sources_with_whole_facts().annotate(oldest=Subquery(own.values("received_at")[:1]))
    return min((each for each in found.values_list("oldest", flat=True) if each is not None), default=None)


def cache_table() -> str:
    """Return the quoted name of the table that Django's cache is in."""
    caches: Any = settings.CACHES
    return str(connection.ops.quote_name(caches["default"]["LOCATION"]))


def _cached() -> Count:
    table = cache_table()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM (SELECT 1 FROM {table} LIMIT %s) AS counted", [MOST_COUNTED + 1])  # noqa: S608
        return Count(cursor.fetchone()[0])


def never_deleted() -> dict[str, Count]:
    """Return how many events never lose their contents, by why."""
    events = InboundEvent.objects.with_contents()
    return {
        "failed": count(events.filter(state=State.FAILED)),
        "pending": count(events.filter(state=State.PENDING)),
        "git": count(events.exclude(source__in=sources_with_whole_facts())),
    }


def emptied() -> Count:
    """Return how many events have lost their contents."""
    return count(InboundEvent.objects.without_contents())


def deleted_whole() -> str:
    """Return how many ignored events were deleted so far, in words."""
    row = Deletion.objects.filter(kind=Kind.EVENTS).first()
    return f"{row.deleted if row else 0:,}"


def files() -> list[ContentsFile]:
    """Return the newest files of exported contents."""
    return list(ContentsFile.objects.order_by("-last_received_at", "-pk")[:FILES_SHOWN])


def loss(row: Retention, *, events_days: int | None, audit_days: int | None, **_: Any) -> str:
    """Return a sentence on what these times delete that those of `row` do not; "" for nothing."""
    said = []
    if is_shorter(events_days, row.events_days) and (text := _loss_of_events(events_days)):
        said.append(text)
    if is_shorter(audit_days, row.audit_days) and (text := _loss_of_audit(audit_days)):
        said.append(text)
    return " ".join(said)


def is_shorter(new: int | None, old: int | None) -> bool:
    """Say whether something is kept for a shorter time than before; None is for ever."""
    return new is not None and (old is None or new < old)


def _loss_of_events(days: int | None) -> str:
    assert days is not None
    before = start_of(days)
    going = count(InboundEvent.objects.deletable(before).filter(source__in=sources_with_whole_facts()))
    oldest = oldest_contents()
    if not going.number or oldest is None:
        return ""
    plural = "" if going.number == 1 else "s"
    return (
        f"This deletes the contents of {going} event{plural} received before {_day(before)} (the oldest: {_day(oldest)}). "
        "What was read from them stays and counts as before. New mapping rules, changed settings of sources, newer versions of "
        "Rodeo and rebuild can no longer read them in another way."
    )


def _loss_of_audit(days: int | None) -> str:
    assert days is not None
    before = start_of(days)
    going = count(AuditEntry.objects.filter(at__lt=before))
    if not going.number:
        return ""
    entries = "entry" if going.number == 1 else "entries"
    return f"This deletes {going} {entries} of the audit log from before {_day(before)} for good."


def described(row: Retention) -> str:
    """Return the settings as the audit log tells them."""

    def length(days: int | None) -> str:
        return "for ever" if days is None else f"for {days:,} days"

    export = "" if row.events_days is None else ", then exported" if row.export_events else ", then not exported"
    return f"contents of events kept {length(row.events_days)}{export}, and the audit log {length(row.audit_days)}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def shown(row: Retention) -> dict[str, Any]:
    """Return the settings as the form and the API have them."""
    return {"events_days": row.events_days, "export_events": row.export_events, "audit_days": row.audit_days}
