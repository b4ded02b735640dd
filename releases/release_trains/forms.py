"""Forms of release trains."""

from typing import Any
from zoneinfo import available_timezones

from django import forms

from releases.release_trains.actions import EDITABLE, MOST_AHEAD, MOST_NUMBER, MOST_WEEKS
from releases.release_trains.models import LONGEST_PATTERN, ReleaseTrain
from releases.release_trains.timetable import PLACES, WEEKDAYS


def _number(label: str, least: int, most: int, help_text: str = "") -> forms.IntegerField:
    words = f"Enter a number from {least} to {most:,}."
    return forms.IntegerField(
        label=label,
        min_value=least,
        max_value=most,
        help_text=help_text,
        error_messages=dict.fromkeys(("invalid", "required", "min_value", "max_value"), words),
    )


class TrainForm(forms.Form):
    """When a train goes, and what its releases are called."""

    line = forms.CharField(
        label="Release line", max_length=120, required=False, help_text="Leave empty for company-wide releases."
    )
    weekday = forms.TypedChoiceField(label="Day", choices=list(enumerate(WEEKDAYS)), coerce=int)
    weeks = _number("Weeks from one release to the next", 1, MOST_WEEKS)
    starts_on = forms.DateField(
        label="From",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The first release is on this day or on the first such weekday after it.",
        error_messages={"invalid": "Enter the date as 2026-03-14.", "required": "Enter the date as 2026-03-14."},
    )
    zone = forms.ChoiceField(label="Time zone", choices=[])
    pattern = forms.CharField(
        label="Versions",
        max_length=LONGEST_PATTERN,
        help_text="Such as 2026.{n} or {yyyy}.{ww}. "
        + ", ".join(f"{{{name}}} is {words}" for name, words in PLACES.items())
        + ".",
        error_messages={"required": "Enter a pattern, such as 2026.{n}."},
    )
    next_number = _number("Next number", 0, MOST_NUMBER, "What {n} is for the next release.")
    ahead = _number("Releases to create ahead", 1, MOST_AHEAD)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, train: ReleaseTrain | None = None, initial: Any = None) -> None:
        values = initial or {}
        if train is not None:
            values = {name: getattr(train, name) for name in (*EDITABLE, "version")}
        super().__init__(data, initial=values)
        zone: Any = self.fields["zone"]
        zone.choices = [(name, name) for name in sorted(available_timezones())]

    def said(self) -> dict[str, Any]:
        """Return what the verbs are told."""
        return {name: self.cleaned_data[name] for name in EDITABLE}
