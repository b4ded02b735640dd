"""The rung *deployed*: every production environment of each service runs a version that contains every commit.

A rollback, or any deployment without a commit that was there before, withdraws it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from squads.judge.case import (
    GUESSED,
    PRODUCTION,
    REMOVAL,
    REVERTED,
    UNNAMED,
    UNREAD,
    Case,
    Row,
    Verdict,
    ago_of,
    covers,
    named,
    no_changes,
    short,
)
from squads.judge.stages import BY_HAND, HELD, MISSING, WITHDRAWN


@dataclass(slots=True)
class Place:
    """One production environment of one service: since when it holds the whole story, and what it lost."""

    span: Row | None = None
    first: Row | None = None
    last: Row | None = None
    lost: Row | None = None
    lost_shas: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    removed: bool = False

    def take(self, row: Row, wanted: Mapping[str, Row]) -> None:
        """Take in the next deployment."""
        now = covers(row, wanted)
        if gone := self.held - now:
            self.lost, self.lost_shas = row, self.lost_shas | gone
        elif self.removed and self.lost_shas - now:
            # The place came back with something else.
            self.lost = row
        self.lost_shas -= now
        self.held, self.last, self.removed = now, row, row.detail == REMOVAL
        if now >= wanted.keys() and not self.removed:
            self.span = self.span or row
            self.first = self.first or row
        else:
            if not wanted:
                self.lost = row
            self.span = None


Places = dict[str, Place]


def places_of(case: Case, service: str) -> Places:
    """Return what each production environment of a service holds of the story, by the environment's key."""
    known = case.places.get(service)
    if known is None:
        known = case.places[service] = _places(case, service)
    return known


def _places(case: Case, service: str) -> Places:
    wanted = case.changes.get(service, {})
    places: Places = {}
    for row in case.of("deployment", service):
        if row.tier not in PRODUCTION or row.verdict != "success" or (not wanted and not row.by_hand):
            continue
        there = [name for name, place in places.items() if not place.removed and name != UNNAMED]
        if row.environment != UNNAMED:
            # Somebody vouched for production without naming a place; now the places speak for themselves.
            places.pop(UNNAMED, None)
            there = []
        for name in there or [row.environment]:
            places.setdefault(name, Place()).take(row, wanted)
    return places


def running_places(places: Places) -> Places:
    """The environments that count: one the service was removed from does not while it runs in another."""
    return {name: place for name, place in places.items() if not place.removed} or places


def guessed_production(case: Case) -> list[str]:
    """Return the environments that the verdicts rest on and of which only their names say that they are production."""
    rows = [place.last for service in case.services for place in running_places(places_of(case, service)).values()]
    rows += case.rows.get("acceptance", ())
    return sorted({row.environment for row in rows if row is not None and row.tier == GUESSED})


def deployed(case: Case, service: str) -> Verdict:
    """Judge the rung "deployed" for one service."""
    wanted = case.changes.get(service, {})
    running = running_places(places_of(case, service))
    if not running:
        return _nowhere(wanted) if wanted else no_changes(case)
    without = {name: place for name, place in running.items() if place.span is None}
    if not without:
        return _everywhere(running)
    return _lost(without, wanted) or _runs_something_else(running, without, wanted)


def _nowhere(wanted: Mapping[str, Row]) -> Verdict:
    words = "no deployment of it to production yet"
    return Verdict(MISSING, max(row.at for row in wanted.values()), words, [words])


def _everywhere(running: Places) -> Verdict:
    spans = [place.span for place in running.values() if place.span is not None]
    last = max(spans, key=lambda row: (row.at, row.id))
    state = BY_HAND if any(row.by_hand for row in spans) else HELD
    where = ", ".join(sorted(filter(None, running)))
    words = f"{named(last, 'a version with it')} runs in {where or 'production'}"
    return Verdict(state, last.at, "; ".join([words, *_unread_in(running)]), [where])


def unread_places(case: Case, service: str) -> list[str]:
    """Say which production environments of a service run what is on no branch that is read."""
    return _unread_in(running_places(places_of(case, service)))


def _unread_in(running: Places) -> list[str]:
    return [f"{name} runs {_unread(place.last)}" for name, place in sorted(running.items()) if _is_unread(place)]


def _is_unread(place: Place) -> bool:
    return place.last is not None and place.last.detail == UNREAD


def _unread(row: Row | None) -> str:
    return f"{named(row, 'a version') if row else 'a version'}, which is on no branch that Rodeo reads"


def _lost(without: Places, wanted: Mapping[str, Row]) -> Verdict | None:
    """The verdict on the first environment that had it and has it no longer."""
    for name, place in sorted(without.items()):
        if place.lost is not None and (place.lost_shas or not wanted):
            words = _how_lost(place.lost, name or "production")
            return Verdict(WITHDRAWN, place.lost.at, words.rstrip(","), [f"{words} ", ago_of(place.lost.at)])
    return None


def _how_lost(lost: Row, where: str) -> str:
    if lost.detail == REMOVAL:
        return f"taken off {where}"
    if lost.detail.startswith(REVERTED):
        return f"{lost.detail}: {named(lost, 'a version')} in {where} does not have it any more,"
    how = "rolled back to" if lost.detail == "rollback" else "replaced by"
    return f"{how} {named(lost, 'an older version')} in {where}, which does not contain it,"


def _runs_something_else(running: Places, without: Places, wanted: Mapping[str, Row]) -> Verdict:
    """The verdict on the first environment that never had all of it."""
    name, place = min(without.items())
    row = place.last
    assert row is not None
    lacking = [sha for sha in wanted if sha not in covers(row, wanted)]
    since = max((wanted[sha].at for sha in lacking), default=row.at)
    also = [each for each in running if each not in without]
    what = _unread(row) if _is_unread(place) else f"{named(row, 'a version')} without {short(lacking)}"
    words = f"{name or 'production'} runs {what}" + (f" (it is in {', '.join(sorted(also))})" if also else "")
    return Verdict(MISSING, since, words, [f"no deployment of it to production yet: {words}"])
