"""Status table of Buildbot, whose results are numbers."""

from releases.providers import facts
from releases.providers.status_tables import Meaning, StatusTable

RESULT_CODES = (
    ("SUCCESS", facts.SUCCESS, ""),
    ("WARNINGS", facts.WARNING, ""),
    ("FAILURE", facts.FAILURE, ""),
    ("SKIPPED", facts.SKIPPED, ""),
    ("EXCEPTION", facts.ERROR, "Buildbot itself failed, so this says nothing about the commit"),
    ("RETRY", facts.CANCELLED, "the worker was lost; another build follows"),
    ("CANCELLED", facts.CANCELLED, ""),
)
NAMES = {str(number): name for number, (name, _, _) in enumerate(RESULT_CODES)}
RESULTS = StatusTable(
    "Results of builds",
    "results",
    {
        str(number): Meaning(facts.FINISHED, outcome, f"{name}: {why}" if why else name)
        for number, (name, outcome, why) in enumerate(RESULT_CODES)
    },
)
