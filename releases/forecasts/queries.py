"""When releases will be rodeo done, from the throughput of their squads."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import OuterRef, Subquery

from portal.kernel import days
from portal.kernel.stable_ids import stable_id
from releases.forecasts import bootstrap, history
from releases.forecasts.bootstrap import DAYS, MOST_WEEKS, TRIALS, Odds
from releases.forecasts.growth import Growth, factors
from releases.forecasts.models import DailyForecast
from releases.forecasts.throughput import Basis, Record, basis
from releases.pipelines.models import StoryLink
from releases.planning.models import Release
from releases.planning.state import DEPLOYED
from squads.models import Story

EVEN, LIKELY = 0.5, 0.85
# So many past releases are looked at to say how often the forecast held.
MOST_HELD = 100
MOST_LEFT_OUT = 200
KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*-[0-9]+")
UNFINISHED, DONE, EMPTY, ABANDONED = "unfinished", "done", "empty", "abandoned"


@dataclass(frozen=True, slots=True)
class Left:
    """A story of a release that isn't rodeo done yet."""

    pk: int
    key: str
    title: str
    stage: str
    squad: str
    squad_slug: str
    squad_id: int


@dataclass(frozen=True, slots=True)
class Scope:
    """The stories of a release, planned or found in its changes; cancelled ones and duplicates are left out."""

    total: int = 0
    left: tuple[Left, ...] = ()
    # When the last one was rodeo done, if all are and somebody knows.
    done: datetime | None = None

    def without(self, keys: Collection[str]) -> "Scope":
        """Return the scope if these stories were left out."""
        kept = tuple(story for story in self.left if story.key not in keys)
        return replace(self, total=self.total - len(self.left) + len(kept), left=kept)


@dataclass(frozen=True, slots=True)
class Held:
    """How many past releases were rodeo done by the 85 % date that was forecast first, of how many."""

    held: int = 0
    checked: int = 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a release will be rodeo done. Dates are None where there is none to say; `refusals` say why."""

    release: UUID
    today: date
    state: str
    target: date | None
    scope: Scope
    seed: int
    trials: int
    records: tuple[Record, ...]
    weeks: int
    growth: tuple[Growth, ...]
    held: Held
    refusals: tuple[str, ...] = ()
    odds: Odds | None = None

    @property
    def rodeo_done(self) -> int:
        """How many of its stories are rodeo done."""
        return self.scope.total - len(self.scope.left)

    @property
    def p50(self) -> date | None:
        """The day by which half of the trials were done."""
        return self._day(EVEN)

    @property
    def p85(self) -> date | None:
        """The day by which 85 % of the trials were done."""
        return self._day(LIKELY)

    @property
    def later_than(self) -> date | None:
        """The last day that is looked at, if the 85 % date is later."""
        return self.today + timedelta(days=MOST_WEEKS * DAYS) if self.odds and self.p85 is None else None

    @property
    def chance(self) -> float | None:
        """The share (0 to 1) of the trials that were done by the target; None without a target or without trials."""
        if self.odds is None or self.target is None:
            return None
        ahead = (self.target - self.today).days
        return self.odds.chance(ahead) if ahead >= 0 else 0.0

    @property
    def factors(self) -> list[float]:
        """The factors by which the scope grows in the trials; none if too few releases are finished to learn from."""
        return factors(self.growth)

    def _day(self, share: float) -> date | None:
        ahead = self.odds.day(share) if self.odds else None
        return None if ahead is None else self.today + timedelta(days=ahead)


def forecast_of(release: Release, today: date | None = None, without: Collection[str] = ()) -> Forecast:
    """Return the forecast of one release; as if the stories with the keys in `without` were not in it."""
    return forecasts_of([release], today, without)[release.pk]


def forecasts_of(
    releases: Iterable[Release], today: date | None = None, without: Collection[str] = ()
) -> dict[UUID, Forecast]:
    """Return the forecast of each of these releases, by what is known now. At most 16 queries.

    `today` is the first day that is forecast (in the company; the present one unless given).
    """
    asked, today = list(releases), today or days.today()
    scopes = scopes_of(asked)
    if without:
        scopes = {pk: scope.without(without) for pk, scope in scopes.items()}
    finished = history.finished_by({story.squad_id for scope in scopes.values() for story in scope.left}, today)
    growth, held = tuple(history.past_growth()), held_by(today)
    return {release.pk: _forecast(release, today, scopes[release.pk], finished, growth, held) for release in asked}


def _forecast(
    release: Release,
    today: date,
    scope: Scope,
    finished: Mapping[int, history.Finished],
    growth: tuple[Growth, ...],
    held: Held,
) -> Forecast:
    abandoned = _called_off(release, scope)
    records = [] if abandoned else _records(scope, finished)
    based = basis(records, today) if records else Basis(0, (), ())
    seed = seed_of(release)
    odds = None
    if based.teams:
        odds = bootstrap.simulate(based.teams, seed=seed, growth=factors(growth))
    return Forecast(
        release=release.pk,
        today=today,
        state=ABANDONED if abandoned else UNFINISHED if scope.left else DONE if scope.total else EMPTY,
        target=release.planned_for,
        scope=scope,
        seed=seed,
        trials=TRIALS,
        records=tuple(records),
        weeks=based.weeks,
        growth=growth,
        held=held,
        refusals=based.refusals,
        odds=odds,
    )


def _called_off(release: Release, scope: Scope) -> bool:
    """Say whether a release was abandoned and didn't go out all the same."""
    in_production = scope.total and all(story.stage in DEPLOYED for story in scope.left)
    return release.abandoned_at is not None and not release.is_out and not in_production


