"""Status tables of GitLab: pipelines and deployments."""

from releases.providers import facts
from releases.providers.status_tables import Meaning, StatusTable

PIPELINES = StatusTable(
    "Pipelines",
    "status",
    {
        "created": Meaning(facts.QUEUED),
        "waiting_for_resource": Meaning(facts.WAITING, why="another job holds its resource group"),
        "waiting_for_callback": Meaning(facts.WAITING, why="an outside system has to answer"),
        "preparing": Meaning(facts.QUEUED),
        "pending": Meaning(facts.QUEUED, why="no runner has taken it yet"),
        "scheduled": Meaning(facts.WAITING, why="a delayed job has not begun"),
        "manual": Meaning(facts.WAITING, why="somebody has to start a job"),
        "running": Meaning(facts.RUNNING),
        "canceling": Meaning(facts.RUNNING, why="cancelled, and its jobs are still being stopped"),
        "success": Meaning(facts.FINISHED, facts.SUCCESS),
        "failed": Meaning(facts.FINISHED, facts.FAILURE),
        "canceled": Meaning(facts.FINISHED, facts.CANCELLED, why="never a failure"),
        "skipped": Meaning(facts.FINISHED, facts.SKIPPED, why="for instance [skip ci]"),
    },
)
DEPLOYMENTS = StatusTable(
    "Deployments",
    "status",
    {
        "created": Meaning(facts.QUEUED),
        "blocked": Meaning(facts.WAITING, why="an approval is missing"),
        "running": Meaning(facts.RUNNING),
        "success": Meaning(facts.FINISHED, facts.SUCCESS),
        "failed": Meaning(facts.FINISHED, facts.FAILURE),
        "canceled": Meaning(facts.FINISHED, facts.CANCELLED, why="never a failure"),
        "skipped": Meaning(facts.FINISHED, facts.SKIPPED, why="a newer one went out first"),
    },
)
