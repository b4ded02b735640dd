"""What the pages of incidents read."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import ExtractYear
from django.http import Http404

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.actors import Anyone
from portal.kernel.models import StateChange
from portal.kernel.paging import Newest, newest
from portal.kernel.sentences import listed as listed_words
from releases.environments.models import Environment
from releases.incident_settings.models import Severity
from releases.incidents.effective import (
    LABELS,
    LIST_FIELDS,
    ROLES,
    TIME_FIELDS,
    Correction,
    Effective,
    Reported,
    effective,
)
from releases.incidents.incident_clock import (
    BY_DAY,
    MEASURES,
    TIMES,
    Length,
    Mean,
    Stated,
    Times,
    added_later,
    compare,
    days_only,
    exact,
    lengths,
    mean,
    out_of_order,
)
from releases.incidents.models import Alert, Incident, IncidentCorrection, IncidentReport, IncidentUpdate
from squads.models import Service
from squads.retrospectives.models import Retrospective

KEY = re.compile(r"INC-([1-9][0-9]{0,8})", re.I)
MOST_RETROSPECTIVES = 20
OPEN, RESOLVED, MAINTENANCE = "open", "resolved", "maintenance"
STATES = {OPEN: "Open", RESOLVED: "Resolved", MAINTENANCE: "Maintenance"}
NO_SEVERITY = "none"
# Means are worked out of so many incidents at most, the newest.
MOST_MEASURED = 5000
MOST_ALERTS, MOST_HISTORY = 100, 200
# What reads the deployments that an incident may have come from; it stands above this page (portal/subscriptions.py).
ATTRIBUTIONS: list[Callable[[Incident], Any]] = []
# How an alert says that it belongs to planned work.
MAINTENANCE_LABEL = "maintenance"
YES = ("true", "yes", "1")


# How the history of an incident says that it was split off.
SPLIT_FROM, UNDID_SPLIT = "split from ", "undid the split from "


def split_from(incident: Incident) -> Incident | None:
    """Return the incident that a person split this one from; None where nobody did, or it was undone."""
    moves = StateChange.objects.filter(kind="incident", key=incident.key).order_by("-at", "-pk")
    for said in moves.values_list("to_state", flat=True):
        if said.startswith(UNDID_SPLIT):
            return None
        match = KEY.fullmatch(said.removeprefix(SPLIT_FROM)) if said.startswith(SPLIT_FROM) else None
        if match:
            return Incident.objects.filter(number=int(match[1])).first()
    return None


def incident_named(key: str) -> Incident:
    """Return an incident by its key, such as INC-12. Raises Http404."""
    match = KEY.fullmatch(key)
    found = detailed().filter(number=int(match[1])).first() if match else None
    if found is None:
        raise Http404(f"There’s no incident {key[:20]}. A key looks like INC-12.")
    return found


def detailed() -> "QuerySet[Incident]":
    """Return incidents with all that a page of one shows of their own columns."""
    rows = Incident.objects.select_related("severity", "commander", "scribe", "liaison", "merged_into", "created_by")
    return rows.prefetch_related("services", "environments")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of the list asks for. `severity` is a number or "none"; `length` names a measure that can't be."""

    state: str = ""
    severity: str = ""
    service: str = ""
    year: str = ""
    length: str = ""
    environment: str = ""

    @property
    def filtered(self) -> bool:
        """Whether something narrows the list."""
        return bool(self.severity or self.service or self.year or self.length or self.state or self.environment)


