"""Forms of retrospectives: they read and check what was typed; the verbs are in squads/retrospectives."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any

from django import forms
from django.urls import reverse

from portal.accounts.fields import PersonField
from portal.kernel.actors import Anyone
from squads.retrospectives.editing import LONGEST_TEXT, ROLE, TEXT
from squads.retrospectives.models import LONGEST_ENTRY, Retrospective
from squads.retrospectives.roles import LONGEST_ROLE, mentioned
from squads.retrospectives.sections import LONGEST_HINT, LONGEST_TITLE, MOST, SectionPlan
from squads.teams.models import Service, Squad

AT = "Date and time in UTC, as 2026-03-14 15:09."
TIMES = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]


class MomentField(forms.DateTimeField):
    """A moment in UTC, to the minute, chosen with the browser's own control."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S")

    def __init__(self, **options: Any) -> None:
        super().__init__(input_formats=TIMES, **options)
        self.error_messages["invalid"] = f"This isn’t a time. Write {AT[:1].lower()}{AT[1:]}"

    def prepare_value(self, value: Any) -> Any:
        return value.astimezone(UTC) if hasattr(value, "astimezone") else value


class ThemesField(forms.CharField):
    """Themes, with commas between."""

    def to_python(self, value: Any) -> Any:
        return [each for each in str(value or "").split(",") if each.strip()]

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value


def _short() -> forms.Textarea:
    return forms.Textarea(attrs={"rows": 2, "data-coach": ""})


class _About(forms.Form):
    """What a retrospective is about."""

    began_at = MomentField(required=False, label="Began", help_text=f"{AT} The timeline looks at the hours around it.")
    ended_at = MomentField(required=False, label="Ended")
    severity = forms.CharField(required=False, max_length=60, help_text="In your company’s own words.")
    services = forms.ModelMultipleChoiceField(
        Service.objects.none(),
        required=False,
        to_field_name="slug",
        widget=forms.SelectMultiple(attrs={"data-picker": "Find a service", "size": 6}),
    )
    themes = ThemesField(
        required=False, max_length=1000, help_text="Words to find it by, with commas: dns, certificates."
    )
    facilitator = PersonField(required=False, empty_label="none yet", help_text="Best someone who wasn’t involved.")
    restricted = forms.BooleanField(
        required=False,
        label="Only for the squad and people you add",
        help_text="It then appears in no list, search or feed of anyone else.",
    )

    def __init__(self, *args: Any, row: Retrospective | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What it has stays to be chosen, also a service that was merged and a person who left.
        kept = list(row.services.values_list("pk", flat=True)) if row is not None else []
        named = Service.objects.unmerged() | Service.objects.filter(pk__in=kept)
        self.fields["services"].queryset = named.order_by("name")  # type: ignore[attr-defined]
        if row is not None:
            self.fields["facilitator"].offer(also=row.facilitator)  # type: ignore[attr-defined]


class CreateForm(_About):
    """Begin a retrospective."""

    title = forms.CharField(max_length=200, help_text="What happened, not who: “Checkout slow after the cache change”.")
    kind = forms.ChoiceField(choices=Retrospective.Kind)
    squad = forms.ModelChoiceField(Squad.objects.none(), to_field_name="slug", empty_label=None)
    field_order = ["title", "kind", "squad", "began_at", "ended_at"]

    def __init__(self, *args: Any, user: Anyone, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["squad"].queryset = Squad.objects.writable_by(user).order_by("name")  # type: ignore[attr-defined]


class EditForm(_About):
    """Change a retrospective: each section is a field of its own."""

    title = forms.CharField(max_length=200)
    because = forms.CharField(required=False, max_length=300, label="What you changed", help_text="For the history.")
    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    field_order = ["title"]

    def __init__(self, *args: Any, row: Retrospective, member: bool, **kwargs: Any) -> None:
        super().__init__(*args, row=row, **kwargs)
        self.sections = list(row.sections.all())
        mentions = reverse("squads:retrospective_pages:mentions", args=[row.slug])
        for section in self.sections:
            self.fields[f"{TEXT}{section.key}"] = forms.CharField(
                required=False,
                max_length=LONGEST_TEXT * 2,
                label=section.title,
                help_text=section.hint,
                widget=forms.Textarea(attrs={"rows": 6, "data-coach": "", "data-mentions": mentions}),
            )
        seen = []
        for handle, person in mentioned(row).items():
            seen.append(f"{ROLE}{handle}")
            self.fields[seen[-1]] = forms.CharField(
                required=False,
                max_length=LONGEST_ROLE,
                label=f"What readers see instead of @{handle}",
                help_text=f"Leave empty to name {person.name}.",
                widget=forms.TextInput(attrs={"list": "roles", "autocomplete": "off"}),
            )
        if not member:
            del self.fields["facilitator"], self.fields["restricted"]
        written = [f"{TEXT}{section.key}" for section in self.sections]
        last = [name for name in self.fields if name not in (*written, *seen, "title")]
        self.order_fields(["title", *written, *seen, *last])

    def said(self) -> dict[str, Any]:
        """Return what the person wants, as `editing.edit` takes it."""
        values = {name: value for name, value in self.cleaned_data.items() if name not in ("version", "because")}
        values["services"] = list(values["services"])
        return values


class _WithMentions(forms.Form):
    """A text of a timeline, in which writers choose roles and people after an @."""

    def __init__(self, *args: Any, row: Retrospective, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if "data-coach" in field.widget.attrs:
                field.widget.attrs["data-mentions"] = reverse("squads:retrospective_pages:mentions", args=[row.slug])


class EntryForm(_WithMentions):
    """Add what happened to a timeline."""

    at = MomentField(required=False, label="When", help_text=f"{AT} Leave empty if you don’t know.")
    until = MomentField(required=False, label="Until")
    text = forms.CharField(
        max_length=LONGEST_ENTRY, label="What happened", widget=forms.Textarea(attrs={"rows": 2, "data-coach": ""})
    )
    url = forms.CharField(required=False, max_length=400, label="Link")


class NoteForm(_WithMentions):
    """What to know of something that Rodeo found."""

    note = forms.CharField(
        required=False,
        max_length=LONGEST_ENTRY,
        label="Note",
        widget=forms.Textarea(attrs={"rows": 2, "data-coach": ""}),
    )


class ReopenForm(forms.Form):
    """Why locked text is opened again."""

    because = forms.CharField(max_length=300, label="Why")


class PersonForm(forms.Form):
    """Somebody to add."""

    person = PersonField(empty_label="choose")


class TemplateForm(forms.Form):
    """The sections of a kind, one per line: title, a bar, a hint."""

    sections = forms.CharField(
        max_length=MOST * (LONGEST_TITLE + LONGEST_HINT + 60),
        widget=forms.Textarea(attrs={"rows": 14}),
        help_text="One section per line: its title, then a | and a hint of what to write. Existing retrospectives keep theirs.",
    )

    @staticmethod
    def text_of(plans: Iterable[SectionPlan]) -> str:
        """Return sections as the field shows them."""
        return "\n".join(f"{plan.title} | {plan.hint}" if plan.hint else plan.title for plan in plans)

    def plans(self, known: Sequence[SectionPlan]) -> list[SectionPlan]:
        """Return what was typed. A section that is called as before keeps its key."""
        keys: Mapping[str, str] = {plan.title.lower(): plan.key for plan in known}
        lines = [line for line in self.cleaned_data["sections"].splitlines() if line.strip()]
        parts = [line.partition("|") for line in lines]
        return [
            SectionPlan(keys.get(title.strip().lower(), ""), title.strip(), hint.strip()) for title, _, hint in parts
        ]
