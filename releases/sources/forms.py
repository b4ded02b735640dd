"""Forms of sources. The verbs in actions.py, connect_git.py and connect_system.py validate and save what they hold."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from portal.kernel.form_errors import add_errors
from releases.inbox.models import Source
from releases.providers.base import Provider, Pulling, Setting
from releases.providers.zones import ZONE
from releases.sources import actions, connect_system
from squads.models import Service, Squad

COMPANY = "company"
SERVICE = "service"
OTHER = "other"


class GitRulesForm(forms.Form):
    """Where a repository is and how its tags are read."""

    url = forms.CharField(
        label="Address",
        max_length=1000,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
        help_text="https://host/shop/checkout.git, git@host:shop/checkout.git, or a path on this machine.",
    )
    branch = forms.CharField(
        label="Mainline",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"spellcheck": "false"}),
        help_text="The main branch. Leave empty to use the repository’s default.",
    )
    release_tags = forms.CharField(
        label="Tags that are releases",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"spellcheck": "false", "placeholder": "v*"}),
        help_text=r"A pattern such as v*, or a regular expression such as v\d+\.\d+(\.\d+)? Leave empty for none.",
    )
    deploys_to = forms.CharField(
        label="Tags deploy to",
        max_length=120,
        required=False,
        help_text="An environment, such as production, if a tag means a deployment. Leave empty if not.",
    )
    line_is = forms.ChoiceField(
        label="Release line",
        choices=[(SERVICE, "the service"), (COMPANY, "the whole company"), (OTHER, "another line")],
        help_text="Repositories in the same line share releases with the same tag.",
    )
    line = forms.CharField(
        label="Release line name", max_length=120, required=False, help_text="Such as a product’s name."
    )
    user = forms.CharField(
        label="User name",
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="For https, if the token needs one.",
    )
    secret = forms.CharField(
        label="Token",
        max_length=500,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="For https: a token with read access, stored encrypted and never shown. "
        "For ssh, the worker’s own key is used.",
    )

    def __init__(self, *args: Any, source: Source | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if source is not None:
            self._fill_from(source)

    def _fill_from(self, source: Source) -> None:
        config = source.config
        line = config.get("release_line")
        self.initial = {
            **{name: config.get(name, "") for name in ("url", "branch", "release_tags", "deploys_to", "user")},
            "line": line or "",
            "line_is": SERVICE if line is None else OTHER if line else COMPANY,
            "name": source.name,
        }
        if source.credential:
            self.fields["secret"].help_text = "Leave empty to keep the current one."

    def clean(self) -> dict[str, Any]:
        """Turn the choice of line into what `connect_git` takes: None, "" or a name."""
        data = super().clean() or {}
        choice = data.pop("line_is", SERVICE)
        if choice == OTHER and not data.get("line"):
            self.add_error("line", "Enter the line, or choose the service or the whole company above.")
        data["line"] = {SERVICE: None, COMPANY: ""}.get(choice, data.get("line") or None)
        return data


class GitSourceForm(GitRulesForm):
    """Connects a git repository to a service of a squad."""

    service = forms.CharField(
        max_length=120,
        widget=forms.TextInput(attrs={"list": "services", "autocomplete": "off"}),
        help_text="The name in your deployment system. Created if it’s new.",
    )
    squad = forms.ModelChoiceField(Squad.objects.none(), label="Owner", empty_label="Choose a squad")
    field_order = ["url", "service", "squad"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["squad"].queryset = Squad.objects.all()  # type: ignore[attr-defined]

    def services(self) -> list[str]:
        """Return the names offered while typing."""
        return list(Service.objects.unmerged().order_by("name").values_list("name", flat=True)[:200])


class GitSourceEditForm(GitRulesForm):
    """Changes a git source."""

    name = forms.CharField(max_length=120)
    field_order = ["name", "url"]


def setting_field(setting: Setting) -> forms.Field:
    """Return the form field of one of a provider's settings."""
    arguments: dict[str, Any] = {"label": setting.label, "help_text": setting.help, "required": setting.required}
    if setting.choices:
        empty = [] if setting.required or "" in dict(setting.choices) else [("", "default")]
        return forms.ChoiceField(choices=[*empty, *setting.choices], **arguments)
    attributes = {"spellcheck": "false", "placeholder": setting.placeholder}
    widget = forms.Textarea(attrs={**attributes, "rows": 3}) if setting.many else forms.TextInput(attrs=attributes)
    return forms.CharField(max_length=connect_system.LONGEST_SETTING, widget=widget, **arguments)


