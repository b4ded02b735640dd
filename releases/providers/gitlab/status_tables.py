"""Status tables of GitLab: pipelines and deployments."""

from releases.providers import facts
from releases.providers.status_tables import Meaning, StatusTable

PIPELINES = StatusTable(
    "Pipelines",
    "status",
    {
        "created": Meaning(facts.QUEUED),
        "waiting_for_resource": Meaning(facts.WAITING, why="another job is using its resource group"),
        "waiting_for_callback": Meaning(facts.WAITING, why="another system has to answer"),
        "preparing": Meaning(facts.QUEUED),
        "pending": Meaning(facts.QUEUED, why="waiting for a runner"),
        "scheduled": Meaning(facts.WAITING, why="a delayed job hasn’t started"),
        "manual": Meaning(facts.WAITING, why="someone has to start a job"),
        "running": Meaning(facts.RUNNING),
        "canceling": Meaning(facts.RUNNING, why="cancelled; its jobs are being stopped"),
        "success": Meaning(facts.FINISHED, facts.SUCCESS),
        "failed": Meaning(facts.FINISHED, facts.FAILURE),
        "canceled": Meaning(facts.FINISHED, facts.CANCELLED, why="never a failure"),
        "skipped": Meaning(facts.FINISHED, facts.SKIPPED, why="such as by [skip ci]"),
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
        "skipped": Meaning(facts.FINISHED, facts.SKIPPED, why="a newer one was deployed first"),
    },
)
