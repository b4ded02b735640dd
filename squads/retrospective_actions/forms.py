"""Forms of actions."""

from typing import Any

from django import forms

from squads.retrospective_actions.models import LONGEST_NOTE, LONGEST_TITLE, RetrospectiveAction
from squads.teams.models import Squad


class ActionForm(forms.Form):
    """Propose an action."""

    title = forms.CharField(max_length=LONGEST_TITLE, label="What to do")
    kind = forms.ChoiceField(choices=RetrospectiveAction.Kind, label="To")
    squad = forms.ModelChoiceField(Squad.objects.none(), to_field_name="slug", empty_label=None)
    due = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def __init__(self, *args: Any, days: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["squad"].queryset = Squad.objects.active().order_by("name")  # type: ignore[attr-defined]
        self.fields["due"].help_text = f"In {days} days if you leave it empty."


class DeclineForm(forms.Form):
    """Why an action isn't done."""

    because = forms.CharField(max_length=500, label="Why not")


class HelpedForm(forms.Form):
    """Whether a done action helped."""

    helped = forms.ChoiceField(choices=RetrospectiveAction.Helped, label="Did it help?")
    note = forms.CharField(required=False, max_length=LONGEST_NOTE, label="What you saw")
