"""Stories and the evidence about them."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models, transaction
from django.urls import reverse

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.bulk_update import write
from portal.kernel.live import touch
from portal.kernel.models import StateChange
from portal.kernel.transitions import AlreadyMoved, move_held
from squads.judge import judgement
from squads.judging.actions import judge_move
from squads.labels.models import Label
from squads.stories.querysets import EvidenceQuerySet, StoryQuerySet
from squads.teams.keys import SYSTEMS, as_key, foreign_key_of
from squads.teams.models import Squad

AT_ONCE = 500
DELETABLE_FOR = timedelta(days=1)
# The kind of a StateChange that says that a story was moved elsewhere, nobody knows when. The judge reads those of kind "story".
HEARD_OF = "story heard of"
# Why somebody moved or blocked a story.
MOST_SAID = 2000
TOO_LONG = f"Use {MOST_SAID} characters or fewer."
ONLY_EVIDENCE = (
    "“{to}” can’t be set manually. After dev done, only evidence moves a story. Add evidence by hand instead."
)
STAYS = (
    "{key} stays in {stage} because of its evidence. It moves back automatically if that evidence is withdrawn. "
    "Wrong evidence by hand can be withdrawn on the story’s page."
)


ENDINGS = {"cancelled": "is cancelled", "duplicate": "is closed as a duplicate"}


class Held(AlreadyMoved):
    """People cannot move this story back: evidence holds it on its stage."""

    def __init__(self, story: "Story", to: str) -> None:
        super().__init__(story.key, to, story.stage)
        self.args = (STAYS.format(key=story.key, stage=judgement.STAGE_NAMES[story.stage]),)


class Renamed(AlreadyMoved):
    """The story went to another squad meanwhile, and has another key."""

    def __init__(self, key: str, now: str) -> None:
        super().__init__(key, "changed", now)
        self.args = (f"{key} moved to another squad and is now {now}. Reload the page.",)


class Ended(AlreadyMoved):
    """The story was cancelled, or closed as a duplicate: it moves again once somebody reopens it."""

    def __init__(self, story: "Story") -> None:
        super().__init__(story.key, "moved", story.ending)
        self.args = (f"{story.key} {ENDINGS[story.ending]}. Reopen it first.",)


class Story(models.Model):
    """One deliverable piece of work. `progress` is moved by people; `stage` and `standing` follow from evidence.

    `ending` is how it ended other than done. It is no stage: evidence goes on being judged.
    """

    class Type(models.TextChoices):
        USER_STORY = "user_story", "user story"
        DEFECT = "defect", "defect"
        CHORE = "chore", "chore"

    class Priority(models.TextChoices):
        URGENT = "urgent", "urgent"
        HIGH = "high", "high"
        NORMAL = "normal", "normal"
        LOW = "low", "low"

    class Progress(models.TextChoices):
        TODO = "todo", "to do"
        IN_PROGRESS = "in_progress", "in progress"
        DEV_DONE = "dev_done", "dev done"

    class Stage(models.TextChoices):
        TODO = "todo", "to do"
        IN_PROGRESS = "in_progress", "in progress"
        DEV_DONE = "dev_done", "dev done"
        INTEGRATED = "integrated", "integrated"
        TESTED = "tested", "tested"
        DEPLOYED = "deployed", "deployed"
        RODEO_DONE = "rodeo_done", "rodeo done"

    class Ending(models.TextChoices):
        CANCELLED = "cancelled", "cancelled"
        DUPLICATE = "duplicate", "duplicate"

    squad = models.ForeignKey(Squad, on_delete=models.PROTECT, related_name="stories")
    number = models.PositiveIntegerField(editable=False)
    key = models.CharField(max_length=20, unique=True, editable=False)
    title = models.CharField(max_length=200)
    type = models.CharField(max_length=10, choices=Type, default=Type.USER_STORY)
    description = models.TextField(blank=True)
    acceptance_criteria = models.TextField(blank=True, help_text="What must work in production, one per line.")
    criteria_met = models.JSONField(default=list, blank=True, help_text="the lines of the criteria that were ticked")
    production_checks = models.TextField(blank=True, help_text="What to check in production, one per line.")
    checks_met = models.JSONField(default=list, blank=True, help_text="the lines of the checks that were ticked")
    # Declared by name: squads never reads a release, it only names one (docs/adr/0002).
    release = models.ForeignKey(
        "releases.Release", null=True, blank=True, on_delete=models.SET_NULL, related_name="planned_stories"
    )
    assignees: "models.ManyToManyField[Any, Any]" = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        through="squads.Assignment",
        through_fields=("story", "person"),
        related_name="assigned_stories",
        blank=True,
    )
    priority = models.CharField(max_length=6, choices=Priority, default=Priority.NORMAL)
    labels: "models.ManyToManyField[Label, Any]" = models.ManyToManyField(Label, related_name="stories", blank=True)
    due = models.DateField(null=True, blank=True, help_text="When it’s needed.")
    estimate = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(999)],
        help_text="How big it is, in the squad's own points.",
    )
    flag = models.CharField(max_length=120, blank=True, help_text="The feature flag that hides this story, if any.")
    audience = models.CharField(max_length=60, default="everyone", blank=True, help_text="Who the flag must be on for.")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    version = models.PositiveIntegerField(default=1, editable=False, help_text="the number of edits")
    # A place among the squad's stories. Places have gaps, so that a move writes one row.
    rank = models.BigIntegerField(editable=False)
    blocked_because = models.TextField(blank=True, help_text="What it’s waiting for. Empty if it isn’t blocked.")
    blocked_at = models.DateTimeField(null=True, blank=True, editable=False)
    external = models.CharField(
        max_length=200, blank=True, editable=False, help_text="what it was imported from, such as jira:ABC-7"
    )

    progress = models.CharField(max_length=12, choices=Progress, default=Progress.TODO, editable=False)
    progress_at = models.DateTimeField(null=True, editable=False)

    stage = models.CharField(max_length=12, choices=Stage, default=Stage.TODO, editable=False)
    standing = models.JSONField(default=dict, editable=False)
    # The moment of its newest change of stage; a column, so that the newest are found without reading their history.
    stage_at = models.DateTimeField(null=True, editable=False, help_text="since when it has been in its stage")
    judge_digest = models.CharField(
        max_length=40,
        blank=True,
        editable=False,
        help_text="digest of what it was judged by; empty before the first time",
    )

    ending = models.CharField(max_length=10, choices=Ending, blank=True, default="", editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    ended_because = models.TextField(blank=True, default="", editable=False)
    # Empty for a duplicate that came from elsewhere, where nobody said of what.
    duplicate_of = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="duplicates", editable=False
    )

    objects = StoryQuerySet.as_manager()

    class Meta:
        app_label = "squads"
        verbose_name_plural = "stories"
        ordering = ["squad__name", "number"]
        constraints = [
            models.UniqueConstraint(fields=["squad", "number"], name="story_number_once"),
            models.UniqueConstraint(fields=["squad", "rank"], name="story_rank_once"),
            models.UniqueConstraint(
                fields=["squad", "external"], condition=~models.Q(external=""), name="story_external_once"
            ),
        ]
        indexes = [
            models.Index(fields=["release", "stage"], name="story_release_stage"),
            models.Index(fields=["squad", "stage"], name="story_squad_stage"),
            models.Index(fields=["flag"], condition=~models.Q(flag=""), name="story_flag"),
            models.Index(fields=["external"], condition=~models.Q(external=""), name="story_external"),
            models.Index(fields=["squad", "ending"], condition=~models.Q(ending=""), name="story_ended"),
        ]

    def __str__(self) -> str:
        return self.key

    def get_absolute_url(self) -> str:
        return reverse("squads:stories:detail", args=[self.key])

    @property
    def is_new(self) -> bool:
        """Say whether it was written within the last day, so that a mistake may be deleted."""
        return clock.now() - self.created_at < DELETABLE_FOR

    @property
    def foreign_key(self) -> str:
        """Return what the story is called where it came from, such as "RES-1"; "" where that is nothing to say."""
        return foreign_key_of(self.external, self.key)

    @property
    def system(self) -> str:
        """Return what people call the system that the story came from; "" if it came from nowhere."""
        return SYSTEMS.get(self.external.partition(":")[0], "")

    def hold(self) -> None:
        """Hold the story's row until the transaction ends, and bring up to date what a move depends on."""
        names = (
            "key",
            "progress",
            "progress_at",
            "stage",
            "stage_at",
            "judge_digest",
            "rank",
            "flag",
            "audience",
            "ending",
        )
        row = Story.objects.select_for_update(no_key=True).order_by().filter(pk=self.pk).values(*names).first()
        if row is None:
            raise AlreadyMoved(self.key, "moved", "deleted")
        if row["key"] != self.key:
            raise Renamed(self.key, row["key"])
        for name, value in row.items():
            setattr(self, name, value)

    def is_held_against(self, to: str) -> bool:
        """Say whether evidence keeps people from moving the story to `to`.

        Once evidence took it beyond dev done, nobody moves it back by hand. Going on is not going back: that development
        is done may be said after the deployment too.
        """
        places = list(self.Progress.values)
        return self.stage not in places and places.index(to) < places.index(self.progress)

    def move_progress(self, to: str, *, by: Actor, leaving: str | None = None, **said: Any) -> StateChange:
        """Do what `move_progress_held` does. With `leaving`, raise AlreadyMoved also if it was moved elsewhere since."""
        with transaction.atomic():
            self.hold()
            if leaving and self.progress != leaving:
                raise AlreadyMoved(str(self), to, self.progress)
            return self.move_progress_held(to, by=by, **said)

    def _next_moment(self) -> datetime:
        """Return the present, but never before the last move: a clock that was set back would put moves out of order."""
        now = clock.now()
        return now if self.progress_at is None else max(now, self.progress_at + timedelta(microseconds=1))

    def move_progress_held(
        self, to: str, *, by: Actor, because: str = "", at: datetime | None = None, **also: Any
    ) -> StateChange:
        """Move a story whose row the caller holds: progress, judgement and the columns in `also` in one UPDATE.

        `at` is when people did so, where that is known to be earlier than now.

        Raises AlreadyMoved when it is there already, Held where evidence says otherwise, Ended for one that was cancelled,
        ValidationError naming the field for a stage that only evidence can reach and for a reason nobody would read.
        """
        check_progress(to)
        check_reason(because)
        if self.ending:
            raise Ended(self)
        if self.is_held_against(to):
            raise Held(self, to)
        at = at or self._next_moment()
        judged = judge_move(self, to, at, by=by, because=because)
        change = move_held(
            self,
            "progress",
            to,
            before=self.progress,
            leaving=[each for each in self.Progress.values if each != to],
            by=by,
            because=because,
            progress_at=at,
            **judged.columns,
            **also,
        )
        judged.keep(change)
        touch([self.pk])
        return change


