"""Forms of the administration pages."""

from typing import Any

from django import forms

from portal.accounts.models import AccessRules
from portal.kernel import audit


class AccessForm(forms.Form):
    """Who may create squads and invite people, and from where."""

    founders = forms.ChoiceField(
        label="Squads are created by",
        choices=AccessRules.Founders.choices,
        help_text="Whoever creates a squad leads it: they can plan releases, and invite people if leads can.",
    )
    inviters = forms.ChoiceField(label="People are invited by", choices=AccessRules.Inviters.choices)
    domains = forms.CharField(
        label="Mail domains",
        required=False,
        max_length=4000,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
        help_text="Only people with an address in these domains can be invited or sign up, such as example.org, "
        "example.com. Leave empty for any.",
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def clean_domains(self) -> list[str]:
        return str(self.cleaned_data["domains"]).replace(";", ",").replace(" ", ",").split(",")


class AuditFilter(forms.Form):
    """Which entries of the audit log are shown."""

    by = forms.CharField(label="Who", required=False, max_length=150)
    kind = forms.ChoiceField(label="About", required=False)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = sorted(audit.KINDS.items(), key=lambda each: each[1])
        self.fields["kind"].choices = [("", "everything"), *kinds]  # type: ignore[attr-defined]
