"""Where artifacts run."""

from django.db import models
from django.urls import reverse

from portal.kernel.names import FoldedNameField, NamedQuerySet
from squads.judge.case import GUESSED, may_be_production


class EnvironmentQuerySet(NamedQuerySet["Environment"]):
    """Questions about environments."""

    NAME = "key"


class Environment(models.Model):
    """A place where artifacts run. One that events named first is `discovered`, its tier guessed from its name."""

    class Tier(models.TextChoices):
        DEVELOPMENT = "development", "development"
        TESTING = "testing", "testing"
        STAGING = "staging", "staging"
        PRODUCTION = "production", "production"
        OTHER = "other", "other"

    key = models.CharField(
        max_length=120, unique=True, help_text="The name in your deployment system, such as prod-eu."
    )
    folded = FoldedNameField(of="key")
    slug = models.SlugField(max_length=130, unique=True)
    name = models.CharField(max_length=120)
    tier = models.CharField(max_length=12, choices=Tier, default=Tier.OTHER)
    order = models.PositiveIntegerField(default=100, help_text="Lower numbers come first.")
    location = models.CharField(max_length=80, blank=True, help_text="A data centre or region, for example.")
    cluster = models.CharField(max_length=80, blank=True)
    realm = models.CharField(max_length=80, blank=True, help_text="A customer, tenant or network zone, for example.")
    url = models.CharField(max_length=1000, blank=True)
    discovered = models.BooleanField(default=False, editable=False)
    tier_confirmed = models.BooleanField(
        default=True, editable=False, help_text="set by a person or a mapping rule; otherwise guessed from the name"
    )
    gone_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="when an event said it was deleted; empty once something is deployed to it again",
    )
    # Whatever ran there before a removal runs no more, even if the environment came back since.
    emptied_at = models.DateTimeField(
        null=True, editable=False, help_text="when it was deleted last, even if it came back"
    )
    removals = models.JSONField(
        default=list,
        editable=False,
        help_text="[when it was deleted, when an event said that it is there again, or null]",
    )
    merged_into = models.ForeignKey(
        "self",
        null=True,
        editable=False,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="the one it was merged into",
    )

    objects = EnvironmentQuerySet.as_manager()

    class Meta:
        app_label = "releases"
        ordering = ["order", "name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("releases:environments:detail", args=[self.slug])

    @property
    def is_guess(self) -> bool:
        """Say whether only its name says that it is production."""
        return self.tier == self.Tier.PRODUCTION and not self.tier_confirmed

    @property
    def may_be_production(self) -> bool:
        """Whether it is production, or nobody said what it is."""
        return may_be_production(self.tier, self.tier_confirmed)

    @property
    def judged_tier(self) -> str:
        """The tier as evidence has it: a production that only its name suggests is told apart."""
        return judged_tier(self.tier, self.tier_confirmed)


def judged_tier(tier: str, confirmed: bool) -> str:
    """Return the tier that evidence from an environment has, given the environment's own and whether anybody confirmed it."""
    return GUESSED if tier == Environment.Tier.PRODUCTION and not confirmed else tier
