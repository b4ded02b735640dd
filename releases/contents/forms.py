"""Forms of what releases ship."""

from typing import Any

from django import forms

from releases.contents import actions
from releases.providers import parse, schema_files
from squads.models import Service

PLAIN = {"spellcheck": "false", "autocomplete": "off"}


class ContentForm(forms.Form):
    """What a release ships of one service, as people choose it."""

    sha = forms.CharField(
        label="Commit",
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs=PLAIN),
        help_text="Leave empty to use the release’s tag, or the newest commit that has all its changes.",
    )
    purl = forms.CharField(
        label="Artifact",
        max_length=parse.LONGEST_PURL,
        required=False,
        widget=forms.TextInput(attrs={**PLAIN, "placeholder": "pkg:oci/checkout@sha256:…"}),
        help_text="A purl with its digest. Leave empty to use the one that was made from the commit.",
    )
    configuration = forms.CharField(
        label="Configuration",
        max_length=actions.LONGEST_CONFIGURATION,
        required=False,
        widget=forms.TextInput(attrs=PLAIN),
        help_text="The version of configuration that ships with it.",
    )
    version = forms.IntegerField(min_value=0, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # At least one of them; which is up to the person.
        for field in self.fields.values():
            field.either = True  # type: ignore[attr-defined]


class PatternsForm(forms.Form):
    """Which files are schema changes, one pattern per line."""

    patterns = forms.CharField(
        label="Patterns",
        required=False,
        max_length=(schema_files.LONGEST + 2) * schema_files.MOST,
        widget=forms.Textarea(attrs={**PLAIN, "rows": 12}),
        help_text="One per line. * stands for anything in a folder, ** for any folders, and ! excludes files.",
    )
    version = forms.IntegerField(min_value=0, required=False, widget=forms.HiddenInput)

    def clean_patterns(self) -> list[str]:
        """Return the patterns."""
        return str(self.cleaned_data["patterns"]).splitlines()


class OrderForm(forms.Form):
    """Two services, of which one is deployed before the other."""

    first = forms.ModelChoiceField(label="First", queryset=Service.objects.none(), to_field_name="slug")
    then = forms.ModelChoiceField(label="Then", queryset=Service.objects.none(), to_field_name="slug")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("first", "then"):
            field: Any = self.fields[name]
            field.queryset = Service.objects.filter(merged_into=None).select_related("squad").order_by("name")
