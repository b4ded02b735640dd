"""The form of mapping rules. The verbs in actions.py validate and save what it holds."""

from typing import Any

from django import forms

from releases.environments.models import Environment
from releases.inbox.models import Source
from releases.mappings.models import MappingRule

PLAIN = {"spellcheck": "false", "autocomplete": "off"}


class RuleForm(forms.Form):
    """One rule."""

    kind = forms.ChoiceField(label="Type", choices=MappingRule.Kind.choices)
    pattern = forms.CharField(
        label="Pattern",
        max_length=200,
        widget=forms.TextInput(attrs={**PLAIN, "placeholder": "deploy-*"}),
        help_text="A pattern such as deploy-*, or a regular expression between slashes such as "
        "/(?P<what>.+)-to-(?P<where>.+)/ that matches the whole name. Upper and lower case don’t matter.",
    )
    source = forms.ModelChoiceField(
        label="Source", queryset=Source.objects.order_by("name"), required=False, empty_label="all sources"
    )
    role = forms.ChoiceField(
        label="Treat as",
        choices=[("", "its own type"), *MappingRule.Role.choices],
        required=False,
        help_text="Pipelines can be CI, deployments or acceptance runs; alerts can be incidents. Anything can be ignored.",
    )
    service = forms.CharField(
        label="Service",
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={**PLAIN, "list": "services"}),
        help_text="Use {1} for what the first * or ? matched, or {what} for a named group.",
    )
    environment = forms.CharField(
        label="Environment",
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={**PLAIN, "list": "environments"}),
        help_text="Groups work here too.",
    )
    tier = forms.ChoiceField(
        label="Tier",
        choices=[("", "guess from its name"), *Environment.Tier.choices],
        required=False,
        help_text="For environments discovered in events. A tier that a person chose stays.",
    )
    severity = forms.CharField(
        label="Alert severity",
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs=PLAIN),
        help_text="Such as critical, page. Leave empty for any.",
    )
    order = forms.IntegerField(
        label="Order",
        min_value=0,
        max_value=1_000_000,
        required=False,
        help_text="The first matching rule wins. Leave empty to put it last.",
    )

    @classmethod
    def of(cls, rule: MappingRule) -> dict[str, Any]:
        """Return what the form shows of a rule."""
        return {name: getattr(rule, name) for name in cls.base_fields}
