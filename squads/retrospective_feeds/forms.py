"""The form of a feed address."""

from django import forms


class AddressForm(forms.Form):
    """A new address."""

    name = forms.CharField(
        label="Where you use it",
        max_length=80,
        required=False,
        help_text="Such as “feed reader”, to recognise it in the list.",
    )
