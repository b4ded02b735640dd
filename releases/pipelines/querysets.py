"""Questions about what was attempted (runs, and what other features keep of attempts) and about links to stories."""

from typing import TYPE_CHECKING, Self, TypeVar

from django.db import models
from django.db.models import F

from releases.providers.story_keys import RESEMBLANCES

if TYPE_CHECKING:
    from releases.pipelines.models import Run, StoryLink  # noqa: F401 - named in quotes below

Row = TypeVar("Row", bound=models.Model, covariant=True)


class AttemptQuerySet(models.QuerySet[Row]):
    """Questions about attempts, which have a phase, an outcome and an end."""

    def successful(self) -> Self:
        """Those that ended well, and it is known when."""
        return self.filter(phase="finished", outcome="success", finished_at__isnull=False)

    def newest_first(self) -> Self:
        """In the order of lists: what is under way on top, then the newest."""
        return self.order_by(F("finished_at").desc(nulls_first=True), "pk")


class RunQuerySet(AttemptQuerySet["Run"]):
    """Questions about runs."""


class StoryLinkQuerySet(models.QuerySet["StoryLink"]):
    """Questions about links from changes to stories."""

    def asking(self) -> Self:
        """Those by which a change is part of a story: what evidence, boards and releases rest on."""
        return self.filter(refused=False, mention="", story__isnull=False)

    def mentioning(self) -> Self:
        """Those that name a story for reading only."""
        return self.filter(refused=False, story__isnull=False).exclude(mention__in=("", *RESEMBLANCES))

    def hinting(self) -> Self:
        """Those that only look like the key of a story there is."""
        return self.filter(refused=False, story__isnull=False, mention="hint")