class StoryAlias(models.Model):
    """A key that a story has elsewhere, or had before, and keeps here: "RES-1" of the tracker it was brought in from.

    `StoryQuerySet.named` is the one place that says which story a key means. The numbers of a prefix up to the highest one
    here are never given to new stories (`Squad.take_numbers`).
    """

    story = models.ForeignKey(Story, on_delete=models.CASCADE, related_name="aliases")
    key = models.CharField(max_length=40, help_text="in capitals")
    prefix = models.CharField(max_length=40)
    number = models.PositiveIntegerField()

    class Meta:
        app_label = "squads"
        verbose_name_plural = "story aliases"
        ordering = ["prefix", "number", "id"]
        constraints = [models.UniqueConstraint(fields=["key", "story"], name="story_alias_once")]
        indexes = [models.Index(fields=["prefix", "-number"], name="story_alias_number")]

    def __str__(self) -> str:
        return self.key

    @classmethod
    def of(cls, story: Story, key: str) -> "StoryAlias | None":
        """Return the row, not saved, that lets a story be called by a key too; None where that is no key, or its own."""
        found = as_key(key)
        if found is None or found.text == story.key:
            return None
        return cls(story=story, key=found.text, prefix=found.prefix, number=found.number)


class Move(NamedTuple):
    """A move of a story that people made elsewhere: `because` says who, and where."""

    story: Story
    to: str
    because: str
    # None: nobody knows when.
    at: datetime | None
    # Whether its row in the history is there already.
    is_recorded: bool = False


