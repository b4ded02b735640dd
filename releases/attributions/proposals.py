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
    inside = [each for each in puts if began_at - window <= each.at and each.began_at <= began_at]
    later = _during(puts, began_at, ended_at)
    # What began before the trouble and finished in it, nothing put right.
    later = [each for each in later if each not in inside]
    if (back := _went_back(puts, later)) is not None:
        suspects = [each for each in inside if each.id in back.suspects]
        why = f"{back.put.label or 'An earlier version'} was put back at {back.put.at:%Y-%m-%d %H:%M} UTC, while it was open."
        return [Proposal(each.id, ROLLBACK, STRONG, why) for each in suspects]
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


def _during(puts: Iterable[Put], began_at: datetime, ended_at: datetime | None) -> list[Put]:
    return [
        each for each in puts if each.succeeded and began_at < each.at and (ended_at is None or each.at <= ended_at)
    ]


@dataclass(frozen=True, slots=True)
class WentBack:
    """A deployment that went back, and those that it left behind."""

    put: Put
    suspects: frozenset[Hashable]


def _went_back(puts: Sequence[Put], later: Iterable[Put]) -> WentBack | None:
    """Return the first of these that put back what had run there before: for V1, V2, V3, V1 the suspects are V2 and V3."""
    for each in later:
        before = list(puts[: puts.index(each)])
        good = [number for number, put in enumerate(before) if put.succeeded]
        if not good:
            continue
        same = [number for number in good if each.what and before[number].what == each.what]
        if same and same[-1] != good[-1]:
            return WentBack(each, frozenset(put.id for put in before[same[-1] + 1 :]))
        if each.is_rollback and not same:
            # Nobody knows what it went back to: what ran last is all that it surely left.
            return WentBack(each, frozenset({before[good[-1]].id}))
    return None


def ending(places: Mapping[Hashable, Iterable[Put]], began_at: datetime, ended_at: datetime | None) -> Ending | None:
    """Return the rollback that probably ended an incident, or will; None where none was deployed while it was open."""
    found = [
        back
        for puts in places.values()
        if (back := _went_back(ordered(puts), _during(ordered(puts), began_at, ended_at))) is not None
    ]
    if not found:
        return None
    first = min(found, key=lambda each: (each.put.at, str(each.put.id)))
    label = first.put.label or "an earlier version"
    return Ending(first.put.id, f"Probably ended by going back to {label} at {first.put.at:%Y-%m-%d %H:%M} UTC.")


def _minutes(gap: timedelta) -> str:
    hours, minutes = divmod(int(gap.total_seconds() // 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
