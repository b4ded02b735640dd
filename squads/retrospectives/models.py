"""Retrospectives: what a squad learned from an incident, a release, a sprint or a success."""

import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime, time

from django.conf import settings
from django.db import models
from django.urls import reverse

from portal.kernel import clock
from portal.kernel.markdown import replace_people
from squads.retrospectives import sections
from squads.retrospectives.querysets import LOCKED_AFTER, RetrospectiveQuerySet
from squads.teams.models import Service, Squad

# Letters and digits that nobody mistakes for each other.
LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
LONGEST_ENTRY = 2000


def new_code() -> str:
    """Return the end of an address that says nothing about how many retrospectives there are."""
    return "".join(secrets.choice(LETTERS) for _ in range(8))


class Retrospective(models.Model):
    """What a squad learned. Its text is in its sections, what happened in its timeline."""

    class Kind(models.TextChoices):
        INCIDENT = "incident", sections.KINDS["incident"]
        RELEASE = "release", sections.KINDS["release"]
        SPRINT = "sprint", sections.KINDS["sprint"]
        SUCCESS = "success", sections.KINDS["success"]

    class State(models.TextChoices):
        DRAFT = "draft", "draft"
        IN_REVIEW = "in_review", "in review"
        PUBLISHED = "published", "published"

    # The identity in feeds and exports; it says nothing about order or number.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(
        max_length=90, unique=True, help_text="its address: the title it began with, and some letters"
    )
    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(max_length=9, choices=State, default=State.DRAFT)
    title = models.CharField(max_length=200)
    squad = models.ForeignKey(Squad, on_delete=models.PROTECT, related_name="retrospectives")
    severity = models.CharField(max_length=60, blank=True, help_text="in the company’s own words")
    # What it is about, in words of those who know it: squads know no releases and no incidents.
    subject_kind = models.CharField(max_length=20, blank=True)
    subject_key = models.CharField(max_length=64, blank=True)
    subject_title = models.CharField(max_length=300, blank=True)
    subject_url = models.CharField(max_length=300, blank=True)
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    anniversary = models.PositiveSmallIntegerField(default=0, help_text="month and day it began, as 1224")
    year = models.PositiveSmallIntegerField(default=0, help_text="in which it began, or else was created")
    services = models.ManyToManyField(Service, blank=True, related_name="retrospectives")
    facilitator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    restricted = models.BooleanField(
        default=False, help_text="Only the squad, the facilitator and the people added can read it."
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=clock.now)
    changed_at = models.DateTimeField(default=clock.now, help_text="when its text last changed")
    published_at = models.DateTimeField(null=True)
    reopened_at = models.DateTimeField(null=True, help_text="when locked text was opened again")
    shown_at = models.DateTimeField(default=clock.now, help_text="when it was published, or else created")
    version = models.PositiveIntegerField(default=1)
    lead = models.CharField(max_length=400, blank=True, help_text="the first paragraph, as plain text")
    words = models.PositiveIntegerField(default=0)
    reads = models.PositiveIntegerField(default=0, help_text="how often it was read; by whom is kept nowhere")
    imported_from = models.CharField(max_length=300, blank=True)

    objects = RetrospectiveQuerySet.as_manager()

    class Meta:
        app_label = "squads"
        ordering = ["-shown_at", "id"]
        indexes = [
            models.Index(fields=["state", "restricted", "shown_at"], name="retrospective_shown"),
            models.Index(fields=["squad", "shown_at"], name="retrospective_squad"),
            models.Index(fields=["subject_kind", "subject_key"], name="retrospective_subject"),
            models.Index(fields=["anniversary"], name="retrospective_day"),
            models.Index(fields=["-shown_at", "-id"], name="retrospective_newest"),
            # All that is asked of many at once, so that none of their texts are read for it.
            models.Index(
                fields=["state", "restricted", "severity", "year", "squad", "facilitator", "shown_at", "id"],
                name="retrospective_offered",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("squads:retrospective_pages:detail", args=[self.slug])

    @property
    def minutes(self) -> int:
        """How long reading it takes, at 220 words a minute."""
        return max(1, round(self.words / 220))

    @property
    def began_on_a_day(self) -> bool:
        """Whether only the day is known on which it began: midnight stands for that."""
        return self.began_at is not None and self.ended_at is None and self.began_at.time() == time()

    def is_locked(self, at: datetime | None = None) -> bool:
        """Say whether its text can't be changed: it was published, and last reopened, LOCKED_AFTER ago."""
        if self.state != self.State.PUBLISHED or self.published_at is None:
            return False
        since = max(self.published_at, self.reopened_at or self.published_at)
        return since + LOCKED_AFTER <= (at or clock.now())


class WithMentions(models.Model):
    """Text that may mention people whom readers see by their roles.

    Its fields hold what everybody reads; `written` what was written, of those fields where that is something else.
    """

    written = models.JSONField(default=dict, blank=True, editable=False)

    class Meta:
        abstract = True

    def source(self, name: str) -> str:
        """Return a field as it was written."""
        return str(self.written.get(name, getattr(self, name)))

    def put(self, name: str, written: str, roles: Mapping[str, str]) -> None:
        """Set a field to what was written, given the roles in this retrospective, by user name."""
        read = replace_people(written, roles) if roles and "@" in written else written
        setattr(self, name, read)
        others = {key: value for key, value in self.written.items() if key != name}
        self.written = others if read == written else {**others, name: written}


class RetrospectiveSection(WithMentions):
    """One section of a retrospective: a copy of what the template said then, and what people wrote, in Markdown."""

    retrospective = models.ForeignKey(Retrospective, on_delete=models.CASCADE, related_name="sections")
    key = models.SlugField(max_length=sections.LONGEST_KEY)
    title = models.CharField(max_length=sections.LONGEST_TITLE)
    hint = models.CharField(max_length=sections.LONGEST_HINT, blank=True)
    position = models.PositiveSmallIntegerField()
    text = models.TextField(blank=True)

    class Meta:
        app_label = "squads"
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["retrospective", "key"], name="retrospective_section_once"),
        ]

    def __str__(self) -> str:
        return f"{self.title} of {self.retrospective_id}"


