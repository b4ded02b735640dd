"""Forms of stories: they read and check what was typed; the verbs are in actions.py."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import F

from portal.kernel import clock
from portal.kernel.actors import Anyone
from squads.stories import queries
from squads.stories.manual_evidence import misplaced, seen_in
from squads.stories.models import Story
from squads.teams.models import Squad

KINDS = {
    "acceptance": "Accepted in production (rodeo done)",
    "deployment": "Deployed to production",
    "test": "Tested before production",
    "run": "Integrated: on the mainline, and its run succeeded",
}
RELEASES_OFFERED = 200


class StoryForm(forms.ModelForm):
    """What people write about a story."""

    class Meta:
        model = Story
        fields = [
            "title",
            "type",
            "release",
            "description",
            "acceptance_criteria",
            "production_checks",
            "flag",
            "audience",
        ]
        widgets = {
            "description": forms.Textarea(attrs={"rows": 8}),
            "acceptance_criteria": forms.Textarea(attrs={"rows": 4}),
            "production_checks": forms.Textarea(attrs={"rows": 3}),
        }
        labels = {"production_checks": "Checks in production"}
        help_texts = {
            "release": "The release it is planned for. Its board shows the story.",
            "description": "Markdown. PAY-12 becomes a link to that story.",
        }

    # What the person began from; nobody's edits since are overwritten unseen.
    version = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: Anyone, only: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if only:
            self.fields = {name: field for name, field in self.fields.items() if name in (*only, "version")}
        if self.instance.pk is None:
            del self.fields["version"]
        else:
            self.initial.setdefault("version", self.instance.version)
        if "audience" in self.fields:
            self.fields["audience"].required = False
        if "release" in self.fields:
            self._offer_releases()
        if self.instance.pk is None:
            squads = forms.ModelChoiceField(
                Squad.objects.writable_by(user),
                empty_label=None,
                help_text="Its prefix starts the story's key. You can choose among your own squads.",
            )
            self.fields = {"squad": squads, **self.fields}

    def said(self) -> dict[str, Any]:
        """Return the fields to write: without those for which the person keeps what somebody else wrote."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name != "version" and self.data.get(f"take_{name}") != "theirs"
        }

    def _offer_releases(self) -> None:
        release = self.fields["release"]
        release.empty_label = "none yet"  # type: ignore[attr-defined]
        # A repository may bring thousands of releases: offer what is still to come, then the newest.
        rows = release.queryset.order_by(F("released_at").desc(nulls_first=True), "-created_at")[:RELEASES_OFFERED]  # type: ignore[attr-defined]
        offered = [("", "none yet"), *((row.pk, str(row)) for row in rows)]
        chosen = self.instance.release if self.instance.release_id else None
        if chosen is not None and all(pk != chosen.pk for pk, _ in offered):
            offered.append((chosen.pk, str(chosen)))
        release.widget.choices = offered


class EvidenceForm(forms.Form):
    """Evidence that a person supplies: with a time, and a note or a link that others can check."""

    kind = forms.ChoiceField(label="What you saw", choices=KINDS.items())
    verdict = forms.ChoiceField(
        label="How it ended",
        choices=[("success", "passed"), ("failure", "failed")],
        widget=forms.RadioSelect,
        initial="success",
    )
    at = forms.DateTimeField(
        label="When (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S"),
        error_messages={"required": "Say when you saw it.", "invalid": "Write the time as 2026-03-14 15:09, in UTC."},
    )
    service = forms.ChoiceField(required=False)
    environment: "forms.ModelChoiceField[Any]" = forms.ModelChoiceField(
        queryset=None,
        required=False,
        empty_label="not said",
        to_field_name="key",
        help_text="Where you saw it. Leave it for integration.",
    )
    note = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What you did and saw. A note or a link is required.",
    )
    link = forms.CharField(
        required=False, max_length=1000, widget=forms.URLInput, help_text="Such as a screenshot, ticket or log."
    )

    def __init__(self, *args: Any, story: Story, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["environment"].queryset = queries.environments()  # type: ignore[attr-defined]
        names = [(name, name) for name in queries.services(story)]
        self.fields["service"].choices = [("", "all it changed"), *names]  # type: ignore[attr-defined]
        self.initial.setdefault("at", clock.now())
        # One of the two is required, so neither is called optional.
        for name in ("note", "link"):
            self.fields[name].either = True  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """See that the environment fits what was seen there."""
        data = super().clean() or {}
        if wrong := misplaced(data.get("kind", ""), data.get("environment")):
            self.add_error("environment", ValidationError(wrong))
        return data

    def said(self) -> dict[str, Any]:
        """Return what `record_by_hand` wants to know."""
        data = dict(self.cleaned_data)
        return {**data, **seen_in(data.pop("environment"))}
