"""Forms of incidents: they read what was typed; the verbs check it. All times are UTC."""

import json
from datetime import UTC, datetime
from typing import Any

from django import forms

from portal.accounts.fields import PersonField
from releases.environments.models import Environment
from releases.incident_settings.models import Severity
from releases.incidents import actions
from releases.incidents.effective import ROLES, TIME_FIELDS
from releases.incidents.models import Incident
from squads.models import Service

FIELDS = ("title", "severity", "services", "environments", *TIME_FIELDS, *ROLES, "is_maintenance")


class MomentField(forms.DateTimeField):
    """A moment in UTC, to the minute; what is shown with seconds keeps them."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S")
        said = {"invalid": "Enter it as 2026-12-24 15:00."}
        super().__init__(required=False, widget=widget, error_messages=said, **options)

    def clean(self, value: Any) -> Any:
        found: datetime | None = super().clean(value)
        return found.astimezone(UTC) if found else None


def _picked(label: str, rows: Any) -> forms.ModelMultipleChoiceField:
    widget = forms.SelectMultiple(attrs={"data-picker": "", "size": 4})
    return forms.ModelMultipleChoiceField(rows, label=label, required=False, widget=widget)


class IncidentForm(forms.Form):
    """What is known of an incident. `seen` holds the values that the form showed."""

    title = forms.CharField(
        max_length=actions.LONGEST_TITLE, error_messages={"required": "Say what is wrong, in a few words."}
    )
    severity = forms.ModelChoiceField(Severity.objects.none(), required=False, empty_label="No severity yet")
    services = _picked("Services", Service.objects.none())
    environments = _picked("Environments", Environment.objects.none())
    impact_started_at = MomentField(
        label="Impact started (UTC)", help_text="When customers or colleagues first felt it."
    )
    detected_at = MomentField(label="Detected (UTC)", help_text="When someone or an alert first noticed.")
    declared_at = MomentField(label="Declared (UTC)", help_text="When it was called an incident.")
    mitigated_at = MomentField(
        label="Mitigated (UTC)", help_text="When the impact ended, even if the cause was still there."
    )
    resolved_at = MomentField(label="Resolved (UTC)", help_text="When it was over. Leave empty while it’s open.")
    commander = PersonField(required=False, empty_label="nobody")
    scribe = PersonField(required=False, empty_label="nobody")
    liaison = PersonField(required=False, empty_label="nobody", help_text="Speaks to customers and to other teams.")
    is_maintenance = forms.BooleanField(
        label="Planned maintenance",
        required=False,
        help_text="Not an incident: it’s in no measure and withdraws nothing.",
    )
    because = forms.CharField(
        label="Reason", required=False, max_length=actions.LONGEST_REASON, help_text="Kept in the history."
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, incident: Incident | None = None) -> None:
        super().__init__(data, initial=_shown(incident) if incident else None)
        self._offer(incident)
        if incident is None:
            for name in ("because", "seen", "mitigated_at", "resolved_at"):
                del self.fields[name]

    def _offer(self, incident: Incident | None) -> None:
        """Offer what there is. What the incident has stays to be chosen, also what was merged and people who left."""
        field: Any = self.fields["severity"]
        field.queryset = Severity.objects.all()
        for name, model in (("services", Service), ("environments", Environment)):
            field = self.fields[name]
            field.queryset = model.objects.filter(merged_into=None)
            if incident is not None:
                kept = list(getattr(incident, name).values_list("pk", flat=True))
                field.queryset |= model.objects.filter(pk__in=kept)
        for role in ROLES if incident is not None else ():
            field = self.fields[role]
            field.offer(also=getattr(incident, role))

    def clean_seen(self) -> dict[str, Any]:
        """Read the values that the form showed. Without them, nobody knows what others changed meanwhile."""
        try:
            found = json.loads(self.cleaned_data.get("seen") or "null")
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not found.keys() >= set(FIELDS):
            self.add_error(None, "Reload the page, then change it again.")
            return {}
        return found

    def values(self) -> dict[str, Any]:
        """Return what the verbs take."""
        return {name: value for name, value in self.cleaned_data.items() if name in FIELDS}


def _shown(incident: Incident) -> dict[str, Any]:
    known = actions.as_json(incident)
    return {
        **{name: getattr(incident, name) for name in ("title", "is_maintenance", "severity", *TIME_FIELDS, *ROLES)},
        "services": list(incident.services.all()),
        "environments": list(incident.environments.all()),
        "seen": json.dumps({name: known[name] for name in FIELDS}),
    }


class UpdateForm(forms.Form):
    """An update of an incident."""

    text = forms.CharField(
        label="What happened",
        max_length=actions.LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say what happened."},
    )
    public = forms.CharField(
        label="For the public",
        required=False,
        max_length=actions.LONGEST_LINE,
        help_text="One line that customers may read.",
    )
    happened_at = MomentField(label="Happened (UTC)", help_text="Leave empty for now.")