def move_many(moves: Iterable[Move]) -> None:
    """Move stories whose rows the caller holds, by the rule of `Story.move_progress`, in a number of queries that does
    not depend on theirs. Nobody here made the moves, so they make no story anybody's. The caller judges the stories.

    Raises Held for the first that evidence holds where it is, with nothing written.
    """
    moves = list(moves)
    for each in moves:
        check_progress(each.to)
        if each.story.is_held_against(each.to):
            raise Held(each.story, each.to)
    write(Story, ("progress", "progress_at"), [(each.story.pk, each.to, each.at) for each in moves])
    StateChange.objects.bulk_create(
        (
            moved_elsewhere(each.story.key, each.story.progress, each.to, each.because, each.at)
            for each in moves
            if not each.is_recorded
        ),
        batch_size=AT_ONCE,
    )


def moved_elsewhere(key: str, before: str, after: str, because: str, at: datetime | None) -> StateChange:
    """Return the row of a move that nobody made here, for the story's history.

    Where nobody knows when it was, the row says when it was heard of, and no stage follows from it.
    """
    kind = "story" if at else HEARD_OF
    return StateChange(kind=kind, key=key, from_state=before, to_state=after, because=because, at=at or clock.now())


def check_progress(to: str) -> None:
    """Refuse a stage that people cannot say a story is on."""
    if to not in Story.Progress.values:
        raise ValidationError({"to": ONLY_EVIDENCE.format(to=to)})


