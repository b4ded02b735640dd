"""Was it accepted in production since it is there, and does nothing speak against it?"""

from datetime import datetime

from squads.judge.case import PRODUCTION, UNNAMED, Case, Row, Verdict, ago_of, named
from squads.judge.deployed import places_of, running_places
from squads.judge.flag import flag_off
from squads.judge.stages import BY_HAND, HELD, MISSING, WITHDRAWN


def rodeo_done(case: Case, deployed: Verdict) -> Verdict:
    """Judge the rung "rodeo done", given the verdict on "deployed"."""
    now, first = _in_production_since(case)
    checks = [row for row in case.rows.get("acceptance", ()) if row.tier in PRODUCTION]
    once = any(row.verdict == "success" and first is not None and _began(row) >= first for row in checks)
    if not deployed.holds or now is None:
        return _not_there(deployed, once)
    counted = [row for row in checks if _began(row) >= now]
    passed = [row for row in counted if row.verdict == "success"]
    dark, off_since = flag_off(case)
    if failures := _failures_that_stand(counted):
        return _failed(failures, passed)
    if not passed:
        return _not_accepted(now, once, dark)
    if (incident := _open_incident(case)) is not None:
        words = f"incident {incident.label} is open against its deployment"
        return Verdict(WITHDRAWN, incident.at, words, [f"{words}, since ", ago_of(incident.at)])
    if dark:
        return _dark(dark, off_since, now, passed[0])
    last = passed[-1]
    state = BY_HAND if last.by_hand or deployed.state == BY_HAND else HELD
    return Verdict(state, last.at, f"{named(last, 'a check')} passed in {last.environment or 'production'}")


def _began(check: Row) -> datetime:
    return check.started_at or check.at


def _in_production_since(case: Case) -> tuple[datetime | None, datetime | None]:
    """Return since when all of it is in production now, and since when it was for the first time."""
    starts, firsts = [], []
    for service in case.services:
        for place in running_places(places_of(case, service)).values():
            starts.append(place.span.at if place.span else None)
            if place.first is not None:
                firsts.append(place.first.at)
    now = max(starts) if starts and None not in starts else None  # type: ignore[type-var]
    return now, max(firsts) if firsts else None


def _not_there(deployed: Verdict, once: bool) -> Verdict:
    if once and deployed.state == WITHDRAWN:
        return Verdict(WITHDRAWN, deployed.at, deployed.why, deployed.say)
    return Verdict(MISSING, deployed.at, "it is not in production", deployed.say)


def _failures_that_stand(checks: list[Row]) -> list[Row]:
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


def _failed(failures: list[Row], passed: list[Row]) -> Verdict:
    last = failures[-1]
    words = f"{named(last, 'the check')} failed in {last.environment or 'production'}"
    state = WITHDRAWN if any(row.at <= last.at for row in passed) else MISSING
    return Verdict(state, last.at, words, [f"{words} ", ago_of(last.at)])


def _not_accepted(now: datetime, once: bool, dark: str) -> Verdict:
    words = "not accepted again since" if once else "not accepted yet"
    if dark:
        words = f"{words}, and dark: {dark}"
    return Verdict(MISSING, now, words, [words])


def _open_incident(case: Case) -> Row | None:
    last = {row.detail: row for row in case.rows.get("incident", ())}
    return next((row for row in last.values() if row.verdict == "failure"), None)


def _dark(dark: str, off_since: datetime | None, now: datetime, accepted: Row) -> Verdict:
    """Withdrawn if the flag was switched off after it was accepted."""
    if off_since is not None and off_since >= accepted.at:
        return Verdict(WITHDRAWN, off_since, f"dark: {dark}", [f"dark: {dark}, since ", ago_of(off_since)])
    return Verdict(MISSING, now, f"dark: {dark}", [f"dark: {dark}"])
