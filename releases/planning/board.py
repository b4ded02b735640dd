"""The release board: the stories of a release by stage and squad, read in a handful of queries whatever their number."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.template.loader import get_template
from django.urls import reverse
from django.utils.safestring import SafeString

from portal.kernel import clock
from releases.pipelines.models import StoryLink
from squads.judge import judgement
from squads.models import Story
from squads.stories import ladder
from squads.stories.cards import Card
from squads.stories.queries import gap_words, owner_names

MOST_CARDS = 500
TYPES = dict(Story.Type.choices)


class Face(NamedTuple):
    """One story on the board, every word of it ready."""

    key: str
    url: str
    title: str
    type: str
    type_name: str
    stage: str
    squad: str
    rank: int
    version: str
    glyph: SafeString
    answer: str
    gaps: str
    withdrawn: str
    dark: bool
    found: bool

    @property
    def mark(self) -> str:
        """What the card's data-version says."""
        return self.version + ("f" if self.found else "")


@dataclass(frozen=True, slots=True)
class Lane:
    """One squad's row: its cards by stage."""

    squad: str
    slug: str
    count: int
    done: int
    cells: tuple[tuple[str, str, list[Face]], ...]


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
    planned: bool


@dataclass(frozen=True, slots=True)
class Only:
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
    version: str

    @property
    def done(self) -> int:
        """How many are rodeo done."""
        return self.columns[-1].count


def _light(release: UUID) -> list[_Light]:
    """Return the stories of a release: those planned for it, and those that one of its changes names."""
    columns = ("pk", "squad_id", "number", "squad__slug", "stage", "type")
    rows: Any = Story.objects.filter(release=release).order_by().values_list(*columns)
    planned = [_Light._make((*row, True)) for row in rows]
    links = StoryLink.objects.filter(change__release=release, refused=False, story__isnull=False)
    named = set(links.order_by().values_list("story_id", flat=True).distinct()) - {row.pk for row in planned}
    if not named:
        return planned
    rows = Story.objects.filter(pk__in=named).order_by().values_list(*columns)
    return planned + [_Light._make((*row, False)) for row in rows]


def board(release: UUID, only: Only | None = None, at: datetime | None = None) -> Board:
    """Read the board of a release, or a part of it. At most five queries, whatever the number of stories."""
    at, only = at or clock.now(), only or Only()
    light = _light(release)
    wanted = sorted((row for row in light if only.takes(row)), key=lambda row: (row.slug, row.number))
    # Dark is read from the standing, so looking for it looks at all of them.
    chosen = wanted if only.dark else wanted[:MOST_CARDS]
    stories = sorted(_read([row.pk for row in chosen]), key=lambda row: (row[6].lower(), row[8]))
    if only.dark:
        stories = [row for row in stories if row[5].get("dark")]
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
        version=_version(
            sorted(stages.items()),
            dark,
            len(unplanned),
            [(lane.squad, [(face.key, face.mark) for _, _, cards in lane.cells for face in cards]) for lane in lanes],
        ),
    )


def _column(stage: str, count: int, total: int) -> Column:
    return Column(stage, judgement.STAGE_NAMES[stage], count, f"{round(100 * count / total)}\u202f%" if total else "")


def _dark(release: UUID, light: list[_Light], stories: list[tuple[Any, ...]]) -> int:
    """Count the dark stories of the whole release; those that were read anyway need no question."""
    if len(stories) == len(light):
        return sum(1 for row in stories if row[5].get("dark"))
    named = [row.pk for row in light if not row.planned]
    return Story.objects.filter(Q(release=release) | Q(pk__in=named), standing__dark=True).count()


COLUMNS = ("pk", "key", "title", "type", "stage", "standing", "squad__name", "squad__slug", "number")


def _read(ids: Iterable[int]) -> "QuerySet[Any, tuple[Any, ...]]":
    return Story.objects.filter(pk__in=ids).order_by().values_list(*COLUMNS)


def _version(*said: Any) -> str:
    """Return a mark that changes whenever one of these does."""
    return sha256(repr(said).encode()).hexdigest()[:16]


def _lanes(stories: list[tuple[Any, ...]], unplanned: set[int], at: datetime) -> list[Lane]:
    lanes: dict[str, tuple[str, dict[str, list[Face]]]] = {}
    for row, face in zip(stories, _faces(stories, at), strict=True):
        shown = face._replace(found=True) if row[0] in unplanned else face
        lanes.setdefault(face.squad, (row[6], {name: [] for name in judgement.STAGES}))[1][face.stage].append(shown)
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


def _faces(stories: Iterable[tuple[Any, ...]], at: datetime) -> Iterator[Face]:
    """Put what the cards of these stories show into words."""
    rows = list(stories)
    owners = owner_names(row[5] for row in rows)
    # Once for all: a reverse() per card costs more than the card.
    prefix = reverse("squads:stories:list")
    for _, key, title, type_, stage, standing, squad, slug, number in rows:
        yield Face(
            key,
            f"{prefix}{key}/",
            title,
            type_,
            TYPES[type_],
            stage,
            slug,
            number,
            _version(title, type_, stage, standing, slug, number)[:10],
            ladder.glyph(standing),
            judgement.say(standing, at=at, owners=owners, squad=squad),
            gap_words(standing),
            _withdrawn(standing),
            bool(standing.get("dark")),
            False,
        )


def card_html(face: Face) -> str:
    """Return one card, in the same words of one template as on the board."""
    template: Any = get_template("releases/planning/_card.jinja", using="jinja2")
    return str(template.template.module.card(face)).strip()


def live_cards(ids: list[int]) -> list[Card]:
    """Return these stories as cards of every release board that shows them now, for the pages that have one open."""
    planned = set(Story.objects.filter(pk__in=ids, release__isnull=False).values_list("pk", "release__slug"))
    links = StoryLink.objects.filter(story__in=ids, refused=False, change__release__isnull=False).order_by()
    named = set(links.values_list("story_id", "change__release__slug").distinct()) - planned
    faces = {row[0]: face for row, face in _each(list(_read(ids)))}
    cards = []
    for places, found in ((planned, False), (named, True)):
        drawn: dict[int, str] = {}
        for pk, slug in places:
            face = faces[pk]._replace(found=found)
            drawn[pk] = drawn.get(pk) or card_html(face)
            cards.append(Card(pk, f"release:{slug}", face.key, face.stage, face.rank, face.mark, drawn[pk]))
    return cards


def _each(rows: list[tuple[Any, ...]]) -> Iterator[tuple[tuple[Any, ...], Face]]:
    return zip(rows, _faces(rows, clock.now()), strict=True)


def _withdrawn(standing: Mapping[str, Any]) -> str:
    return ", ".join(ladder.NAMES[rung["rung"]] for rung in standing.get("rungs", ()) if rung["state"] == "withdrawn")
