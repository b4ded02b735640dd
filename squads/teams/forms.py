"""Forms of squads and services. The verbs in actions.py validate and save what they hold."""

from typing import Any

from django import forms

from portal.kernel.actors import Anyone
from squads.teams import queries
from squads.teams.models import Membership, Service, Squad


class SquadForm(forms.ModelForm):
    """A squad's name, key prefix, kind and mission, and what may name its keys."""

    key_repositories = forms.CharField(
        label="Repositories that can use its keys",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One per line, such as shop/checkout. Leave empty for all. Elsewhere, a key is only a mention.",
    )
    field_order = ["name", "key_prefix", "kind", "mission", "key_repositories", "descriptions_count"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["key_repositories"] = "\n".join(self.instance.key_repositories)

    def clean_key_repositories(self) -> list[str]:
        """Return the repositories, one per line typed."""
        return _lines(self.cleaned_data["key_repositories"])

    class Meta:
        model = Squad
        fields = ["name", "key_prefix", "kind", "mission", "descriptions_count"]
        widgets = {"mission": forms.Textarea(attrs={"rows": 3})}
        help_texts = {"mission": "What this squad is for, in one or two sentences."}
        error_messages = {
            "name": {"unique": "Another squad has this name. Choose another."},
            "key_prefix": {"unique": "Another squad uses this prefix. Choose another."},
        }

    def clean_key_prefix(self) -> str:
        """Keep the prefix once stories carry it."""
        prefix: str = self.cleaned_data["key_prefix"]
        squad = self.instance
        if squad.pk and squad.next_number > 1 and prefix != self.initial["key_prefix"]:
            raise forms.ValidationError(
                f"Stories already use {self.initial['key_prefix']} in their keys, so it can’t change. "
                "Create another squad for a new prefix."
            )
        return prefix


class MemberForm(forms.Form):
    """Names the person to add."""

    username = forms.CharField(label="User name", max_length=150)


class InvitationForm(forms.Form):
    """Invites somebody to a squad by e-mail."""

    email = forms.EmailField(label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(choices=Membership.Role.choices)


class PortalInvitationForm(InvitationForm):
    """Invites somebody to the portal, and to a squad if one is chosen."""

    squad = forms.ModelChoiceField(
        Squad.objects.active(), required=False, empty_label="no squad (read only)", to_field_name="slug"
    )
    field_order = ["email", "squad", "role"]


class ServiceForm(forms.Form):
    """A service's name (fixed once it exists), owner, description and repositories."""

    name = forms.CharField(
        max_length=120, help_text="The name in your deployment system, such as checkout. It can’t be changed later."
    )
    squad = forms.ModelChoiceField(
        Squad.objects.none(),
        label="Owner",
        empty_label=None,
        help_text="Only your own squads are listed.",
    )
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    repositories = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="One per line, such as shop/checkout.",
    )

    def __init__(self, *args: Any, user: Anyone, service: Service | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        squads = Squad.objects.writable_by(user)
        self.fields["squad"].queryset = squads  # type: ignore[attr-defined]
        if service is not None:
            del self.fields["name"]
            # Handing a service over is for its owner to decide, so every squad may receive it.
            self.fields["squad"].queryset = Squad.objects.active()  # type: ignore[attr-defined]
            self.fields["squad"].help_text = "Choose another squad to hand it over."
            self.initial.update(
                squad=service.squad_id,
                description=service.description,
                repositories="\n".join(queries.repositories().filter(service=service).values_list("key", flat=True)),
            )

    def clean_repositories(self) -> list[str]:
        """Return the repositories' keys, one per line typed."""
        return _lines(self.cleaned_data["repositories"])


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
