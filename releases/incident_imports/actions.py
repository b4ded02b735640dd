"""Importing logs of incidents: all rows of a file, or none. The page and the command call these."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.locks import hold
from releases.incident_imports import formats
from releases.incident_imports.formats import AUTO, DAY_FIRST, MONTH_FIRST, BadLog, Row
from releases.incident_settings.models import Severity
from releases.incidents.actions import AHEAD, LONGEST_TEXT, WHO, open_incident, write_update
from releases.incidents.incident_clock import BY_DAY
from releases.incidents.models import Incident
from squads.models import Service
from squads.teams.permissions import check_planner


@dataclass(slots=True)
class Preview:
    """What a file would become: what each column means, its rows, those that can't be read, and what nobody here knows."""

    headers: list[str]
    meanings: list[str]
    rows: list[Row]
    bad: list[tuple[int, str]]
    known: int
    unknown_services: list[str] = field(default_factory=list)
    unknown_severities: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file."""

    created: int
    maintenance: int
    unchanged: int
    skipped: int


def preview(
    body: bytes, *, meanings: Sequence[str] | None = None, zone: str = "UTC", order: str = AUTO, by_words: bool = True
) -> Preview:
    """Return what a file would become; without `meanings` they are guessed. Raises ValidationError naming the field."""
    if zone not in available_timezones():
        raise ValidationError({"zone": f"“{zone[:60]}” isn’t a time zone. Write one such as Europe/Berlin or UTC."})
    try:
        table = formats.read_table(body)
    except BadLog as error:
        raise ValidationError({"file": str(error)}) from None
    meant = list(meanings) if meanings is not None else formats.guess(table)
    if len(meant) != len(table.headers) or any(each not in formats.MEANINGS for each in meant):
        raise ValidationError({"file": "The columns aren’t those of this file. Choose the file again."})
    twice = next((each for each in meant if each and meant.count(each) > 1), None)
    if twice:
        raise ValidationError(f"Two columns mean “{formats.MEANINGS[twice]}”. Choose one of them.")
    days = order if order in (DAY_FIRST, MONTH_FIRST) else formats.order_of_days(table, meant)
    if days is None:
        raise ValidationError({"order": "The days of this file don’t tell day from month. Choose which comes first."})
    how = formats.Reading(table.headers, meant, zone, days, by_words, clock.now() + AHEAD)
    log = formats.read_log(table, how)
    services = set(Service.objects.named(formats.names_of(log.rows)))
    severities = _severities()
    taken = Incident.objects.filter(imported_as__in=[_identity(row) for row in log.rows])
    return Preview(
        headers=table.headers,
        meanings=meant,
        rows=log.rows,
        bad=log.bad,
        known=taken.count(),
        unknown_services=sorted(formats.names_of(log.rows) - services),
        unknown_severities=sorted({row.severity for row in log.rows if row.severity} - _known(log.rows, severities)),
    )


def _known(rows: Sequence[Row], severities: dict[str, Severity]) -> set[str]:
    return {row.severity for row in rows if row.severity.casefold() in severities}


def _severities() -> dict[str, Severity]:
    found: dict[str, Severity] = {}
    rows = list(Severity.objects.order_by("order", "pk"))
    for each in rows:
        found.setdefault(each.name.casefold(), each)
    for each in rows:
        for word in each.alert_severities:
            found.setdefault(word.casefold(), each)
    return found


def _identity(row: Row) -> str:
    return "log:" + hashlib.sha256("\n".join(formats.identity(row)).encode()).hexdigest()


@transaction.atomic
def import_incidents(
    body: bytes,
    *,
    by: Actor,
    name: str = "a file",
    meanings: Sequence[str] | None = None,
    zone: str = "UTC",
    order: str = AUTO,
    by_words: bool = True,
    skip_bad: bool = False,
) -> Imported:
    """Make an incident of each row that isn't one yet; all of the file or nothing. Importing it again adds nothing.

    Raises ValidationError with the rows that can't be read, unless they are skipped, or PermissionDenied.
    """
    check_planner(by, WHO)
    found = preview(body, meanings=meanings, zone=zone, order=order, by_words=by_words)
    if found.bad and not skip_bad:
        raise ValidationError({"file": [f"Line {line}: {said}" for line, said in found.bad]})
    hold("imports of incidents")
    taken = set(Incident.objects.exclude(imported_as=None).values_list("imported_as", flat=True))
    by_name = Service.objects.named(formats.names_of(found.rows))
    severities = _severities()
    created = maintenance = 0
    for row in found.rows:
        if _identity(row) in taken:
            continue
        try:
            _import(row, by, name, by_name, severities)
        except ValidationError as error:
            raise ValidationError({"file": f"Line {row.line}: {' '.join(error.messages)}"}) from None
        created += 1
        maintenance += row.is_maintenance
    return Imported(created, maintenance, len(found.rows) - created, len(found.bad))


def _import(row: Row, by: Actor, name: str, services: dict[str, Service], severities: dict[str, Severity]) -> None:
    known = list({services[each].pk: services[each] for each in row.services if each in services}.values())
    severity = severities.get(row.severity.casefold())
    stated = {**row.stated, **({BY_DAY: dict.fromkeys(row.days, True)} if row.days else {})}
    said: dict[str, Any] = {**row.times, "stated": stated, "services": known, "is_maintenance": row.is_maintenance}
    incident = open_incident(
        by=by,
        title=row.title,
        because=f"Imported from {name}, line {row.line}."[:400],
        imported_as=_identity(row),
        **said,
        **({"severity": severity} if severity else {}),
    )
    lost = list(row.rest.items())
    if row.severity and severity is None:
        lost.append(("severity", row.severity))
    if strange := [each for each in row.services if each not in services]:
        lost.append(("services", "; ".join(strange)))
    if row.key and row.key != row.title:
        lost.append(("key", row.key))
    if lost:
        text = "\n".join([f"From {name}:", *(f"{header}: {value}" for header, value in lost)])
        at = None if row.is_maintenance else min(row.times.values())
        for start in range(0, len(text), LONGEST_TEXT):
            if part := text[start : start + LONGEST_TEXT].strip():
                write_update(incident, by=by, text=part, happened_at=at)
