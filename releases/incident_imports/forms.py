"""The form of a log: the file, and how to read it."""

from typing import Any

from django import forms

from releases.incident_imports import formats

ORDERS = ((formats.AUTO, "As the file tells"), (formats.DAY_FIRST, "Day first"), (formats.MONTH_FIRST, "Month first"))


class ImportForm(forms.Form):
    """A log of incidents. Once a file was read, its text travels with the form."""

    file = forms.FileField(
        label="File",
        required=False,
        help_text="A CSV file in UTF-8, 2 MB at most. The first line names the columns.",
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        error_messages={"empty": "This file is empty."},
    )
    zone = forms.CharField(label="Time zone", max_length=64, initial="UTC", help_text="For times that name none.")
    order = forms.ChoiceField(label="Days such as 3/4/2020", choices=ORDERS, initial=formats.AUTO)
    by_words = forms.BooleanField(
        label="Rows that say maintenance, planned or scheduled in their key or title are maintenance",
        required=False,
        initial=True,
    )
    skip_bad = forms.BooleanField(label="Skip rows that can’t be read", required=False)
    text = forms.CharField(required=False, widget=forms.HiddenInput, strip=False, max_length=formats.LARGEST)
    name = forms.CharField(required=False, widget=forms.HiddenInput, max_length=200)

    def clean(self) -> dict[str, Any]:
        """Take the text of the file, or the one that was read before."""
        said = super().clean() or {}
        upload = said.get("file")
        if upload is not None:
            if upload.size > formats.LARGEST:
                self.add_error("file", "This file is larger than 2 MB. Split it.")
            said["body"], said["name"] = upload.read(), upload.name[:200]
        elif said.get("text"):
            said["body"] = said["text"].encode()
        elif "file" not in self.errors:
            self.add_error("file", "Choose a file.")
        return said
