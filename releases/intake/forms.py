"""Forms of sources: they read what was typed; the verbs in sources.py check and keep it."""

from typing import Any

from django import forms

from releases.intake import sources
from releases.intake.models import Source
from squads.models import Service, Squad

COMPANY = "company"
SERVICE = "service"
OTHER = "other"


class GitRulesForm(forms.Form):
    """Where a repository is and how its tags are read."""

    url = forms.CharField(
        label="Address", max_length=1000, widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
        help_text="https://host/shop/checkout.git, git@host:shop/checkout.git, or a path on this machine.",
    )  # fmt: skip
    branch = forms.CharField(
        label="Mainline", max_length=200, required=False, widget=forms.TextInput(attrs={"spellcheck": "false"}),
        help_text="The branch that counts. Left empty: the repository's default.",
    )  # fmt: skip
    release_tags = forms.CharField(
        label="Tags that are releases", max_length=200, required=False,
        widget=forms.TextInput(attrs={"spellcheck": "false", "placeholder": "v*"}),
        help_text=r"A pattern such as v*, or a regular expression such as v\d+\.\d+(\.\d+)? Left empty: none.",
    )  # fmt: skip
    deploys_to = forms.CharField(
        label="and are deployments to", max_length=120, required=False,
        help_text="An environment, such as production, if tagging is deploying. Left empty: they are not.",
    )  # fmt: skip
    line_is = forms.ChoiceField(
        label="Releases are of", choices=[(SERVICE, "the service"), (COMPANY, "the whole company"), (OTHER, "another line")],
        help_text="Repositories that share a line and tag together share their releases.",
    )  # fmt: skip
    line = forms.CharField(label="That line", max_length=120, required=False, help_text="Such as a product's name.")
    user = forms.CharField(
        label="User name", max_length=120, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="For https, where the token belongs to one.",
    )  # fmt: skip
    secret = forms.CharField(
        label="Token", max_length=500, required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="For https: a token that may read the repository. It is kept encrypted and never shown. "
        "For ssh, the key of the user that runs the worker is used.",
    )  # fmt: skip

    def __init__(self, *args: Any, source: Source | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if source is not None:
            self._show(source)

    def _show(self, source: Source) -> None:
        config = source.config
        line = config.get("release_line")
        self.initial = {
            **{name: config.get(name, "") for name in ("url", "branch", "release_tags", "deploys_to", "user")},
            "line": line or "", "line_is": SERVICE if line is None else OTHER if line else COMPANY, "name": source.name,
        }  # fmt: skip
        if source.credential:
            self.fields["secret"].help_text = "One is kept. Left empty, it stays; type a new one to replace it."

    def clean(self) -> dict[str, Any]:
        """Turn the choice of line into what the verbs take: None, "" or a name."""
        data = super().clean() or {}
        choice = data.pop("line_is", SERVICE)
        if choice == OTHER and not data.get("line"):
            self.add_error("line", "Name the line, or choose the service or the whole company above.")
        data["line"] = {SERVICE: None, COMPANY: ""}.get(choice, data.get("line") or None)
        return data


class GitSourceForm(GitRulesForm):
    """Connects a git repository to a service of a squad."""

    service = forms.CharField(
        max_length=120, widget=forms.TextInput(attrs={"list": "services", "autocomplete": "off"}),
        help_text="What the repository makes, as your deploy system calls it. Created if it is new.",
    )  # fmt: skip
    squad = forms.ModelChoiceField(Squad.objects.none(), label="Owner", empty_label="Choose a squad")
    field_order = ["url", "service", "squad"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["squad"].queryset = Squad.objects.all()  # type: ignore[attr-defined]

    def services(self) -> list[str]:
        """Return the names offered while typing."""
        return list(Service.objects.order_by("name").values_list("name", flat=True)[:200])


class GitSourceEditForm(GitRulesForm):
    """Changes a git source."""

    name = forms.CharField(max_length=120)
    field_order = ["name", "url"]


class PushSourceForm(forms.Form):
    """Opens a door for a system that sends its events."""

    kind = forms.ChoiceField(
        label="What it sends", choices=sources.PUSHES,
        help_text="CDEvents for systems that speak CloudEvents; reports for scripts and curl.",
    )  # fmt: skip
    name = forms.CharField(max_length=120, help_text="Who sends: such as Deployments, or Jenkins.")


class HostForm(forms.Form):
    """Allows a host inside the company's network."""

    host = forms.CharField(
        max_length=253, widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off", "inputmode": "url"}),
        help_text="As it stands in the source's address, without https:// and port: jenkins.example.org, 10.1.2.3, localhost.",
    )  # fmt: skip
    note = forms.CharField(
        max_length=200,
        required=False,
        help_text="What for, so that others know: such as the Jenkins of squad Payments.",
    )


class PushSourceEditForm(forms.Form):
    """Renames a push source."""

    name = forms.CharField(max_length=120)