def listed(asked: Asked) -> "QuerySet[Incident]":
    """Return the incidents that are asked for, open ones first. Maintenance is in no list but its own."""
    rows = Incident.objects.standing().filter(is_maintenance=asked.state == MAINTENANCE)
    if asked.state in (OPEN, RESOLVED):
        rows = rows.filter(resolved_at__isnull=asked.state == OPEN)
    if asked.severity == NO_SEVERITY:
        rows = rows.filter(severity=None)
    elif asked.severity.isdecimal() and len(asked.severity) < 18:
        rows = rows.filter(severity=int(asked.severity))
    if asked.service:
        rows = rows.filter(
            pk__in=Incident.services.through.objects.filter(service__slug=asked.service).values("incident")
        )
    if asked.environment:
        here = Incident.environments.through.objects.filter(environment__slug=asked.environment)
        rows = rows.filter(pk__in=here.values("incident"))
    if asked.year.isdecimal() and len(asked.year) == 4 and 1970 <= int(asked.year) <= 9999:
        rows = rows.filter(starts_at__year=int(asked.year))
    if asked.length in MEASURES:
        rows = rows.filter(_cannot_be(asked.length))
    return rows.open_first().select_related("severity").prefetch_related("services", "environments")


def _cannot_be(measure: str) -> Q:
    """Return the condition that a length is one that can't be, as `incident_clock.length` says."""
    told = MEASURES[measure]
    impossible = Q(**{f"{told.end}__lt": F(told.start)})
    impossible = impossible if told.may_be_zero else impossible | Q(**{told.end: F(told.start)})
    known = {f"stated__{BY_DAY}__{name}__isnull": True for name in (told.start, told.end)}
    return impossible & Q(**known)


def means(rows: "QuerySet[Incident]") -> list[Mean]:
    """Return the mean of each measure over these incidents, those without any length left out."""
    some = rows.order_by("-number").values_list("stated", *TIME_FIELDS)[:MOST_MEASURED]
    times = [exact(Times(*row), stated) for stated, *row in some]
    found = [mean(measure, times) for measure in MEASURES]
    return [each for each in found if each.counted or each.inconsistent]


def years() -> list[int]:
    """Return the years in which incidents began, the newest first."""
    rows = Incident.objects.standing().filter(starts_at__isnull=False).order_by()
    return sorted(rows.annotate(year=ExtractYear("starts_at")).values_list("year", flat=True).distinct(), reverse=True)


@dataclass(frozen=True, slots=True)
class TimeRow:
    """One of the five times on the page: what is known, what the reports say otherwise, and who said so when."""

    name: str
    label: str
    at: datetime | None
    reported: datetime | None
    said: IncidentCorrection | None
    day_only: bool = False

    @property
    def added_later(self) -> bool:
        """Whether a person gave it after the fact."""
        return bool(self.said and self.at and added_later(self.at, self.said.at))


@dataclass(frozen=True, slots=True)
class Detail:
    """All that the page of an incident shows."""

    times: list[TimeRow]
    order: list[str]
    lengths: list[Length]
    stated: list[Stated]
    reports: list[IncidentReport]
    alerts: Newest[Alert]
    open_alerts: int
    merged: list[Incident]
    updates: list[Any]
    history: Newest["Change"]


def detail(incident: Incident) -> Detail:
    """Return all that the page of an incident shows; the number of queries doesn't depend on what it has."""
    merged = merged_into(incident)
    ids = [each.pk for each in (incident, *merged)]
    known, days = fold(incident, Severity.objects.all()), days_only(incident.stated)
    corrections = list(incident.corrections.select_related("by").order_by("at", "pk"))
    said = {each.field: each for each in corrections}
    alerts = Alert.objects.filter(report__incident__in=ids).select_related("service", "environment").defer("labels")
    return Detail(
        times=[
            TimeRow(
                name, TIMES[name][0], getattr(incident, name), known.reported.get(name), said.get(name), name in days
            )
            for name in TIME_FIELDS
        ],
        order=out_of_order(incident.exact_times),
        lengths=lengths(incident.exact_times),
        stated=compare(incident.stated, incident.exact_times),
        reports=list(reports_of(ids)),
        alerts=newest(alerts.order_by("-opened_at", "pk"), MOST_ALERTS),
        open_alerts=alerts.filter(state=Alert.State.OPEN).count(),
        merged=merged,
        updates=list(updates_of(ids)),
        history=history(incident),
    )


