"""Questions about deployments and acceptance runs, for everybody who asks which ones count."""

from typing import TYPE_CHECKING, Any, Self

from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

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

    def running(self, within: Q) -> Self:
        """Those whose artifact runs now: the newest success of its service in its environment, which is still there.

        `within` says of which services or environments, all that there is of each. Where the newest one is a removal, nothing
        of the service runs; nor does what was there before the environment was deleted, even if something else brought it
        back.
        """
        every: Any = self.model._default_manager
        return self.successful()._newest_of(every.successful().filter(within)).filter(within)

    def placed(self, within: Q) -> Self:
        """Those that stand somewhere now: as `running`, but where what was put there last isn't healthy, that one."""
        every: Any = self.model._default_manager
        return self.ended_well()._newest_of(every.ended_well().filter(within)).filter(within)

    def _newest_of(self, every: Self) -> Self:
        # Ordered once; a look for the newest from each row, or “none is newer”, would be as many looks as there are rows.
        newest_first = [F("finished_at").desc(), F("pk").desc()]
        nth = Window(RowNumber(), partition_by=[F("service_id"), F("environment_id")], order_by=newest_first)
        newest = every.annotate(nth=nth).filter(nth=1).values("pk")
        emptied = Q(environment__emptied_at__isnull=False, finished_at__lte=F("environment__emptied_at"))
        shown = self.filter(environment__gone_at__isnull=True).exclude(kind=REMOVAL).exclude(emptied)
        return shown.filter(pk__in=newest)


class AcceptanceRunQuerySet(AttemptQuerySet["AcceptanceRun"], PlacedQuerySet["AcceptanceRun"]):  # type: ignore[override]
    """Questions about checks of stories and services."""

    def with_verdict(self) -> Self:
        """Those that ended and say whether what they checked is good."""
        return self.filter(phase="finished", outcome__in=VERDICTS)
