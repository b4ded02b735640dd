"""Status tables of Jenkins."""

from releases.providers import facts
from releases.providers.status_tables import Meaning, StatusTable

RESULTS = StatusTable(
    "Results of builds",
    "result",
    {
        "SUCCESS": Meaning(facts.FINISHED, facts.SUCCESS),
        "UNSTABLE": Meaning(facts.FINISHED, facts.WARNING, why="it was built, but tests failed"),
        "FAILURE": Meaning(facts.FINISHED, facts.FAILURE),
        "ABORTED": Meaning(facts.FINISHED, facts.CANCELLED, why="never a failure"),
        "NOT_BUILT": Meaning(facts.FINISHED, facts.SKIPPED),
    },
)
PHASES = StatusTable(
    "Phases of the notification plugin",
    "build.phase",
    {
        "QUEUED": Meaning(facts.QUEUED),
        "STARTED": Meaning(facts.RUNNING),
        "COMPLETED": Meaning(facts.FINISHED, why="the outcome is in build.status"),
        "FINALIZED": Meaning(facts.FINISHED, why="follows COMPLETED, for the same run"),
    },
)
