"""Forms of squad boards."""

from typing import Any

from django import forms

from squads.boards.actions import HIGHEST_LIMIT
from squads.boards.queries import LIMITED
from squads.judge import judgement
from squads.teams.models import Membership, Squad


class BlockForm(forms.Form):
    """Why a story waits."""

    because = forms.CharField(
        label="What’s it waiting for?",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Say what or who it’s waiting for, so someone can help.",
        error_messages={"required": "Say what it’s waiting for, so someone can help."},
    )


class RulesForm(forms.Form):
    """How a squad works: limits per stage, who accepts, and whether one may accept one's own."""

    def __init__(self, *args: Any, squad: Squad, people: list[Membership], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        wrong = f"Enter a whole number from 1 to {HIGHEST_LIMIT}, or leave it empty for no limit."
        for stage in LIMITED:
            self.fields[stage] = forms.IntegerField(
                label=f"{judgement.STAGE_NAMES[stage].capitalize()} limit",
                required=False,
                min_value=1,
                max_value=HIGHEST_LIMIT,
                initial=squad.wip_limits.get(stage),
                error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), wrong),
            )
        self.fields["batch_limit"] = forms.IntegerField(
            label="Stories in one release",
            required=False,
            min_value=1,
            max_value=HIGHEST_LIMIT,
            initial=squad.batch_limit,
            help_text="The most stories of the squad in one release. Leave empty for no limit.",
            error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), wrong),
        )
        self.fields["estimates"] = forms.BooleanField(
            label="Stories are estimated",
            required=False,
            initial=squad.estimates,
            help_text="Stories get a field for how big they are, in your own points.",
        )
        self.fields["accepters"] = forms.MultipleChoiceField(
            label="Accepters",
            required=False,
            widget=forms.CheckboxSelectMultiple,
            choices=[(each.user.username, each.user.name) for each in people],
            initial=[each.user.username for each in people if each.accepts],
            help_text="Product owners and others who accept the squad’s stories in production.",
        )
        self.fields["accepts_own"] = forms.BooleanField(
            label="People can accept their own changes",
            required=False,
            initial=squad.accepts_own,
            help_text="When off, someone else has to accept the story in production.",
        )

    def said(self) -> dict[str, Any]:
        """Return what `set_rules` wants to know."""
        data = self.cleaned_data
        return {
            "limits": {stage: data[stage] for stage in LIMITED},
            "batch_limit": data["batch_limit"],
            "accepts_own": data["accepts_own"],
            "estimates": data["estimates"],
            "accepters": data["accepters"],
        }
