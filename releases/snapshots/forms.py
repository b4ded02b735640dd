"""The form of a snapshot."""

from django import forms


class SnapshotForm(forms.Form):
    """What it is for."""

    note = forms.CharField(label="Note", max_length=300, required=False, help_text="What it’s for, if you like.")
