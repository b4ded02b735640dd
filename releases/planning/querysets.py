"""Questions about releases."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Case, F, Q, Value, When

if TYPE_CHECKING:
    from releases.planning.models import Release  # noqa: F401 - named in quotes below


class ReleaseQuerySet(models.QuerySet["Release"]):
    """Questions about releases."""

    def newest_first(self) -> Self:
        """Order them as every list shows them: what has no date yet, what is planned, what is out; the latest first.

        Those of one moment are ordered by version (portal/kernel/versions.py): 5.10 stands before 5.10-rc1 and 5.9.
        """
        is_out = Q(released_at__isnull=False)
        undated = Q(released_at__isnull=True, planned_for__isnull=True)
        return self.order_by(
            Case(When(is_out, then=Value(2)), When(undated, then=Value(0)), default=Value(1)),
            # When something was planned for says nothing once it is out.
            Case(When(is_out, then=None), default=F("planned_for")).desc(),
            F("released_at").desc(),
            "-version_key",
            "-version",
            "pk",
        )
