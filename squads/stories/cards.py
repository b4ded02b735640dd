"""The card of a story on any board: what it is made of, the mark of its version, and its words. Each board draws its own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from django.db.models import Case, F, QuerySet, TextField, When
from django.db.models.functions import Cast, Coalesce
from django.urls import reverse
from django.utils.safestring import SafeString

from portal.kernel import clock
from portal.kernel.among import Among, Given
from portal.kernel.prepared import Prepared
from squads.assignments.queries import Assignee
from squads.judge import judgement
from squads.stories import ladder
from squads.stories.models import Story
from squads.stories.queries import gap_words, owner_names, people_and_labels
from squads.teams.keys import foreign_key_of

MOST_LABELS_SHOWN = 3
TYPES = dict(Story.Type.choices)


class Row(NamedTuple):
    """What a card is made of."""

    pk: int
    key: str
    title: str
    type: str
    stage: str
    rank: int
    number: int
    standing: dict[str, Any]
    # None: it was brought in from elsewhere, where nobody said when.
    since: datetime | None
    blocked_because: str
    squad_id: int
    squad: str
    slug: str
    external: str
    priority: str
    due: date | None
    estimate: int | None
    people: tuple[Assignee, ...] = ()
    labels: tuple[str, ...] = ()


# Since when a story stands where it stands; one nobody moved, since it was written; unknown where nobody says when it moved.
# As text, which `moment` reads: the databases' drivers take longer to make a moment than all else about a card.
SINCE_AS_TEXT = Cast(
    Case(
        When(stage="todo", then=Coalesce("stage_at", "progress_at", "created_at")),
        default=Coalesce("stage_at", "progress_at"),
    ),
    TextField(),
)
BESIDE: dict[str, Any] = {"since": SINCE_AS_TEXT, "squad": "squad__name", "slug": "squad__slug"}
COLUMNS: tuple[Any, ...] = tuple(BESIDE.get(name, name) for name in Row._fields if name not in Row._field_defaults)
AT_SINCE = Row._fields.index("since")


def moment(text: str | None) -> datetime | None:
    """Return the moment that SINCE_AS_TEXT says. PostgreSQL writes its zone, which is UTC; SQLite leaves it out."""
    said = None if text is None else datetime.fromisoformat(text)
    return said.replace(tzinfo=UTC) if said is not None and said.tzinfo is None else said


class Fact(NamedTuple):
    """What people said of a story that its card shows as a tag: a priority, a due date, a label, an estimate."""

    words: str
    state: str = ""


class Card(NamedTuple):
    """One card, every word of it ready. The last ones are shown by some boards only."""

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
    brief: str
    gaps: str
    withdrawn: str
    dark: bool
    blocked: str = ""
    age: str = ""
    stalled: str = ""
    menu: str = ""
    found: bool = False
    elsewhere: str = ""
    people: tuple[Assignee, ...] = ()
    facts: tuple[Fact, ...] = ()

    @property
    def mark(self) -> str:
        """What the card's data-version says."""
        return self.version + ("f" if self.found else "")


class LiveCard(NamedTuple):
    """One story as one board shows it now, for the pages that have it open. `version` changes whenever what is shown of it
    does, words of "ago" aside."""

    story: int
    topic: str
    key: str
    stage: str
    rank: int
    version: str
    html: str


def rows_of(ids: Iterable[int]) -> list[Row]:
    """Read what the cards of these stories are made of, in two queries, in the order of their squads' boards.

    No board has a card of what was cancelled or is a duplicate.
    """
    ids = list(ids)
    people, labels = people_and_labels(ids)
    made = []
    for values in CARDS.rows(ids=ids):
        row = list(values)
        row[AT_SINCE] = moment(row[AT_SINCE])
        made.append(Row._make((*row, tuple(people.get(row[0], ())), tuple(labels.get(row[0], ())))))
    return made


def _cards() -> "QuerySet[Story, Any]":
    return Story.objects.not_ended().filter(Among(F("pk"), Given("ids"))).order_by("rank").values_list(*COLUMNS)


