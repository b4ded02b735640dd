"""Which deployments an incident may have come from: proposals by plain rules. docs/incidents.md explains each.

Pure: no Django, no database, nothing of the present moment.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW, ROLLBACK, REVERT, HOTFIX, PERSON = "window", "rollback", "revert", "hotfix", "person"
STRONG, FAIR, WEAK = "strong", "fair", "weak"
# The last deployment this soon before an incident is a fair guess, an earlier one a weak one.
SOON = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """One finished deployment. `what` tells what it put there, "" where nobody knows; `reverts` are earlier deployments whose
    changes it takes back."""

    id: Hashable
    began_at: datetime
    at: datetime
    what: str = ""
    label: str = ""
    succeeded: bool = True
    is_rollback: bool = False
    is_hotfix: bool = False
    reverts: frozenset[Hashable] = frozenset()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A deployment that the incident may have come from: by which method, how sure, and why in a sentence."""

    deployment: Hashable
    method: str
    confidence: str
    because: str


@dataclass(frozen=True, slots=True)
class Ending:
    """What probably ended an incident: a proposal as well, which resolves nothing."""

    deployment: Hashable
    because: str


def propose(
    places: Mapping[Hashable, Iterable[Put]], began_at: datetime, ended_at: datetime | None, window: timedelta
) -> list[Proposal]:
    """Return the deployments that an incident may have come from. `places` are deployments by service and environment.

    Only those that were finished within the window before it began, and had begun by then, are ever proposed.
    """
    found = [
        proposal
        for key in sorted(places, key=str)
        for proposal in _of_place(ordered(places[key]), began_at, ended_at, window)
    ]
    return sorted(found, key=lambda each: str(each.deployment))


def ordered(puts: Iterable[Put]) -> list[Put]:
    """Return deployments in the order in which they finished."""
    return sorted(puts, key=lambda each: (each.at, str(each.id)))


def _of_place(puts: Sequence[Put], began_at: datetime, ended_at: datetime | None, window: timedelta) -> list[Proposal]:
    inside = [each for each in puts if may_be_cause(each.began_at, each.at, began_at, window)]
    later = _during(puts, began_at, ended_at)
    # What began before the trouble and finished in it, nothing put right.
    later = [each for each in later if each not in inside]
    left: dict[Hashable, Put] = {}
    for back in _went_back(puts, later):
        for suspect in back.suspects:
            left.setdefault(suspect, back.put)
    if suspects := [each for each in inside if each.id in left]:
        return [Proposal(each.id, ROLLBACK, STRONG, _put_back(left[each.id])) for each in suspects]
    found: dict[Hashable, Proposal] = {}
    for place, each in enumerate(reversed(inside)):
        gap = max(began_at - each.at, timedelta(0))
        sure = FAIR if not place and gap <= SOON else WEAK
        why = f"Finished {_minutes(gap)} before it began." if each.at <= began_at else "Was under way when it began."
        found[each.id] = Proposal(each.id, WINDOW, sure, why)
    if inside and (fix := next((each for each in later if each.is_hotfix), None)) is not None:
        why = (
            f"{fix.label or 'What was deployed'} at {fix.at:%Y-%m-%d %H:%M} UTC, while it was open, is called a hotfix."
        )
        found[inside[-1].id] = Proposal(inside[-1].id, HOTFIX, FAIR, why)
    for each in later:
        for taken in each.reverts & found.keys():
            why = f"{each.label or 'A deployment'} at {each.at:%Y-%m-%d %H:%M} UTC took back a change of it."
            found[taken] = Proposal(taken, REVERT, STRONG, why)
    return list(found.values())


def may_be_cause(put_began_at: datetime, put_at: datetime, began_at: datetime, window: timedelta) -> bool:
    """Say whether an incident may have come from a deployment: it finished within the window before the incident began, or was
    under way then."""
    return began_at - window <= put_at and min(put_began_at, put_at) <= began_at


def _put_back(put: Put) -> str:
    return f"{put.label or 'An earlier version'} was put back at {put.at:%Y-%m-%d %H:%M} UTC, while it was open."


def _during(puts: Iterable[Put], began_at: datetime, ended_at: datetime | None) -> list[Put]:
    return [
        each for each in puts if each.succeeded and began_at < each.at and (ended_at is None or each.at <= ended_at)
    ]


@dataclass(frozen=True, slots=True)
class WentBack:
    """A deployment that went back, and those that it left behind."""

    put: Put
    suspects: frozenset[Hashable]


def _went_back(puts: Sequence[Put], later: Iterable[Put]) -> list[WentBack]:
    """Return those of `later` that put back what had run there before, in order: for V1, V2, V3, V1 the suspects are V2 and V3.

    Going back in steps leaves something behind with each of them. What was left once and is put there again is no way back.
    """
    tried, found = {each.id for each in later}, list[WentBack]()
    last: dict[str, int] = {}
    newest: int | None = None
    left: set[str] = set()
    for number, each in enumerate(puts):
        if each.id in tried and newest is not None:
            same = last.get(each.what) if each.what else None
            gone: Sequence[Put] = ()
            if same is not None and same != newest and each.what not in left:
                gone = puts[same + 1 : number]
            elif each.is_rollback and same is None:
                # Nobody knows what it went back to: what ran last is all that it surely left.
                gone = puts[newest : newest + 1]
            if gone:
                found.append(WentBack(each, frozenset(put.id for put in gone)))
                left |= {put.what for put in gone if put.what}
        if each.succeeded:
            newest = number
            if each.what:
                last[each.what] = number
    return found


def ending(places: Mapping[Hashable, Iterable[Put]], began_at: datetime, ended_at: datetime | None) -> Ending | None:
    """Return the last rollback while an incident was open, which probably ended it, or will; None where there was none."""
    found = [
        back
        for puts in places.values()
        for back in _went_back(ordered(puts), _during(ordered(puts), began_at, ended_at))
    ]
    if not found:
        return None
    last = max(found, key=lambda each: (each.put.at, str(each.put.id)))
    label = last.put.label or "an earlier version"
    return Ending(last.put.id, f"Probably ended by going back to {label} at {last.put.at:%Y-%m-%d %H:%M} UTC.")


def _minutes(gap: timedelta) -> str:
    hours, minutes = divmod(int(gap.total_seconds() // 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
