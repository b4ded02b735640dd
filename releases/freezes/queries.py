"""Which freezes there are, when they hold, and which hold for a release."""

import calendar as calendars
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Prefetch, QuerySet

from portal.kernel import clock
from portal.kernel.actors import Actor, Anyone
from portal.kernel.models import StateChange
from portal.kernel.paging import Newest, newest
from releases.contents.queries import Contents, contents_of
from releases.environments.models import Environment
from releases.freezes import occurrences
from releases.freezes.calendar_files import Written, write_calendar
from releases.freezes.models import Freeze, FreezeFeed, FreezeLift, terms_of
from releases.freezes.occurrences import Window
from releases.planning.models import Release
from squads.teams.permissions import answers_for

AHEAD = timedelta(days=30)
# A company has a handful. So many are read at once; a new one beyond is refused.
MOST_FREEZES = 500
HISTORY_SHOWN = 20


@dataclass(frozen=True, slots=True)
class FreezeNow:
    """One time that a freeze holds for a release: one that is on, or begins within the next 30 days.

    starts, ends: in UTC; the end is not part of it. day: the day on which it begins, in its own zone, which together with
    `freeze` (its pk) names this time. url: its page. services: the services of the release that it covers, by name; empty
    if it covers the release as a whole.
    """

    freeze: int
    name: str
    reason: str
    day: date
    starts: datetime
    ends: datetime
    url: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiftedFreeze:
    """A time that a freeze would hold for a release if somebody hadn't lifted it: who (a name), when, why, until when."""

    freeze: FreezeNow
    by: str
    at: datetime
    reason: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ReleaseFreezes:
    """The freezes of a release, by when they begin: those that hold, and those that were lifted and so don't.

    Ask `releases.freezes.occurrences` about `holding`: `frozen_at(holding, at)` says which are on at a moment, `frozen_until`
    when the last of those that overlap or follow on ends, and `runway(holding, at, length)` into which one something would
    run that starts at that moment and takes that long.
    """

    holding: tuple[FreezeNow, ...]
    lifted: tuple[LiftedFreeze, ...]


NOTHING = ReleaseFreezes((), ())


@dataclass(frozen=True, slots=True)
class Covered:
    """A freeze as it was read: what it covers, and what is lifted of it."""

    freeze: Freeze
    services: frozenset[int]
    in_production: bool
    lifts: tuple[FreezeLift, ...]

    def holds_for(self, release: Release, services: Mapping[int, str]) -> tuple[str, ...] | None:
        """Return the services of a release that it covers, by name; () if it covers the release as a whole, None if not."""
        if not self.in_production or (self.freeze.lines and release.line not in self.freeze.lines):
            return None
        if not self.services:
            return ()
        return tuple(sorted(name for pk, name in services.items() if pk in self.services)) or None

    def lift_of(self, window: Window, release: UUID, at: datetime) -> FreezeLift | None:
        """Return what lifts one time of it for a release at a moment."""
        for lift in self.lifts:
            if lift.day in (None, window.day) and lift.release_id in (None, release) and lift.expires_at > at:
                return lift
        return None


def listed() -> "QuerySet[Freeze]":
    """Return all freezes with what they cover, by their first start."""
    return Freeze.objects.select_related("created_by").prefetch_related("services", "environments")


def covered(freezes: "QuerySet[Freeze] | None" = None) -> list[Covered]:
    """Return freezes with what they cover and what is lifted of them; four queries, however many there are."""
    open_ = FreezeLift.objects.filter(withdrawn_at=None, expires_at__gt=clock.now()).select_related("by", "release")
    rows = (listed() if freezes is None else freezes).prefetch_related(Prefetch("lifts", open_, to_attr="open_lifts"))
    return [_covered(row) for row in rows[:MOST_FREEZES]]


def _covered(freeze: Freeze) -> Covered:
    services = frozenset(each.merged_into_id or each.pk for each in freeze.services.all())
    places: list[Environment] = list(freeze.environments.all())
    production = not places or any(each.may_be_production for each in places)
    opened: list[FreezeLift] = getattr(freeze, "open_lifts", [])
    lifts = [each for each in opened if each.terms == current_terms(freeze)] if opened else []
    return Covered(freeze, services, production, tuple(lifts))


def current_terms(freeze: Freeze) -> str:
    """Return the digest of when a freeze holds and what it covers now."""
    return terms_of(
        freeze, [each.pk for each in freeze.services.all()], [each.pk for each in freeze.environments.all()]
    )


