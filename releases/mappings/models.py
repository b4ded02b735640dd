"""Mapping rules, and the names they can be made for."""

from django.conf import settings
from django.db import models

from releases.environments.models import Environment
from releases.inbox.models import InboundEvent, Source


class MappingRule(models.Model):
    """What a name of an outside system means here. The first rule (by order, then age) that fits a name decides.

    `pattern` is a glob such as deploy-*, or a regular expression between slashes; groups of it may be used as {1} or
    {name} in `service` and `environment`. A rule about an environment may name the service that is deployed there: a part of
    a repository. Empty fields say nothing.
    """

    class Kind(models.TextChoices):
        SERVICE = "service", "service name"
        ENVIRONMENT = "environment", "environment name"
        PIPELINE = "pipeline", "pipeline name"
        ALERT = "alert", "alert title"

    class Role(models.TextChoices):
        CI = "ci", "CI"
        DEPLOY = "deploy", "a deployment"
        ACCEPTANCE = "acceptance", "an acceptance run"
        INCIDENT = "incident", "an incident"
        IGNORED = "ignored", "ignored"

    source = models.ForeignKey(
        Source, null=True, blank=True, on_delete=models.CASCADE, related_name="rules", help_text="Empty: every source."
    )
    kind = models.CharField(max_length=12, choices=Kind)
    pattern = models.CharField(max_length=200)
    order = models.PositiveIntegerField(default=100)
    role = models.CharField(max_length=10, choices=Role, blank=True)
    service = models.CharField(max_length=120, blank=True)
    environment = models.CharField(max_length=120, blank=True)
    tier = models.CharField(max_length=12, choices=Environment.Tier, blank=True)
    severity = models.CharField(
        max_length=60, blank=True, help_text="Only alerts of this severity; several with commas."
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "releases"
        ordering = ["order", "pk"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pattern}"


class SeenName(models.Model):
    """Derived. A name that events of a source used for something, before any rule: what can be mapped."""

    id = models.UUIDField(primary_key=True, editable=False)
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="names")
    kind = models.CharField(max_length=12, choices=MappingRule.Kind)
    name = models.CharField(max_length=300)
    event = models.ForeignKey(InboundEvent, on_delete=models.CASCADE, related_name="+", help_text="an example")

    class Meta:
        app_label = "releases"
        ordering = ["kind", "name"]
        indexes = [models.Index(fields=["kind", "name"], name="seen_name")]

    def __str__(self) -> str:
        return self.name
