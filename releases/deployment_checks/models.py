"""Who asked whether a service may be deployed, what was answered, and the tokens that ask."""

import uuid

from django.db import models
from django.urls import reverse

from portal.kernel.issued_secrets import ExpiringSecret
from portal.kernel.secrets import SecretField
from releases.inbox.models import Source
from releases.planning.models import Release
from squads.models import Service


class Asker(models.TextChoices):
    """What kind of program asks. A person who opens the address in a browser is no pipeline."""

    SCRIPT = "script", "script"
    ARGO_ROLLOUTS = "argo_rollouts", "Argo Rollouts"
    FLAGGER = "flagger", "Flagger"
    GITHUB = "github", "GitHub"
    GITLAB = "gitlab", "GitLab"
    PERSON = "person", "person"


class Verdict(models.TextChoices):
    """What is answered. Only “ready” lets anything be deployed."""

    READY = "ready", "ready"
    NOT_READY = "not_ready", "not ready"
    UNKNOWN = "unknown", "unknown"


class CheckToken(ExpiringSecret):
    """What a pipeline asks with. It opens the verdict on one service and nothing else: no story, and no name of a person."""

    PREFIX, KIND, AUDITED_AS = "check_", "deployment check token", "token"

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="check_tokens")
    name = models.CharField(max_length=80, help_text="Where it is used.")

    class Meta:
        app_label = "releases"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.start}…)"

    @property
    def audit_key(self) -> str:
        """The service."""
        return self.service.slug

    @property
    def opens(self) -> str:
        """What it opens, and until when."""
        return f"asking whether {self.service} may be deployed, until {self.expires_at:%Y-%m-%d}"


class DeploymentCheck(models.Model):
    """Somebody asked, and was answered. The same question with the same answer again is the same row, counted."""

    asker = models.CharField(max_length=13, choices=Asker)
    by = models.CharField(max_length=200, help_text="the token, source or person that asked")
    service = models.ForeignKey(
        Service,
        null=True,
        on_delete=models.CASCADE,
        related_name="deployment_checks",
        help_text="empty: all of a release",
    )
    release = models.ForeignKey(Release, null=True, on_delete=models.SET_NULL, related_name="deployment_checks")
    release_name = models.CharField(max_length=340, blank=True, help_text="what it was called then")
    named = models.JSONField(default=dict, help_text="what was asked about, in the asker’s words")
    environment = models.CharField(max_length=120, blank=True)
    verdict = models.CharField(max_length=9, choices=Verdict)
    sentence = models.TextField()
    first_at = models.DateTimeField()
    at = models.DateTimeField(help_text="when this was asked last")
    times = models.PositiveIntegerField(default=1)

    class Meta:
        app_label = "releases"
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["service", "-at"], name="deployment_check_service"),
            models.Index(fields=["at"], name="deployment_check_at"),
        ]

    def __str__(self) -> str:
        return f"{self.get_asker_display()} about {self.service or self.release_name or 'nothing known'}"


class WaitingCheck(models.Model):
    """A question whose asker waits for the answer at an address of its own, until it is ready or the time for it is over."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        ALLOWED = "allowed", "allowed"
        REFUSED = "refused", "refused"
        WITHDRAWN = "withdrawn", "withdrawn"  # another question took its place, or nobody waits any more
        FAILED = "failed", "failed"  # it could not be answered

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="waiting_checks")
    event = models.UUIDField(help_text="the event that asked")
    thread = models.CharField(max_length=300)
    answer_to = models.CharField(max_length=1000)
    repository = models.CharField(max_length=250, blank=True)
    sha = models.CharField(max_length=64, blank=True)
    environment = models.CharField(max_length=120, blank=True)
    service_name = models.CharField(max_length=130, blank=True)
    release_slug = models.CharField(max_length=340, blank=True)
    check_id = models.CharField(max_length=20, blank=True)
    installation = models.CharField(max_length=20, blank=True)
    url = models.CharField(max_length=1000, blank=True)

    asked_at = models.DateTimeField()
    decide_by = models.DateTimeField()
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    sentence = models.TextField(blank=True, help_text="what was found last")
    answered_at = models.DateTimeField(null=True)
    # Reports are answers that decide nothing yet.
    reports = models.PositiveIntegerField(default=0)
    reported = models.TextField(blank=True)
    reported_at = models.DateTimeField(null=True)
    # A decision that was sent, and what was found then; nobody knows yet whether it arrived. Empty: there is none.
    unsure = models.CharField(max_length=9, choices=State, blank=True)
    unsure_sentence = models.TextField(blank=True)
    next_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0, help_text="failures since the last success")
    error = models.TextField(blank=True)

    class Meta:
        app_label = "releases"
        ordering = ["-asked_at", "id"]
        indexes = [
            models.Index(fields=["next_at"], name="waiting_check_due", condition=models.Q(state="waiting")),
            models.Index(fields=["source", "thread"], name="waiting_check_thread"),
        ]

    def __str__(self) -> str:
        return f"{self.repository} {self.sha[:7]} to {self.environment or 'merge'}"

    def get_absolute_url(self) -> str:
        return reverse("releases:reading:event", args=[self.event])


class AppToken(models.Model):
    """A GitHub App’s token for one of its installations, which GitHub gives out for an hour."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+")
    installation = models.CharField(max_length=20)
    token = SecretField()
    made_with = models.CharField(max_length=64, help_text="digest of the App’s id and key")
    expires_at = models.DateTimeField()

    class Meta:
        app_label = "releases"
        constraints = [models.UniqueConstraint(fields=["source", "installation"], name="app_token_once")]

    def __str__(self) -> str:
        return f"token for installation {self.installation} of {self.source}"
