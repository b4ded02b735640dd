"""What people do with freezes. Pages, API and imports call these. Planners create; who answers for releases changes and lifts."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.locks import hold
from portal.kernel.models import StateChange
from portal.kernel.transitions import ChangedMeanwhile, signed
from releases.environments.models import Environment
from releases.freezes import calendar_files, occurrences, queries, recurrence
from releases.freezes.models import Freeze, FreezeFeed, FreezeLift
from releases.freezes.public_holidays import why_unknown
from releases.planning.models import Release
from squads.models import Service
from squads.teams.permissions import check_answers_for, check_planner

FIELDS = (
    "name",
    "reason",
    "zone",
    "starts_on",
    "starts_at",
    "ends_on",
    "ends_at",
    "rule",
    "holidays",
    "exceptions",
    "lines",
)
WHO = "Only project managers and squad members can create freezes. Join or create a squad first."
CHANGE, LIFT, LIFT_ALL = "change freezes", "lift a freeze for it", "lift a freeze for all releases"
KIND = "freeze"
LONGEST_REASON, LONGEST_LIST = 2000, 100
FARTHEST = 10
LONGEST_LIFT = timedelta(days=90)


@transaction.atomic
def create_freeze(
    *,
    by: Actor,
    services: Iterable[Service] = (),
    environments: Iterable[Environment] = (),
    uid: str = "",
    **said: Any,
) -> Freeze:
    """Make a freeze. Raises ValidationError naming the field, or PermissionDenied."""
    check_planner(by, WHO)
    if Freeze.objects.count() >= queries.MOST_FREEZES:
        raise ValidationError(
            f"There are already {queries.MOST_FREEZES} freezes, which is the most. Delete old ones first."
        )
    freeze = Freeze(created_by=by, **said)
    if uid:
        freeze.uid = uid
    check_freeze(freeze)
    freeze.save(force_insert=True)
    freeze.services.set(services)
    freeze.environments.set(environments)
    _record(freeze, "", "created", by, described(freeze))
    return freeze


@transaction.atomic
def edit_freeze(
    freeze: Freeze,
    *,
    by: Actor,
    version: int | None,
    services: Iterable[Service] | None = None,
    environments: Iterable[Environment] | None = None,
    **said: Any,
) -> Freeze:
    """Change a freeze. `version` is what the person began from; None doesn't look.

    Raises ChangedMeanwhile if somebody changed it since, ValidationError naming the field, or PermissionDenied.
    """
    check_answers_for(None, by, CHANGE)
    freeze = _held(freeze, version)
    before = described(freeze)
    for name, value in said.items():
        setattr(freeze, name, value)
    check_freeze(freeze)
    freeze.version += 1
    freeze.changed_at = clock.now()
    freeze.save()
    if services is not None:
        freeze.services.set(services)
    if environments is not None:
        freeze.environments.set(environments)
    _record(freeze, "", "changed", by, f"{before} → {described(freeze)}")
    return freeze


@transaction.atomic
def delete_freeze(freeze: Freeze, *, by: Actor, version: int | None) -> None:
    """Delete a freeze. Raises ChangedMeanwhile if somebody changed it since, or PermissionDenied."""
    check_answers_for(None, by, CHANGE)
    freeze = _held(freeze, version)
    _record(freeze, "", "deleted", by, described(freeze))
    freeze.delete()


def _held(freeze: Freeze, version: int | None) -> Freeze:
    row = Freeze.objects.select_for_update().filter(pk=freeze.pk).first()
    if row is None or (version is not None and row.version != version):
        raise ChangedMeanwhile(f"the freeze {freeze.name}")
    return row


def described(freeze: Freeze) -> str:
    """Say when a freeze holds and what it covers, for its history."""
    starts, ends = (
        f"{day}{f' {at:%H:%M}' if at else ''}"
        for day, at in ((freeze.starts_on, freeze.starts_at), (freeze.ends_on, freeze.ends_at))
    )
    but = f" but not on {', '.join(freeze.exceptions)}" if freeze.exceptions else ""
    covers = queries.covers(freeze) if freeze.pk else "everything"
    return f"{freeze.name}: {starts} to {ends} {freeze.zone}, {queries.repeats(freeze)}{but}, for {covers}"


def check_freeze(freeze: Freeze) -> None:
    """Refuse a freeze that could not hold as it reads. Raises ValidationError naming the field and the remedy."""
    freeze.name, freeze.reason, freeze.zone = freeze.name.strip(), freeze.reason.strip(), freeze.zone.strip() or "UTC"
    freeze.rule = freeze.rule.strip().upper().removeprefix("RRULE:").rstrip(";")
    freeze.holidays = freeze.holidays.strip().upper()
    freeze.exceptions = sorted({str(each) for each in freeze.exceptions})
    freeze.lines = sorted({str(each) for each in freeze.lines})
    freeze.clean_fields(exclude=["created_by"])
    _check_texts(freeze)
    _check_times(freeze)
    _check_repeats(freeze)


def _check_texts(freeze: Freeze) -> None:
    if len(freeze.reason) > LONGEST_REASON:
        raise ValidationError({"reason": f"This has over {LONGEST_REASON} characters. Shorten it."})
    if freeze.zone not in available_timezones():
        raise ValidationError({"zone": f"“{freeze.zone}” isn’t a time zone. Write one such as Europe/Berlin or UTC."})
    for name in ("exceptions", "lines"):
        if len(getattr(freeze, name)) > LONGEST_LIST:
            raise ValidationError({name: f"There are over {LONGEST_LIST}. List fewer."})
    for each in freeze.exceptions:
        try:
            date.fromisoformat(each)
        except ValueError:
            raise ValidationError({"exceptions": f"“{each[:30]}” isn’t a day. Write it as 2026-12-25."}) from None


def _check_times(freeze: Freeze) -> None:
    if (freeze.starts_at is None) != (freeze.ends_at is None):
        missing = "starts_at" if freeze.starts_at is None else "ends_at"
        raise ValidationError({missing: "Set both times, or none for whole days."})
    near = clock.now().year
    if not near - FARTHEST <= freeze.starts_on.year <= near + FARTHEST:
        raise ValidationError({"starts_on": f"Choose a first day from {near - FARTHEST} to {near + FARTHEST}."})
    times = freeze.times
    if times.length <= timedelta(0):
        field = "ends_on" if freeze.ends_on < freeze.starts_on else "ends_at"
        raise ValidationError({field: "It has to end after it starts."})
    if times.length > occurrences.LONGEST:
        raise ValidationError({"ends_on": "A freeze can be a year long at most. Choose an earlier end."})


def _check_repeats(freeze: Freeze) -> None:
    if freeze.rule and freeze.holidays:
        raise ValidationError({"holidays": "Use a rule or public holidays, not both. Make two freezes."})
    if freeze.holidays and (unknown := why_unknown(freeze.holidays)):
        raise ValidationError({"holidays": unknown})
    if freeze.rule:
        try:
            recurrence.read_rule(freeze.rule)
        except recurrence.BadRule as error:
            raise ValidationError({"rule": str(error)}) from None
        days = recurrence.days_of(freeze.rule, freeze.times.first, freeze.zone, freeze.starts_on.year + FARTHEST)
        if not days:
            raise ValidationError(
                {"rule": "This rule names no day in the next ten years. Check it against the first day."}
            )


def preview(freeze: Freeze, most: int = 5) -> list[occurrences.Window]:
    """Return when a freeze that may not be saved yet would hold next. Raises ValidationError as saving it would."""
    check_freeze(freeze)
    return occurrences.upcoming(freeze.times, clock.now(), most)


@transaction.atomic
def lift_freeze(
    freeze: Freeze,
    *,
    by: Actor,
    reason: str,
    expires_at: datetime,
    day: date | None = None,
    release: Release | None = None,
) -> FreezeLift:
    """Lift a freeze on one day it begins on, for one release, or both; for a reason and until a moment.

    It is lifted as it is: once anybody changes when it holds or what it covers, it holds again. Raises ValidationError naming
    the field, or PermissionDenied: for one release it is for who answers for it, for all for project managers.
    """
    check_answers_for(release, by, LIFT if release else LIFT_ALL)
    now = clock.now()
    if not reason.strip():
        raise ValidationError({"reason": "Say why it’s lifted, for whoever asks later."})
    if len(reason) > LONGEST_REASON:
        raise ValidationError({"reason": f"This has over {LONGEST_REASON} characters. Shorten it."})
    if not now < expires_at <= now + LONGEST_LIFT:
        raise ValidationError({"expires_at": "Choose a moment in the next 90 days."})
    if day is None and release is None:
        raise ValidationError({"day": "Choose a day, a release or both."})
    if day is not None and not _begins(freeze, day):
        raise ValidationError({"day": f"{freeze} doesn’t begin on {day}. Choose a day it begins on."})
    lift = FreezeLift.objects.create(
        freeze=freeze,
        day=day,
        release=release,
        reason=reason.strip(),
        by=by,
        at=now,
        expires_at=expires_at,
        terms=queries.current_terms(freeze),
    )
    _record(freeze, "", "lifted", by, f"{lift}, until {expires_at:%Y-%m-%d %H:%M} UTC: {lift.reason}")
    return lift


def _begins(freeze: Freeze, day: date) -> bool:
    around = datetime.combine(day, datetime.min.time(), clock.now().tzinfo)
    found = occurrences.windows_of(freeze.times, around - timedelta(days=2), around + timedelta(days=3))
    return any(each.day == day for each in found)


@transaction.atomic
def withdraw_lift(lift: FreezeLift, *, by: Actor) -> None:
    """Have the freeze hold again, for who may lift it. Saying it twice changes nothing."""
    check_answers_for(lift.release, by, LIFT if lift.release else LIFT_ALL)
    if FreezeLift.objects.filter(pk=lift.pk, withdrawn_at=None).update(withdrawn_at=clock.now(), withdrawn_by=by):
        _record(lift.freeze, "lifted", "holds", by, str(lift))


def _record(freeze: Freeze, before: str, after: str, by: Actor, what: str) -> None:
    StateChange.objects.create(
        kind=KIND,
        key=str(freeze.pk),
        from_state=before,
        to_state=after,
        by=by,
        because=signed(by, what),
        at=clock.now(),
    )
    audit.record(by=by, did=f"{after} the freeze {what}", kind="freeze", key=freeze.name)


class Imported(NamedTuple):
    """What came of a file: how many freezes were created, changed, and left as they were, and what was left out, in sentences."""

    created: int
    changed: int
    unchanged: int
    left_out: list[str]


@transaction.atomic
def import_calendar(body: bytes, *, by: Actor, zone: str = "UTC") -> Imported:
    """Make freezes of the events of an iCalendar file, or change those that an earlier import made; all of it or nothing.

    Events that were cancelled make none. Raises ValidationError with the lines that can't be read, and PermissionDenied, also
    for those who may create freezes but not change them.
    """
    check_planner(by, WHO)
    if zone not in available_timezones():
        raise ValidationError({"zone": f"“{zone[:60]}” isn’t a time zone. Write one such as Europe/Berlin or UTC."})
    try:
        found = calendar_files.read_calendar(body, zone)
    except calendar_files.BadCalendar as error:
        raise ValidationError({"file": error.errors}) from None
    if not found:
        raise ValidationError({"file": "This file has no events."})
    # Whoever imports waits for whoever is just importing: an event of both files is one freeze.
    hold("imports of freezes")
    known = {each.uid: each for each in Freeze.objects.filter(uid__in=[each.uid for each in found])}
    counts, left_out = [0, 0, 0], list[str]()
    for each in found:
        if isinstance(each, calendar_files.Cancelled):
            still = known.get(each.uid)
            then = f"It’s still a freeze here, {still}: delete it if it’s off." if still else "It made no freeze."
            left_out.append(f"{each.name} is cancelled in this file. {then}")
            continue
        left_out += each.left_out
        try:
            counts[_import(each, known, by)] += 1
        except ValidationError as error:
            raise ValidationError({"file": f"Line {each.line}: {' '.join(error.messages)}"}) from None
    return Imported(counts[0], counts[1], counts[2], left_out)


def _import(read: calendar_files.Read, known: dict[str, Freeze], by: Actor) -> int:
    """Make or change one freeze; return 0 for created, 1 for changed, 2 for the same as before."""
    times = read.times
    said: dict[str, Any] = {
        "name": read.name,
        "reason": read.reason,
        "zone": times.zone,
        "starts_on": times.starts_on,
        "starts_at": times.starts_at,
        "ends_on": times.ends_on,
        "ends_at": times.ends_at,
        "rule": times.rule,
        "exceptions": [str(each) for each in sorted(times.exceptions)],
    }
    freeze = known.get(read.uid)
    if freeze is None:
        known[read.uid] = create_freeze(by=by, uid=read.uid, **said)
        return 0
    if all(getattr(freeze, name) == value for name, value in said.items()):
        return 2
    known[read.uid] = edit_freeze(freeze, by=by, version=None, holidays="", **said)
    return 1


@transaction.atomic
def open_feed(*, by: Actor) -> str:
    """Make an address at which this person's calendar reads the freezes; return its secret, which nobody can see again.

    An address that was made before opens nothing any more.
    """
    hold(f"freeze calendar address of {by.pk}")
    feed = FreezeFeed.objects.filter(user=by).first() or FreezeFeed(user=by)
    if feed.pk is not None:
        feed.revoke(by=by)
    feed.created_at, feed.last_used_at, feed.revoked_at = clock.now(), None, None
    return feed.issue(by=by)


def close_feed(*, by: Actor) -> None:
    """Have the address of this person's calendar open nothing any more."""
    for feed in FreezeFeed.objects.filter(user=by):
        feed.revoke(by=by)
