"""The state of a release: how far it is by the stages of its stories. Pure: no database, and never the present moment."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

PLANNED, IN_PROGRESS, CANDIDATE = "planned", "in_progress", "candidate"
SHIPPING, IN_PRODUCTION, RODEO_DONE = "shipping", "in_production", "rodeo_done"
ABANDONED, UNKNOWN = "abandoned", "unknown"
NAMES = {
    PLANNED: "planned",
    IN_PROGRESS: "in progress",
    CANDIDATE: "candidate",
    SHIPPING: "shipping",
    IN_PRODUCTION: "in production",
    RODEO_DONE: "rodeo done",
    ABANDONED: "abandoned",
    UNKNOWN: "unknown",
}
# What is open: work on it goes on.
OPEN = (PLANNED, IN_PROGRESS, CANDIDATE, SHIPPING, IN_PRODUCTION)
TESTED = ("tested", "deployed", "rodeo_done")
DEPLOYED = ("deployed", "rodeo_done")


class Member(NamedTuple):
    """A story that a release ships: its stage, and by the evidence's own time when it came to be there.

    `came_in` is when it became part of the release. `started`, `tested`, `deployed` and `accepted` are when it last reached
    these stages or one beyond them; `partly` is since when some of its changes run in production. None: nobody knows, or not yet.
    """

    story_id: int
    stage: str
    planned: bool = True
    came_in: datetime | None = None
    started: datetime | None = None
    tested: datetime | None = None
    deployed: datetime | None = None
    accepted: datetime | None = None
    partly: datetime | None = None


class About(NamedTuple):
    """What else decides the state of a release: when it was created and abandoned, whether a person said that it is out,
    whether it has a tag or changes, and when a story last went out of it."""

    created_at: datetime
    is_out: bool = False
    is_tagged: bool = False
    lost_at: datetime | None = None
    abandoned_at: datetime | None = None
    abandoned_by: str = ""
    abandoned_because: str = ""


class State(NamedTuple):
    """The state of a release, why in a sentence, and since when; None where nobody knows since when."""

    id: UUID | None
    state: str
    reason: str
    since: datetime | None

    @property
    def name(self) -> str:
        """The state in words."""
        return NAMES[self.state]

    @property
    def colour(self) -> str:
        """Which of the page's colours of states it has."""
        return {RODEO_DONE: "good", IN_PRODUCTION: "good", ABANDONED: "bad", UNKNOWN: "warn"}.get(self.state, "")


def state_of(members: Iterable[Member], about: About, release: UUID | None = None) -> State:
    """Return how far a release is by its stories, and since when all of what it is now has been so.

    A story that came in or went out later makes it another release: a candidate is one since its last change of scope.
    """
    state, reason, since = _state(list(members), about)
    return State(release, state, reason, since)


def _state(members: list[Member], about: About) -> tuple[str, str, datetime | None]:
    # One that goes out all the same is out.
    if about.abandoned_at is not None and not (about.is_out or _all_deployed(members)):
        who = f" by {about.abandoned_by}" if about.abandoned_by else ""
        return ABANDONED, f"Abandoned{who}: {about.abandoned_because}", about.abandoned_at
    state, reason, since = _how_far(members, about)
    if about.abandoned_at is not None:
        # Both are so, and whoever reads one has to read the other. It names nobody: people outside read it too.
        reason = f"{reason} It was abandoned, yet it’s {'in production' if _all_deployed(members) else 'out'}."
    return state, reason, since


def _how_far(members: list[Member], about: About) -> tuple[str, str, datetime | None]:
    """Return how far a release is by its stories, whether or not somebody abandoned it."""
    count = len(members)
    if not members:
        if about.is_out:
            return UNKNOWN, "It went out, but it has no stories. So nothing shows what is in production.", None
        if about.is_tagged:
            return UNKNOWN, "It has changes, but no stories. So nothing shows how far it is.", None
        return PLANNED, "It has no stories yet.", about.created_at
    done = sum(each.stage == "rodeo_done" for each in members)
    deployed = sum(each.stage in DEPLOYED for each in members)
    tested = sum(each.stage in TESTED for each in members)
    if done == count:
        return RODEO_DONE, f"{_all(count)} rodeo done.", _latest([each.accepted for each in members], members, about)
    if deployed == count:
        since = _latest([each.deployed for each in members], members, about)
        return IN_PRODUCTION, f"{_all(count)} deployed to production; {_is(done)} rodeo done.", since
    partly = [each for each in members if each.stage not in DEPLOYED and each.partly is not None]
    if deployed or partly:
        return SHIPPING, _shipping(count, deployed, len(partly)), _first_shipped(members)
    if tested == count:
        since = _latest([each.tested for each in members], members, about)
        return CANDIDATE, f"{_all(count)} tested.", since
    started = [each for each in members if each.stage != "todo"]
    if started:
        since = min((moment for each in started if (moment := _from(each.started, each))), default=None)
        return IN_PROGRESS, f"{_some(tested, count)} tested{'' if tested else ' yet'}.", since
    return PLANNED, "Nobody has started its stories yet.", about.created_at


def _all_deployed(members: list[Member]) -> bool:
    return bool(members) and all(each.stage in DEPLOYED for each in members)


def _all(count: int) -> str:
    return "Its one story is" if count == 1 else f"All {count} stories are"


def _is(count: int) -> str:
    return f"{count} {'is' if count == 1 else 'are'}" if count else "none is"


def _some(part: int, count: int) -> str:
    if part == 0:
        return "Its one story isn’t" if count == 1 else f"None of its {count} stories is"
    return f"{part} of {count} stories {'is' if part == 1 else 'are'}"


def _shipping(count: int, deployed: int, partly: int) -> str:
    if not deployed:
        return (
            "Its one story is in production in part."
            if count == 1
            else f"{_some(partly, count)} in production in part."
        )
    said = f"{_some(deployed, count)} in production"
    return f"{said}, and {partly} more in part." if partly else f"{said}."


def _from(moment: datetime | None, member: Member) -> datetime | None:
    """Return when this was so of a story in the release: it may have been before it came in."""
    return max(moment, member.came_in) if moment and member.came_in else moment


def _first_shipped(members: list[Member]) -> datetime | None:
    moments = (_from(each.deployed if each.stage in DEPLOYED else each.partly, each) for each in members)
    return min((moment for moment in moments if moment), default=None)


def _latest(moments: list[datetime | None], members: list[Member], about: About) -> datetime | None:
    """Return since when all of what the release is now has been so; None where that of any story is unknown."""
    known = [moment for moment in moments if moment is not None]
    if len(known) < len(moments):
        return None
    scope = [*(each.came_in for each in members), about.lost_at]
    return max([*known, *(moment for moment in scope if moment is not None)])
