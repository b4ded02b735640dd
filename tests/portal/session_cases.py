"""How to make each address of sessions, for the tests of who may open it: a part of CASES in permissions.py."""

from collections.abc import Callable
from typing import Any

from squads.models import Retrospective, RetrospectiveSession, SessionCard
from squads.retrospective_sessions.actions import move_phase, open_session
from squads.retrospective_sessions.contributing import write_card
from squads.retrospectives import actions


def sessions(published: Retrospective, by: Any) -> dict[str, RetrospectiveSession]:
    """Open a session of this retrospective, as docs/api.md has it, and one in each later phase; one retrospective has none."""
    made = {"reflect": open_session(published, by=by, facilitator=by)}
    for phase in ("group", "vote", "discuss"):
        row = actions.create(published.squad, by=by, kind="incident", title=f"Talked of: {phase}", facilitator=by)
        actions.ask_for_review(row, by=by)
        session = made[phase] = open_session(row, by=by)
        for text in ("The cache was cold", "Alerts came late"):
            write_card(session, by=by, section="factors", text=text)
        for to in ("group", "vote", "discuss"):
            move_phase(session, to, by=by, even_so=True)
            if to == phase:
                break
    return made


def _slug(phase: str) -> Callable[[Any], list[Any]]:
    return lambda w: [w.sessions[phase].retrospective.slug]


def _of(phase: str, **more: Any) -> Callable[[Any], dict[str, Any]]:
    return lambda w: {"group": str(w.sessions[phase].groups.first().pk), **more}


def _two(w: Any) -> tuple[SessionCard, SessionCard]:
    one, other = w.sessions["group"].cards.all()
    return one, other


def _ticked(w: Any) -> dict[str, Any]:
    card, other = _two(w)
    return {"card": f"{card.pk}:{card.group_id}", "to": str(other.group_id)}


def _moved(w: Any) -> dict[str, Any]:
    card, other = _two(w)
    return {"card": str(card.pk), "leaving": str(card.group_id), "to": str(other.group_id)}


def _card(w: Any) -> dict[str, Any]:
    return {"do": "write", "section": "factors", "text": "Alerts came late"}


def cases(case: Callable[..., Any]) -> dict[str, Any]:
    """Return the cases, made with the class that permissions.py has for them."""
    pages, reflect = "squads:retrospective_sessions", _slug("reflect")
    unopened = lambda w: [w.retrospectives["in_review"].slug]  # noqa: E731
    rules = {"votes_each": "4", "votes_on_one": "1"}
    return {
        f"{pages}:session": case(reflect),
        f"{pages}:parts": case(reflect),
        f"{pages}:anonymity": case(reflect),
        f"{pages}:opening": case(unopened, lambda w: {"facilitator": "mo"}),
        f"{pages}:rules": case(reflect, lambda w: rules),
        f"{pages}:phase": case(_slug("group"), lambda w: {"to": "vote"}),
        f"{pages}:timer": case(reflect, lambda w: {"do": "start", "minutes": "5"}),
        f"{pages}:cards": case(reflect, _card),
        f"{pages}:groups": case(_slug("group"), _ticked),
        f"{pages}:group_name": case(_slug("group"), _of("group", name="Warnings")),
        f"{pages}:votes": case(_slug("vote"), _of("vote", votes="1")),
        f"{pages}:notes": case(_slug("discuss"), _of("discuss", section="factors")),
        # It has none yet.
        "api:retrospective-session-list": case(unopened, lambda w: {"facilitator": "mo"}, fine=(404,)),
        "api:retrospective-session-rules": case(reflect, lambda w: {"votes_each": 4}),
        "api:retrospective-session-phase": case(_slug("group"), lambda w: {"phase": "vote"}),
        "api:retrospective-session-timer": case(reflect, lambda w: {"do": "start", "minutes": 5}),
        "api:retrospective-session-cards": case(reflect, _card),
        "api:retrospective-session-moves": case(_slug("group"), _moved),
        "api:retrospective-session-names": case(_slug("group"), _of("group", name="Warnings")),
        "api:retrospective-session-votes": case(_slug("vote"), _of("vote", votes=1)),
        "api:retrospective-session-notes": case(_slug("discuss"), _of("discuss", section="factors")),
    }
