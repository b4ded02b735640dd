"""Is the flag that gates it on for its audience, wherever it runs in production?"""

from datetime import datetime

from squads.judge.case import EVERYONE, UNNAMED, Case, Row
from squads.judge.deployed import places_of, running_places


def flag_off(case: Case) -> tuple[str, datetime | None]:
    """Return why a flagged story is dark, and since when if it was visible before; ("", None) if it is visible.

    It must be on in every production environment that the story runs in.
    """
    flag, audience = case.flag, case.audience or EVERYONE
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