def check_reason(because: str) -> None:
    """Refuse a reason that is longer than a history can show."""
    if len(because) > MOST_SAID:
        raise ValidationError({"because": TOO_LONG})


class StoryEdit(models.Model):
    """One field of a story that a person changed, and what it said before. Never edited.

    All fields of one edit share the version that it made; two edits that began from the same version are told apart by it.
    """

    story = models.ForeignKey(Story, on_delete=models.CASCADE, related_name="edits")
    version = models.PositiveIntegerField()
    field = models.CharField(max_length=40)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        app_label = "squads"
        ordering = ["version", "id"]
        constraints = [models.UniqueConstraint(fields=["story", "version", "field"], name="story_edit_once")]

    def __str__(self) -> str:
        return f"{self.field} of {self.story_id} in version {self.version}"


class Relation(models.Model):
    """One story blocks, duplicates or is related to another. "Is blocked by" is the same row, read from its other end."""

    class Kind(models.TextChoices):
        BLOCKS = "blocks", "blocks"
        DUPLICATES = "duplicates", "duplicates"
        RELATES = "relates", "is related to"

    story = models.ForeignKey(Story, on_delete=models.CASCADE, related_name="relations")
    other = models.ForeignKey(Story, on_delete=models.CASCADE, related_name="relations_from_others")
    kind = models.CharField(max_length=10, choices=Kind)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        app_label = "squads"
        constraints = [
            models.UniqueConstraint(fields=["story", "other", "kind"], name="relation_once"),
            models.CheckConstraint(condition=~models.Q(story=models.F("other")), name="relation_to_another"),
        ]

    def __str__(self) -> str:
        return f"{self.story_id} {self.kind} {self.other_id}"


class Evidence(models.Model):
    """What was seen about a story, when, from which event, or by which person. See squads/judge/judgement.py for kinds."""

    class Kind(models.TextChoices):
        CHANGE = "change", "change"
        RUN = "run", "mainline run"
        TEST = "test", "test before production"
        DEPLOYMENT = "deployment", "deployment"
        ACCEPTANCE = "acceptance", "acceptance in production"
        FLAG = "flag", "flag"
        INCIDENT = "incident", "incident"
        REVERT = "revert", "revert or rewrite"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    story = models.ForeignKey(Story, on_delete=models.CASCADE, related_name="evidence")
    kind = models.CharField(max_length=12, choices=Kind)
    verdict = models.CharField(max_length=12, help_text="success, failure, or empty if neither applies")
    at = models.DateTimeField(help_text="when it happened: the finish of a run, deployment or check")
    started_at = models.DateTimeField(null=True)
    service = models.CharField(max_length=250, blank=True)
    environment = models.CharField(max_length=120, blank=True)
    tier = models.CharField(max_length=12, blank=True)
    shas = models.JSONField(default=list, help_text="the story's commits it is about; ['*'] for all made before `at`")
    label = models.CharField(max_length=250, blank=True)
    detail = models.CharField(
        max_length=250, blank=True, help_text="such as the kind of a deployment or the audience of a flag"
    )
    link = models.CharField(max_length=1000, blank=True)
    note = models.TextField(blank=True)
    by_hand = models.BooleanField(default=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    event_id = models.UUIDField(null=True, help_text="the event behind it")
    # A row by hand that was a mistake stays for all to see, and proves nothing from then on.
    taken_back_at = models.DateTimeField(null=True)
    taken_back_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    taken_back_because = models.TextField(blank=True)

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        app_label = "squads"
        verbose_name_plural = "evidence"
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["story", "at"], name="evidence_story_at")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.story_id} at {self.at:%Y-%m-%d %H:%M}"

    @classmethod
    def compared(cls) -> tuple[str, ...]:
        """The columns that make two derived rows with one identity the same."""
        return (
            "story_id",
            "kind",
            "verdict",
            "at",
            "started_at",
            "service",
            "environment",
            "tier",
            "shas",
            "label",
            "detail",
            "link",
            "note",
            "event_id",
        )

    def values(self) -> tuple[Any, ...]:
        """Return what `compared` lists."""
        return tuple(getattr(self, name) for name in self.compared())
