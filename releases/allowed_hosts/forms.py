"""The form that allows a host inside the company's network."""

from django import forms


class HostForm(forms.Form):
    """Allows a host inside the company's network."""

    host = forms.CharField(
        max_length=253,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off", "inputmode": "url"}),
        help_text="As in the source’s address, without https:// or port: jenkins.example.org, 10.1.2.3, localhost.",
    )
    note = forms.CharField(
        max_length=200,
        required=False,
        help_text="What it’s for, such as “Jenkins of Payments”.",
    )
