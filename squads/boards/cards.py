"""The cards of squad boards. The page and the stream that tells open pages both draw them here."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from django.db.models.functions import Coalesce
from django.template.loader import get_template
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from portal.kernel import clock
from squads.boards.time_in_stage import Usual, usual
from squads.judge import judgement
from squads.stories import cards, ladder
from squads.stories.models import Story
from squads.stories.queries import gap_words, owner_names

# Most are user stories: only what is none says so.
TYPES = {**dict(Story.Type.choices), "user_story": ""}
# What a person can record by hand for each rung.
KINDS = {"integrated": "run", "tested": "test", "deployed": "deployment", "rodeo_done": "acceptance"}


class Row(NamedTuple):
    """What a card is made of."""

    pk: int
    key: str
    title: str
    type: str
    stage: str
    rank: int
    standing: dict[str, Any]
    since: datetime
    blocked_because: str
    squad_id: int
    squad: str
    slug: str


# Since when a story stands where it stands; one nobody moved, since it was written.
SINCE = Coalesce("stage_at", "progress_at", "created_at")
BESIDE: dict[str, Any] = {"since": SINCE, "squad": "squad__name", "slug": "squad__slug"}
COLUMNS: tuple[Any, ...] = tuple(BESIDE.get(name, name) for name in Row._fields)


class Card(NamedTuple):
    """One card, every word of it ready."""

    key: str
    url: str
    title: str
    type: str
    stage: str
    rank: int
    version: str
    glyph: SafeString
    answer: str
    gaps: str
    withdrawn: str
    dark: bool
    blocked: str
    age: str
    stalled: str
    menu: SafeString


class Menu(NamedTuple):
    """What can be done with a card. `key` and `url` stand for those of any card: many cards have one menu."""

    moves: tuple[tuple[str, str], ...]
    placed: bool
    blocked: bool
    by_hand: str
    key: str
    url: str


def rows_of(ids: Iterable[int]) -> list[Row]:
    """Read what the cards of these stories are made of, in one query."""
    return [Row._make(row) for row in Story.objects.filter(pk__in=list(ids)).order_by("rank").values_list(*COLUMNS)]


def row_from(story: Story) -> Row:
    """Return what the card of a story at hand is made of, squad included."""
    since = story.stage_at or story.progress_at or story.created_at
    beside = {"since": since, "squad": story.squad.name, "slug": story.squad.slug}
    return Row._make(beside[name] if name in beside else getattr(story, name) for name in Row._fields)


def version_of(row: Row) -> str:
    """Return a mark that changes with what the card shows, and not with the words that say how long ago."""
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
    )
    return blake2b(repr(shown).encode(), digest_size=6).hexdigest()


def stalled(row: Row, at: datetime, known: Mapping[str, Usual]) -> bool:
    """Say whether a story stands longer on its stage than 85 % of the squad's stories did, and than a day; False without
    enough data."""
    return row.stage in known and (at - row.since).total_seconds() > known[row.stage].patience


def card_html(
    rows: Iterable[Row],
    *,
    at: datetime | None = None,
    known: Mapping[int, Mapping[str, Usual]] | None = None,
    versions: Mapping[str, str] | None = None,
) -> dict[str, SafeString]:
    """Draw cards; return their HTML by key. `known` is what is usual, by squad, and `versions` are the marks of the
    cards, by key; both are looked up when not given."""
    rows, at = list(rows), at or clock.now()
    if known is None:
        known = {squad: usual(squad) for squad in {row.squad_id for row in rows}}
    owners = owner_names(row.standing for row in rows)
    # Once for all: a reverse() per card costs more than the card.
    prefix = reverse("squads:stories:list")
    template = get_template("squads/boards/_card.jinja", using="jinja2").template.module  # type: ignore[attr-defined]
    menus: dict[Menu, str] = {}
    html = {}
    for row in rows:
        version = (versions or {}).get(row.key) or version_of(row)
        menu = _menu(row, prefix)
        if menu not in menus:
            menus[menu] = template.menu(menu)
        # A key is letters, digits and a hyphen: it is put in as it is.
        its = mark_safe(menus[menu].replace(ANY_KEY, row.key))  # noqa: S308 - the template escapes
        drawn = template.card(_card(row, at, owners, known.get(row.squad_id, {}), prefix, version, its))
        html[row.key] = mark_safe(drawn)  # noqa: S308 - the template escapes
    return html


def _card(
    row: Row,
    at: datetime,
    owners: Mapping[str, str],
    known: Mapping[str, Usual],
    prefix: str,
    version: str,
    menu: SafeString,
) -> Card:
    withdrawn = ", ".join(
        ladder.NAMES[rung["rung"]] for rung in row.standing.get("rungs", ()) if rung["state"] == judgement.WITHDRAWN
    )
    gaps = gap_words(row.standing)
    # Of a story that nobody has finished, the column says all that the answer would.
    plain = row.stage in ("todo", "in_progress") and not withdrawn
    done = row.stage == "rodeo_done"
    return Card(
        row.key,
        f"{prefix}{row.key}/",
        row.title,
        TYPES[row.type],
        row.stage,
        row.rank,
        version,
        ladder.glyph(row.standing),
        "" if plain else judgement.say(row.standing, at=at, owners=owners, squad=row.squad),
        gaps,
        withdrawn,
        bool(row.standing.get("dark")),
        row.blocked_because,
        "" if done else clock.duration(at - row.since),
        known[row.stage].words if not done and stalled(row, at, known) else "",
        menu,
    )


def _menu(row: Row, prefix: str) -> Menu:
    return Menu(
        MOVES.get(row.stage, ()),
        row.stage != "rodeo_done",
        bool(row.blocked_because),
        _next_kind(row.standing),
        ANY_KEY,
        f"{prefix}{ANY_KEY}/",
    )


ANY_KEY = "{ANY-KEY}"


MOVES = {stage: tuple(each for each in Story.Progress.choices if each[0] != stage) for stage in Story.Progress.values}


def _next_kind(standing: Mapping[str, Any]) -> str:
    """Return the kind of evidence that the first rung not held asks for; "" when all hold."""
    for rung in standing.get("rungs", ()):
        if rung["rung"] in KINDS and rung["state"] not in (judgement.HELD, judgement.BY_HAND):
            return KINDS[rung["rung"]]
    return ""


def live_cards(ids: list[int]) -> list[cards.Card]:
    """Return these stories as cards of their squads' boards, for the pages that have one open."""
    rows = rows_of(ids)
    versions = {row.key: version_of(row) for row in rows}
    html = card_html(rows, versions=versions)
    return [
        cards.Card(row.pk, f"squad:{row.slug}", row.key, row.stage, row.rank, versions[row.key], html[row.key])
        for row in rows
    ]
