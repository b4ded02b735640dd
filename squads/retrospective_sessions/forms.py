"""Forms of sessions, and what people and scripts put into their fields."""

from datetime import UTC
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from portal.accounts.fields import PersonField
from portal.kernel.text_input import given
from squads.retrospective_sessions.actions import LONGEST_MINUTES, MOST_VOTES

AT = "Date and time in UTC, as 2026-03-14 15:09."
TIMES = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]


class OpenForm(forms.Form):
    """Open a session."""

    facilitator = PersonField(
        empty_label="Choose someone",
        error_messages={"required": "Choose who facilitates: best somebody who wasn’t involved."},
        help_text="Ask someone who wasn’t involved in what this is about.",
    )
    anonymous = forms.BooleanField(
        required=False,
        label="Anonymous cards",
        help_text="Rodeo doesn’t keep who wrote a card. You can’t change this after the first card.",
    )
    for_readers = forms.BooleanField(
        required=False,
        label="Everyone who can read the retrospective takes part",
        help_text="Otherwise: the squad, the facilitator and the people you add.",
    )


class RulesForm(forms.Form):
    """The rules of a session."""

    votes_each = forms.IntegerField(min_value=1, max_value=MOST_VOTES, label="Votes per person")
    votes_on_one = forms.IntegerField(min_value=1, max_value=MOST_VOTES, label="Most votes for one group")
    for_readers = forms.BooleanField(required=False, label="Everyone who can read the retrospective takes part")
    anonymous = forms.BooleanField(required=False, label="Anonymous cards")

    def __init__(self, *args: Any, choosable: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not choosable:
            del self.fields["anonymous"]


class TimerForm(forms.Form):
    """Start a timer: for some minutes, or until a time that may be days away."""

    minutes = forms.IntegerField(required=False, min_value=1, max_value=LONGEST_MINUTES)
    until = forms.DateTimeField(
        required=False,
        input_formats=TIMES,
        label="Or until",
        help_text=f"{AT} For sessions that people join when they can.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": f"This isn’t a time. Write {AT[:1].lower()}{AT[1:]}"},
    )

    def clean_until(self) -> Any:
        until = self.cleaned_data["until"]
        return until.replace(tzinfo=UTC) if until is not None and until.tzinfo is None else until


# What the fields of ids choose, as people call it.
CHOSEN = {"card": "a card", "group": "a group", "to": "a group"}


def whole_number(values: QueryDict, name: str) -> int:
    """Return a field's whole number. Raises ValidationError naming the field."""
    text = given(values, name)
    try:
        return int(text[:10])
    except ValueError:
        raise ValidationError({name: f"“{name}” must be a whole number, such as 1."}) from None


def identity(values: QueryDict, name: str) -> UUID:
    """Return the id in a field of CHOSEN. Raises ValidationError naming the field."""
    return as_identity(given(values, name), name)


def as_identity(text: str, name: str) -> UUID:
    """Return the id that a text is. Raises ValidationError naming the field."""
    try:
        return UUID(text)
    except ValueError:
        raise ValidationError(
            {name: f"“{name}” must be {CHOSEN[name]} of this session. Reload the page, then choose one."}
        ) from None
