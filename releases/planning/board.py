"""The release board: the stories of a release by stage and squad, read in a handful of queries whatever their number."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q
from django.template.loader import get_template

from portal.kernel import clock
from releases.pipelines.models import StoryLink
from squads.judge import judgement
from squads.models import Story
from squads.stories.cards import Card, CardMaker, LiveCard, Row, rows_of, version_of
from squads.teams.queries import left_out_words

MOST_CARDS = 500


@dataclass(frozen=True, slots=True)
class Lane:
    """One squad's row: its cards by stage."""

    squad: str
    slug: str
    count: int
    done: int
    cells: tuple[tuple[str, str, list[Card]], ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One stage: its name and how many stories stand on it."""

    stage: str
    name: str
    count: int
    share: str


class _Light(NamedTuple):
    """What is read of every story of the release, shown or not."""

    pk: int
    squad: int
    number: int
    slug: str
    stage: str
    type: str
    ending: str
    planned: bool


@dataclass(frozen=True, slots=True)
class BoardFilter:
    """A part of the board: one squad, stage or type; dark stories; or those found in changes and not planned."""

    squad: str = ""
    stage: str = ""
    type: str = ""
    dark: bool = False
    found: bool = False

    def __bool__(self) -> bool:
        return bool(self.squad or self.stage or self.type or self.dark or self.found)

    def takes(self, row: _Light) -> bool:
        """Say whether a story belongs to this part; whether it is dark is only known from its standing."""
        return (
            (not self.squad or row.slug == self.squad)
            and (not self.stage or row.stage == self.stage)
            and (not self.type or row.type == self.type)
            and not (self.found and row.planned)
        )


@dataclass(frozen=True, slots=True)
class Board:
    """Everything the board shows."""

    columns: list[Column]
    lanes: list[Lane]
    types: Mapping[str, int]
    total: int
    shown: int
    more: int
    dark: int
    found: int
    squads: list[tuple[str, int]]
    # How many cancelled stories and duplicates it leaves out, in words.
    left_out: str
    version: str

    @property
    def done(self) -> int:
        """How many are rodeo done."""
        return self.columns[-1].count


def _light(release: UUID) -> list[_Light]:
    """Return the stories of a release: those planned for it, and those that one of its changes names."""
    columns = ("pk", "squad_id", "number", "squad__slug", "stage", "type", "ending")
    rows: Any = Story.objects.filter(release=release).order_by().values_list(*columns)
    planned = [_Light._make((*row, True)) for row in rows]
    links = StoryLink.objects.asking().filter(change__release=release)
    named = set(links.order_by().values_list("story_id", flat=True).distinct()) - {row.pk for row in planned}
    if not named:
        return planned
    rows = Story.objects.filter(pk__in=named).order_by().values_list(*columns)
    return planned + [_Light._make((*row, False)) for row in rows]


def board(release: UUID, only: BoardFilter | None = None, at: datetime | None = None) -> Board:
    """Read the board of a release, or a part of it. At most five queries, whatever the number of stories."""
    at, only = at or clock.now(), only or BoardFilter()
    every = _light(release)
    light = [row for row in every if not row.ending]
    left_out = left_out_words(Counter(row.ending for row in every))
    wanted = sorted((row for row in light if only.takes(row)), key=lambda row: (row.slug, row.number))
    # Dark is read from the standing, so looking for it looks at all of them.
    chosen = wanted if only.dark else wanted[:MOST_CARDS]
    stories = sorted(rows_of(row.pk for row in chosen), key=lambda row: (row.squad.lower(), row.number))
    if only.dark:
        stories = [row for row in stories if row.standing.get("dark")]
        wanted = wanted[: len(stories)]
    unplanned = {row.pk for row in light if not row.planned}
    stages, count = Counter(row.stage for row in light), len(light)
    lanes = _lanes(stories[:MOST_CARDS], unplanned, at)
    dark = _dark(release, light, stories)
    return Board(
        columns=[_column(stage, stages[stage], count) for stage in judgement.STAGES],
        lanes=lanes,
        types=Counter(row.type for row in light),
        total=count,
        shown=min(len(stories), MOST_CARDS),
        more=max(len(wanted) - MOST_CARDS, 0),
        dark=dark,
        found=len(unplanned),
        squads=sorted(Counter(row.slug for row in light).items()),
        left_out=left_out,
        version=_version(
            sorted(stages.items()),
            dark,
            len(unplanned),
            left_out,
            [(lane.squad, [(card.key, card.mark) for _, _, cards in lane.cells for card in cards]) for lane in lanes],
        ),
    )


def _column(stage: str, count: int, total: int) -> Column:
    return Column(stage, judgement.STAGE_NAMES[stage], count, f"{round(100 * count / total)}\u202f%" if total else "")


def _dark(release: UUID, light: list[_Light], stories: list[Row]) -> int:
    """Count the dark stories of the whole release; those that were read anyway need no question."""
    if len(stories) == len(light):
        return sum(1 for row in stories if row.standing.get("dark"))
    named = [row.pk for row in light if not row.planned]
    return Story.objects.not_ended().filter(Q(release=release) | Q(pk__in=named), standing__dark=True).count()


def _version(*said: Any) -> str:
    """Return a mark that changes whenever one of these does."""
    return sha256(repr(said).encode()).hexdigest()[:16]


def _lanes(stories: list[Row], unplanned: set[int], at: datetime) -> list[Lane]:
    lanes: dict[str, tuple[str, dict[str, list[Card]]]] = {}
    for row, card in zip(stories, _cards(stories, at), strict=True):
        shown = card._replace(found=True) if row.pk in unplanned else card
        lanes.setdefault(row.slug, (row.squad, {name: [] for name in judgement.STAGES}))[1][row.stage].append(shown)
    return [
        Lane(
            squad,
            slug,
            sum(map(len, cells.values())),
            len(cells["rodeo_done"]),
            tuple((stage, judgement.STAGE_NAMES[stage], cards) for stage, cards in cells.items()),
        )
        for slug, (squad, cells) in lanes.items()
    ]


def _cards(rows: list[Row], at: datetime) -> Iterator[Card]:
    """Return the cards of these stories, ordered by their numbers: a release has stories of many squads."""
    maker = CardMaker.of(rows, at)
    return (maker.card(row, version_of(row), rank=row.number) for row in rows)


def card_html(card: Card) -> str:
    """Return one card, in the same words of one template as on the board."""
    template: Any = get_template("releases/planning/_card.jinja", using="jinja2")
    return str(template.template.module.card(card)).strip()


def live_cards(ids: list[int]) -> list[LiveCard]:
    """Return these stories as cards of every release board that shows them now, for the pages that have one open."""
    planned = set(Story.objects.filter(pk__in=ids, release__isnull=False).values_list("pk", "release__slug"))
    links = StoryLink.objects.asking().filter(story__in=ids, change__release__isnull=False).order_by()
    named = set(links.values_list("story_id", "change__release__slug").distinct()) - planned
    rows = rows_of(ids)
    made = {row.pk: card for row, card in zip(rows, _cards(rows, clock.now()), strict=True)}
    shown = []
    for places, found in ((planned, False), (named, True)):
        drawn: dict[int, str] = {}
        for pk, slug in places:
            if pk not in made:
                continue
            card = made[pk]._replace(found=found)
            drawn[pk] = drawn.get(pk) or card_html(card)
            shown.append(LiveCard(pk, f"release:{slug}", card.key, card.stage, card.rank, card.mark, drawn[pk]))
    return shown
