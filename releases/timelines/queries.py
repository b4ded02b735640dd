"""What releases know for the timelines of retrospectives: deployments, failed runs, alerts and flags in a window of time.

Squads know none of these, so `portal/subscriptions.py` hands these functions in. Each yields at most so many, the earliest
first; each entry leads to the event behind it.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.urls import reverse

from releases.deployments.models import Deployment
from releases.flags.models import FlagState
from releases.incidents.models import Alert, Incident, IncidentUpdate
from releases.incidents.queries import homes
from releases.pipelines.models import Phase, Run
from squads.models import Service, Story
from squads.retrospectives.material import LONGEST_QUOTE, Material, Window

# What retrospectives about an incident say they are about.
INCIDENT = "incident"
ENDED = {
    "success": "",
    "warning": " with warnings",
    "failure": " failed",
    "error": " failed with an error",
    "cancelled": " was cancelled",
    "skipped": " was skipped",
    "": "",
    "unknown": ": outcome unknown",
}


def _services(window: Window) -> "QuerySet[Service, int] | frozenset[int]":
    """The services it is about, or else all of the squad."""
    return window.services or Service.objects.filter(squad=window.squad).values_list("pk", flat=True)


def _event(pk: UUID) -> str:
    return reverse("releases:reading:event", args=[pk])


def deployments(window: Window, most: int) -> Iterable[Material]:
    """Deployments, rollbacks and removals of the services, to any environment."""
    rows = Deployment.objects.filter(service__in=_services(window)).alias(when=Coalesce("started_at", "finished_at"))
    rows = rows.filter(when__gte=window.since, when__lte=window.until).order_by("when", "pk")
    for row in rows.select_related("service", "environment", "artifact")[:most]:
        at = row.started_at or row.finished_at
        assert at is not None
        yield Material(
            f"deployment:{row.pk}", "deployment", at, _deployed(row), _event(row.event_id), _later(at, row.finished_at)
        )


def _deployed(row: Deployment) -> str:
    what = f"{row.service} {row.carries}".strip()
    if row.kind == Deployment.Kind.REMOVAL:
        said = f"Removal of {what} from {row.environment}"
    else:
        noun = "Rollback" if row.kind == Deployment.Kind.ROLLBACK else "Deployment"
        said = f"{noun} of {what} to {row.environment}"
    if row.phase != Phase.FINISHED:
        return f"{said} ({row.get_phase_display()})"
    unhealthy = "" if row.healthy or row.outcome != "success" else ", but it isn’t healthy"
    return f"{said}{ENDED.get(row.outcome, '')}{unhealthy}"


def _later(at: datetime, end: datetime | None) -> datetime | None:
    return end if end is not None and end > at else None


def failed_runs(window: Window, most: int) -> Iterable[Material]:
    """CI runs of the services that failed; the others would drown everything else."""
    rows = Run.objects.filter(service__in=_services(window), outcome__in=("failure", "error"))
    rows = rows.filter(finished_at__gte=window.since, finished_at__lte=window.until).order_by("finished_at", "pk")
    for row in rows.select_related("service")[:most]:
        assert row.finished_at is not None
        branch = f" on {row.branch}" if row.branch else ""
        text = f"{row.service}: {row.pipeline or 'CI run'} failed{branch} at {row.sha[:8] or 'an unknown commit'}"
        yield Material(f"run:{row.pk}", "run", row.finished_at, text, _event(row.event_id))


def alerts(window: Window, most: int) -> Iterable[Material]:
    """Alerts of the services that opened in the window, and all of the incident it is about, whatever their service."""
    opened = Q(opened_at__gte=window.since, opened_at__lte=window.until, service__in=_services(window))
    rows = Alert.objects.filter(opened | Q(report__incident__in=_subject(window))).order_by("opened_at", "pk")
    for row in rows.select_related("service", "environment")[:most]:
        if row.opened_at is None:
            continue
        where = f" in {row.environment}" if row.environment else ""
        severity = f" ({row.severity})" if row.severity else ""
        what = f" on {row.service}" if row.service else ""
        text = f"Alert{severity}{what}{where}: {row.title or row.key}"
        yield Material(
            f"alert:{row.pk}",
            "alert",
            row.opened_at,
            text,
            _event(row.event_id),
            _later(row.opened_at, row.resolved_at),
        )


def flags(window: Window, most: int) -> Iterable[Material]:
    """Flags that stories of the squad are behind, switched on or off."""
    names = Story.objects.filter(squad=window.squad).exclude(flag="").values("flag")
    rows = FlagState.objects.filter(flag__in=names, at__gte=window.since, at__lte=window.until)
    for row in rows.select_related("environment").order_by("at", "pk")[:most]:
        audience = "" if row.audience == "everyone" else f" for {row.audience}"
        text = f"Flag {row.flag} switched {'on' if row.on else 'off'} in {row.environment}{audience}"
        yield Material(f"flag:{row.pk}", "flag", row.at, text, _event(row.event_id))


TIMES = {
    "impact_started_at": "impact started",
    "detected_at": "detected",
    "declared_at": "declared",
    "mitigated_at": "mitigated",
    "resolved_at": "resolved",
}


def _subject(window: Window) -> "QuerySet[Incident]":
    """The incident it is about, with all that were merged into it."""
    if window.subject_kind != INCIDENT:
        return Incident.objects.none()
    return Incident.objects.filter(pk__in=homes([UUID(window.subject_key)]))


def _others(window: Window) -> "QuerySet[Incident]":
    """Other incidents of the services that were on in the window."""
    on = Q(starts_at__lte=window.until) & (Q(resolved_at=None) | Q(resolved_at__gte=window.since))
    return Incident.objects.filter(
        pk__in=Incident.objects.real().filter(on, services__in=_services(window)).values("pk")
    )


def incident_times(window: Window, most: int) -> Iterable[Material]:
    """The times of incidents: when the impact started, when they were detected, declared, mitigated and resolved.

    Of the one it is about all of them, of others those in the window.
    """
    found = []
    own = {row.pk: row for row in _subject(window)}
    for row in [*own.values(), *_others(window).exclude(pk__in=own).order_by("-starts_at", "pk")[:most]]:
        for name, words in TIMES.items():
            at = getattr(row, name)
            if at is not None and (row.pk in own or window.since <= at <= window.until):
                text = f"{row.key} {words}: {row.title}" if row.title else f"{row.key} {words}"
                found.append(Material(f"incident:{row.pk}:{name}", "incident", at, text, row.get_absolute_url()))
    return sorted(found, key=lambda each: each.at)[:most]


def incident_updates(window: Window, most: int) -> Iterable[Material]:
    """What people wrote about the incident it is about, and in the window about others of the services."""
    within = Q(incident__in=_others(window), happened_at__gte=window.since, happened_at__lte=window.until)
    rows = IncidentUpdate.objects.filter(Q(incident__in=_subject(window)) | within)
    for row in rows.select_related("incident").order_by("happened_at", "pk")[:most]:
        url = f"{row.incident.get_absolute_url()}#update-{row.pk}"
        said = " ".join(row.text.split())
        text = f"{row.incident.key}: {said if len(said) <= LONGEST_QUOTE else f'{said[: LONGEST_QUOTE - 1]}…'}"
        yield Material(f"update:{row.pk}", "update", row.happened_at, text, url)
