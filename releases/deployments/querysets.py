"""Questions about deployments and acceptance runs, for everybody who asks which ones count."""

from typing import TYPE_CHECKING, Self

from django.db.models import F, OuterRef, Q, Subquery

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

    def ended_well(self) -> Self:
        """Those that their system calls a success, whether or not what they put somewhere is healthy."""
        return super().successful()

    def running(self) -> Self:
        """Those whose artifact runs now: the newest success of its service in its environment, which is still there.

        Where the newest one is a removal, nothing of the service runs; nor does what was there before the environment was
        deleted, even if something else brought it back.
        """
        return self.successful()._newest_of(self.model._default_manager.successful())  # type: ignore[attr-defined,arg-type]

    def placed(self) -> Self:
        """Those that stand somewhere now: as `running`, but where what was put there last isn't healthy, that one."""
        return self.ended_well()._newest_of(self.model._default_manager.ended_well())  # type: ignore[attr-defined,arg-type]

    def _newest_of(self, every: Self) -> Self:
        here = every.filter(service=OuterRef("service"), environment=OuterRef("environment"))
        # By the index of places, one look each; “none is newer” would compare each with all others of its place.
        newest = Subquery(here.order_by("-finished_at", "-pk").values("pk")[:1])
        emptied = Q(environment__emptied_at__isnull=False, finished_at__lte=F("environment__emptied_at"))
        shown = self.filter(environment__gone_at__isnull=True).exclude(kind=REMOVAL).exclude(emptied)
        return shown.filter(pk=newest)


class AcceptanceRunQuerySet(AttemptQuerySet["AcceptanceRun"], PlacedQuerySet["AcceptanceRun"]):  # type: ignore[override]
    """Questions about checks of stories and services."""

    def with_verdict(self) -> Self:
        """Those that ended and say whether what they checked is good."""
        return self.filter(phase="finished", outcome__in=VERDICTS)
