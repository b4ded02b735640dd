"""Status tables of Argo CD. A sync that succeeded is a successful deployment only once the application is healthy."""

from releases.providers import facts
from releases.providers.status_tables import Meaning, StatusTable

PHASES = StatusTable(
    "Phases of a sync",
    "status.operationState.phase",
    {
        "running": Meaning(facts.RUNNING),
        "terminating": Meaning(facts.RUNNING, why="it’s being stopped"),
        "succeeded": Meaning(facts.FINISHED, facts.SUCCESS, "a success only if the application is healthy too"),
        "failed": Meaning(facts.FINISHED, facts.FAILURE),
        "error": Meaning(facts.FINISHED, facts.ERROR),
    },
)
HEALTH = StatusTable(
    "Health, after a sync that succeeded",
    "status.health.status",
    {
        "healthy": Meaning(facts.FINISHED, facts.SUCCESS),
        "degraded": Meaning(
            facts.FINISHED, facts.FAILURE, "if it was never healthy; otherwise still a success, but not healthy"
        ),
        "progressing": Meaning(facts.RUNNING, why="not healthy yet"),
        "suspended": Meaning(facts.WAITING, why="a rollout or job is paused"),
        "missing": Meaning(
            facts.FINISHED, facts.UNKNOWN, "not in the cluster; if it was healthy before, as for degraded"
        ),
        "unknown": Meaning(
            facts.FINISHED, facts.UNKNOWN, "Argo CD can’t tell; if it was healthy before, nothing changes"
        ),
    },
)
# In these an application is no longer healthy. "Unknown" is not one: Argo CD cannot tell.
UNHEALTHY = frozenset({"degraded", "missing"})
