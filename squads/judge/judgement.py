"""The judge: from what was seen about a story to its stage, gaps, withdrawals and the one-sentence honest answer.

Pure functions of their arguments. Rows are put in their own order of time first, so neither the order nor the
repetition of events changes a judgement; the present moment is only an argument of `say`.

Evidence kinds, and what their rows mean here:

- change: the story's commit `shas[0]` of `service`; verdict success when it is on the mainline.
- revert: what became of the story's commits `shas` on the mainline: `detail` is reverted, restored, rewritten, or replaced
  or lost, after which they are asked for no longer; `label` names the commit that did it.
- run: the runs of a mainline commit that contains `shas`, together: verdict success when they are green, failure when one is
  red, "" while one holds up the others; `detail` names them.
- test: a check in a testing or staging `environment` of an artifact that contains `shas`.
- deployment: `service` in a production `environment` contains exactly `shas` of the story's commits from `at` on.
- acceptance: a check of the story in production, started at `started_at`.
- flag: verdict success when on, failure when off; `detail` is the audience.
- incident: attributed to the story's deployment; verdict failure while open, success once resolved; `detail` is its key.

A row by hand names no commits: its `shas` are ["*"], every commit made up to `at`.
"""

from typing import Any

from portal.kernel import clock
from squads.judge.answer import answer_of, say
from squads.judge.brief import say_briefly
from squads.judge.case import Facts, Row
from squads.judge.deployed import guessed_production
from squads.judge.flag import flag_off
from squads.judge.rungs import Rungs
from squads.judge.stage_changes import Transition, follow
from squads.judge.stages import BY_HAND, HELD, MISSING, RUNGS, STAGE_NAMES, STAGES, WITHDRAWN

__all__ = [
    "BY_HAND",
    "HELD",
    "MISSING",
    "RUNGS",
    "STAGES",
    "STAGE_NAMES",
    "WITHDRAWN",
    "Facts",
    "Row",
    "judge",
    "say",
    "say_briefly",
]


def judge(facts: Facts) -> dict[str, Any]:
    """Return the standing of a story: stage and since when, every rung with its reason, gaps, dark, and the answer."""
    return judge_with_history(facts)[0]


def judge_with_history(facts: Facts) -> tuple[dict[str, Any], list[Transition]]:
    """Return the standing of a story, and every change of stage that led to it, the oldest first."""
    rungs, history = follow(facts)
    return _standing(rungs, history), history


def _standing(rungs: Rungs, history: list[Transition]) -> dict[str, Any]:
    verdicts = {name: rungs.verdict(name) for name in RUNGS}
    held = [name for name in RUNGS if verdicts[name].holds]
    stage = held[-1] if held else rungs.case.progress
    gaps = [name for name in RUNGS if name not in held and STAGES.index(name) < STAGES.index(stage)]
    return {
        "stage": stage,
        "since": clock.iso(history[-1].at) if history else None,
        "rungs": [
            {"rung": name, "state": each.state, "at": clock.iso(each.at), "why": each.why}
            for name, each in verdicts.items()
        ],
        "gaps": gaps,
        "dark": bool(verdicts["deployed"].holds and flag_off(rungs.case)[0]),
        "unconfirmed": guessed_production(rungs.case),
        "answer": answer_of(rungs.case, verdicts, stage, gaps),
    }
