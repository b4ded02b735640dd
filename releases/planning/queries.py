"""What the pages of releases show."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from natsort import natsort_keygen

from portal.accounts.models import User
from portal.kernel import charts, days, numbers
from portal.kernel.actors import Anyone
from portal.kernel.charts import Bar
from portal.kernel.versions import version_key
from releases.pipelines.models import Change, StoryLink
from releases.planning.members import shipments_of, states_of
from releases.planning.models import Release
from releases.planning.state import State
from squads.models import Squad, Story
from squads.stories.queries import Line, lines

CHARTS, BARS = 3, 40
# A line with more releases in its last year than bars is drawn by the week.
YEAR, MOST_CHARTED = timedelta(days=365), 2000
SERIES = ("user stories", "defects")
DONE = Count("pk", filter=Q(stage="rodeo_done"))
natural = natsort_keygen()


class Row(NamedTuple):
    """One release in the list."""

    release: Release
    state: State
    interval: float | None
    user_stories: int
    defects: int
    chores: int
    done: int

    @property
    def total(self) -> int:
        """How many stories it has, of which so many are rodeo done."""
        return self.user_stories + self.defects + self.chores


@dataclass(frozen=True, slots=True)
class Batch:
    """The batch chart of one line of releases, with the numbers it draws."""

    line: str
    chart: Any
    bars: list[Bar]
    # How many releases it shows, and how many older ones it does not; each bar is a release, or a week of them.
    count: int
    left_out: int
    weekly: bool
    stories: int
    defects: int
    interval: float | None
    largest: Bar | None = field(default=None)

    @property
    def total(self) -> int:
        """User stories and defects of all its releases."""
        return self.stories + self.defects


def lines_of_releases() -> list[str]:
    """Return the lines there are, in natural order; "" stands for company-wide releases."""
    return sorted(Release.objects.order_by().values_list("line", flat=True).distinct(), key=natural)


def newest_first(line: str | None, state: str = "") -> "QuerySet[Release, UUID]":
    """Return the ids of all releases of a line (of all lines for None), or of those in a state, newest first."""
    rows = Release.objects.newest_first()
    if state:
        rows = rows.in_state(state)
    if line is not None:
        rows = rows.filter(line=line)
    return rows.values_list("pk", flat=True)


def batches(release_ids: Iterable[UUID]) -> dict[UUID, Counter[str]]:
    """Return how many stories of each type each release has, and how many are rodeo done: planned for it, or named by one
    of its changes. What was cancelled or is a duplicate counts for none.
    """
    ids = list(release_ids)
    found: dict[UUID, Counter[str]] = defaultdict(Counter)
    planned = Story.objects.not_ended().filter(release__in=ids).order_by()
    for release, type_, count, done in planned.values_list("release_id", "type").annotate(n=Count("*"), done=DONE):
        found[release] += Counter({type_: count, "rodeo_done": done})
    links = StoryLink.objects.asking().filter(change__release__in=ids, story__ending="")
    named = links.exclude(story__release=F("change__release")).order_by()
    columns = ("change__release_id", "story_id", "story__type", "story__stage")
    for release, _, type_, stage in named.values_list(*columns).distinct():
        found[release] += Counter({type_: 1, "rodeo_done": stage == "rodeo_done"})
    return found


def rows_of(ids: list[UUID]) -> list[Row]:
    """Return list rows for these releases, in this order, each with the days since the one before it in its line."""
    releases = Release.objects.with_last_verdict(days.today()).select_related("owner", "abandoned_by").in_bulk(ids)
    shipped = shipments_of(ids)
    before, states = _days_before(releases.values()), states_of(releases.values(), shipped)
    sizes = {pk: Counter(each.type for each in shipped[pk].values()) for pk in ids}
    return [
        Row(
            releases[pk],
            states[pk],
            before.get(pk),
            sizes[pk]["user_story"],
            sizes[pk]["defect"],
            sizes[pk]["chore"],
            sum(each.stage == "rodeo_done" for each in shipped[pk].values()),
        )
        for pk in ids
        if pk in releases
    ]


def _days_before(releases: Iterable[Release]) -> dict[UUID, float]:
    """Return the days from the previous release of the same line to each of these, where there is one."""
    dated = {release.line for release in releases if release.released_at}
    rows = Release.objects.filter(line__in=dated, released_at__isnull=False).order_by(
        "released_at", "version_key", "pk"
    )
    lines: dict[str, list[tuple[UUID, datetime]]] = defaultdict(list)
    for pk, line, at in rows.values_list("pk", "line", "released_at"):
        if at is not None:
            lines[line].append((pk, at))
    return {
        later: (at - before).total_seconds() / 86400
        for same in lines.values()
        for (_, before), (later, at) in pairwise(same)
    }


def batch_charts(line: str | None, lines: list[str]) -> tuple[list[Batch], str]:
    """Return the batch chart of one line, or of the few lines that released last, and why there is no other or none."""
    rows = Release.objects.filter(released_at__isnull=False).order_by("-released_at")
    if line is not None:
        rows = rows.filter(line=line)
    by_line: dict[str, list[Release]] = {}
    for release in rows.only("pk", "line", "version", "released_at"):
        by_line.setdefault(release.line, []).append(release)
    chosen = {name: _charted(some) for name, some in list(by_line.items())[: CHARTS * 3]}
    sizes = batches(release.pk for some in chosen.values() for release in some)
    drawn = [batch for name, some in chosen.items() if (batch := _batch(name, some, len(by_line[name]), sizes))]
    return drawn[:CHARTS], _no_chart(line, chosen, drawn, len(by_line))


def _no_chart(line: str | None, chosen: dict[str, list[Release]], drawn: list[Batch], lines: int) -> str:
    """Say why something that people release has no chart here; "" when all have one."""
    if drawn:
        more = lines - len(drawn[:CHARTS])
        return (
            f"{more} more {'lines have' if more > 1 else 'line has'} no chart here. Choose one above." if more else ""
        )
    if not chosen:
        return f"No chart yet: {line} has no releases." if line and lines == 0 else ""
    looked_at = max(len(some) for some in chosen.values())
    return (
        f"No chart yet: {f'the last {looked_at} releases have' if looked_at > 1 else 'this release has'} no user stories "
        "or defects. Plan stories for a release, or mention their keys in commits."
    )


def _charted(newest: list[Release]) -> list[Release]:
    """Return the releases that the chart of a line shows, the newest first: its last year, or, if those are few, more."""
    since = newest[0].released_at - YEAR  # type: ignore[operator]
    year = [release for release in newest[:MOST_CHARTED] if release.released_at >= since]  # type: ignore[operator]
    return year if len(year) > BARS else newest[:BARS]


def _batch(line: str, newest: list[Release], count: int, sizes: dict[UUID, Counter[str]]) -> Batch | None:
    shown = sorted(newest, key=lambda release: (release.released_at, version_key(release.version)))
    bars = [
        Bar(
            release.released_at.date(),  # type: ignore[union-attr]
            release.version,
            (sizes.get(release.pk, Counter())["user_story"], sizes.get(release.pk, Counter())["defect"]),
        )
        for release in shown
    ]
    if not any(bar.total for bar in bars):
        return None
    gaps = [(later.day - earlier.day).days for earlier, later in pairwise(bars)]
    weekly = len(bars) > BARS
    drawn = _weeks(bars) if weekly else bars
    each = "week" if weekly else "release"
    return Batch(
        line=line,
        chart=charts.stacked_bars(
            drawn,
            SERIES,
            f"User stories and defects per {each} of {line or 'the company'}, by date",
            # The caption says the sum: on one axis with it, bars are too low to read.
            cumulative=False,
        ),
        bars=drawn,
        count=len(bars),
        left_out=count - len(bars),
        weekly=weekly,
        stories=sum(bar.values[0] for bar in bars),
        defects=sum(bar.values[1] for bar in bars),
        interval=numbers.median(gaps),
        largest=max(drawn, key=lambda bar: bar.total),
    )


def _weeks(bars: list[Bar]) -> list[Bar]:
    """Return a bar for each week in which something was released, on its Monday."""
    found = []
    for monday, some in groupby(bars, lambda bar: bar.day - timedelta(days=bar.day.weekday())):
        values = zip(*(bar.values for bar in some), strict=True)
        found.append(Bar(monday, f"{monday:%Y-%m-%d}", tuple(sum(each) for each in values)))
    return found


def changes(release: Release) -> QuerySet[Change]:
    """Return the changes of a release, newest first."""
    return _newest_changes(Change.objects.filter(release=release))


def changes_of_stories(release: Release) -> QuerySet[Change]:
    """Return the changes that belong to stories planned for a release and to no other release, newest first: what is known of one
    without a tag."""
    asked = StoryLink.objects.asking().filter(change=OuterRef("pk"), story__release=release, story__ending="")
    return _newest_changes(Change.objects.filter(Exists(asked), release=None))


def _newest_changes(rows: QuerySet[Change]) -> QuerySet[Change]:
    return rows.select_related("repository__service").order_by(F("committed_at").desc(nulls_last=True), "pk")


def unlinked(release: Release) -> QuerySet[Change]:
    """Return the changes of a release that belong to no story, merge commits left out, newest first."""
    linked = StoryLink.objects.asking().filter(change=OuterRef("pk"))
    return changes(release).filter(is_merge=False).exclude(Exists(linked))


def keys_of(rows: Iterable[Change]) -> dict[UUID, list[str]]:
    """Return the keys of the stories that each of these changes belongs to."""
    found: dict[UUID, list[str]] = {}
    links = StoryLink.objects.asking().filter(change__in=[row.pk for row in rows])
    for change, key in links.order_by("key").values_list("change_id", "key"):
        found.setdefault(change, []).append(key)
    return found


def people() -> "QuerySet[User]":
    """Return the people who can own a release, by name."""
    return User.objects.filter(is_active=True, program_of=None).order_by("first_name", "last_name", "username")


MOST_PLANNED = 200


class Place(NamedTuple):
    """A story in a list that people order, with the keys of its neighbours there; "" for none."""

    line: Line
    above: str
    below: str


class OverLimit(NamedTuple):
    """A squad has more stories in a release than it wants."""

    stories: int
    limit: int


def over_limit(release: Release, squad: Squad) -> OverLimit | None:
    """Say how many stories a squad has in a release, if that is more than its limit; None if not, or without a limit.

    Those that are not planned but found in changes count too: they go out with it.
    """
    if squad.batch_limit is None:
        return None
    links = StoryLink.objects.asking().filter(change__release=release, story=OuterRef("pk"))
    shipped = Story.objects.not_ended().filter(Q(release=release) | Q(Exists(links)), squad=squad)
    count = shipped.count()
    return OverLimit(count, squad.batch_limit) if count > squad.batch_limit else None


def places(stories: Iterable[Story]) -> list[Place]:
    """Return stories as lines of a list that people order, in the few queries of `lines`."""
    made = lines(stories)
    keys = ["", *(line.story.key for line in made), ""]
    return [Place(line, keys[number], keys[number + 2]) for number, line in enumerate(made)]


def plannable(user: Anyone) -> list[Squad]:
    """Return the squads whose stories a person may plan: their own; all that take work for project managers."""
    manages = user.is_authenticated and user.is_project_manager
    squads = Squad.objects.active() if manages else Squad.objects.writable_by(user)
    return list(squads.order_by("name")[:500])


def planned(release: Release, squad: Squad) -> "QuerySet[Story]":
    """Return the stories of a squad that are planned for a release, in the squad's order, and are not cancelled."""
    return Story.objects.not_ended().filter(release=release, squad=squad).select_related("squad").order_by("rank")


def backlog(squad: Squad, text: str = "") -> "QuerySet[Story]":
    """Return the unfinished stories of a squad that are planned for no release, in the squad's order."""
    rows = Story.objects.unfinished().filter(release=None, squad=squad).select_related("squad").order_by("rank")
    return rows.matching(text) if text else rows
