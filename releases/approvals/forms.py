"""Forms of approvals: they read what was typed; the verbs check it."""

from typing import Any

from django import forms

from releases.approvals.models import Approval
from squads.models import Squad


class AskForm(forms.Form):
    """Whom to ask."""

    kind = forms.ChoiceField(label="Ask", choices=Approval.Kind.choices)
    person = forms.CharField(
        label="Person", required=False, max_length=150, help_text="A user name, if you ask a person."
    )
    squad = forms.ModelChoiceField(
        Squad.objects.none(), required=False, empty_label="none", help_text="If you ask members, leads or accepters."
    )
    note = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What to look at, and by when.",
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        squad: Any = self.fields["squad"]
        squad.queryset = Squad.objects.active()


class AccepterForm(forms.Form):
    """Who is to accept the chosen stories."""

    person = forms.CharField(
        label="Who accepts them",
        required=False,
        max_length=150,
        help_text="A user name. Leave empty for nobody.",
    )
