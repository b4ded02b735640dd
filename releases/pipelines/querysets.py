"""Questions about what was attempted: runs, and what other features keep of attempts."""

from typing import TYPE_CHECKING, Self, TypeVar

from django.db import models
from django.db.models import F

if TYPE_CHECKING:
    from releases.pipelines.models import Run  # noqa: F401 - named in quotes below

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
