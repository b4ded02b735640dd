"""Forms of environments. The verbs in actions.py save what they hold."""

from typing import Any

from django import forms

from releases.environments.models import Environment


class EnvironmentForm(forms.ModelForm):
    """What people say about an environment. Its key is what events call it, and stays."""

    class Meta:
        model = Environment
        fields = ["key", "name", "tier", "order", "location", "cluster", "realm", "url"]
        widgets = {"url": forms.URLInput}
        help_texts = {
            "tier": "Checks in testing or staging make a story tested; in production, rodeo done.",
            "url": "Where people open it.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = False
        self.fields["name"].help_text = "Leave empty to use its key."
        if self.instance.pk:
            del self.fields["key"]

    def clean_name(self) -> str:
        """Fall back to the key."""
        name: str = self.cleaned_data["name"]
        return name or self.cleaned_data.get("key") or self.instance.key

    def validate_unique(self) -> None:
        """Do nothing: the verb validates this, and its error says what to do."""