def freezes_for(
    releases: Iterable[Release], *, contents: Mapping[UUID, Contents] | None = None, at: datetime | None = None
) -> dict[UUID, ReleaseFreezes]:
    """Return the freezes of each of these releases that are on at a moment (now, unless given) or begin in 30 days.

    `contents` says what each ships, for a caller that has read it; else it is read, where a freeze covers services alone.
    Four queries (fourteen where contents are read), however many releases and freezes there are. Every release has an entry.
    """
    at, rows = at or clock.now(), list(releases)
    every = covered() if rows else []
    if contents is None:
        contents = contents_of(rows, with_history=False) if any(each.services for each in every) else {}
    times = {each.freeze.pk: list(occurrences.windows_of(each.freeze.times, at, at + AHEAD)) for each in every}
    found = {}
    for row in rows:
        shipped = contents.get(row.pk)
        services = {each.service: each.name for each in shipped.services} if shipped else {}
        found[row.pk] = _of_release(row, every, times, services, at)
    return found


def _of_release(
    release: Release,
    every: list[Covered],
    times: Mapping[int, list[Window]],
    services: Mapping[int, str],
    at: datetime,
) -> ReleaseFreezes:
    holding: list[FreezeNow] = []
    lifted: list[LiftedFreeze] = []
    for each in every:
        found = each.holds_for(release, services)
        for window in times[each.freeze.pk] if found is not None else ():
            now = _now(each.freeze, window, found or ())
            lift = each.lift_of(window, release.pk, at)
            if lift is None:
                holding.append(now)
            else:
                lifted.append(LiftedFreeze(now, lift.by.name, lift.at, lift.reason, lift.expires_at))
    return ReleaseFreezes(
        tuple(sorted(holding, key=lambda one: (one.starts, one.ends, one.freeze))),
        tuple(sorted(lifted, key=lambda one: (one.freeze.starts, one.freeze.ends, one.freeze.freeze))),
    )


def _now(freeze: Freeze, window: Window, services: tuple[str, ...]) -> FreezeNow:
    url = freeze.get_absolute_url()
    return FreezeNow(freeze.pk, window.name, freeze.reason, window.day, window.starts, window.ends, url, services)


def calendar() -> bytes:
    """Return all freezes as an iCalendar file, without the days on which they are lifted; seven queries at most."""
    now, found = clock.now(), []
    counted = FreezeLift.objects.values("freeze").annotate(times=Count("pk") + Count("withdrawn_at"))
    lifts = dict(counted.order_by().values_list("freeze", "times"))
    for each in covered():
        freeze = each.freeze
        lifted = frozenset(lift.day for lift in each.lifts if lift.day is not None and lift.release_id is None)
        times = replace(freeze.times, exceptions=freeze.times.exceptions | lifted)
        days = occurrences.upcoming(times, now, 100, within=timedelta(days=730)) if times.holidays else []
        found.append(
            Written(
                uid=freeze.uid,
                sequence=freeze.version - 1 + lifts.get(freeze.pk, 0),
                changed_at=freeze.changed_at,
                reason=freeze.reason,
                url=settings.RODEO_BASE_URL + freeze.get_absolute_url(),
                times=times,
                days=tuple((one.day, one.name) for one in days),
            )
        )
    return write_calendar(found)


def feed_behind(secret: str) -> FreezeFeed | None:
    """Return the calendar address with this secret; nothing if it is unknown or its person can no longer sign in."""
    return FreezeFeed.objects.filter(user__is_active=True).behind(secret)


def has_feed(person: Actor) -> bool:
    """Say whether this person has an address for a calendar."""
    return FreezeFeed.objects.filter(user=person, revoked_at=None).exists()


@dataclass(frozen=True, slots=True)
class Row:
    """A freeze in a list: when it holds next, or holds now, and what it covers, in words."""

    freeze: Freeze
    next: Window | None
    now: bool
    covers: str
    repeats: str


def rows_of(freezes: Iterable[Freeze]) -> list[Row]:
    """Return freezes as the list shows them; those on at this moment first, those that are over last."""
    at = clock.now()
    rows = []
    for each in freezes:
        following = next(iter(occurrences.upcoming(each.times, at, 1)), None)
        rows.append(Row(each, following, bool(following and following.starts <= at), covers(each), repeats(each)))
    return rows


def covers(freeze: Freeze) -> str:
    """Say what a freeze covers: "everything", or what it names."""
    parts = [", ".join(freeze.lines) and f"releases of {', '.join(freeze.lines)}"]
    parts += [
        ", ".join(each.name for each in freeze.services.all()),
        ", ".join(str(each) for each in freeze.environments.all()),
    ]
    return "; ".join(each for each in parts if each) or "everything"


PRESETS = {
    "": "Never",
    "FREQ=DAILY": "Every day",
    "FREQ=WEEKLY": "Every week",
    "FREQ=WEEKLY;INTERVAL=2": "Every two weeks",
    "FREQ=MONTHLY": "Every month",
    "FREQ=YEARLY": "Every year",
}


