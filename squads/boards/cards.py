"""The cards of squad boards. The page and the stream that tells open pages both draw them here."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.template.loader import get_template
from django.utils.safestring import SafeString

from portal.kernel import clock
from squads.boards.time_in_stage import Usual, stalls, usual_in
from squads.judge import judgement
from squads.stories.cards import Card, CardMaker, LiveCard, Row, rows_of, version_of
from squads.stories.models import Story

# What a person can record by hand for each rung.
KINDS = {"integrated": "run", "tested": "test", "deployed": "deployment", "rodeo_done": "acceptance"}


class Menu(NamedTuple):
    """What can be done with a card. `key` and `url` stand for those of any card: many cards have one menu."""

    moves: tuple[tuple[str, str], ...]
    placed: bool
    blocked: bool
    by_hand: str
    key: str
    url: str


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
        known = usual_in(row.squad_id for row in rows)
    maker = CardMaker.of(rows, at)
    template = get_template("squads/boards/_card.jinja", using="jinja2").template.module  # type: ignore[attr-defined]
    menus: dict[Menu, str] = {}
    html = {}
    for row in rows:
        menu = _menu(row, maker.prefix)
        if menu not in menus:
            menus[menu] = template.menu(menu)
        # A key is letters, digits and a hyphen: it is put in as it is.
        its = SafeString(menus[menu].replace(ANY_KEY, row.key))
        version = (versions or {}).get(row.key) or version_of(row)
        card = maker.card(row, version, rank=row.rank, brief=True)
        card = card._replace(menu=its, **_beside(row, at, known.get(row.squad_id, {})))
        drawn = template.card(_marks(card), *card)
        # Safe, for the template escapes.
        html[row.key] = SafeString(drawn)
    return html


def _marks(card: Card) -> SafeString:
    """Return what scripts know a card by: letters, digits and hyphens all of it, so the template need not escape each."""
    return SafeString(
        f'id="card-{card.key}" data-key="{card.key}" data-stage="{card.stage}" data-rank="{card.rank}" '
        f'data-version="{card.version}" aria-labelledby="title-{card.key}"'
    )


def _beside(row: Row, at: datetime, known: Mapping[str, Usual]) -> dict[str, Any]:
    """Return what only a squad's board says: what a story waits for, how long it stands there, and whether it is stalled."""
    if row.stage == "rodeo_done":
        return {"blocked": row.blocked_because}
    if row.since is None:
        return {"blocked": row.blocked_because, "age": "unknown"}
    stalled = known[row.stage].words if stalls(row.stage, row.since, at, known) else ""
    return {"blocked": row.blocked_because, "age": clock.duration(at - row.since), "stalled": stalled}


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


def live_cards(ids: list[int]) -> list[LiveCard]:
    """Return these stories as cards of their squads' boards, for the pages that have one open."""
    rows = rows_of(ids)
    versions = {row.key: version_of(row) for row in rows}
    html = card_html(rows, versions=versions)
    return [
        LiveCard(row.pk, f"squad:{row.slug}", row.key, row.stage, row.rank, versions[row.key], html[row.key])
        for row in rows
    ]
