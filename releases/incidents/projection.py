"""From facts about incidents to reports of them; alerts.py does the same for alerts, threads.py makes incidents of both."""

from datetime import datetime

from portal.kernel.stable_ids import stable_id
from releases.environments.actions import environment_named
from releases.inbox.affected import Affected
from releases.inbox.fold import fold, moment
from releases.inbox.models import Fact
from releases.inbox.projection import Projection, save_row
from releases.incidents import alerts, threads
from releases.incidents.models import Alert, IncidentReport
from squads.teams.actions import service_named


def project(key: str, facts: list[Fact], affected: Affected) -> None:
    """An incident was detected, declared or resolved."""
    merged, last = fold(facts)
    values = {
        "key": key[:300],
        "thread": key[:300],
        "title": merged.get("title", ""),
        "service": service_named(merged["service"]) if merged.get("service") else None,
        "environment": environment_named(merged["environment"]) if merged.get("environment") else None,
        "detected_at": _earliest(facts, "detected_at"),
        "declared_at": _earliest(facts, "declared_at"),
        "resolved_at": moment(merged, "resolved_at"),
        "url": merged.get("url", "")[:1000],
        "is_maintenance": bool(merged.get("maintenance")),
        "event_id": last.event_id,
    }
    save_row(IncidentReport, stable_id("incident", key), values)
    affected.threads.add(key[:300])


def _earliest(facts: list[Fact], name: str) -> datetime | None:
    return min((each for fact in facts if (each := moment(fact.data, name)) is not None), default=None)


def withdraw(key: str, affected: Affected) -> None:
    """Nothing tells of the incident any more."""
    IncidentReport.objects.filter(pk=stable_id("incident", key)).delete()
    affected.threads.add(key[:300])


INCIDENTS = Projection(
    kind="incident", project=project, withdraw=withdraw, models=(IncidentReport,), finish=threads.follow
)
# Stored facts call an alert a signal.
ALERTS = Projection(
    kind="signal", project=alerts.project, withdraw=alerts.withdraw, models=(Alert,), finish=alerts.group_into_reports
)
