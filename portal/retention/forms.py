"""How long things are kept, as administrators enter it."""

from typing import Any

from django import forms

from portal.retention.models import LONGEST, SHORTEST_AUDIT, SHORTEST_EVENTS, Retention
from portal.retention.queries import shown


def _days(label: str, shortest: int, help_text: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        min_value=shortest,
        max_value=LONGEST,
        required=False,
        help_text=help_text,
        error_messages={
            "invalid": "Enter a whole number of days, or leave it empty to keep all.",
            "min_value": "Enter at least %(limit_value)s days, or leave it empty to keep all.",
            "max_value": "Enter at most %(limit_value)s days, or leave it empty to keep all.",
        },
    )


class RetentionForm(forms.Form):
    """The settings, the version they were read in, and what was confirmed."""

    events_days = _days(
        "Days to keep the contents of events",
        SHORTEST_EVENTS,
        f"At least {SHORTEST_EVENTS}. Leave empty to keep them for ever. What was read from events always stays.",
    )
    export_events = forms.BooleanField(
        label="Export contents to files before deleting them",
        required=False,
        help_text="With these files, an event’s contents can be restored.",
    )
    audit_days = _days(
        "Days to keep the audit log", SHORTEST_AUDIT, f"At least {SHORTEST_AUDIT}. Leave empty to keep it for ever."
    )
    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    # What the person was shown as going; other days have to be confirmed anew.
    confirmed = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, row: Retention) -> None:
        super().__init__(data, initial={**shown(row), "version": row.version})

    def values(self) -> dict[str, Any]:
        """Return the settings that were entered, and whether just these were confirmed."""
        names = ("events_days", "export_events", "audit_days", "version")
        return {
            **{name: self.cleaned_data[name] for name in names},
            "confirmed": self.cleaned_data["confirmed"] == self.asked(),
        }

    def asked(self) -> str:
        """Return what a confirmation of the entered days says."""
        return f"{self.cleaned_data['events_days']}, {self.cleaned_data['audit_days']}"
