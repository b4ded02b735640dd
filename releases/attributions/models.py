"""Attributions: which deployments an incident came from, proposed by rules or people, and accepted or rejected by people."""

from django.conf import settings
from django.db import models

from releases.attributions import proposals
from releases.deployments.models import Deployment
from releases.incidents.models import Incident


class Attribution(models.Model):
    """An incident may have come from a deployment. What a person answered is never overwritten by a rule."""

    class Method(models.TextChoices):
        WINDOW = proposals.WINDOW, "time window"
        ROLLBACK = proposals.ROLLBACK, "rollback"
        REVERT = proposals.REVERT, "revert"
        HOTFIX = proposals.HOTFIX, "hotfix"
        PERSON = proposals.PERSON, "person"

    class Confidence(models.TextChoices):
        STRONG = proposals.STRONG, "strong"
        FAIR = proposals.FAIR, "fair"
        WEAK = proposals.WEAK, "weak"
        SAID = "said", "said by a person"

    class State(models.TextChoices):
        PROPOSED = "proposed", "proposed"
        ACCEPTED = "accepted", "accepted"
        REJECTED = "rejected", "rejected"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="attributions")
    # A rebuild writes deployments anew under the same identity, so the row must outlast its deployment.
    deployment = models.ForeignKey(
        Deployment, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="attributions"
    )
    method = models.CharField(max_length=10, choices=Method)
    confidence = models.CharField(max_length=10, choices=Confidence)
    because = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.PROPOSED)
    state_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500, blank=True, help_text="why a person accepted or rejected it")

    class Meta:
        app_label = "releases"
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["incident", "deployment"], name="attribution_once")]

    def __str__(self) -> str:
        return f"attribution {self.pk}"

    @property
    def came_later(self) -> bool:
        """Whether the deployment began after the incident, as both are known now: then the incident didn't come from it."""
        put, began = self.deployment, self.incident.starts_at
        if put is None or put.finished_at is None or began is None:
            return False
        return min(put.started_at or put.finished_at, put.finished_at) > began
