"""The form that says which pipelines must be green."""

from django import forms

from releases.mappings.forms import PLAIN


class RequiredPipelinesForm(forms.Form):
    """The names of pipelines, one a line."""

    pipelines = forms.CharField(
        label="Required pipelines",
        required=False,
        max_length=6000,
        widget=forms.Textarea(attrs={**PLAIN, "rows": 4}),
        help_text="One per line, named as in the list. Leave empty to count all runs of a commit.",
    )

    def clean_pipelines(self) -> list[str]:
        """Return the names."""
        return str(self.cleaned_data["pipelines"]).splitlines()
