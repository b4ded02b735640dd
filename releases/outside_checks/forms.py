"""Forms of outside checks."""

from django import forms

from releases.outside_checks.actions import LONGEST


class CheckForm(forms.Form):
    """A new check."""

    name = forms.CharField(label="Name", max_length=LONGEST["name"])
    url = forms.CharField(
        label="Address",
        max_length=LONGEST["url"],
        help_text="May contain {version}, {line} and {slug}. Status 200 to 299 is yes.",
    )
    path = forms.CharField(
        label="JSON path", max_length=LONGEST["path"], required=False, help_text="Such as result.status."
    )
    expected = forms.CharField(label="Value there must be", max_length=LONGEST["expected"], required=False)
    header = forms.CharField(
        label="Header with a secret", max_length=LONGEST["header"], required=False, help_text="Such as Authorization."
    )
    secret = forms.CharField(
        label="Its value",
        max_length=LONGEST["secret"],
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Stored encrypted, and never shown again.",
    )
