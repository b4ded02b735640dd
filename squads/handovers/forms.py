"""Choosing the squad that a story goes to."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from squads.teams.models import Squad


class SquadForm(forms.Form):
    """The squad that a story goes to: one of those that the person may give it to."""

    squad: "forms.ModelChoiceField[Squad]" = forms.ModelChoiceField(
        queryset=None,
        to_field_name="slug",
        empty_label="Choose a squad",
        help_text="The story gets that squad’s next key. The old key keeps working.",
        error_messages={"required": "Choose a squad.", "invalid_choice": "Choose another squad."},
    )

    def __init__(self, *args: Any, squads: QuerySet[Squad], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["squad"].queryset = squads  # type: ignore[attr-defined]
