"""What the calendar of releases shows: when releases are planned for, were tagged and went out."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from portal.kernel import days
from releases.freezes import occurrences
from releases.freezes.models import Freeze
from releases.freezes.queries import MOST_FREEZES
from releases.planning.models import Release
from releases.release_calendar import icalendar
from releases.release_calendar.models import CalendarAddress, CalendarEntry

MOST_ENTRIES, MOST_EVENTS = 500, 2000
PAST, FUTURE = timedelta(days=366), timedelta(days=732)
FIRST, LAST = date(1971, 1, 1), date(9990, 12, 31)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the calendar, from its first day to its last: a release (planned, late, tagged, out, abandoned) or freeze."""

    kind: str
    first: date
    last: date
    title: str
    url: str
    line: str = ""
    # Of a release: which one, and when it was created.
    release: UUID | None = None
    created_at: datetime | None = None

    @property
    def said(self) -> str:
        """What the feed says of it, as `CalendarEntry` keeps it."""
        return f"{self.first} {self.title}"[:500]


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a month's page."""

    day: date
    in_month: bool
    is_today: bool
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class Month:
    """A month: its weeks, and the same entries as a list by day, for narrow screens and for reading aloud."""

    first: date
    weeks: list[list[Day]]
    agenda: list[Day]
    more: bool
    before: date | None
    after: date | None


def entries(
    first: date, last: date, line: str | None = None, most: int = MOST_ENTRIES, *, with_freezes: bool = True
) -> tuple[list[Entry], bool]:
    """Return what there is between two days, both included, in order, and whether there is more than is returned.

    Of one line, or of all (None). Three queries at most, however many entries there are.
    """
    dated = Q(released_at__gte=days.start_of(first), released_at__lt=days.end_of(last))
    planned = Q(is_out=False, planned_for__range=(first, last))
    rows = Release.objects.filter(planned | dated & (Q(is_out=True) | Q(planned_for=None)))
    if line is not None:
        rows = rows.filter(line=line)
    found = list(rows.only(*COLUMNS).order_by("planned_for", "released_at", "version_key", "pk")[: most + 1])
    more, now = len(found) > most, days.today()
    gone = called_off(found[:most])
    made = [entry_of(release, now, abandoned=release.pk in gone) for release in found[:most]]
    if with_freezes:
        made += _freezes(first, last)
    return sorted(made, key=lambda each: (each.first, each.last, each.title)), more


def _freezes(first: date, last: date) -> list[Entry]:
    """Return when freezes hold between two days."""
    rows = {each.pk: each for each in Freeze.objects.order_by("pk")[:MOST_FREEZES]}
    times = (each.times for each in rows.values())
    found = occurrences.windows(times, days.start_of(first), days.end_of(last))
    return [
        Entry(
            kind="freeze",
            first=days.day_of(each.starts),
            # The end is not part of it.
            last=days.day_of(each.ends - timedelta(seconds=1)),
            title=f"Freeze: {each.name}",
            url=rows[each.key].get_absolute_url(),
        )
        for each in found
    ]


COLUMNS = ("pk", "slug", "line", "version", "planned_for", "released_at", "is_out", "abandoned_at", "created_at")


def called_off(releases: Iterable[Release]) -> set[UUID]:
    """Return the ids of those that were abandoned and didn’t go out all the same. One query; none if none was abandoned."""
    abandoned = [release.pk for release in releases if release.abandoned_at is not None]
    return set(Release.objects.called_off().filter(pk__in=abandoned).values_list("pk", flat=True))


def entry_of(release: Release, now: date, *, abandoned: bool) -> Entry:
    """Return a release as the calendar shows it. It must have a target date, be out, or have a tag."""
    if release.released_at is not None and (release.is_out or release.planned_for is None):
        day = days.day_of(release.released_at)
        kind = "out" if release.is_out else "abandoned" if abandoned else "tagged"
    else:
        day = release.planned_for or now
        kind = "abandoned" if abandoned else "late" if day < now else "planned"
    return Entry(
        kind=kind,
        first=day,
        last=day,
        # What the feed says must not depend on the day it is asked.
        title=f"{release}: {'planned' if kind == 'late' else kind}",
        url=release.get_absolute_url(),
        line=release.line,
        release=release.pk,
        created_at=release.created_at,
    )


def month(first: date, line: str | None = None) -> Month:
    """Return the page of the month that begins on a day, with the days before and after that fill its weeks."""
    beginning = first - timedelta(days=first.weekday())
    following = (first + timedelta(days=32)).replace(day=1)
    ending = following + timedelta(days=(-following.weekday()) % 7)
    found, more = entries(beginning, ending - timedelta(days=1), line)
    by_day: dict[date, list[Entry]] = defaultdict(list)
    for entry in found:
        day, last = max(entry.first, beginning), min(entry.last, ending - timedelta(days=1))
        while day <= last:
            # A freeze that ends and begins again on a day is on once.
            if entry.kind != "freeze" or all(each.url != entry.url for each in by_day[day]):
                by_day[day].append(entry)
            day += timedelta(days=1)
    now = days.today()
    every = [beginning + timedelta(days=number) for number in range((ending - beginning).days)]
    made = [
        Day(day, day.month == first.month, day == now, sorted(by_day[day], key=lambda each: each.kind == "freeze"))
        for day in every
    ]
    return Month(
        first,
        [made[start : start + 7] for start in range(0, len(made), 7)],
        [day for day in made if day.in_month and (day.entries or day.is_today)],
        more,
        (first - timedelta(days=1)).replace(day=1) if first > FIRST else None,
        following if following < LAST else None,
    )


# The feed


def address_behind(secret: str) -> CalendarAddress | None:
    """Return the address with this secret; nothing if it is unknown or revoked, or its person's account is closed."""
    return CalendarAddress.objects.select_related("person").filter(person__is_active=True).behind(secret)


def addresses_of(person: int) -> "QuerySet[CalendarAddress]":
    """Return the addresses of a person that work, newest first."""
    return CalendarAddress.objects.filter(person=person, revoked_at=None)


def in_feed(line: str | None = None) -> tuple[list[Entry], bool]:
    """Return the releases of a year ago to two years from now, and whether there are more than fit."""
    now = days.today()
    # Freezes have a feed of their own.
    return entries(now - PAST, now + FUTURE, line, MOST_EVENTS, with_freezes=False)


def feed(line: str | None, found: Iterable[Entry], *, more: bool) -> str:
    """Return the calendar of these releases in iCalendar form."""
    known = CalendarEntry.objects.in_bulk([each.release for each in found if each.release is not None])
    host = settings.RODEO_BASE_URL.partition("://")[2].partition("/")[0] or "rodeo"
    name = f"Releases of {line}" if line else "Releases"
    said = (
        f"Only {MOST_EVENTS:,} releases fit. Follow the calendar of a release line to see the others." if more else ""
    )
    return icalendar.written(
        name, (_event(each, known.get(each.release) if each.release else None, host) for each in found), said
    )


def _event(entry: Entry, known: CalendarEntry | None, host: str) -> icalendar.Event:
    return icalendar.Event(
        uid=f"release-{entry.release}@{host}",
        sequence=known.sequence if known is not None else 0,
        start=entry.first,
        end=entry.last,
        title=entry.title,
        changed_at=known.changed_at if known is not None else entry.created_at or days.start_of(entry.first),
        url=settings.RODEO_BASE_URL + entry.url,
        cancelled=entry.kind == "abandoned",
    )
