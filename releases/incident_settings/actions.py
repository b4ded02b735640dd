"""What project managers and administrators decide about incidents. Pages call these."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import audit, outbox
from portal.kernel.actors import Actor
from portal.kernel.policy import check_manager
from releases.events import IncidentSettingsChanged
from releases.incident_settings.models import IncidentSettings, Severity, due_days, incident_settings

CHANGE = "change the severities of incidents"
MOST_SEVERITIES, MOST_WORDS = 20, 50
LONGEST_REOPEN, LONGEST_WINDOW = 10_080, 720


@transaction.atomic
def save_severity(severity: Severity | None, *, by: Actor, **said: Any) -> Severity:
    """Add or change a severity. Raises ValidationError naming the field, or PermissionDenied."""
    check_manager(by, CHANGE)
    before = _said(severity) if severity else ""
    row = severity or Severity()
    for name, value in said.items():
        setattr(row, name, value)
    row.name, row.meaning = row.name.strip(), row.meaning.strip()
    row.alert_severities = list(dict.fromkeys(word.strip()[:60] for word in row.alert_severities if word.strip()))
    if not row.name:
        raise ValidationError({"name": "Give it a name."})
    if len(row.alert_severities) > MOST_WORDS:
        raise ValidationError({"alert_severities": f"There are over {MOST_WORDS}. List fewer."})
    if Severity.objects.exclude(pk=row.pk).filter(name__iexact=row.name).exists():
        raise ValidationError({"name": f"There’s already a severity {row.name}. Choose another name."})
    if severity is None and Severity.objects.count() >= MOST_SEVERITIES:
        raise ValidationError(f"There are already {MOST_SEVERITIES} severities, which is the most. Delete one first.")
    row.save()
    did = f"changed the severity {before} → {_said(row)}" if before else f"added the severity {_said(row)}"
    audit.record(by=by, did=did, kind="incident", key=row.name)
    outbox.publish(IncidentSettingsChanged())
    return row


@transaction.atomic
def delete_severity(severity: Severity, *, by: Actor) -> None:
    """Delete a severity. Incidents that had it have none until someone chooses one. Raises PermissionDenied."""
    check_manager(by, CHANGE)
    audit.record(by=by, did=f"deleted the severity {_said(severity)}", kind="incident", key=severity.name)
    severity.delete()
    outbox.publish(IncidentSettingsChanged())


@transaction.atomic
def save_settings(*, by: Actor, reopen_minutes: int, attribution_hours: int) -> IncidentSettings:
    """Change how soon alerts reopen, and how long before an incident deployments are looked at.

    Raises ValidationError naming the field, or PermissionDenied.
    """
    check_manager(by, "change the times of incidents")
    if not 0 <= reopen_minutes <= LONGEST_REOPEN:
        raise ValidationError({"reopen_minutes": f"Enter 0 to {LONGEST_REOPEN} minutes."})
    if not 1 <= attribution_hours <= LONGEST_WINDOW:
        raise ValidationError({"attribution_hours": f"Enter 1 to {LONGEST_WINDOW} hours."})
    row = incident_settings()
    row.reopen_minutes, row.attribution_hours = reopen_minutes, attribution_hours
    row.save()
    did = f"had alerts reopen incidents within {reopen_minutes} min, and deployments looked at {attribution_hours} h before"
    audit.record(by=by, did=did, kind="incident")
    outbox.publish(IncidentSettingsChanged())
    return row


def _said(row: Severity) -> str:
    words = f", for alerts of {', '.join(row.alert_severities)}" if row.alert_severities else ""
    return f"{row.name} (place {row.order}{f', {row.due_days} days' if row.due_days is not None else ''}{words})"


def shown() -> list[dict[str, Any]]:
    """Return the severities, the worst first, each with the days in which its actions are due."""
    rows = list(Severity.objects.all())
    return [{"severity": row, "due_days": due_days(row, place)} for place, row in enumerate(rows)]
