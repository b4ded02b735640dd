"""Buildbot's results, which are numbers."""

from releases.pipelines import facts
from releases.pipelines.providers.tables import Meaning, StatusTable

RESULTS = StatusTable(
    "Results of builds", "results",
    {
        "0": Meaning(facts.FINISHED, facts.SUCCESS, "SUCCESS"),
        "1": Meaning(facts.FINISHED, facts.WARNING, "WARNINGS"),
        "2": Meaning(facts.FINISHED, facts.FAILURE, "FAILURE"),
        "3": Meaning(facts.FINISHED, facts.SKIPPED, "SKIPPED"),
        "4": Meaning(facts.FINISHED, facts.ERROR, "EXCEPTION: Buildbot itself broke, which says nothing of the commit"),
        "5": Meaning(facts.FINISHED, facts.CANCELLED, "RETRY: the worker was lost, and another build follows"),
        "6": Meaning(facts.FINISHED, facts.CANCELLED, "CANCELLED"),
    },
)  # fmt: skip