def with_merged(incident: Incident) -> list[UUID]:
    """Return the ids of an incident and of all that were merged into it."""
    return [each.pk for each in (incident, *merged_into(incident))]


def updates_of(ids: Collection[UUID]) -> "QuerySet[IncidentUpdate]":
    """Return what was written on these incidents, as things happened."""
    rows = IncidentUpdate.objects.filter(incident__in=ids).select_related("by", "incident")
    return rows.order_by("happened_at", "pk")


def reports_of(ids: Collection[UUID]) -> "QuerySet[IncidentReport]":
    """Return what sources report of these incidents."""
    rows = IncidentReport.objects.filter(incident__in=ids).select_related("event__source", "service", "environment")
    return rows.order_by("detected_at", "pk")


@dataclass(frozen=True, slots=True)
class Names:
    """What rows that corrections name by their pk are called now."""

    rows: Mapping[str, Mapping[int, str]]

    @classmethod
    def of(cls, corrections: Iterable[IncidentCorrection]) -> "Names":
        """Look them up, in a query for each kind that is named."""
        wanted: dict[str, set[int]] = {}
        for each in corrections:
            for value in (each.before, each.after):
                if each.field in LIST_FIELDS:
                    wanted.setdefault(each.field, set()).update(value or ())
                elif each.field in ("severity", *ROLES) and value is not None:
                    wanted.setdefault("people" if each.field in ROLES else each.field, set()).add(value)
        models: dict[str, Any] = {
            "services": Service,
            "environments": Environment,
            "severity": Severity,
            "people": User,
        }
        return cls(
            {
                kind: {pk: getattr(row, "name", "") for pk, row in models[kind].objects.in_bulk(list(ids)).items()}
                for kind, ids in wanted.items()
            }
        )

    def name(self, kind: str, pk: int) -> str:
        """Return what a row is called; "deleted" where it is gone."""
        return self.rows.get(kind, {}).get(pk) or "deleted"


def say(field: str, value: Any, names: Names) -> str:
    """Return a value of a correction as people read it; "nothing" where there is none."""
    if field in TIME_FIELDS:
        at = clock.parse(value)
        return f"{at:%Y-%m-%d %H:%M} UTC" if at else "nothing"
    if field in LIST_FIELDS:
        return listed_words([names.name(field, pk) for pk in value or ()]) or "nothing"
    if field == "is_maintenance":
        return "yes" if value else "no"
    if field == "stated":
        told = {name: each for name, each in (value or {}).items() if name in MEASURES}
        words = [f"{MEASURES[name].name.lower()} {each['words']}" for name, each in told.items()]
        words += [f"only the day of {LABELS[name]}" for name in days_only(value or {})]
        return listed_words(words) or "nothing"
    if value in (None, ""):
        return "nothing"
    if field in ("severity", *ROLES):
        return names.name("people" if field in ROLES else field, value)
    return str(value)


@dataclass(frozen=True, slots=True)
class Change:
    """One correction in words."""

    correction: IncidentCorrection
    label: str
    before: str
    after: str


def history(incident: Incident, most: int = MOST_HISTORY) -> Newest[Change]:
    """Return what people said of an incident, the newest first."""
    rows = newest(incident.corrections.select_related("by").order_by("-at", "-pk"), most)
    names = Names.of(rows)
    found = [
        Change(each, LABELS[each.field], say(each.field, each.before, names), say(each.field, each.after, names))
        for each in rows
    ]
    return Newest(found, rows.total)


def fold(incident: Incident, severities: Iterable[Severity]) -> Effective:
    """Return what is known of an incident: from its reports, from what was merged into it, and from people."""
    ordered = list(severities)
    words: dict[str, int] = {}
    for each in ordered:
        for word in each.alert_severities:
            # A word of two severities means the worse.
            words.setdefault(word.casefold(), each.pk)
    merged = merged_into(incident)
    reports = [*_reported([incident.pk, *(each.pk for each in merged)], words), *map(_merged, merged)]
    corrections = [
        Correction(each.field, each.after, each.at, each.pk) for each in incident.corrections.order_by("at", "pk")
    ]
    return effective(reports, corrections, {each.pk: place for place, each in enumerate(ordered)})