class RetrospectiveEdit(models.Model):
    """One field that somebody changed, before and after: every version follows from these."""

    retrospective = models.ForeignKey(Retrospective, on_delete=models.CASCADE, related_name="edits")
    version = models.PositiveIntegerField(help_text="the version that this edit made")
    field = models.CharField(max_length=200)
    entry = models.ForeignKey(
        "squads.TimelineEntry",
        null=True,
        on_delete=models.SET_NULL,
        related_name="edits",
        help_text="which entry of the timeline, if it’s one",
    )
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    because = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        app_label = "squads"
        ordering = ["-version", "-id"]
        indexes = [models.Index(fields=["retrospective", "version"], name="retrospective_edit_version")]

    def __str__(self) -> str:
        return f"{self.field} of {self.retrospective_id}, version {self.version}"


class TimelineEntry(WithMentions):
    """One thing that happened: found by Rodeo, or written by a person."""

    class Kind(models.TextChoices):
        DEPLOYMENT = "deployment", "deployment"
        RUN = "run", "run"
        FLAG = "flag", "flag"
        ALERT = "alert", "alert"
        INCIDENT = "incident", "incident"
        UPDATE = "update", "update"
        STAGE = "stage", "stage"
        COMMENT = "comment", "comment"
        NOTE = "note", "note"

    class State(models.TextChoices):
        SHOWN = "shown", "shown"
        PINNED = "pinned", "pinned"
        DROPPED = "dropped", "dropped"

    retrospective = models.ForeignKey(Retrospective, on_delete=models.CASCADE, related_name="timeline")
    key = models.CharField(max_length=120, help_text="what it is, so that finding it again adds nothing")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.NOTE)
    state = models.CharField(max_length=7, choices=State, default=State.SHOWN)
    at = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    said_at = models.CharField(
        max_length=60, blank=True, help_text="the time as it was written, where the day is unknown"
    )
    position = models.PositiveIntegerField(default=0, help_text="among entries of one time, and of none")
    # Of at most LONGEST_ENTRY as it was written; with the words of roles it may be longer.
    text = models.TextField()
    url = models.CharField(max_length=400, blank=True)
    note = models.TextField(blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    added_at = models.DateTimeField(default=clock.now)
    since_version = models.PositiveIntegerField(
        default=0, help_text="the version that this came with; 0 where nobody knows"
    )

    class Meta:
        app_label = "squads"
        verbose_name_plural = "timeline entries"
        ordering = [models.F("at").asc(nulls_last=True), "position", "id"]
        constraints = [models.UniqueConstraint(fields=["retrospective", "key"], name="timeline_entry_once")]
        indexes = [models.Index(fields=["retrospective", "at"], name="timeline_entry_at")]

    def __str__(self) -> str:
        return self.text[:80]


class RetrospectiveTheme(models.Model):
    """A word that retrospectives are found by: DNS, certificates, hand-overs."""

    retrospective = models.ForeignKey(Retrospective, on_delete=models.CASCADE, related_name="themes")
    name = models.CharField(max_length=40)

    class Meta:
        app_label = "squads"
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["retrospective", "name"], name="retrospective_theme_once")]
        indexes = [models.Index(fields=["name"], name="retrospective_theme")]

    def __str__(self) -> str:
        return self.name


class RetrospectiveRole(models.Model):
    """What readers of a retrospective see instead of somebody's name. It outlives the mention: old versions have it still."""

    retrospective = models.ForeignKey(Retrospective, on_delete=models.CASCADE, related_name="roles")
    handle = models.CharField(max_length=150, help_text="the user name, in small letters")
    words = models.CharField(max_length=60)

    class Meta:
        app_label = "squads"
        ordering = ["handle"]
        constraints = [models.UniqueConstraint(fields=["retrospective", "handle"], name="retrospective_role_once")]

    def __str__(self) -> str:
        return self.words


class RetrospectiveParticipant(models.Model):
    """Somebody outside the squad who reads and writes a retrospective as its members do."""

    retrospective = models.ForeignKey(Retrospective, on_delete=models.CASCADE, related_name="participants")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    added_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "squads"
        constraints = [models.UniqueConstraint(fields=["retrospective", "person"], name="participant_once")]

    def __str__(self) -> str:
        return f"{self.person_id} in {self.retrospective_id}"


class LearnedMark(models.Model):
    """Somebody said: I learned something. Pages show how many."""

    retrospective = models.ForeignKey(Retrospective, on_delete=models.CASCADE, related_name="learned")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    class Meta:
        app_label = "squads"
        verbose_name_plural = "learned"
        constraints = [models.UniqueConstraint(fields=["retrospective", "person"], name="learned_once")]

    def __str__(self) -> str:
        return f"{self.person_id} of {self.retrospective_id}"


class RetrospectiveTemplate(models.Model):
    """The sections that new retrospectives of a kind begin with in a squad. What is written keeps its own."""

    squad = models.ForeignKey(Squad, on_delete=models.CASCADE, related_name="retrospective_templates")
    kind = models.CharField(max_length=8, choices=Retrospective.Kind)
    sections = models.JSONField(default=list)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "squads"
        constraints = [models.UniqueConstraint(fields=["squad", "kind"], name="retrospective_template_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.squad}"
