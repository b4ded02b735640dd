"""The readiness of all open releases, beside their forecasts and what was said of them before."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from django.db.models import F, QuerySet, Value

from portal.kernel import clock, days
from portal.kernel.actors import Anyone
from portal.kernel.sentences import counted
from releases.forecasts.models import DailyForecast
from releases.forecasts.sentences import said_date
from releases.gates.readiness import NOT_READY, VERDICTS, Readiness
from releases.overview.filters import ME, Asked
from releases.overview.models import DailyReadiness, ReadinessDigest, ReadinessView
from releases.planning.models import Release
from releases.planning.queries import batches
from releases.readiness.queries import readiness_of, said_who
from squads.models import Squad

# So many releases are judged at once where their verdict decides whether they are shown.
JUDGED_AT_ONCE = 200
# How far back something is looked for to compare with.
LOOK_BACK = timedelta(days=14)


@dataclass(slots=True)
class Row:
    """One open release in the overview."""

    release: Release
    readiness: Readiness
    total: int
    rodeo_done: int
    forecast: DailyForecast | None = None
    # Who can act, with how many blockers.
    blockers: list[tuple[str, str, int]] = field(default_factory=list)
    # What is another than on `since`; None where nothing was kept.
    changes: list[str] = field(default_factory=list)
    since: date | None = None

    @property
    def blocking(self) -> int:
        """How many blockers there are."""
        return sum(count for _, _, count in self.blockers)

    @property
    def level(self) -> str:
        """The colour of the verdict."""
        return {"ready": "good", NOT_READY: "bad"}.get(self.readiness.verdict, "warn")

    @property
    def forecast_of(self) -> date | None:
        """The day of its forecast, if that isn't today."""
        return None if self.forecast is None or self.forecast.day == days.today() else self.forecast.day

    @property
    def late_days(self) -> int:
        """How many days the 85 % date is after the day that the release is planned for; 0 if it isn't."""
        if self.forecast is None or self.forecast.p85 is None or self.release.planned_for is None:
            return 0
        return max(0, (self.forecast.p85 - self.release.planned_for).days)


def open_releases(asked: Asked = Asked(), me: Anyone | None = None) -> "QuerySet[Release]":  # noqa: B008 - frozen
    """Return the open releases (`ReleaseQuerySet.open`). Those planned for the next days come first."""
    rows = Release.objects.open(clock.now())
    if asked.squad:
        rows = rows.shipping_for(asked.squad)
    if asked.line:
        rows = rows.filter(line=asked.line)
    if asked.owner == ME:
        # Whoever isn't signed in owns none; releases without an owner are nobody's.
        rows = rows.filter(owner=me.pk) if me is not None and me.pk else rows.none()
    elif asked.owner:
        rows = rows.filter(owner__username=asked.owner)
    return rows.select_related("owner").order_by(F("planned_for").asc(nulls_last=True), "line", "version_key", "pk")


def with_verdict(rows: Sequence[Release], verdict: str) -> list[Release]:
    """Return those of these releases whose verdict is this one."""
    found: list[Release] = []
    for start in range(0, len(rows), JUDGED_AT_ONCE):
        some = rows[start : start + JUDGED_AT_ONCE]
        judged = readiness_of(some)
        found += [release for release in some if judged[release.pk].verdict == verdict]
    return found


def rows_of(releases: Iterable[Release], ago: int = 1) -> list[Row]:
    """Return the overview's rows of these releases, compared with what was said so many days ago. At most 25 queries."""
    asked, today = list(releases), days.today()
    judged, sizes = readiness_of(asked), batches(release.pk for release in asked)
    forecasts, before = _forecasts(asked, today), _before(asked, today, ago)
    rows = []
    for release in asked:
        size = sizes.get(release.pk, Counter())
        row = Row(release, judged[release.pk], size.total() - size["rodeo_done"], size["rodeo_done"])
        row.blockers = _blockers(row.readiness)
        known = forecasts.get(release.pk, [])
        row.forecast = known[-1] if known else None
        if said := before.get(release.pk):
            earlier = [each for each in known if each.day <= said.day]
            row.since, row.changes = said.day, changes(row, said, earlier[-1] if earlier else None)
        rows.append(row)
    return rows


