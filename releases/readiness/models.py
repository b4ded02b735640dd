"""What people say about the readiness of releases: templates of gates, checklists, needed flags, and overrides."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from portal.kernel import clock
from releases.gates.parameters import GateSetting
from releases.gates.readiness import BY_NAME, DEFAULT
from releases.planning.models import Release
from squads.models import Retrospective


def default_gates() -> list[dict[str, Any]]:
    """Return the gates of a line for which nobody chose any, as they are stored."""
    return stored(DEFAULT)


def stored(chosen: Iterable[GateSetting]) -> list[dict[str, Any]]:
    """Return gates as they are stored."""
    return [{"gate": each.gate, "values": dict(each.values)} for each in chosen]


def read(gates: list[dict[str, Any]]) -> tuple[GateSetting, ...]:
    """Return gates from how they are stored. What this version has no gate or setting for is left out, and what a later one
    added has its default."""
    found = []
    for each in gates:
        gate = BY_NAME.get(each.get("gate", ""))
        if gate is not None:
            names = {parameter.name for parameter in gate.parameters}
            kept = {name: value for name, value in each.get("values", {}).items() if name in names}
            found.append(GateSetting(gate.name, gate.clean(kept)))
    return tuple(found)


def said(setting: GateSetting) -> str:
    """Say what a gate is, with what is set otherwise than usual."""
    gate = BY_NAME[setting.gate]
    usual = gate.clean({})
    other = [
        f"{parameter.title.lower()}{_in_words(value)}"
        for parameter in gate.parameters
        if (value := setting.values[parameter.name]) != usual[parameter.name]
    ]
    return f"{gate.title} ({', '.join(other)})" if other else gate.title


def _in_words(value: Any) -> str:
    """Say what is set, to follow the title of a setting; None is no limit, and an empty list nobody."""
    if isinstance(value, list):
        return f" {', '.join(value) or 'nobody'}"
    return ": no limit" if value is None else f" {value}"


class GateTemplate(models.Model):
    """The gates of a line of releases, with what is set for each. That of the line "" holds for every line without one."""

    line = models.CharField(max_length=120, blank=True, unique=True)
    gates = models.JSONField(default=default_gates)
    monitors = models.JSONField(
        default=list, blank=True, help_text="keys of sources that watch every service of these releases"
    )
    version = models.PositiveIntegerField(default=1, help_text="the number of times it was saved")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "releases"
        ordering = ["line"]

    def __str__(self) -> str:
        return f"gates of {self.line or 'every line'}"

    @property
    def chosen(self) -> tuple[GateSetting, ...]:
        """Its gates, as they are judged."""
        return read(self.gates)


class GateTemplateVersion(models.Model):
    """A template as it was saved. Never edited; it stays when the template is deleted, which is a version without gates."""

    line = models.CharField(max_length=120, blank=True)
    gates = models.JSONField(null=True, help_text="null: the template was deleted, so that of every line holds")
    monitors = models.JSONField(default=list)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "releases"
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["line", "at"], name="gate_template_version")]

    def __str__(self) -> str:
        return f"gates of {self.line or 'every line'}, {self.at:%Y-%m-%d %H:%M}"


class FlagNeed(models.Model):
    """What a feature flag must be when a release goes out, as a person said."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="flag_needs")
    flag = models.CharField(max_length=120)
    on = models.BooleanField("must be on")
    audience = models.CharField(max_length=60, default="everyone", help_text="Who it must be on for.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "releases"
        ordering = ["flag"]
        constraints = [models.UniqueConstraint(fields=["release", "flag"], name="flag_need_once")]

    def __str__(self) -> str:
        return f"{self.flag} {'on' if self.on else 'off'} for {self.release}"


class ChecklistItem(models.Model):
    """A line of the checklist: of one release, or of every release of a line (of every line, where `line` is "")."""

    release = models.ForeignKey(Release, null=True, on_delete=models.CASCADE, related_name="checklist")
    line = models.CharField(max_length=120, blank=True)
    text = models.CharField(max_length=300)
    who = models.CharField(max_length=80, blank=True, help_text="Who does it: a person, squad or role.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)
    removed_at = models.DateTimeField(null=True, editable=False)
    removed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        app_label = "releases"
        ordering = ["pk"]
        constraints = [models.CheckConstraint(condition=Q(release=None) | Q(line=""), name="checklist_item_of_one")]

    def __str__(self) -> str:
        return self.text


class ChecklistTick(models.Model):
    """A line of the checklist was ticked for a release, by whom, and perhaps unticked again."""

    item = models.ForeignKey(ChecklistItem, on_delete=models.CASCADE, related_name="ticks")
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="ticks")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)
    unticked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    unticked_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "releases"
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["item", "release"], condition=Q(unticked_at=None), name="checklist_ticked_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.item}: {self.release}"


class GateOverride(models.Model):
    """A person lets a gate of a release pass although it doesn't: for exactly what blocked it then, and until a moment."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="overrides")
    gate = models.CharField(max_length=40)
    reason = models.TextField()
    until = models.DateTimeField()
    covers = models.JSONField(default=list, help_text="identities of the blockers that it was given for")
    shown = models.JSONField(default=list, help_text="what those blockers said")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        app_label = "releases"
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"override of {self.gate} for {self.release}"

    @property
    def title(self) -> str:
        """What the gate is called."""
        return BY_NAME[self.gate].title if self.gate in BY_NAME else self.gate


class LearningRead(models.Model):
    """A person said that they read a retrospective for a release: in which version of its text. Perhaps withdrawn again."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="learning_reads")
    retrospective = models.ForeignKey(Retrospective, on_delete=models.CASCADE, related_name="+")
    version = models.PositiveIntegerField(help_text="the version in which the text that was read last changed")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "releases"
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["release", "retrospective", "version", "by"],
                condition=Q(withdrawn_at=None),
                name="learning_read_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.by_id} for {self.release}"
