"""Status tables of GitHub: runs, checks, commit statuses and deployments."""

from releases.providers import facts
from releases.providers.status_tables import Meaning, StatusTable

STATUSES = StatusTable(
    "Workflow runs and checks under way",
    "status",
    {
        "requested": Meaning(facts.QUEUED),
        "queued": Meaning(facts.QUEUED),
        "pending": Meaning(facts.QUEUED, why="its concurrency group is taken"),
        "waiting": Meaning(facts.WAITING, why="a protection rule of its environment"),
        "in_progress": Meaning(facts.RUNNING),
    },
)
CONCLUSIONS = StatusTable(
    "Workflow runs and checks that ended",
    "conclusion",
    {
        "success": Meaning(facts.FINISHED, facts.SUCCESS),
        "failure": Meaning(facts.FINISHED, facts.FAILURE),
        "timed_out": Meaning(facts.FINISHED, facts.ERROR),
        "startup_failure": Meaning(facts.FINISHED, facts.ERROR, why="no job of it began"),
        "cancelled": Meaning(facts.FINISHED, facts.CANCELLED, why="never a failure"),
        "skipped": Meaning(facts.FINISHED, facts.SKIPPED),
        "neutral": Meaning(facts.FINISHED, facts.UNKNOWN, why="it says neither"),
        "stale": Meaning(facts.FINISHED, facts.UNKNOWN, why="GitHub heard nothing of it for 14 days"),
        "action_required": Meaning(facts.WAITING, why="somebody has to approve it"),
    },
)
COMMIT_STATUSES = StatusTable(
    "Commit statuses",
    "state",
    {
        "pending": Meaning(facts.RUNNING),
        "success": Meaning(facts.FINISHED, facts.SUCCESS),
        "failure": Meaning(facts.FINISHED, facts.FAILURE),
        "error": Meaning(facts.FINISHED, facts.ERROR),
    },
)
SUPERSEDED = "inactive"
DEPLOYMENTS = StatusTable(
    "Deployment statuses",
    "state",
    {
        "pending": Meaning(facts.QUEUED),
        "queued": Meaning(facts.QUEUED),
        "waiting": Meaning(facts.WAITING, why="a protection rule of its environment"),
        "in_progress": Meaning(facts.RUNNING),
        "success": Meaning(facts.FINISHED, facts.SUCCESS),
        "failure": Meaning(facts.FINISHED, facts.FAILURE),
        "error": Meaning(facts.FINISHED, facts.ERROR),
        SUPERSEDED: Meaning(facts.FINISHED, why="superseded by a later one: no outcome, and none is changed by it"),
    },
)
