"""Is it in production, and was it accepted there? The judge's two upper rungs, place by place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from squads.judge.case import (
    BY_HAND,
    EVERYONE,
    HELD,
    MISSING,
    REMOVAL,
    UNNAMED,
    WITHDRAWN,
    Case,
    Row,
    Verdict,
    ago_of,
    covers,
    named,
    no_changes,
    short,
)


@dataclass(slots=True)
class _Place:
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
        self.lost_shas -= now
        self.held, self.last, self.removed = now, row, row.detail == REMOVAL
        if now >= wanted.keys() and not self.removed:
            self.span = self.span or row
            self.first = self.first or row
        else:
            if not wanted:
                self.lost = row
            self.span = None


def places_of(case: Case, service: str) -> dict[str, _Place]:
    """Return what each production environment of a service holds of the story, by the environment's key."""
    wanted = case.changes.get(service, {})
    places: dict[str, _Place] = {}
    for row in case.of("deployment", service):
        if row.tier != "production" or row.verdict != "success" or (not wanted and not row.by_hand):
            continue
        there = [name for name, place in places.items() if not place.removed and name != UNNAMED]
        if row.environment != UNNAMED:
            # Somebody vouched for production without naming a place; now the places speak for themselves.
            places.pop(UNNAMED, None)
            there = []
        for name in there or [row.environment]:
            places.setdefault(name, _Place()).take(row, wanted)
    return places


def running_places(places: dict[str, _Place]) -> dict[str, _Place]:
    """The environments that count: one the service was removed from does not while it runs in another."""
    return {name: place for name, place in places.items() if not place.removed} or places


def deployed(case: Case, service: str) -> Verdict:
    wanted = case.changes.get(service, {})
    places = places_of(case, service)
    running = running_places(places)
    if not running:
        if not wanted:
            return no_changes(case)
        since = max(row.at for row in wanted.values())
        return Verdict(
            MISSING, since, "no deployment of it to production yet", ["no deployment of it to production yet"]
        )
    without = {name: place for name, place in running.items() if place.span is None}
    if not without:
        spans = [place.span for place in running.values() if place.span is not None]
        last = max(spans, key=lambda row: (row.at, row.id))
        state = BY_HAND if any(row.by_hand for row in spans) else HELD
        where = ", ".join(sorted(filter(None, running)))
        return Verdict(state, last.at, f"{named(last, 'a version with it')} runs in {where or 'production'}", [where])
    for name, place in sorted(without.items()):
        if place.lost is not None and (place.lost_shas or not wanted):
            lost, where = place.lost, name or "production"
            if lost.detail == REMOVAL:
                words = f"taken off {where}"
            else:
                how = "rolled back to" if lost.detail == "rollback" else "replaced by"
                words = f"{how} {named(lost, 'an older version')} in {where}, which does not contain it,"
            return Verdict(WITHDRAWN, lost.at, words.rstrip(","), [f"{words} ", ago_of(lost.at)])
    name, place = min(without.items())
    row = place.last
    assert row is not None
    lacking = [sha for sha in wanted if sha not in covers(row, wanted)]
    since = max((wanted[sha].at for sha in lacking), default=row.at)
    also = [each for each in running if each not in without]
    words = f"{name or 'production'} runs {named(row, 'a version')} without {short(lacking)}" + (
        f" (it is in {', '.join(sorted(also))})" if also else ""
    )
    return Verdict(MISSING, since, words, [f"no deployment of it to production yet: {words}"])


def flag_off(case: Case) -> tuple[str, datetime | None]:
    """Return why a flagged story is dark, and since when if it was visible before; ("", None) if it is visible.

    It must be on in every production environment that the story runs in.
    """
    flag, audience = case.facts.flag, case.facts.audience or EVERYONE
    if not flag:
        return "", None
    rows = [row for row in case.rows.get("flag", ()) if row.label == flag and row.detail in (audience, EVERYONE, "")]
    places = {name for service in case.services for name in running_places(places_of(case, service))} - {UNNAMED}
    for place in sorted(places or {row.environment for row in rows} or {UNNAMED}):
        on, since = _switched([row for row in rows if row.environment in (place, UNNAMED)])
        if on is None:
            return f"nothing says that flag {flag} is on for {audience}{f' in {place}' if place else ''}", None
        if not on:
            return f"flag {flag} is off for {audience} in {place}", since
    return "", None


