"""Squads, the people in them, and the services they own."""

from functools import cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Greatest
from django.db.models.lookups import IsNull
from django.urls import reverse

from portal.kernel.actors import Anyone
from portal.kernel.names import FoldedNameField, NamedQuerySet

KEY_PREFIX = RegexValidator(
    r"^[A-Z][A-Z0-9]{1,9}$", "Use 2 to 10 capital letters or digits, starting with a letter, such as PAY."
)


class SquadQuerySet(models.QuerySet["Squad"]):
    """Questions about squads."""

    def writable_by(self, user: Anyone) -> "SquadQuerySet":
        """The squads whose stories and services this person may change: their own; all of them for staff; no archived ones.

        A squad's programs write for that squad and for no other (ApiToken).
        """
        wanted = _written_by(user)
        return self.none() if wanted is None else self.active().filter(**wanted)

    def active(self) -> "SquadQuerySet":
        """The squads that take new work: those that nobody archived."""
        return self.filter(archived_at=None)

    def archived_last(self) -> "SquadQuerySet":
        """In the order of lists: by name, those that were archived at the end."""
        return self.order_by(IsNull(models.F("archived_at"), False), "name")

    def with_notice(self) -> "SquadQuerySet":
        """Squads with the oldest of their notices, without another query: `notice` is its text, `notice_url` its place."""
        oldest = Notice.objects.filter(squad=models.OuterRef("pk")).order_by("at", "pk")
        return self.annotate(
            notice=models.Subquery(oldest.values("text")[:1]), notice_url=models.Subquery(oldest.values("url")[:1])
        )


def _written_by(user: Anyone) -> dict[str, Any] | None:
    """Return what a squad must be for this person to write for it: no condition for staff, None for nobody."""
    if not user.is_authenticated:
        return None
    if user.program_of_id:
        return {"pk": user.program_of_id}
    return {} if user.is_staff else {"members": user.pk}


def writable_condition(user: Anyone) -> tuple[str, list[Any]]:
    """Return `SquadQuerySet.writable_by` as SQL about a row of squads_squad, with its values, for statements that hold it."""
    wanted = _written_by(user)
    return ("1 = 0", []) if wanted is None else (_condition(tuple(wanted)), list(wanted.values()))


@cache
def _condition(names: tuple[str, ...]) -> str:
    """Return the SQL of these conditions. The ORM takes longer to write it than the database to answer it."""
    rows = Squad.objects.active().filter(**dict.fromkeys(names, 0)).order_by()
    return f"squads_squad.id IN ({rows.values('pk').query.sql_with_params()[0]})"


