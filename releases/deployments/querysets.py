"""Questions about deployments and acceptance runs, for everybody who asks which ones count."""

from typing import TYPE_CHECKING, Self

from django.db.models import Exists, F, OuterRef, Q

from releases.environments.querysets import PlacedQuerySet
from releases.pipelines.querysets import AttemptQuerySet

if TYPE_CHECKING:
    from releases.deployments.models import AcceptanceRun, Deployment  # noqa: F401 - named in quotes below

REMOVAL = "removal"
# What an ended check says about what it checked; other outcomes say nothing.
VERDICTS = {"success": "success", "failure": "failure", "error": "failure"}


class DeploymentQuerySet(AttemptQuerySet["Deployment"], PlacedQuerySet["Deployment"]):  # type: ignore[override]
    """Questions about deployments."""

    def successful(self) -> Self:
        """Those that put something somewhere, or took it away: finished, successful and healthy."""
        return super().successful().filter(healthy=True)

    def running(self) -> Self:
        """Those whose artifact runs now: the newest success of its service in its environment, which is still there.

        Where the newest one is a removal, nothing of the service runs; nor does what was there before the environment was
        deleted, even if something else brought it back.
        """
        later = Q(finished_at__gt=OuterRef("finished_at")) | Q(
            finished_at=OuterRef("finished_at"), pk__gt=OuterRef("pk")
        )
        newer = self.model._default_manager.successful().filter(  # type: ignore[attr-defined]
            later, service=OuterRef("service"), environment=OuterRef("environment")
        )
        emptied = Q(environment__emptied_at__isnull=False, finished_at__lte=F("environment__emptied_at"))
        here = self.successful().filter(environment__gone_at__isnull=True).exclude(kind=REMOVAL).exclude(emptied)
        return here.exclude(Exists(newer.order_by()))


class AcceptanceRunQuerySet(AttemptQuerySet["AcceptanceRun"], PlacedQuerySet["AcceptanceRun"]):  # type: ignore[override]
    """Questions about checks of stories and services."""

    def with_verdict(self) -> Self:
        """Those that ended and say whether what they checked is good."""
        return self.filter(phase="finished", outcome__in=VERDICTS)