def _switched(rows: list[Row]) -> tuple[bool | None, datetime | None]:
    """Return whether a flag is on in one place (None: nobody knows), and since when it is off if it was on before."""
    on: dict[str, bool] = {}
    since: datetime | None = None
    for row in rows:
        before = any(on.values())
        on[row.detail or EVERYONE] = row.verdict == "success"
        if before != any(on.values()):
            since = row.at if before else None
    return (any(on.values()) if on else None), since


def _incident(case: Case) -> Row | None:
    last = {row.detail: row for row in case.rows.get("incident", ())}
    return next((row for row in last.values() if row.verdict == "failure"), None)


def _spans(case: Case) -> tuple[datetime | None, datetime | None]:
    """Return since when all of it is in production now, and since when it was for the first time."""
    starts, firsts = [], []
    for service in case.services:
        for place in running_places(places_of(case, service)).values():
            starts.append(place.span.at if place.span else None)
            if place.first is not None:
                firsts.append(place.first.at)
    now = max(starts) if starts and None not in starts else None  # type: ignore[type-var]
    return now, max(firsts) if firsts else None


def _standing_failures(checks: list[Row]) -> list[Row]:
    """Return the failed checks that nothing in their environment passed after, the newest last.

    `checks` are in order of their finish. One made in production at large, where nobody named an environment, speaks for
    every one.
    """
    failed: dict[str, list[Row]] = {}
    for row in checks:
        if row.verdict == "failure":
            failed.setdefault(row.environment, []).append(row)
        elif row.verdict == "success" and row.environment == UNNAMED:
            failed.clear()
        elif row.verdict == "success":
            failed.pop(row.environment, None)
    return sorted((row for rows in failed.values() for row in rows), key=lambda row: (row.at, row.id))


def rodeo_done(case: Case, deployed: Verdict) -> Verdict:
    now, first = _spans(case)
    checks = [row for row in case.rows.get("acceptance", ()) if row.tier == "production"]
    counted = [row for row in checks if now is not None and (row.started_at or row.at) >= now]
    once = any(row.verdict == "success" and first is not None and (row.started_at or row.at) >= first for row in checks)
    if not deployed.holds or now is None:
        state = WITHDRAWN if once and deployed.state == WITHDRAWN else MISSING
        return Verdict(
            state, deployed.at, "it is not in production" if state == MISSING else deployed.why, deployed.say
        )
    incident, (dark, off_since) = _incident(case), flag_off(case)
    passed = [row for row in counted if row.verdict == "success"]
    if failures := _standing_failures(counted):
        first_failed, failed = failures[0], failures[-1]
        words = f"{named(failed, 'the check')} failed in {failed.environment or 'production'}"
        state = WITHDRAWN if any(row.at <= failed.at for row in passed) else MISSING
        return Verdict(state, failed.at, words, [f"{words} ", ago_of(failed.at)], unbroken=first_failed.at)
    if not passed:
        said = "not accepted again since" if once else "not accepted yet"
        if dark:
            said = f"{said}, and dark: {dark}"
        return Verdict(MISSING, now, said, [said])
    if incident is not None:
        words = f"incident {incident.label} is open against its deployment"
        return Verdict(WITHDRAWN, incident.at, words, [f"{words}, since ", ago_of(incident.at)])
    if dark and off_since is not None and off_since >= passed[0].at:
        return Verdict(WITHDRAWN, off_since, f"dark: {dark}", [f"dark: {dark}, since ", ago_of(off_since)])
    if dark:
        return Verdict(MISSING, now, f"dark: {dark}", [f"dark: {dark}"])
    row = passed[-1]
    by_hand = row.by_hand or deployed.state == BY_HAND
    failures_ended = [each.at for each in counted if each.verdict == "failure"][-1:]
    first = next(each.at for each in passed if not failures_ended or each.at >= failures_ended[0])
    first = max([first, *(each.at for each in case.rows.get("incident", ()) if each.verdict == "success")])
    why = f"{named(row, 'a check')} passed in {row.environment or 'production'}"
    return Verdict(BY_HAND if by_hand else HELD, row.at, why, unbroken=first)