class Squad(models.Model):
    """A team with a mission."""

    class Kind(models.TextChoices):
        HORIZONTAL = "horizontal", "horizontal (a product feature)"
        VERTICAL = "vertical", "vertical (a product layer)"

    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(max_length=80, unique=True)
    key_prefix = models.CharField(
        max_length=10,
        unique=True,
        validators=[KEY_PREFIX],
        help_text="Starts every story key, like PAY in PAY-12. It can’t change once a story uses it.",
    )
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.HORIZONTAL)
    mission = models.TextField(blank=True)
    wip_limits = models.JSONField(default=dict, blank=True, help_text="most stories at a time, by stage")
    batch_limit = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Most stories of the squad in one release. Leave empty for no limit."
    )
    estimates = models.BooleanField(
        "stories are estimated", default=False, help_text="Stories have a field for how big they are."
    )
    accepts_own = models.BooleanField(
        "people can accept their own changes",
        default=False,
        help_text="When off, someone else has to accept the story in production.",
    )
    key_repositories = models.JSONField(
        default=list,
        blank=True,
        help_text="the only repositories that can use its keys; empty: all",
    )
    descriptions_count = models.BooleanField(
        "keys in pull request descriptions count",
        default=False,
        help_text="When off, they only count if the description closes the story, as in “fixes PAY-12”.",
    )
    next_number = models.PositiveIntegerField(default=1, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="squads")

    objects = SquadQuerySet.as_manager()

    class Meta:
        app_label = "squads"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("squads:teams:detail", args=[self.slug])

    def take_number(self) -> int:
        """Return the next story number of this squad; no two callers ever get the same one."""
        return self.take_numbers(1)

    def take_numbers(self, count: int) -> int:
        """Take `count` story numbers in a row and return the first; no two callers ever get the same ones.

        Numbers up to the highest that a story has elsewhere under this prefix are never given out. Raises ValidationError
        for a squad that was archived.
        """
        # By its name: packages import only downwards, and stories lie above teams.
        aliases = apps.get_model("squads", "StoryAlias")._default_manager.filter(prefix=models.OuterRef("key_prefix"))
        highest = models.Subquery(aliases.order_by("-number").values("number")[:1])
        first = Greatest(F("next_number"), Coalesce(highest + 1, 1))
        with transaction.atomic():
            if not Squad.objects.active().filter(pk=self.pk).update(next_number=first + count):
                raise self._takes_no_work()
            return Squad.objects.values_list("next_number", flat=True).get(pk=self.pk) - count

    def check_active(self) -> None:
        """Refuse new work for a squad that was archived. Raises ValidationError naming the field."""
        if Squad.objects.filter(pk=self.pk, archived_at__isnull=False).exists():
            raise self._takes_no_work()

    def _takes_no_work(self) -> ValidationError:
        remedy = "Choose another one, or unarchive it first."
        return ValidationError({"squad": f"Squad {self} is archived, so no work can be added. {remedy}"})

    def keep_numbers(self, highest: int) -> None:
        """Never give out the numbers up to `highest`."""
        Squad.objects.filter(pk=self.pk, next_number__lte=highest).update(next_number=highest + 1)

    def is_writable_by(self, user: Anyone) -> bool:
        """Say whether this person may change what belongs to the squad."""
        return Squad.objects.filter(pk=self.pk).writable_by(user).exists()

    def is_led_by(self, user: Anyone) -> bool:
        """Say whether this person may change who is in the squad and how it works: its leads, and staff."""
        if not user.is_authenticated:
            return False
        return user.is_staff or self.memberships.filter(user=user, role=Membership.Role.LEAD).exists()


class Membership(models.Model):
    """A person in a squad."""

    class Role(models.TextChoices):
        MEMBER = "member", "member"
        LEAD = "lead", "lead"

    squad = models.ForeignKey(Squad, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=6, choices=Role, default=Role.MEMBER)
    accepts = models.BooleanField(
        "accepter", default=False, help_text="A product owner or other person who accepts its stories."
    )
    joined_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "squads"
        constraints = [models.UniqueConstraint(fields=["squad", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.squad}"

    @property
    def is_lead(self) -> bool:
        """Say whether this person leads the squad."""
        return self.role == self.Role.LEAD


class ServiceQuerySet(NamedQuerySet["Service"]):
    """Questions about services."""


class Service(models.Model):
    """A deployable unit, owned by one squad. One that events named before anybody created it has no squad yet."""

    name = models.CharField(max_length=120, unique=True, help_text="The name in your deployment system.")
    folded = FoldedNameField(of="name")
    slug = models.SlugField(max_length=130, unique=True)
    squad = models.ForeignKey(Squad, null=True, blank=True, on_delete=models.PROTECT, related_name="services")
    description = models.TextField(blank=True)
    discovered = models.BooleanField(default=False, editable=False)
    merged_into = models.ForeignKey(
        "self",
        null=True,
        editable=False,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="the one it was merged into",
    )

    objects = ServiceQuerySet.as_manager()

    class Meta:
        app_label = "squads"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("squads:teams:service", args=[self.slug])


class Notice(models.Model):
    """Something that a squad should know about the portal itself, shown on its pages until it is over."""

    squad = models.ForeignKey(Squad, on_delete=models.CASCADE, related_name="notices")
    key = models.CharField(max_length=120, help_text="what it is about: one notice for each")
    text = models.CharField(max_length=500)
    url = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        app_label = "squads"
        ordering = ["at", "pk"]
        constraints = [models.UniqueConstraint(fields=["squad", "key"], name="notice_once")]

    def __str__(self) -> str:
        return self.text
