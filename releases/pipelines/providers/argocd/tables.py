"""Argo CD's words. A sync that succeeded is not yet a deployment that works: its health decides."""

from releases.pipelines import facts
from releases.pipelines.providers.tables import Meaning, StatusTable

PHASES = StatusTable(
    "Phases of a sync", "status.operationState.phase",
    {
        "running": Meaning(facts.RUNNING),
        "terminating": Meaning(facts.RUNNING, why="it is being stopped"),
        "succeeded": Meaning(facts.FINISHED, facts.SUCCESS, "a success only if the application is healthy as well"),
        "failed": Meaning(facts.FINISHED, facts.FAILURE),
        "error": Meaning(facts.FINISHED, facts.ERROR),
    },
)  # fmt: skip
HEALTH = StatusTable(
    "Health, after a sync that succeeded", "status.health.status",
    {
        "healthy": Meaning(facts.FINISHED, facts.SUCCESS),
        "degraded": Meaning(facts.FINISHED, facts.FAILURE, "deployed, and not healthy"),
        "progressing": Meaning(facts.RUNNING, why="not healthy yet"),
        "suspended": Meaning(facts.WAITING, why="a rollout or a job is paused"),
        "missing": Meaning(facts.FINISHED, facts.UNKNOWN, "not in the cluster when Argo CD looked"),
        "unknown": Meaning(facts.FINISHED, facts.UNKNOWN, "Argo CD could not tell"),
    },
)  # fmt: skip
