"""The page of a session: what it shows in each phase, and to whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from portal.kernel import clock
from portal.kernel.actors import actor_of
from squads.retrospective_sessions import queries, voting
from squads.retrospective_sessions.actions import was_closed
from squads.retrospective_sessions.columns import FEWEST, LONGEST_CARD, LONGEST_NAME, PHASES
from squads.retrospective_sessions.contributing import own_cards, read
from squads.retrospective_sessions.forms import RulesForm, TimerForm
from squads.retrospective_sessions.models import RetrospectiveSession
from squads.retrospectives.permissions import may_write

# One thread draws, the others wait for it.
DRAWING = Lock()
# Stands for the token of whoever looks.
TOKEN = "csrf-token-of-the-reader"
# Pages with own cards on them are as long as a multiple of this: their length tells nothing of a card.
PADDED_TO = 32 * 1024
BUTTONS = {
    "reflect": (("group", "Reveal the cards"),),
    "group": (("vote", "Start voting"),),
    "vote": (("discuss", "Count the votes and discuss"), ("group", "Back to grouping")),
    "discuss": (("closed", "Close the session"), ("vote", "Back to voting")),
    "closed": (("discuss", "Open the discussion again"),),
}
SAYS = {
    "reflect": "Write cards. Nobody else can see them until they’re revealed.",
    "group": "Put cards that belong together into one group, and name it.",
    "vote": "Vote for what you want to talk about. Nobody sees votes until they’re counted.",
    "discuss": "Talk about the groups with the most votes first. Choose one to three actions: more rarely get done.",
    "closed": "This session is closed.",
}


@dataclass
class Typed:
    """What somebody sent that wasn't taken: the words of the refusal, and what was typed."""

    error: str
    values: Any = None
    even_so: bool = False


@dataclass
class Writing:
    """The part of the page on which a person writes: the secrets of the cards that were written on it."""

    own: Sequence[str] = ()


def is_steered_by(session: RetrospectiveSession, request: HttpRequest) -> bool:
    """Say whether whoever asks steers this session: the squad's members and the facilitator."""
    row, user = session.retrospective, request.user
    return bool(row.facilitator_id == user.pk or row.squad.is_writable_by(user))


def parts_of(session: RetrospectiveSession, request: HttpRequest) -> dict[str, Any]:
    """Return what the parts of the page show that follow what others do."""
    context: dict[str, Any] = {
        "session": session,
        "row": session.retrospective,
        "steers": is_steered_by(session, request),
        "phases": [(name, PHASES.index(name) < PHASES.index(session.phase)) for name in PHASES],
        "says": SAYS[session.phase],
        "buttons": [each for each in BUTTONS[session.phase] if each[0] != "vote" or not was_closed(session)],
        "too_few": session.anonymous and session.contributors is not None and session.contributors < FEWEST,
    }
    if session.phase == "vote":
        context["standing"] = voting.standing_of(session, actor_of(request))
    if session.phase in ("discuss", "closed"):
        context["open_actions"] = queries.open_actions(session.retrospective, request.user)
    return {**context, "board": _board(session, request, context.get("standing"))}


def _board(session: RetrospectiveSession, request: HttpRequest, standing: "voting.Standing | None") -> SafeString:
    """Return the cards as HTML. Where everybody sees the same, it is drawn once: a whole room asks at the same moment."""
    if session.phase == "reflect":
        return mark_safe('<div id="session-board" data-version=""></div>')
    if standing is not None:
        html = _drawn(session, writable=False, standing=standing)
    else:
        writable = session.phase == "discuss" and may_write(session.retrospective, request.user)
        # Names of people may change without a new version.
        minute = int(clock.now().timestamp() // 60)
        with DRAWING:
            html = _drawn_for_all(session.retrospective_id, session.version, writable, minute)
    return mark_safe(html.replace(TOKEN, get_token(request)))  # noqa: S308 - drawn by a template


@lru_cache(maxsize=64)
def _drawn_for_all(retrospective: UUID, version: int, writable: bool, minute: int) -> str:
    rows = RetrospectiveSession.objects.select_related("retrospective")
    return _drawn(rows.get(retrospective=retrospective), writable=writable)


def _drawn(session: RetrospectiveSession, *, writable: bool, standing: "voting.Standing | None" = None) -> str:
    groups = queries.groups_of(session)
    for shown in groups if standing is not None else ():
        shown.mine = standing.votes.get(str(shown.group.pk), 0)  # type: ignore[union-attr]
    context = {
        "session": session,
        "row": session.retrospective,
        "columns": queries.board_of(session, groups),
        "ranked": queries.most_voted(groups),
        "sections": list(session.retrospective.sections.all()),
        "standing": standing,
        "writable": writable,
        "longest_name": LONGEST_NAME,
        "csrf_token": TOKEN,
    }
    return render_to_string("squads/retrospective_sessions/_board.html", context)


def session_page(
    request: HttpRequest,
    session: RetrospectiveSession,
    *,
    typed: Typed | None = None,
    writing: Writing | None = None,
    status: int = 200,
) -> HttpResponse:
    """Answer with the page of a session."""
    context = parts_of(session, request)
    context |= {"typed": typed, "now": clock.now(), "few": FEWEST, "longest": LONGEST_CARD}
    if context["steers"]:
        context |= _steering(session)
    if session.phase == "reflect":
        context |= _reflecting(session, writing or Writing())
    elif session.phase == "group" and not session.anonymous:
        context["card_columns"] = queries.columns_of(session.retrospective)
    answer = render(request, "squads/retrospective_sessions/session.html", context, status=status)
    if session.phase == "reflect":
        _pad(answer)
    return answer


def _steering(session: RetrospectiveSession) -> dict[str, Any]:
    choosable = False
    if session.phase == "reflect":
        try:
            hidden = read(session)
            choosable = hidden is not None and not hidden.begun
        except ValidationError:
            # The page says so where it counts the cards.
            choosable = False
    initial = {name: getattr(session, name) for name in ("anonymous", "for_readers", "votes_each", "votes_on_one")}
    facilitator = session.retrospective.facilitator
    involved = queries.involvement(session.retrospective, facilitator) if facilitator else []
    return {
        "rules": RulesForm(choosable=choosable, initial=initial),
        "timer": TimerForm(initial={"minutes": 10}),
        "involved": involved,
    }


def _reflecting(session: RetrospectiveSession, writing: Writing) -> dict[str, Any]:
    context: dict[str, Any] = {
        "card_columns": queries.columns_of(session.retrospective),
    }
    try:
        hidden = read(session)
    except ValidationError as error:
        return {**context, "unreadable": " ".join(error.messages)}
    context["lost"] = hidden is None or session.cards_lost
    context["people"] = len(hidden.contributors) if hidden else 0
    context["own"] = own_cards(session, writing.own) if writing.own else []
    return context


def _pad(answer: HttpResponse) -> None:
    """Have the page be as long as others, and not compressed: its length is in the log of a proxy."""
    short = -len(answer.content) % PADDED_TO
    answer.content = answer.content + b"\n" * short
    answer["Cache-Control"] = "private, no-store"
