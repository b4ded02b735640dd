"""Forms of stories: they read and check what was typed; the verbs are in actions.py."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import F

from portal.kernel import clock
from portal.kernel.actors import Anyone
from squads.assignments.queries import offered
from squads.labels.models import Label
from squads.stories import queries
from squads.stories.manual_evidence import misplaced, seen_in
from squads.stories.models import Story
from squads.teams.models import Squad

KINDS = {
    "acceptance": "Accepted in production (rodeo done)",
    "deployment": "Deployed to production",
    "test": "Tested before production",
    "run": "Integrated: a mainline run succeeded",
}
RELEASES_OFFERED = LABELS_OFFERED = 200


class LabelsField(forms.MultipleChoiceField):
    """Labels by name, also such as there are none yet. What a label may be called says the verb that makes it."""

    def __init__(self, names: Iterable[str]) -> None:
        widget = forms.SelectMultiple(attrs={"data-picker": "Find or create a label", "data-create": "", "size": 6})
        super().__init__(required=False, widget=widget, choices=[(name, name) for name in names])

    def validate(self, value: Any) -> None:
        """Let every name through."""


class StoryForm(forms.ModelForm):
    """What people write about a story."""

    class Meta:
        model = Story
        fields = [
            "title",
            "type",
            "assignees",
            "priority",
            "labels",
            "due",
            "estimate",
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
            "due": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "assignees": forms.SelectMultiple(attrs={"data-picker": "", "size": 6}),
        }
        labels = {"production_checks": "Production checks", "due": "Due date"}
        help_texts = {
            "release": "The release this is planned for.",
            "description": "Markdown works. PAY-12 links to that story.",
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
        for name in ("audience", "priority"):
            if name in self.fields:
                self.fields[name].required = False
        if "release" in self.fields:
            self._offer_releases()
        if "assignees" in self.fields:
            self._offer_people(user)
        if "labels" in self.fields:
            self._offer_labels(user)
        if "estimate" in self.fields and not self._is_estimated(user):
            del self.fields["estimate"]
        if self.instance.pk is None:
            squads = forms.ModelChoiceField(
                Squad.objects.writable_by(user),
                empty_label=None,
                help_text="Only your own squads are listed.",
            )
            self.fields = {"squad": squads, **self.fields}

    def clean_priority(self) -> str:
        """Return the priority; one that is not said stays as it is."""
        return str(self.cleaned_data["priority"] or self.instance.priority)

    def said(self) -> dict[str, Any]:
        """Return the fields to write: without those for which the person keeps what somebody else wrote."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name != "version" and self.data.get(f"take_{name}") != "theirs"
        }

    def _offer_people(self, user: Anyone) -> None:
        """Offer the squad's members by name. A story that is being written may be any squad's of the person's."""
        squads = self._squads(user)
        story = None if self.instance.pk is None else self.instance
        field: Any = self.fields["assignees"]
        field.queryset = offered(squads, story)
        field.to_field_name, field.label_from_instance = "username", lambda person: person.name
        field.error_messages["invalid_choice"] = "“%(value)s” isn’t in the squad. Choose a member."

    def _squads(self, user: Anyone) -> Any:
        """Return whose members and labels are offered. A story that is being written may be any squad's of the person's."""
        return Squad.objects.writable_by(user) if self.instance.pk is None else [self.instance.squad]

    def _offer_labels(self, user: Anyone) -> None:
        """Offer the squad's labels by name; one that is typed and is none yet is made when the story is saved."""
        names = Label.objects.filter(squad__in=self._squads(user)).values_list("name", flat=True)
        offered = dict.fromkeys(names.order_by("folded")[:LABELS_OFFERED])
        typed = self.data.getlist("labels") if hasattr(self.data, "getlist") else ()
        offered.update(dict.fromkeys(typed))
        began = self.initial.get("labels") or ()
        self.initial["labels"] = [str(each) for each in began]
        offered.update(dict.fromkeys(self.initial["labels"]))
        self.fields["labels"] = LabelsField(offered)

    def _is_estimated(self, user: Anyone) -> bool:
        squads = self._squads(user)
        if self.instance.pk is None:
            return bool(squads.filter(estimates=True).exists())
        return bool(self.instance.squad.estimates or self.instance.estimate is not None)

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
        label="Result",
        choices=[("success", "passed"), ("failure", "failed")],
        widget=forms.RadioSelect,
        initial="success",
    )
    at = forms.DateTimeField(
        label="When (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S"),
        error_messages={"required": "Enter when you saw it.", "invalid": "Enter the time as 2026-03-14 15:09, in UTC."},
    )
    service = forms.ChoiceField(required=False)
    environment: "forms.ModelChoiceField[Any]" = forms.ModelChoiceField(
        queryset=None,
        required=False,
        empty_label="none",
        to_field_name="key",
        help_text="Where you saw it. Not needed for integration.",
    )
    note = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What you did and saw. Add a note or a link.",
    )
    link = forms.CharField(
        required=False, max_length=1000, widget=forms.URLInput, help_text="A screenshot, ticket or log, for example."
    )

    def __init__(self, *args: Any, story: Story, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["environment"].queryset = queries.environments()  # type: ignore[attr-defined]
        names = [(name, name) for name in queries.services(story)]
        self.fields["service"].choices = [("", "all services"), *names]  # type: ignore[attr-defined]
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
