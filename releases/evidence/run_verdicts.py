"""Whether a commit is green: what all runs of it that count say together, and since when. No database in here.

Runs are told apart by pipeline, and by where it ran: on the mainline, on a tag, in a merge queue. Of each the newest attempt
that showed something counts, so one that was cancelled or is under way hides nothing. A commit is red if one is red, and not
green before all that had begun have ended; what begins after it was green can only make it red.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from portal.kernel.sentences import listed
from releases.providers import triggers

GREEN, RED, OPEN = "success", "failure", ""
# With no rule of the service, these prove something by themselves; "" is a run that does not say what started it.
PROVING = ("", triggers.PUSH, triggers.MERGE_QUEUE, triggers.TAG)
# These are further attempts at a pipeline that one of the above started for the same commit.
REPEATING = (triggers.MANUAL, triggers.API)
# What these ran was never the mainline.
NEVER = (triggers.REQUEST, triggers.FORK)
SAID = {
    "failure": "failed",
    "error": "ended in an error",
    "warning": "ended with warnings",
    "cancelled": "was cancelled",
    "running": "is still running",
    "missing": "has not run",
}
PASSED = "success"
FAILED = ("failure", "error", "warning")
WORST_FIRST = (*FAILED, "running", PASSED, "cancelled", "")
MOST_NAMES, LONGEST_NAME = 3, 40
NEVER_AT = datetime.min.replace(tzinfo=UTC)


class CountedRun(NamedTuple):
    """An attempt at a run of a commit. `began` is when it started, or was first heard of; `branch` is empty for the mainline."""

    id: Any
    commit: str
    pipeline: str
    trigger: str
    phase: str
    outcome: str
    began: datetime | None
    ended: datetime | None
    label: str
    url: str
    event: Any
    branch: str = ""


@dataclass(slots=True)
class Verdict:
    """What is said of a commit from a moment on: GREEN, RED, or OPEN while something that could be green is held up.

    `run` made it so; `words` name the pipelines, unless there is only one and it passed.
    """

    at: datetime
    commit: str
    state: str
    run: CountedRun
    words: str = ""


@dataclass(slots=True)
class _Commit:
    """The pipelines of one commit while its runs are told moment by moment."""

    commit: str
    required: Mapping[str, str]
    # By pipeline and branch.
    runs: dict[tuple[str, str], str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    passed: CountedRun | None = None
    found: list[Verdict] = field(default_factory=list)

    def begin(self, run: CountedRun) -> None:
        self.names.setdefault(run.pipeline.casefold(), run.pipeline)
        self.runs.setdefault((run.pipeline.casefold(), run.branch), "running")

    def end(self, run: CountedRun) -> None:
        place = run.pipeline.casefold(), run.branch
        self.names.setdefault(place[0], run.pipeline)
        before = self.runs.get(place, "")
        if run.outcome == PASSED or run.outcome in FAILED:
            self.runs[place] = run.outcome
            self.passed = run if run.outcome == PASSED else self.passed
        elif before in ("", "running", "cancelled"):
            # What was skipped or says nothing holds nobody up.
            self.runs[place] = "cancelled" if run.outcome == "cancelled" else ""

    @property
    def pipelines(self) -> dict[str, str]:
        """What each pipeline shows: where it ran in several places, the worst of them."""
        by_name: dict[str, list[str]] = {}
        for (name, _), state in self.runs.items():
            by_name.setdefault(name, []).append(state)
        return {name: min(states, key=WORST_FIRST.index) for name, states in by_name.items()}

    def look(self, run: CountedRun, at: datetime) -> None:
        """Note what is to be said of the commit now, if that is something else than before."""
        state = self._state()
        last = self.found[-1] if self.found else None
        if state is None or (last is not None and last.state == GREEN and state == OPEN):
            return
        if last is None or last.state != state:
            by = self.passed if state == GREEN and self.passed is not None else run
            self.found.append(last := Verdict(at, self.commit, state, by))
        last.words = self._words()

    def _state(self) -> str | None:
        pipelines = self.pipelines
        states = {pipelines.get(name, "missing") for name in self.required} or set(pipelines.values())
        if states.intersection(FAILED):
            return RED
        passed = PASSED in pipelines.values()
        if states - {PASSED, ""} or (self.required and "" in states):
            return OPEN if passed or "cancelled" in states else None
        return GREEN if passed else None

    def _words(self) -> str:
        by_state: dict[str, list[str]] = {}
        pipelines = self.pipelines
        names = dict.fromkeys([*sorted(self.required), *sorted(pipelines)])
        for name in names:
            state = pipelines.get(name, "missing") or ("missing" if self.required else "")
            by_state.setdefault(state, []).append(self.names.get(name) or self.required.get(name) or "the run")
        passed = by_state.pop(PASSED, [])
        by_state.pop("", None)
        others = ", ".join(f"{_listed(by_state[state])} {SAID[state]}" for state in SAID if state in by_state)
        if not others:
            return f"{_listed(passed)} passed" if len(passed) > 1 else ""
        return f"{others} on {self.commit[:7]}" + (f" ({_listed(passed)} passed)" if passed else "")


def _listed(names: list[str]) -> str:
    short = [name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…" for name in names]
    if len(short) > MOST_NAMES:
        short = [*short[: MOST_NAMES - 1], f"{len(short) - MOST_NAMES + 1} more"]
    return listed(short)


def verdicts(runs: Iterable[CountedRun], required: Mapping[str, str]) -> list[Verdict]:
    """Return every change of the verdict on each commit, in order of time.

    `required` are the pipelines that the service's rule names, by their names in lower case; none where it has no rule.
    """
    by_commit: dict[str, list[CountedRun]] = {}
    for run in runs:
        by_commit.setdefault(run.commit, []).append(run)
    found: list[Verdict] = []
    for commit, own in by_commit.items():
        found += _of_commit(commit, _counting(own, required), required)
    found.sort(key=lambda verdict: (verdict.at, verdict.run.id))
    return found


def _counting(runs: list[CountedRun], required: Mapping[str, str]) -> list[CountedRun]:
    if required:
        return [run for run in runs if run.trigger not in NEVER and run.pipeline.casefold() in required]
    proving = [run for run in runs if run.trigger in PROVING]
    if len(proving) == len(runs):
        return runs
    names = {run.pipeline.casefold() for run in proving}
    repeated = (_named_alike(run, names) for run in runs if run.trigger in REPEATING)
    return proving + [run for run in repeated if run.pipeline.casefold() in names]


def _named_alike(run: CountedRun, names: set[str]) -> CountedRun:
    """A pipeline of GitLab without a name of its own is called after what started it: by hand it is the one a push starts."""
    is_unnamed = run.pipeline in triggers.GITLAB_SOURCES and triggers.PUSH in names
    return run._replace(pipeline=triggers.PUSH) if is_unnamed else run


def _of_commit(commit: str, runs: list[CountedRun], required: Mapping[str, str]) -> list[Verdict]:
    if len(runs) == 1 and not required and runs[0].outcome == PASSED and (ended := runs[0].ended) is not None:
        return [Verdict(ended, commit, GREEN, runs[0])]
    told: list[tuple[datetime, int, Any, CountedRun]] = []
    for run in runs:
        if run.began is not None and run.phase != "waiting":
            told.append((run.began if run.ended is None else min(run.began, run.ended), 0, run.id, run))
        if run.ended is not None:
            told.append((run.ended, 1, run.id, run))
    told.sort(key=lambda each: each[:3])
    state = _Commit(commit, required)
    for number, (at, is_end, _, run) in enumerate(told):
        (state.end if is_end else state.begin)(run)
        if number + 1 == len(told) or told[number + 1][0] != at:
            state.look(run, at)
    return state.found


def attempts(runs: list[CountedRun], required: Mapping[str, str]) -> list[list[CountedRun]]:
    """Return the attempts at each pipeline of one commit that say what it shows, the last one last, as `verdicts` has it.

    One that was cancelled or is under way hides none that showed something. Where another passed, a pipeline that was only
    skipped holds nobody up, unless a rule names it.
    """
    places: dict[tuple[str, str], list[CountedRun]] = {}
    for run in _counting(runs, required):
        places.setdefault((run.pipeline.casefold(), run.branch), []).append(run)
    found = [_telling(some) for some in places.values()]
    if not required and any(some and some[-1].outcome == PASSED for some in found):
        found = [some for some in found if some and (_has_shown(some[-1]) or not _says_nothing(some[-1]))]
    return [some for some in found if some]


def _has_shown(run: CountedRun) -> bool:
    return run.ended is not None and (run.outcome == PASSED or run.outcome in FAILED)


def _says_nothing(run: CountedRun) -> bool:
    return run.phase == "waiting" or (run.ended is not None and run.outcome != "cancelled")


def _telling(some: list[CountedRun]) -> list[CountedRun]:
    shown = sorted((run for run in some if _has_shown(run)), key=lambda run: (run.ended, str(run.id)))
    if shown:
        return shown
    begun = [run for run in some if run.phase != "waiting"] or some
    return sorted(begun, key=lambda run: (run.ended is None, run.began or run.ended or NEVER_AT, str(run.id)))[-1:]


def steady_since(found: list[Verdict]) -> datetime | None:
    """Return since when a commit has been green and never ceased to be, from its verdicts; None where it is not so."""
    was_green = sum(verdict.state == GREEN for verdict in found)
    return found[-1].at if was_green == 1 and found[-1].state == GREEN else None
