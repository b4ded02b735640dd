"""Forms of readiness; the verbs are in actions.py, gate_templates.py and overrides.py."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms

from releases.gates.parameters import CHOICE, NAMES, GateSetting, Parameter
from releases.gates.readiness import GATES, Gate
from releases.readiness import actions
from releases.readiness.overrides import LONGEST_REASON

DAYS = {1: "1 day", 3: "3 days", 7: "7 days", 14: "14 days", 30: "30 days"}


class OverrideForm(forms.Form):
    """Why a gate is to pass, and how long."""

    reason = forms.CharField(
        label="Reason",
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Everybody who sees the verdict sees it.",
        error_messages={"required": "Say why."},
    )
    days = forms.TypedChoiceField(
        label="Ends in",
        choices=list(DAYS.items()),
        coerce=int,
        initial=3,
        error_messages={"required": "Choose when it ends."},
    )


class FlagForm(forms.Form):
    """What a flag must be."""

    flag = forms.CharField(label="Flag", max_length=actions.LONGEST_FLAG)
    on = forms.TypedChoiceField(
        label="Must be", choices=[("1", "on"), ("0", "off")], coerce=lambda value: value == "1", empty_value=None
    )
    audience = forms.CharField(
        label="For", max_length=actions.LONGEST_AUDIENCE, required=False, initial=actions.EVERYONE
    )


class ItemForm(forms.Form):
    """A line of a checklist."""

    text = forms.CharField(label="What", max_length=actions.LONGEST_TEXT)
    who = forms.CharField(
        label="Who", max_length=actions.LONGEST_WHO, required=False, help_text="A person, squad or role."
    )


def field_of(parameter: Parameter) -> forms.Field:
    """Return the field of one setting of a gate. What was typed is checked by the parameter itself."""
    if parameter.kind == CHOICE:
        return forms.ChoiceField(label=parameter.title, choices=parameter.choices, help_text=parameter.help)
    if parameter.kind == NAMES:
        area = forms.Textarea(attrs={"rows": 2})
        return forms.CharField(label=parameter.title, required=False, widget=area, help_text=parameter.help)
    number = forms.TextInput(attrs={"inputmode": "numeric", "size": 6})
    return forms.CharField(label=parameter.title, required=False, widget=number, help_text=parameter.help)


@dataclass(frozen=True, slots=True)
class GateFields:
    """A gate on the form: whether it is used, and its settings."""

    gate: Gate
    used: forms.BoundField
    settings: list[forms.BoundField]


class TemplateForm(forms.Form):
    """The gates of a line. `version` is what the person began from; `previewed` what they saw the consequences of."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    previewed = forms.CharField(widget=forms.HiddenInput, required=False)
    monitors = forms.MultipleChoiceField(
        label="Monitoring that watches every service here",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="A system watches a service anyway once it told of an alert or incident there.",
    )

    def __init__(self, *args: Any, sources: Sequence[tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["monitors"].choices = sources  # type: ignore[attr-defined]
        for gate in GATES:
            self.fields[f"use-{gate.name}"] = forms.BooleanField(label=gate.title, required=False)
            for parameter in gate.parameters:
                self.fields[f"{gate.name}-{parameter.name}"] = field_of(parameter)
                self.fields[f"{gate.name}-{parameter.name}"].required = False

    @staticmethod
    def values_of(chosen: Sequence[GateSetting], monitors: Sequence[str], version: int) -> dict[str, Any]:
        """Return what the form shows at first."""
        shown: dict[str, Any] = {"version": version, "monitors": list(monitors)}
        used = {each.gate: each.values for each in chosen}
        for gate in GATES:
            shown[f"use-{gate.name}"] = gate.name in used
            values = used.get(gate.name) or gate.clean({})
            for parameter in gate.parameters:
                value = values[parameter.name]
                shown[f"{gate.name}-{parameter.name}"] = "\n".join(value) if parameter.kind == NAMES else value
        return shown

    @property
    def gates(self) -> list[GateFields]:
        """Every gate with its fields."""
        return [
            GateFields(gate, self[f"use-{gate.name}"], [self[f"{gate.name}-{each.name}"] for each in gate.parameters])
            for gate in GATES
        ]

    def chosen(self) -> list[dict[str, Any]]:
        """Return the gates as they were typed, for `gate_templates.cleaned`."""
        found = []
        for gate in GATES:
            if self.cleaned_data[f"use-{gate.name}"]:
                values = {each.name: self._typed(gate, each) for each in gate.parameters}
                found.append({"gate": gate.name, "values": values})
        return found

    def _typed(self, gate: Gate, parameter: Parameter) -> Any:
        value = self.cleaned_data[f"{gate.name}-{parameter.name}"]
        return str(value).splitlines() if parameter.kind == NAMES else value


def digest_of(gates: Sequence[Mapping[str, Any]], monitors: Sequence[str]) -> str:
    """Return a mark of what a template would be: what was previewed is saved, and nothing else."""
    return hashlib.sha256(json.dumps([list(gates), sorted(monitors)], sort_keys=True).encode()).hexdigest()[:20]
