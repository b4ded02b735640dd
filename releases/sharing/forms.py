"""Forms of links to releases."""

from django import forms

from releases.sharing import actions


class LinkForm(forms.Form):
    """A new link."""

    name = forms.CharField(
        label="Who it’s for", max_length=80, required=False, help_text="To recognise it in the list."
    )
    days = forms.TypedChoiceField(
        label="Expires in",
        choices=list(actions.LIFETIMES.items()),
        coerce=int,
        initial=30,
        error_messages={"required": "Choose when it expires."},
    )