def repeats(freeze: Freeze) -> str:
    """Say how a freeze repeats: in words where there are some, else by its rule."""
    if freeze.holidays:
        return f"public holidays of {freeze.holidays}"
    plain, _, until = freeze.rule.partition(";UNTIL=")
    if plain in PRESETS:
        word = PRESETS[plain].lower()
        return f"{word} until {until[:4]}-{until[4:6]}-{until[6:8]}" if until else word
    return freeze.rule


def lifts_of(freeze: Freeze) -> "QuerySet[FreezeLift]":
    """Return everything that was lifted of a freeze, the newest first."""
    return freeze.lifts.select_related("by", "withdrawn_by", "release")


@dataclass(frozen=True, slots=True)
class ShownLift:
    """Something that was lifted, as the page lists it: why it lifts nothing any more, or "" if it does."""

    lift: FreezeLift
    over: str
    may_withdraw: bool


def shown_lifts(freeze: Freeze, lifts: Iterable[FreezeLift], user: Anyone) -> list[ShownLift]:
    """Return what was lifted of a freeze with what became of it, and whether this person can withdraw it."""
    terms, now = current_terms(freeze), clock.now()
    return [ShownLift(each, _over(each, terms, now), _withdrawable(each, user, now)) for each in lifts]


def _withdrawable(lift: FreezeLift, user: Anyone, now: datetime) -> bool:
    return lift.withdrawn_at is None and lift.expires_at > now and answers_for(lift.release, user)


def liftable(user: Anyone) -> "QuerySet[Release]":
    """Return the releases for which this person may lift a freeze: their own; all, for whoever answers for all."""
    rows = Release.objects.not_out()
    return rows if answers_for(None, user) else rows.filter(owner=user.pk)


def may_lift(user: Anyone) -> bool:
    """Say whether this person may lift a freeze for any release."""
    return answers_for(None, user) or (user.is_authenticated and not user.program_of_id and liftable(user).exists())


def _over(lift: FreezeLift, terms: str, now: datetime) -> str:
    if lift.withdrawn_at is not None:
        return f"withdrawn by {lift.withdrawn_by.name}" if lift.withdrawn_by else "withdrawn"
    if lift.expires_at <= now:
        return "expired"
    return "void: the freeze was changed since" if lift.terms != terms else ""


def history_of(freeze: Freeze) -> Newest[StateChange]:
    """Return the newest of what people did with a freeze."""
    rows = StateChange.objects.filter(kind="freeze", key=str(freeze.pk)).select_related("by")
    return newest(rows.order_by("-at", "-pk"), HISTORY_SHOWN)


@dataclass(frozen=True, slots=True)
class Month:
    """A month as a picture: weeks of days, each with the freezes that hold on it (in UTC)."""

    first: date
    weeks: list[list["Day"]]
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a month, with what holds on it, each time with its freeze."""

    day: date
    inside: bool
    today: bool
    found: list[tuple[Freeze, Window]]


def month_of(freezes: Iterable[Freeze], asked: str) -> Month:
    """Return a month ("2026-12", the present one for anything else) with the freezes that hold on each of its days."""
    now = clock.now()
    try:
        first = datetime.strptime(asked, "%Y-%m").replace(tzinfo=now.tzinfo)
    except ValueError:
        first = now
    first = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    days = list(calendars.Calendar().itermonthdates(first.year, first.month)) if 2000 <= first.year <= 2099 else []
    if not days:
        return month_of(freezes, "")
    rows = {each.pk: each for each in freezes}
    start, end = (datetime.combine(each, datetime.min.time(), now.tzinfo) for each in (days[0], days[-1]))
    found = occurrences.windows((each.times for each in rows.values()), start, end + timedelta(days=1))
    shown = [_day(day, first.date(), now, [(rows[each.key], each) for each in found]) for day in days]
    weeks = [shown[number : number + 7] for number in range(0, len(shown), 7)]
    other = [(first + timedelta(days=each)).strftime("%Y-%m") for each in (-1, 32)]
    return Month(first.date(), weeks, *other)


def _day(day: date, first: date, now: datetime, found: list[tuple[Freeze, Window]]) -> Day:
    starts = datetime.combine(day, datetime.min.time(), now.tzinfo)
    on = [each for each in found if each[1].starts < starts + timedelta(days=1) and each[1].ends > starts]
    # One that ends and begins again on a day is on once, by the later time.
    once = {(freeze.pk, window.name): (freeze, window) for freeze, window in on}
    return Day(day, day.month == first.month, day == now.date(), list(once.values()))
