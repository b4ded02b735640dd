"""Changing how long things are kept, and deleting what is older, in small steps."""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import F

from portal.kernel import audit, clock, mail, outbox
from portal.kernel.actors import Actor
from portal.kernel.models import AuditEntry
from portal.kernel.outages import going_on, named
from portal.kernel.policy import check_administrator
from portal.kernel.transitions import ChangedMeanwhile
from portal.retention import queries
from portal.retention.models import LONGEST, SHORTEST_AUDIT, SHORTEST_EVENTS, Deletion, Retention
from releases.deployment_checks import actions as deployment_checks
from releases.inbox.actions import delete_contents
from releases.inbox.exports import ExportFailed

logger = logging.getLogger(__name__)
Kind = Deletion.Kind
# Seconds that one run may take: whoever runs it has other work as well. The next one goes on.
RUN = 20
# Seconds that a step aims at, and how many events it takes. Others write between two steps. Very small steps would take as
# long, on a busy machine, as larger ones.
STEP, FIRST_STEP, SMALLEST_STEP, LARGEST_STEP = 0.2, 100, 50, 1000
PAUSE = 0.1
ROWS_PER_STEP = 1000
# How long restored contents are left alone, so that there is time to read them again.
RESTORED_FOR = timedelta(days=7)


class NeedsConfirmation(ValidationError):
    """A change deletes things for good as soon as it holds, so it has to be confirmed. The text says what goes."""


@transaction.atomic
def change_retention(
    *,
    by: Actor,
    version: int | None,
    confirmed: bool,
    events_days: int | None,
    export_events: bool,
    audit_days: int | None,
) -> Retention:
    """Change how long things are kept. `version` is what the person began from; None doesn't look.

    Raises ChangedMeanwhile if somebody changed it since, NeedsConfirmation if more is deleted by it and `confirmed` is off,
    ValidationError naming the field, or PermissionDenied.
    """
    check_administrator(by, "change how long things are kept")
    _check_days("events_days", events_days, SHORTEST_EVENTS)
    _check_days("audit_days", audit_days, SHORTEST_AUDIT)
    Retention.objects.get_or_create(pk=1)
    row = Retention.objects.select_for_update().get(pk=1)
    if version is not None and version != row.version:
        raise ChangedMeanwhile("how long things are kept")
    wanted = {"events_days": events_days, "export_events": export_events, "audit_days": audit_days}
    loss = queries.loss(row, **wanted)
    if loss and not confirmed:
        raise NeedsConfirmation(loss)
    for name, value in wanted.items():
        setattr(row, name, value)
    row.events_wait_until, row.version = None, row.version + 1
    row.save()
    audit.record(by=by, did=f"had {queries.described(row)}", kind="retention")
    return row


def _check_days(name: str, days: int | None, shortest: int) -> None:
    if days is not None and not shortest <= days <= LONGEST:
        raise ValidationError(
            {name: f"Enter a number of days from {shortest} to {LONGEST:,}, or leave it empty to keep all."}
        )


def leave_restored_contents_alone() -> datetime | None:
    """Delete no contents of events for some days; return until when, or None where they are kept for ever anyway."""
    until = clock.now() + RESTORED_FOR
    changed = Retention.objects.filter(events_days__isnull=False)
    return until if changed.update(events_wait_until=until, version=F("version") + 1) else None


def delete_old_contents() -> int:
    """Delete contents of old events for RUN seconds at most, in short steps; return of how many events.

    Each step is a transaction of its own, so a run can be killed at any time and the next one goes on.
    """
    until, most, done = time.monotonic() + RUN, FIRST_STEP, 0
    while time.monotonic() < until:
        row = Retention.current()
        before = row.contents_deleted_before()
        if before is None:
            return done
        try:
            step = delete_contents(before, to_files=row.export_events, most=most, note=_note_contents)
        except ExportFailed as error:
            _note_failure(Kind.CONTENTS, str(error))
            return done
        done += step.emptied + step.deleted
        if not step:
            _note_contents(0, 0)
            return done
        most = _next_size(most, step.seconds)
        time.sleep(max(PAUSE, step.seconds / 2))
    return done


def _note_contents(emptied: int, deleted: int) -> None:
    _note(Kind.CONTENTS, emptied)
    _note(Kind.EVENTS, deleted)


def _next_size(most: int, seconds: float) -> int:
    """Return how many events the next step takes, so that it is about as long as STEP."""
    return max(SMALLEST_STEP, min(LARGEST_STEP, int(most * min(2, STEP / max(seconds, 0.001)))))


def delete_old_rows() -> None:
    """Delete delivered messages, sent mails, ended sessions, expired entries of the cache, and old entries of the audit log."""
    kinds: dict[Kind, Callable[[], int]] = {
        Kind.MESSAGES: outbox.prune,
        Kind.MAILS: mail.prune,
        Kind.SESSIONS: lambda: _in_steps(_delete_sessions),
        Kind.CACHE: lambda: _in_steps(_delete_expired),
        Kind.AUDIT: lambda: _in_steps(_delete_audit_entries),
        Kind.CHECKS: lambda: _in_steps(lambda: deployment_checks.prune(ROWS_PER_STEP)),
    }
    for kind, delete in kinds.items():
        with going_on(f"deleting old {kind.label}") as failed:
            _note(kind, delete())
        for error in failed:
            _note_failure(kind, f"It failed ({named(error)}). Rodeo tries again within the hour.")


def _in_steps(step: Callable[[], int]) -> int:
    """Repeat a step until it deletes nothing, or the run has taken long enough."""
    until, done = time.monotonic() + RUN, 0
    while (count := step()) and time.monotonic() < until:
        done += count
        time.sleep(PAUSE)
    return done + count


def _delete_sessions() -> int:
    ended = Session.objects.filter(expire_date__lt=clock.now()).order_by("expire_date")
    ids = list(ended.values_list("pk", flat=True)[:ROWS_PER_STEP])
    Session.objects.filter(pk__in=ids).delete()
    return len(ids)


def _delete_audit_entries() -> int:
    before = Retention.current().audit_deleted_before()
    if before is None:
        return 0
    old = AuditEntry.objects.filter(at__lt=before).order_by("at")
    ids = list(old.values_list("pk", flat=True)[:ROWS_PER_STEP])
    return AuditEntry.objects.filter(pk__in=ids).delete()[0] if ids else 0


def _delete_expired() -> int:
    table = queries.cache_table()
    expired: Any = connection.ops.adapt_datetimefield_value(clock.now().replace(microsecond=0))
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE cache_key IN (SELECT cache_key FROM {table} WHERE expires < %s LIMIT %s)",  # noqa: S608
            [expired, ROWS_PER_STEP],
        )
        return int(cursor.rowcount)


def _note(kind: str, count: int) -> None:
    now = clock.now()
    row, _ = Deletion.objects.get_or_create(kind=kind)
    found: dict[str, Any] = {"looked_at": now, "error": ""}
    if count:
        found |= {"deleted": F("deleted") + count, "deleted_at": now}
    Deletion.objects.filter(pk=row.pk).update(**found)


def _note_failure(kind: str, text: str) -> None:
    """Write down why nothing is deleted; the log says it once, not at every run."""
    row, _ = Deletion.objects.get_or_create(kind=kind)
    if row.error != text:
        logger.error(text)
    Deletion.objects.filter(pk=row.pk).update(error=text, looked_at=clock.now())