CARDS = Prepared(_cards)


def row_from(story: Story) -> Row:
    """Return what the card of a story at hand is made of, squad included."""
    since = story.stage_at or story.progress_at or (story.created_at if story.stage == "todo" else None)
    people, labels = (tuple(each.get(story.pk, ())) for each in people_and_labels([story.pk]))
    beside = {"since": since, "squad": story.squad.name, "slug": story.squad.slug, "people": people, "labels": labels}
    return Row._make(beside[name] if name in beside else getattr(story, name) for name in Row._fields)


def version_of(row: Row) -> str:
    """Return a mark that changes with what a card shows, and not with the words that say how long ago."""
    standing = row.standing
    rungs = [each["state"] for each in standing.get("rungs", ())]
    shown = (
        row.title,
        row.type,
        row.stage,
        row.blocked_because,
        row.since,
        rungs,
        standing.get("answer"),
        standing.get("gaps"),
        standing.get("dark"),
        row.squad,
        row.people,
        facts_of(row, clock.now().date()),
    )
    return blake2b(repr(shown).encode(), digest_size=6).hexdigest()


def day_of(day: date, today: date) -> str:
    """Say a day shortly, such as "3 Dec"; with its year where that is another one."""
    said = f"{day.day} {day:%b}"
    return said if day.year == today.year else f"{said} {day.year}"


def facts_of(row: Row, today: date) -> tuple[Fact, ...]:
    """Return what a card shows as tags; a priority only where it is not the usual one."""
    found = []
    if row.priority != "normal":
        found.append(Fact(row.priority))
    if row.due is not None and row.stage != "rodeo_done":
        late = row.due < today
        found.append(Fact(f"{'overdue since' if late else 'due'} {day_of(row.due, today)}", "warn" if late else ""))
    if row.estimate is not None:
        found.append(Fact(f"{row.estimate} point{'' if row.estimate == 1 else 's'}"))
    found += [Fact(label) for label in row.labels[:MOST_LABELS_SHOWN]]
    if more := row.labels[MOST_LABELS_SHOWN:]:
        found.append(Fact(f"+{len(more)}"))
    return tuple(found)


def withdrawn_words(standing: Mapping[str, Any]) -> str:
    """Return the rungs that stopped holding, such as "deployed, rodeo done"."""
    rungs = standing.get("rungs", ())
    return ", ".join(ladder.NAMES[rung["rung"]] for rung in rungs if rung["state"] == judgement.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class CardMaker:
    """Makes cards at one moment. What all of them need is read once: the squads that their answers name, in one query."""

    at: datetime
    owners: Mapping[str, str]
    prefix: str

    @classmethod
    def of(cls, rows: Iterable[Row], at: datetime) -> "CardMaker":
        """Return a maker of the cards of these rows."""
        # The prefix once for all: a reverse() per card costs more than the card.
        return cls(at, owner_names(row.standing for row in rows), reverse("squads:stories:list"))

    def card(self, row: Row, version: str, *, rank: int, brief: bool = False) -> Card:
        """Return the card of a row. A brief one leaves the answer out where the column says all that it would."""
        standing, withdrawn = row.standing, withdrawn_words(row.standing)
        said_by_column = brief and row.stage in ("todo", "in_progress") and not withdrawn
        return Card(
            row.key,
            f"{self.prefix}{row.key}/",
            row.title,
            row.type,
            TYPES[row.type],
            row.stage,
            row.slug,
            rank,
            version,
            ladder.glyph(standing),
            "" if said_by_column else judgement.say(standing, at=self.at, owners=self.owners, squad=row.squad),
            "" if said_by_column else judgement.say_briefly(standing, at=self.at),
            gap_words(standing),
            withdrawn,
            bool(standing.get("dark")),
            elsewhere=foreign_key_of(row.external, row.key),
            people=row.people,
            facts=facts_of(row, self.at.date()),
        )