def seed_of(release: Release) -> int:
    """Return what the random numbers of a release begin with: always the same for one release."""
    return stable_id("forecast", release.pk).int >> 65


def _records(scope: Scope, finished: Mapping[int, history.Finished]) -> list[Record]:
    counts = Counter(story.squad_id for story in scope.left)
    found = (
        Record(each.squad.name, each.squad.slug, counts[pk], each.since, each.days, each.unknown)
        for pk, each in finished.items()
        if counts[pk]
    )
    return sorted(found, key=lambda record: record.squad.lower())


def scopes_of(releases: Iterable[Release]) -> dict[UUID, Scope]:
    """Return the stories of these releases. Two queries."""
    ids = [release.pk for release in releases]
    columns = ("pk", "key", "title", "stage", "squad__name", "squad__slug", "squad_id", "stage_at")
    stories = Story.objects.not_ended().order_by("squad__name", "number")
    found: dict[UUID, dict[int, tuple[Left, datetime | None]]] = {pk: {} for pk in ids}
    for release, *row, at in stories.filter(release__in=ids).values_list("release_id", *columns):
        found[release][row[0]] = (Left(*row), at)
    links = StoryLink.objects.asking().filter(change__release__in=ids, story__ending="").order_by()
    named = (f"story__{column}" for column in columns)
    for release, *row, at in links.values_list("change__release_id", *named).distinct():
        found[release].setdefault(row[0], (Left(*row), at))
    return {pk: _scope(list(rows.values())) for pk, rows in found.items()}


def _scope(rows: list[tuple[Left, datetime | None]]) -> Scope:
    left = tuple(
        sorted(
            (story for story, _ in rows if story.stage != Story.Stage.RODEO_DONE),
            key=lambda story: (story.squad.lower(), story.pk),
        )
    )
    moments = [at for _, at in rows]
    known = [at for at in moments if at is not None]
    return Scope(len(rows), left, max(known) if rows and not left and len(known) == len(rows) else None)


def held_by(today: date) -> Held:
    """Return how often the 85 % date that was forecast first held, over past releases. Three queries.

    A release counts once it is rodeo done, abandoned, or past its 85 % date: one that was never finished is a miss.
    """
    dated = DailyForecast.objects.filter(release=OuterRef("release"), p85__isnull=False).order_by("day")
    first = DailyForecast.objects.filter(pk=Subquery(dated.values("pk")[:1])).select_related("release")
    newest = list(first.order_by("-day", "pk")[:MOST_HELD])
    scopes = scopes_of([row.release for row in newest])
    held = checked = 0
    for row in newest:
        scope, p85 = scopes[row.release_id], row.p85
        assert p85 is not None
        done = days.day_of(scope.done) if scope.done else None
        if done is not None and done < row.day:
            continue
        if done is not None or p85 < today or _called_off(row.release, scope):
            checked += 1
            held += done is not None and done <= p85
    return Held(held, checked)


def daily(release: Release, most: int) -> list[DailyForecast]:
    """Return what was forecast for a release on the last days on which it was, the newest first."""
    return list(DailyForecast.objects.filter(release=release).order_by("-day")[:most])


class Choice(NamedTuple):
    """Stories that are left of a release, and what was named beside them, with what is wrong."""

    keys: tuple[str, ...]
    wrong: str


def chosen(said: Iterable[str], scope: Scope) -> Choice:
    """Read keys, each in a value of its own or separated by commas. What is no story left of the release is named."""
    words = dict.fromkeys(word.strip().upper() for value in said for word in value.split(",") if word.strip())
    left = {story.key for story in scope.left}
    known = tuple(word for word in words if word in left)
    if len(words) > MOST_LEFT_OUT:
        return Choice(known[:MOST_LEFT_OUT], f"Leave out {MOST_LEFT_OUT} stories at most.")
    strange = [word for word in words if word not in left]
    if not strange:
        return Choice(known, "")
    if not KEY.fullmatch(strange[0]):
        return Choice(known, f"“{strange[0][:40]}” is no key. A key looks like PAY-12.")
    return Choice(known, f"{strange[0]} isn’t an unfinished story of this release.")