class SystemForm(forms.Form):
    """Connects a system, or changes it: its name, squad and address, and its provider's settings."""

    name = forms.CharField(max_length=120)
    squad = forms.ModelChoiceField(
        Squad.objects.none(),
        required=False,
        empty_label="the squads its evidence is about",
        help_text="Who to notify when it breaks.",
    )

    def __init__(self, *args: Any, provider: Provider, source: Source | None = None, **kwargs: Any) -> None:
        self.provider = provider
        super().__init__(*args, **kwargs)
        self.fields["squad"].queryset = Squad.objects.all()  # type: ignore[attr-defined]
        if provider.pulling is not None:
            self._add_pull_fields(provider.pulling, source)
        for setting in provider.settings:
            self.fields[SETTING_PREFIX + setting.name] = setting_field(setting)
        if provider.tickets:
            self._add_story_fields()
        if provider.pushes:
            self.fields["secret"] = _password(
                "Webhook secret",
                "Leave empty to keep the current one."
                if source is not None and source.secret
                else "Only if the system creates its own. Leave empty and Rodeo creates one, shown once.",
            )
        self.initial = {"name": provider.name, "asked": True} if source is None else self._initial_of(source)

    def _add_pull_fields(self, pulling: Pulling, source: Source | None) -> None:
        if self.provider.pushes:
            self.fields["asked"] = forms.BooleanField(
                label="Poll every few minutes",
                required=False,
                help_text="Finds what webhooks missed. When off, Rodeo only knows what it sends.",
            )
        self.fields["url"] = forms.CharField(
            label="Address",
            max_length=1000,
            required=not pulling.default_url and not self.provider.pushes,
            widget=forms.TextInput(attrs={"spellcheck": "false", "placeholder": pulling.default_url}),
            help_text=f"Leave empty for {pulling.default_url}"
            if pulling.default_url
            else "Such as https://ci.example.org/",
        )
        kept = "Leave empty to keep the current one." if source is not None and source.credential else ""
        self.fields["credential"] = _password("Credential", kept or pulling.credential)

    def _add_story_fields(self) -> None:
        self.fields["stories_for"] = forms.ModelChoiceField(
            Squad.objects.all(),
            label="Turn issues into stories of",
            required=False,
            empty_label="no squad",
            help_text="Open issues, including existing ones, become this squad’s stories. They follow the issue’s text "
            "until someone edits them here. Closing an issue doesn’t change a story’s stage.",
        )
        self.fields["stories_label"] = forms.CharField(
            label="Only issues with label",
            max_length=100,
            required=False,
            help_text="Leave empty for all issues.",
            widget=forms.TextInput(attrs={"spellcheck": "false", "placeholder": "story"}),
        )

    def _initial_of(self, source: Source) -> dict[str, Any]:
        config = source.config
        values = {each.name: config.get(each.name, "") for each in self.provider.settings}
        lines = {
            SETTING_PREFIX + name: "\n".join(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        shown = {
            "name": source.name,
            "squad": source.squad,
            "url": config.get("url", ""),
            "asked": bool(config.get("url")),
            "stories_for": source.stories_for,
            "stories_label": source.stories_label,
        }
        return {**lines, **shown}

    def values(self) -> dict[str, Any]:
        """Return what was typed as the arguments of `connect_system` and `edit_system`."""
        data = self.cleaned_data
        settings = {each.name: data.get(SETTING_PREFIX + each.name, "") for each in self.provider.settings}
        asked = data.get("asked", True) if self.provider.pulling is not None else False
        return {
            "name": data["name"],
            "squad": data["squad"],
            "url": data.get("url", ""),
            "asked": asked,
            "credential": data.get("credential", ""),
            "secret": data.get("secret", ""),
            "settings": settings,
            "stories_for": data.get("stories_for"),
            "stories_label": data.get("stories_label", ""),
        }

    def ask_for_secrets_again(self) -> None:
        """Ask for typed secrets once more: a page never shows one."""
        for name in ("credential", "secret"):
            if name in self.fields and self.data.get(name):
                self[name].help_text = "Enter it again. Nothing is saved yet, and secrets are never shown."

    def show_errors(self, error: ValidationError) -> None:
        """Show a ValidationError of a verb at the fields it names."""
        if hasattr(error, "error_dict"):
            names = {each.name for each in self.provider.settings}
            error.error_dict = {
                SETTING_PREFIX + key if key in names else key: value for key, value in error.error_dict.items()
            }
        add_errors(self, error)


SETTING_PREFIX = "setting_"


def _password(label: str, help_text: str) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"})
    return forms.CharField(label=label, help_text=help_text, max_length=8000, required=False, widget=widget)


def _zone_field() -> forms.CharField:
    widget = forms.TextInput(attrs={"spellcheck": "false", "placeholder": ZONE.placeholder})
    return forms.CharField(label=ZONE.label, help_text=ZONE.help, max_length=60, required=False, widget=widget)


class PushSourceForm(forms.Form):
    """Creates a source for a system that sends its events."""

    kind = forms.ChoiceField(
        label="Format",
        choices=actions.EVENT_KINDS,
        help_text="CDEvents for systems that send CloudEvents; reports for scripts and curl.",
    )
    name = forms.CharField(max_length=120, help_text="Such as Deployments or Jenkins.")
    zone = _zone_field()


class PushSourceEditForm(forms.Form):
    """Renames a push source, and says the zone of its times."""

    name = forms.CharField(max_length=120)
    zone = _zone_field()
