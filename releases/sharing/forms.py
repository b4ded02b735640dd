"""Forms of links to releases."""

from django import forms

from releases.sharing import actions
from releases.sharing.models import ReleaseLink


class LinkForm(forms.Form):
    """A new link."""

    name = forms.CharField(
        label="Who it’s for", max_length=80, required=False, help_text="To recognise it in the list."
    )
    shows = forms.ChoiceField(
        label="Shows", choices=ReleaseLink.Shows.choices, initial=ReleaseLink.Shows.BOARD, required=False
    )
    days = forms.TypedChoiceField(
        label="Expires in",
        choices=list(actions.LIFETIMES.items()),
        coerce=int,
        initial=30,
        error_messages={"required": "Choose when it expires."},
    )

    def clean_shows(self) -> str:
        """Return which page it opens: the board, unless something else was chosen."""
        return str(self.cleaned_data["shows"] or ReleaseLink.Shows.BOARD)
