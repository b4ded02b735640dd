"""What was put where, and how it was checked there."""

from django.db import models

from releases.artifacts.models import Artifact
from releases.deployments.querysets import REMOVAL, AcceptanceRunQuerySet, DeploymentQuerySet
from releases.environments.models import Environment
from releases.pipelines.models import Outcome, Phase
from squads.models import Service


class Deployment(models.Model):
    """Derived. One attempt to put artifacts of a service on an environment."""

    class Kind(models.TextChoices):
        DEPLOY = "deploy", "deployment"
        ROLLBACK = "rollback", "rollback"
        REMOVAL = REMOVAL, "removal"

    id = models.UUIDField(primary_key=True, editable=False)
    key = models.CharField(max_length=300)
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="deployments")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="deployments")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.DEPLOY)
    artifact = models.ForeignKey(Artifact, null=True, on_delete=models.SET_NULL, related_name="deployments")
    sha = models.CharField(max_length=100, blank=True)
    version = models.CharField(max_length=200, blank=True)
    phase = models.CharField(max_length=10, choices=Phase)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    healthy = models.BooleanField(default=True)
    raw_status = models.CharField(max_length=250, blank=True, help_text="the provider's own")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    url = models.CharField(max_length=1000, blank=True)
    event = models.ForeignKey("releases.InboundEvent", on_delete=models.PROTECT, related_name="+")

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        app_label = "releases"
        ordering = ["-finished_at", "id"]
        indexes = [
            models.Index(fields=["service", "environment", "finished_at"], name="deployment_place"),
            models.Index(fields=["environment", "finished_at"], name="deployment_environment"),
            models.Index(fields=["sha"], name="deployment_sha"),
            models.Index(fields=["key"], name="deployment_key"),
        ]

    def __str__(self) -> str:
        return f"{self.service} to {self.environment}"

    @property
    def carries(self) -> str:
        """What was deployed, in the shortest words known: version, commit or artifact."""
        return self.version or self.sha[:8] or (self.artifact.purl if self.artifact else "")


class AcceptanceRun(models.Model):
    """Derived. A check of a story, or of a service's artifact, in an environment, by a person or a machine."""

    id = models.UUIDField(primary_key=True, editable=False)
    key = models.CharField(max_length=300)
    name = models.CharField(max_length=300, blank=True)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="acceptance_runs")
    story_key = models.CharField(max_length=20, blank=True)
    service = models.ForeignKey(Service, null=True, on_delete=models.SET_NULL, related_name="acceptance_runs")
    artifact = models.ForeignKey(Artifact, null=True, on_delete=models.SET_NULL, related_name="acceptance_runs")
    sha = models.CharField(max_length=100, blank=True)
    release = models.CharField(max_length=200, blank=True)
    phase = models.CharField(max_length=10, choices=Phase)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    raw_status = models.CharField(max_length=250, blank=True, help_text="the provider's own")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    performed_by = models.CharField(max_length=200, blank=True)
    url = models.CharField(max_length=1000, blank=True)
    event = models.ForeignKey("releases.InboundEvent", on_delete=models.PROTECT, related_name="+")

    objects = AcceptanceRunQuerySet.as_manager()

    class Meta:
        app_label = "releases"
        ordering = ["-finished_at", "id"]
        indexes = [
            models.Index(fields=["story_key"], name="acceptance_story"),
            models.Index(fields=["sha"], name="acceptance_sha"),
            models.Index(fields=["key"], name="acceptance_key"),
            models.Index(fields=["environment", "finished_at"], name="acceptance_environment"),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.key} in {self.environment}"
