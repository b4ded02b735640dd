"""The form of a token that asks."""

from django import forms

from portal.accounts.actions import LIFETIMES


class CheckTokenForm(forms.Form):
    """A new token."""

    name = forms.CharField(label="Where it’s used", max_length=80, help_text="To recognise it, such as Jenkins.")
    days = forms.TypedChoiceField(
        label="Expires in",
        choices=list(LIFETIMES.items()),
        coerce=int,
        initial=365,
        error_messages={"required": "Choose when it expires."},
        help_text="Pipelines that ask with an expired token are told no.",
    )
