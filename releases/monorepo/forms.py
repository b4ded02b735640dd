"""The form that gives a folder of a repository to a service."""

from django import forms

from releases.mappings.forms import PLAIN
from releases.pipelines.models import Repository


class PartForm(forms.Form):
    """A folder of a repository that makes a service."""

    repository = forms.ModelChoiceField(
        label="Repository", queryset=Repository.objects.order_by("key"), to_field_name="key"
    )
    folder = forms.CharField(
        label="Folder",
        max_length=250,
        widget=forms.TextInput(attrs={**PLAIN, "placeholder": "services/checkout"}),
        help_text="From the repository’s root.",
    )
    service = forms.CharField(
        label="Service", max_length=120, widget=forms.TextInput(attrs={**PLAIN, "list": "services"})
    )
