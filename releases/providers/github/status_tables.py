"""Status tables of GitHub: runs, checks, commit statuses and deployments."""

from releases.providers import facts
from releases.providers.status_tables import Meaning, StatusTable

STATUSES = StatusTable(
    "Workflow runs and checks under way",
    "status",
    {
        "requested": Meaning(facts.QUEUED),
        "queued": Meaning(facts.QUEUED),
        "pending": Meaning(facts.QUEUED, why="another run is in its concurrency group"),
        "waiting": Meaning(facts.WAITING, why="for a protection rule of its environment"),
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
        "startup_failure": Meaning(facts.FINISHED, facts.ERROR, why="none of its jobs started"),
        "cancelled": Meaning(facts.FINISHED, facts.CANCELLED, why="never a failure"),
        "skipped": Meaning(facts.FINISHED, facts.SKIPPED),
        "neutral": Meaning(facts.FINISHED, facts.UNKNOWN, why="neither success nor failure"),
        "stale": Meaning(facts.FINISHED, facts.UNKNOWN, why="GitHub got no update for 14 days"),
        "action_required": Meaning(facts.WAITING, why="someone has to approve it"),
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
        "waiting": Meaning(facts.WAITING, why="for a protection rule of its environment"),
        "in_progress": Meaning(facts.RUNNING),
        "success": Meaning(facts.FINISHED, facts.SUCCESS),
        "failure": Meaning(facts.FINISHED, facts.FAILURE),
        "error": Meaning(facts.FINISHED, facts.ERROR),
        SUPERSEDED: Meaning(facts.FINISHED, why="superseded by a later one: it has no outcome and changes none"),
    },
)
