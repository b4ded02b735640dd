"""Forms of freezes: they read what was typed; the verbs check it."""

from datetime import UTC, date, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from portal.kernel.actors import Anyone
from releases.environments.models import Environment
from releases.freezes import calendar_files, recurrence
from releases.freezes.models import Freeze
from releases.freezes.queries import PRESETS, liftable
from releases.planning.models import Release
from squads.models import Service
from squads.teams.permissions import answers_for

BY_RULE, ON_HOLIDAYS = "rule", "holidays"
OFFERED = 500


class DaysField(forms.CharField):
    """Days, one per line."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        days = []
        for each in str(super().clean(value) or "").replace(",", " ").split():
            try:
                days.append(str(date.fromisoformat(each)))
            except ValueError:
                raise ValidationError(f"“{each[:30]}” isn’t a day. Write it as 2026-12-25.") from None
        return days


def _day(label: str, **more: Any) -> forms.DateField:
    said = {"required": "Choose a day.", "invalid": "Enter the day as 2026-12-24."}
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, widget=widget, error_messages=said, **more)


def _time(label: str, help_text: str = "") -> forms.TimeField:
    widget = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    said = {"invalid": "Enter the time as 22:00."}
    return forms.TimeField(label=label, required=False, widget=widget, error_messages=said, help_text=help_text)


def _picked(label: str, rows: Any, help_text: str = "") -> forms.ModelMultipleChoiceField:
    widget = forms.SelectMultiple(attrs={"data-picker": "", "size": 4})
    return forms.ModelMultipleChoiceField(rows, label=label, required=False, widget=widget, help_text=help_text)


class FreezeForm(forms.Form):
    """When a freeze holds, and what it covers."""

    name = forms.CharField(max_length=120, error_messages={"required": "Give it a name."})
    reason = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))
    starts_on = _day("First day")
    starts_at = _time("From", "Leave both times empty for whole days.")
    ends_on = _day("Last day", help_text="Of the first time, if it repeats.")
    ends_at = _time("Until")
    zone = forms.CharField(
        label="Time zone",
        max_length=64,
        initial="UTC",
        help_text="Such as Europe/Berlin. Times stay the same there when clocks change.",
    )
    repeats = forms.ChoiceField(
        required=False,
        choices=[*PRESETS.items(), (BY_RULE, "By a rule"), (ON_HOLIDAYS, "On public holidays")],
    )
    until = _day("Repeats until", required=False, help_text="The last day on which it can begin.")
    rule = forms.CharField(
        label="Rule",
        required=False,
        max_length=recurrence.LONGEST_RULE,
        help_text="An iCalendar rule, such as FREQ=MONTHLY;BYDAY=-1FR. Only if it repeats by a rule.",
    )
    holidays = forms.CharField(
        label="Public holidays of",
        required=False,
        max_length=20,
        help_text="A country such as NL, or DE-BY for a part of one. Only if it holds on public holidays.",
    )
    exceptions = DaysField(
        label="Except on",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Days on which it doesn’t begin, one per line: 2026-12-25.",
    )
    lines = forms.MultipleChoiceField(
        label="Release lines",
        required=False,
        widget=forms.SelectMultiple(attrs={"data-picker": "", "size": 4}),
        help_text="Leave lines, services and environments empty for everything.",
    )
    services = _picked("Services", Service.objects.none())
    environments = _picked("Environments", Environment.objects.none())
    version = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, freeze: Freeze | None = None) -> None:
        super().__init__(data, initial=shown(freeze) if freeze else None)
        lines = set(Release.objects.exclude(line="").values_list("line", flat=True).distinct()[:OFFERED])
        lines |= set(freeze.lines if freeze else ())
        field: Any = self.fields["lines"]
        field.choices = [(each, each) for each in sorted(lines)]
        picked: Any = self.fields["services"]
        picked.queryset = Service.objects.filter(merged_into=None)
        picked = self.fields["environments"]
        picked.queryset = Environment.objects.filter(merged_into=None, gone_at=None)
        if freeze is None:
            del self.fields["version"]

    def clean(self) -> dict[str, Any]:
        """Make one rule of how it repeats."""
        said = super().clean() or {}
        repeats, until = said.get("repeats", ""), said.pop("until", None)
        rule, holidays = said.get("rule", ""), said.get("holidays", "")
        if repeats == BY_RULE and not rule:
            self.add_error("rule", "Write the rule, such as FREQ=MONTHLY;BYDAY=-1FR.")
        if repeats == ON_HOLIDAYS and not holidays:
            self.add_error("holidays", "Write a country such as NL.")
        if until and repeats in ("", ON_HOLIDAYS):
            self.add_error(
                "until",
                "Choose how it repeats first." if not repeats else "Public holidays have no last day. Leave it empty.",
            )
        said["rule"] = rule if repeats == BY_RULE else repeats if repeats in PRESETS else ""
        if until and said["rule"]:
            said["rule"] = recurrence.with_end(said["rule"].strip().rstrip(";"), until)
        said["holidays"] = holidays if repeats == ON_HOLIDAYS else ""
        return said

    def values(self) -> dict[str, Any]:
        """Return what the verbs take."""
        return {name: value for name, value in self.cleaned_data.items() if name not in ("repeats", "version")}


def shown(freeze: Freeze) -> dict[str, Any]:
    """Return a freeze as its form shows it."""
    plain, _, until = freeze.rule.partition(";UNTIL=")
    preset = plain in PRESETS and (not until or (len(until) == 8 and until.isdigit()))
    return {
        **{
            name: getattr(freeze, name)
            for name in ("name", "reason", "starts_on", "starts_at", "ends_on", "ends_at", "zone")
        },
        "repeats": ON_HOLIDAYS if freeze.holidays else plain if preset else BY_RULE,
        "until": f"{until[:4]}-{until[4:6]}-{until[6:]}" if preset and until else None,
        "rule": "" if preset else freeze.rule,
        "holidays": freeze.holidays,
        "exceptions": freeze.exceptions,
        "lines": freeze.lines,
        "services": list(freeze.services.all()),
        "environments": list(freeze.environments.all()),
        "version": freeze.version,
    }


class LiftForm(forms.Form):
    """Lifting a freeze on a day, for a release, or both."""

    day = forms.TypedChoiceField(label="When", required=False, coerce=date.fromisoformat, empty_value=None)
    release = forms.ModelChoiceField(
        Release.objects.none(),
        required=False,
        empty_label="All releases",
        help_text="Choose a time, a release or both.",
        error_messages={
            "required": "Choose one of your releases. Project managers and administrators lift it for all."
        },
    )
    reason = forms.CharField(
        max_length=2000, widget=forms.Textarea(attrs={"rows": 2}), error_messages={"required": "Say why it’s lifted."}
    )
    expires_at = forms.DateTimeField(
        label="Expires (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="After that, it holds again. 90 days at most.",
        error_messages={"required": "Choose when this expires.", "invalid": "Enter it as 2026-12-24 15:00."},
    )

    def __init__(self, data: Any = None, *, days: list[tuple[str, str]], by: Anyone, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        day: Any = self.fields["day"]
        day.choices = [("", "Every time"), *days]
        release: Any = self.fields["release"]
        release.queryset, release.required = liftable(by), not answers_for(None, by)
        offered = release.queryset.newest_first()[:OFFERED]
        empty = "Choose one of yours" if release.required else "All releases"
        release.widget.choices = [("", empty), *((each.pk, str(each)) for each in offered)]

    def clean_expires_at(self) -> datetime:
        """Take the moment as UTC."""
        moment: datetime = self.cleaned_data["expires_at"]
        return moment.astimezone(UTC)


class ImportForm(forms.Form):
    """An iCalendar file."""

    file = forms.FileField(
        label="File",
        help_text=f"An .ics file, {calendar_files.LARGEST // 1024} KB at most.",
        widget=forms.FileInput(attrs={"accept": ".ics,text/calendar"}),
        error_messages={"required": "Choose a file.", "empty": "This file is empty."},
    )
    zone = forms.CharField(
        label="Time zone", max_length=64, initial="UTC", help_text="For days, and for times that name none."
    )
