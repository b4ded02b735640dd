"""Forms of severities and of the times that join and blame; the verbs check what they read."""

from typing import Any

from django import forms

from releases.incident_settings.actions import LONGEST_REOPEN, LONGEST_WINDOW
from releases.incident_settings.models import IncidentSettings, Severity


class SeverityForm(forms.Form):
    """A severity."""

    name = forms.CharField(max_length=60, error_messages={"required": "Give it a name."})
    meaning = forms.CharField(max_length=500, required=False, help_text="When an incident is this bad.")
    order = forms.IntegerField(label="Place", min_value=1, max_value=99, initial=1, help_text="1 is the worst.")
    due_days = forms.IntegerField(
        label="Actions due in days",
        min_value=1,
        max_value=999,
        required=False,
        help_text="Leave empty for 15 days for the worst, 30 for the next, and a choice for the others.",
    )
    alert_severities = forms.CharField(
        label="Severity of alerts",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="How monitoring systems call it, one per line: critical. Capitals don’t matter.",
    )

    def __init__(self, data: Any = None, *, severity: Severity | None = None) -> None:
        names = ("name", "meaning", "order", "due_days")
        shown = {name: getattr(severity, name) for name in names} if severity else {}
        if severity:
            shown["alert_severities"] = "\n".join(severity.alert_severities)
        super().__init__(data, initial=shown)

    def clean_alert_severities(self) -> list[str]:
        """Read one word per line."""
        return str(self.cleaned_data["alert_severities"]).splitlines()


class WindowsForm(forms.Form):
    """The times that hold for all incidents."""

    reopen_minutes = forms.IntegerField(
        label="Alerts reopen within minutes",
        min_value=0,
        max_value=LONGEST_REOPEN,
        help_text="An alert that comes back this soon after its incident was over reopens the incident.",
    )
    attribution_hours = forms.IntegerField(
        label="Deployments looked at, in hours",
        min_value=1,
        max_value=LONGEST_WINDOW,
        help_text="Only deployments this long before an incident are proposed as its cause.",
    )

    def __init__(self, data: Any = None, *, settings: IncidentSettings) -> None:
        names = ("reopen_minutes", "attribution_hours")
        super().__init__(data, initial={name: getattr(settings, name) for name in names})
