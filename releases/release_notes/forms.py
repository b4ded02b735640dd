"""Forms of release notes."""

import re
from typing import Any

from django import forms

from releases.release_notes.actions import LONGEST, MOST_ADDRESSEES


class VersionForm(forms.Form):
    """The version that a person began from; 0 while there are no notes."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class NotesForm(VersionForm):
    """The notes, as people write them."""

    text = forms.CharField(
        label="Notes, in Markdown",
        required=False,
        strip=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "true"}),
        help_text="Generating the notes again keeps the lines you change here.",
    )


class MailForm(VersionForm):
    """Who gets the notes by mail."""

    people = forms.CharField(
        label="User names",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
        help_text=f"Separated by spaces or commas, {MOST_ADDRESSEES} at most. Each gets a mail of their own.",
        error_messages={"required": "Enter at least one user name."},
    )

    def clean_people(self) -> list[str]:
        """Return the user names that were entered."""
        return [name for name in re.split(r"[\s,;]+", self.cleaned_data["people"]) if name]

    def said(self) -> dict[str, Any]:
        """Return what the verb is told."""
        return {"people": self.cleaned_data["people"], "version": self.cleaned_data["version"]}