def _blockers(readiness: Readiness) -> list[tuple[str, str, int]]:
    counts = Counter((said_who(blocker), blocker.squad) for blocker in readiness.blockers)
    return [(who, squad, count) for (who, squad), count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))]


def _forecasts(releases: Sequence[Release], today: date) -> dict[UUID, list[DailyForecast]]:
    found: dict[UUID, list[DailyForecast]] = {}
    rows = DailyForecast.objects.filter(release__in=releases, day__gt=today - LOOK_BACK, day__lte=today)
    for row in rows.order_by("day"):
        found.setdefault(row.release_id, []).append(row)
    return found


def _before(releases: Sequence[Release], today: date, ago: int) -> dict[UUID, DailyReadiness]:
    """Return the newest row of each release that is at least so many days old."""
    since = today - timedelta(days=ago)
    rows = DailyReadiness.objects.filter(release__in=releases, day__lte=since, day__gt=today - LOOK_BACK)
    return {row.release_id: row for row in rows.order_by("day")}


def changes(row: Row, before: DailyReadiness, forecast: DailyForecast | None) -> list[str]:
    """Say what is another than it was; nothing where all is as before."""
    said = []
    if row.readiness.verdict != before.verdict:
        said.append(f"was {VERDICTS.get(before.verdict, before.verdict)}")
    for now, then, one, many in (
        (row.rodeo_done, before.rodeo_done, "rodeo done", "rodeo done"),
        (row.total, before.total, "story", "stories"),
        (row.blocking, before.blockers, "blocker", "blockers"),
    ):
        if now != then:
            name = counted(abs(now - then), one, many).split(" ", 1)[1]
            said.append(f"{abs(now - then)} {'more' if now > then else 'fewer'} {name}")
    earlier = forecast.p85 if forecast else None
    if earlier and row.forecast and row.forecast.p85 and row.forecast.p85 != earlier:
        said.append(f"85 % was {said_date(earlier)}")
    return said


def wants_digest(user: Anyone) -> bool:
    """Say whether a person gets the overview by mail."""
    return bool(user.is_authenticated and ReadinessDigest.objects.filter(person=user.pk, wanted=True).exists())


@dataclass(frozen=True, slots=True)
class Offered:
    """What the overview can be filtered by, as values with names; the views a person keeps, and whether they get it by mail."""

    lines: list[tuple[str, str]]
    owners: list[tuple[str, str]]
    squads: list[tuple[str, str]]
    views: list[ReadinessView]
    digest: bool


def offered(releases: Iterable[Release], me: Anyone) -> Offered:
    """Return what is offered beside these releases, in one query."""
    squads = Squad.objects.active().order_by().values_list(Value("squad"), "pk", "name", "slug")
    views = ReadinessView.objects.filter(owner=me.pk).order_by().values_list(Value("view"), "pk", "name", "query")
    wanted = ReadinessDigest.objects.filter(person=me.pk, wanted=True).order_by()
    digests = wanted.values_list(Value("digest"), "pk", "last_week", "last_week")
    found: dict[str, list[tuple[int, str, str]]] = {"squad": [], "view": [], "digest": []}
    for kind, pk, name, text in squads.union(views, digests, all=True):
        found[kind].append((pk, name, text))
    some = list(releases)
    return Offered(
        lines=[(line, line) for line in sorted({release.line for release in some if release.line})],
        owners=[(name, name) for name in sorted({release.owner.username for release in some if release.owner})],
        squads=sorted(((slug, name) for _, name, slug in found["squad"]), key=lambda each: each[1].casefold()),
        views=[
            ReadinessView(pk=pk, name=name, query=text)
            for pk, name, text in sorted(found["view"], key=lambda each: each[1])
        ],
        digest=bool(found["digest"]),
    )
