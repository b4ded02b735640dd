"""Forms of releases: they read and check what was typed; the verbs are in actions.py."""

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS

from portal.kernel.actors import Anyone
from releases.planning.actions import LONGEST_REASON, OF_OWNERS
from releases.planning.models import Release
from releases.planning.queries import people
from squads.teams.permissions import answers_for

NOT_YOURS = "Only the owner, project managers and administrators can change this."
NOT_YOURS_YET = "Only project managers and administrators can set this."


class ReleaseForm(forms.ModelForm):
    """What people say about a release. One found as a tag keeps the tag's version and line."""

    class Meta:
        model = Release
        fields = ["version", "line", "goal", "owner", "planned_for", "released_at", "notes"]
        widgets = {
            "planned_for": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "released_at": forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S"),
            "goal": forms.Textarea(attrs={"rows": 2}),
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

    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, by: Anyone, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            del self.fields["revision"]
        else:
            self.initial["revision"] = self.instance.revision
        owner: Any = self.fields["owner"]
        owner.queryset, owner.empty_label = people(), "nobody"
        owner.label_from_instance = lambda person: person.name
        if self.instance.origin == Release.Origin.TAG:
            for name in ("version", "line"):
                del self.fields[name]
        made = not self.instance._state.adding
        if not answers_for(self.instance if made else None, by):
            for name in OF_OWNERS:
                if name in self.fields and (made or name != "line"):
                    self.fields[name].disabled = True
                    self.fields[name].help_text = NOT_YOURS if made else NOT_YOURS_YET
        if not self.instance.is_out:
            # A tag's date is nobody's word: saving the form must not make it one.
            self.initial["released_at"] = None

    def clean(self) -> dict[str, Any]:
        """Say only what this person may change. A date that was typed says that it is out, also if it is the tag's."""
        super().clean()
        said = {name: value for name, value in self.cleaned_data.items() if not self.fields[name].disabled}
        return said | ({"is_out": True} if said.get("released_at") else {})

    def beside(self, now: Release) -> list[tuple[str, str]]:
        """Return the fields in which a release is another now than the person wants it, with what they say now."""
        found = []
        for name, wanted in self.cleaned_data.items():
            # The date of a tag is nobody's word.
            value = getattr(now, name) if name != "released_at" or now.is_out else None
            if name not in ("revision", "is_out") and value != wanted:
                found.append((str(self[name].label), str(getattr(value, "name", value) or "nothing")))
        return found


class AbandonForm(forms.Form):
    """Why a release won't go out."""

    because = forms.CharField(
        label="Why won’t it go out?",
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Enter a reason, so people know why."},
    )
