"""Forms of releases: they read and check what was typed; the verbs are in actions.py."""

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS

from releases.planning.models import Release


class ReleaseForm(forms.ModelForm):
    """What people say about a release. One found as a tag keeps the tag's version, line and date."""

    class Meta:
        model = Release
        fields = ["version", "line", "planned_for", "released_at", "notes"]
        widgets = {
            "planned_for": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "released_at": forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
            "notes": forms.Textarea(attrs={"rows": 4}),
        }
        labels = {"released_at": "Released at (UTC)"}
        error_messages = {
            NON_FIELD_ERRORS: {
                "unique_together": "This line already has this version. Choose another version or line."
            },
            "planned_for": {"invalid": "Enter the date as 2026-03-14."},
            "released_at": {"invalid": "Enter the time as 2026-03-14 15:09, in UTC."},
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.origin == Release.Origin.TAG:
            for name in ("version", "line", "released_at"):
                del self.fields[name]
