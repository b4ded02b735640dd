"""The release board: the stories of a release by stage and squad, read in a handful of queries whatever their number."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, F, Q, QuerySet, Value
from django.template.loader import get_template

from portal.kernel import clock
from portal.kernel.actors import Anyone
from portal.kernel.among import Among, Given
from portal.kernel.prepared import Prepared
from releases.pipelines.models import StoryLink
from releases.planning.members import Shipment, named
from squads.assignments.queries import assigned_to
from squads.boards.filters import LABELS, Chip, with_chosen
from squads.boards.time_in_stage import stalls, usual_in
from squads.judge import judgement
from squads.labels.queries import labelled
from squads.models import Story
from squads.stories.cards import SINCE_AS_TEXT, Card, CardMaker, LiveCard, Row, moment, rows_of, version_of
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
    since: datetime | None
    hit: bool
    planned: bool


@dataclass(frozen=True, slots=True)
class BoardFilter:
    """A part of the board, as its address says: of one squad, stage, type or label; dark, blocked or stalled stories, those
    found in changes and not planned, or those of whoever looks."""

    squad: str = ""
    stage: str = ""
    type: str = ""
    label: str = ""
    dark: bool = False
    found: bool = False
    mine: bool = False
    blocked: bool = False
    stalled: bool = False

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))

    @property
    def query(self) -> str:
        """What follows the question mark in the board's address."""
        said = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "mine"}
        parts = {name: "1" if value is True else value for name, value in said.items() if value}
        return urlencode(parts | ({"assignee": "me"} if self.mine else {}))

    def condition(self, me: Anyone | None) -> Q:
        """Return what the database alone can tell, `me` being who looks."""
        wanted = Q()
        if self.mine:
            wanted &= assigned_to("me", me)
        if self.blocked:
            wanted &= ~Q(blocked_because="")
        if self.label:
            wanted &= labelled(self.label)
        return wanted

    def takes(self, row: _Light) -> bool:
        """Say whether a story belongs to this part; dark is only known from its standing, and stalled from its squad."""
        return (
            row.hit
            and (not self.squad or row.slug == self.squad)
            and (not self.stage or row.stage == self.stage)
            and (not self.type or row.type == self.type)
            and not (self.found and row.planned)
        )


def chips(only: BoardFilter, types: Iterable[str], labels: Iterable[str], *, signed_in: bool) -> list[Chip]:
    """Return the chips of a release board; one that is on takes itself back, and all others stay as they are."""

    def chip(name: str, part: str, value: str | bool = True, command: str = "") -> Chip:
        on = getattr(only, part) == value
        changed: dict[str, Any] = {part: type(value)() if on else value}
        return Chip(name, replace(only, **changed).query, on, command)

    mine = [chip("Mine", "mine", True, "Show everyone’s cards" if only.mine else "Show my cards")] if signed_in else []
    names = [(value, name.capitalize()) for value, name in Story.Type.choices if value in types or value == only.type]
    return [
        *mine,
        chip("Blocked", "blocked"),
        chip("Stalled", "stalled"),
        *(chip(name, "type", value) for value, name in names),
        *(chip(label, "label", label) for label in with_chosen(labels, only.label)),
    ]


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
    # The labels that most of its cards have.
    labels: list[str]
    # How many cancelled stories and duplicates it leaves out, in words.
    left_out: str
    # All stories of the release, for its state.
    shipped: Mapping[int, Shipment]
    version: str

    @property
    def done(self) -> int:
        """How many are rodeo done."""
        return self.columns[-1].count


LIGHT = ("pk", "squad_id", "number", "squad__slug", "stage", "type", "ending", SINCE_AS_TEXT)
EVERY = Value(True, BooleanField())


def _lightly(row: tuple[Any, ...], *, planned: bool) -> _Light:
    *columns, since, hit = row
    return _Light._make((*columns, moment(since), hit, planned))


def _light(release: UUID, only: BoardFilter, me: Anyone | None) -> tuple[list[_Light], dict[int, Shipment]]:
    """Return the stories of a release, those planned for it and those that one of its changes names; and what it ships."""
    condition = only.condition(me)
    hit: Any = ExpressionWrapper(condition, BooleanField()) if condition else EVERY
    rows: Any = (
        Story.objects.filter(release=release).order_by().values_list(*LIGHT, hit)
        if condition
        else PLANNED.rows(release=release)
    )
    found = [_lightly(row, planned=True) for row in rows]
    linked: dict[int, list[datetime | None]] = {}
    for pk, at in LINKED.rows(release=release):
        linked.setdefault(pk, []).append(at)
    unplanned = linked.keys() - {row.pk for row in found}
    if unplanned:
        rows = Story.objects.filter(pk__in=unplanned).order_by().values_list(*LIGHT, hit)
        found += [_lightly(row, planned=False) for row in rows]
    return found, {row.pk: _shipment(row, linked.get(row.pk, ())) for row in found if not row.ending}


def _planned() -> "QuerySet[Any, Any]":
    return (
        Story.objects.filter(Among(F("release"), Given("release", is_one=True))).order_by().values_list(*LIGHT, EVERY)
    )


def _linked() -> "QuerySet[Any, Any]":
    links = StoryLink.objects.asking().filter(Among(F("change__release"), Given("release", is_one=True))).order_by()
    return links.values_list("story_id", "linked_at").distinct()


PLANNED, LINKED = Prepared(_planned), Prepared(_linked)


def _shipment(row: _Light, linked: Iterable[datetime | None]) -> Shipment:
    shipment = Shipment(row.stage, row.type, row.planned)
    for at in linked:
        shipment = named(shipment, at)
    return shipment


def board(
    release: UUID, only: BoardFilter | None = None, at: datetime | None = None, *, me: Anyone | None = None
) -> Board:
    """Read the board of a release, or a part of it, as `me` sees it. At most six queries, whatever the number of stories."""
    at, only = at or clock.now(), only or BoardFilter()
    every, shipped = _light(release, only, me)
    light = [row for row in every if not row.ending]
    left_out = left_out_words(Counter(row.ending for row in every))
    wanted = sorted(_taken(light, only, at), key=lambda row: (row.slug, row.number))
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
        labels=_labels(stories),
        left_out=left_out,
        shipped=shipped,
        version=_version(sorted(stages.items()), dark, len(unplanned), left_out, _marks(lanes)),
    )


def _taken(light: list[_Light], only: BoardFilter, at: datetime) -> Iterator[_Light]:
    """Return the stories of this part of the board. None that is rodeo done stalls."""
    known = usual_in(row.squad for row in light) if only.stalled else {}
    for row in light:
        if not only.takes(row):
            continue
        if not only.stalled or (row.stage != "rodeo_done" and stalls(row.stage, row.since, at, known[row.squad])):
            yield row


def _labels(stories: Iterable[Row]) -> list[str]:
    counted = Counter(label for row in stories for label in row.labels)
    return sorted((label for label, _ in counted.most_common(LABELS)), key=str.lower)


def _marks(lanes: Iterable[Lane]) -> list[Any]:
    return [(lane.squad, [(card.key, card.mark) for _, _, cards in lane.cells for card in cards]) for lane in lanes]


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