def merged_into(incident: Incident) -> list[Incident]:
    """Return all incidents that were merged into one, and into those."""
    found: dict[UUID, Incident] = {}
    todo = [incident.pk]
    while todo:
        rows = Incident.objects.filter(merged_into__in=todo).order_by("number")
        rows = rows.prefetch_related("services", "environments")
        todo = [each.pk for each in rows if each.pk not in found and each.pk != incident.pk]
        found |= {each.pk: each for each in rows if each.pk in todo}
    return list(found.values())


def homes(incidents: Collection[UUID]) -> dict[UUID, UUID]:
    """Return which of these incidents each of them and each that was merged into them is now, however often it was merged."""
    home = {pk: pk for pk in incidents}
    todo = list(home)
    while todo:
        rows = Incident.objects.filter(merged_into__in=todo).exclude(pk__in=home).order_by("number")
        fresh = {pk: home[into] for pk, into in rows.values_list("pk", "merged_into_id") if into is not None}
        home |= fresh
        todo = list(fresh)
    return home


def written_about(incidents: Collection[UUID]) -> dict[UUID, list[str]]:
    """Return what people wrote on each of these incidents and on all that were merged into them, as things happened.

    The number of queries depends on how often what was merged was merged again, not on how many incidents there are.
    """
    home = homes(incidents)
    found: dict[UUID, list[str]] = defaultdict(list)
    updates = IncidentUpdate.objects.filter(incident__in=home).order_by("happened_at", "pk")
    for pk, text, public in updates.values_list("incident_id", "text", "public"):
        found[home[pk]] += filter(None, (text, public))
    return found


def _reported(incidents: list[UUID], words: Mapping[str, int]) -> Iterator[Reported]:
    alerts: dict[Any, list[Alert]] = defaultdict(list)
    for alert in Alert.objects.filter(report__incident__in=incidents).order_by("opened_at", "pk"):
        alerts[alert.report_id].append(alert)
    places = {pk: place for place, pk in enumerate(words.values())}
    for row in IncidentReport.objects.filter(incident__in=incidents).order_by("detected_at", "pk"):
        own = alerts[row.pk]
        known = [words[each.severity.casefold()] for each in own if each.severity.casefold() in words]
        yield Reported(
            key=str(row.pk),
            title=row.title,
            severity=min(known, key=lambda pk: places[pk], default=None),
            services=frozenset(pk for pk in (row.service_id, *(each.service_id for each in own)) if pk),
            environments=frozenset(pk for pk in (row.environment_id, *(each.environment_id for each in own)) if pk),
            detected_at=row.detected_at,
            declared_at=row.declared_at,
            resolved_at=row.resolved_at,
            is_maintenance=row.is_maintenance or (bool(own) and all(_is_planned(each) for each in own)),
        )


def _is_planned(alert: Alert) -> bool:
    return str(alert.labels.get(MAINTENANCE_LABEL, "")).strip().casefold() in YES


def _merged(row: Incident) -> Reported:
    return Reported(
        key=str(row.pk),
        title=row.title,
        severity=row.severity_id,
        services=frozenset(each.pk for each in row.services.all()),
        environments=frozenset(each.pk for each in row.environments.all()),
        by_people=True,
        **row.times._asdict(),
    )


def retrospectives_about(incident: Incident, reader: Anyone) -> Newest[Retrospective]:
    """Return the newest retrospectives about an incident, or about one that was merged into it, that this person can read."""
    keys = [str(pk) for pk in homes([incident.pk])]
    rows = Retrospective.objects.readable_by(reader).filter(subject_kind="incident", subject_key__in=keys)
    return newest(rows.select_related("squad").newest(), MOST_RETROSPECTIVES)
