"""Questions about stories and evidence, in the words of the pages."""

from typing import TYPE_CHECKING

from django.db import models

from squads.judging import actions as judging

if TYPE_CHECKING:
    from squads.stories.models import Evidence, Story  # noqa: F401 - named in quotes below


class StoryQuerySet(models.QuerySet["Story"]):
    """Questions about stories."""

    def unfinished(self) -> "StoryQuerySet":
        """Stories that are not rodeo done."""
        return self.exclude(stage="rodeo_done")

    def judge(self) -> int:
        """Judge these stories by the evidence there is, write what changed, and return how many changed."""
        return judging.judge_some(list(self.values_list("pk", flat=True)), self.db)


class EvidenceQuerySet(models.QuerySet["Evidence"]):
    """Questions about evidence."""

    def derived(self) -> "EvidenceQuerySet":
        """Rows that follow from events and can be made again by replaying them."""
        return self.filter(by_hand=False)

    def valid(self) -> "EvidenceQuerySet":
        """Rows that nobody took back."""
        return self.filter(taken_back_at=None)
