"""Approvals of releases: asked of a person or of a role, given or declined for the content that there was."""

from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse

from portal.kernel import clock
from portal.kernel.actors import Anyone
from releases.approvals.querysets import ApprovalQuerySet
from releases.planning.models import Release
from squads.models import Squad
from squads.teams.permissions import answers_for


class Approval(models.Model):
    """Somebody was asked to approve what a release ships. What it was given for is kept whole, not only its digest."""

    class Kind(models.TextChoices):
        PERSON = "person", "a person"
        MANAGERS = "managers", "any project manager"
        MEMBERS = "members", "any member of a squad"
        LEADS = "leads", "any lead of a squad"
        ACCEPTERS = "accepters", "any accepter of a squad"
        ADMINISTRATORS = "administrators", "any administrator"

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        GIVEN = "given", "given"
        DECLINED = "declined", "declined"
        WITHDRAWN = "withdrawn", "withdrawn"
        VOID = "void", "void"

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="approvals")
    kind = models.CharField(max_length=14, choices=Kind)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    squad = models.ForeignKey(Squad, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    asked_of = models.CharField(max_length=40, editable=False, help_text="kind and number: who was asked, as one text")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=clock.now)
    note = models.TextField(blank=True)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True)
    content = models.JSONField(null=True, help_text="what the release shipped when it was answered")
    content_digest = models.CharField(max_length=64, blank=True)
    voided_at = models.DateTimeField(null=True)
    why_void = models.JSONField(default=list, help_text="what changed since it was given, as sentences")

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        app_label = "releases"
        ordering = ["-asked_at", "-id"]
        constraints = [
            # One question at a time.
            models.UniqueConstraint(
                fields=["release", "asked_of"], condition=models.Q(state="waiting"), name="approval_asked_once"
            )
        ]
        indexes = [
            models.Index(fields=["release"], condition=models.Q(state="waiting"), name="approval_waiting"),
            models.Index(fields=["release"], condition=models.Q(state="given"), name="approval_given"),
        ]

    def __str__(self) -> str:
        return f"approval {self.pk} of {self.release.slug[:150]}"

    def get_absolute_url(self) -> str:
        return f"{reverse('releases:approvals:list', args=[self.release.slug])}#approval-{self.pk}"

    @property
    def whom(self) -> str:
        """Who was asked, in words."""
        if self.person is not None:
            return self.person.name
        words = self.get_kind_display()
        return words.replace("a squad", self.squad.name) if self.squad is not None else words

    def may_be_withdrawn_by(self, person: Anyone) -> bool:
        """Say whether this person may withdraw it: whoever asked, and who answers for the release."""
        return self.asked_by_id == person.pk or answers_for(self.release, person)

    def why_may_not_answer(self, person: Anyone) -> str:
        """Say why this person can't answer; "" when they can."""
        if not person.is_authenticated:
            return "Sign in first."
        if person.program_of_id:
            return "Only people can approve a release."
        if self.asked_by_id == person.pk:
            return "You asked for this, so someone else has to answer."
        if not self._is_asked(person):
            return f"Only {self.whom} can answer." if self.person_id else f"This was asked of {self.whom}."
        if self.kind != self.Kind.PERSON and self._answered_another(person):
            return "You already approved this release in another role. Someone else has to answer."
        return ""

    def _is_asked(self, person: Anyone) -> bool:
        kinds = {"managers": "is_project_manager", "administrators": "is_staff"}
        if self.kind in kinds:
            return bool(getattr(person, kinds[self.kind]))
        if self.squad is None:
            return self.person_id == person.pk
        narrowed: dict[str, dict[str, Any]] = {"leads": {"role": "lead"}, "accepters": {"accepts": True}}
        wanted = narrowed.get(self.kind, {})
        return self.squad.memberships.filter(user=person.pk, **wanted).exists()

    def _answered_another(self, person: Anyone) -> bool:
        given = Approval.objects.filter(release=self.release_id, state="given", answered_by=person.pk)
        return given.exclude(kind=self.Kind.PERSON).exclude(pk=self.pk).exists()
