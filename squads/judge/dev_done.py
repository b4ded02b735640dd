"""Did its squad say that development is finished?"""

from squads.judge.case import Case, Verdict
from squads.judge.stages import HELD, MISSING


def dev_done(case: Case) -> Verdict:
    """Judge the rung "dev done": the only one that people hold by saying so."""
    if case.progress == "dev_done":
        unknown = "" if case.progress_at else ", nobody knows when"
        return Verdict(HELD, case.progress_at, f"its squad said so{unknown}")
    return Verdict(MISSING, case.progress_at, "its squad has not said that development is finished")
