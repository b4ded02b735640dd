"""Is every commit of it on the mainline, and in a commit there whose runs succeeded?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from squads.judge.case import Case, Part, Row, Verdict, ago_of, covers, named, no_changes, short, vouched
from squads.judge.stages import BY_HAND, HELD, MISSING, WITHDRAWN


@dataclass(slots=True)
class _Runs:
    """For each commit, the row that said that it is green first, and the one that says why it is not, or no longer."""

    green: dict[str, Row] = field(default_factory=dict)
    held_up: dict[str, Row] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)

    def take(self, row: Row, shas: set[str]) -> None:
        """Take in the next row. What a person saw, no machine takes back."""
        for sha in shas:
            if row.verdict == "success":
                self.green.setdefault(sha, row)
                self.held_up.pop(sha, None)
            elif row.by_hand or (sha in self.green and self.green[sha].by_hand):
                continue
            else:
                if self.green.pop(sha, None) is not None:
                    self.lost.add(sha)
                self.held_up[sha] = row


def integrated(case: Case, service: str) -> Verdict:
    """Judge the rung "integrated" for one service."""
    wanted = case.changes.get(service, {})
    rows = case.of("run", service)
    if not wanted:
        return vouched([row for row in rows if row.verdict == "success"], "integrated") or no_changes(case)
    runs = _Runs()
    for row in rows:
        runs.take(row, covers(row, wanted))
    covered = runs.green
    if (taken := _taken_back(case.reverted.get(service, {}), wanted, rows)) is not None:
        return _reverted(taken, covered)
    off = _off_mainline(wanted, covered)
    if off:
        return _not_on_mainline(off, wanted, covered)
    missing = [sha for sha in wanted if sha not in covered]
    if missing:
        return _not_green(missing, wanted, runs) or _not_run(missing, wanted)
    last = max(covered.values(), key=lambda row: (row.at, row.id))
    state = BY_HAND if any(row.by_hand for row in covered.values()) else HELD
    together = f" ({last.detail})" if last.detail else ""
    return Verdict(state, last.at, f"on the mainline and in {named(last, 'a successful run')}{together}")


def _not_green(missing: list[str], wanted: Mapping[str, Row], runs: _Runs) -> Verdict | None:
    """The verdict on the first commit of which its runs say why it is not green: withdrawn, if it was."""
    sha = next((sha for sha in missing if sha in runs.held_up), None)
    if sha is None:
        return None
    row = runs.held_up[sha]
    words = row.detail or f"{named(row, 'its run')} failed"
    seen = row.verdict == "failure"
    if sha in runs.lost:
        return Verdict(WITHDRAWN, row.at, words, [f"{words} ", ago_of(row.at)], seen=seen)
    merged = max(wanted[each].at for each in missing)
    when: list[Part] = [" ", ago_of(row.at)] if seen else []
    say: list[Part] = ["Merged ", ago_of(merged), f" as {short(missing)}; {words}", *when]
    return Verdict(MISSING, merged, words, say, seen=seen)


def _taken_back(reverted: Mapping[str, Row], wanted: Mapping[str, Row], runs: list[Row]) -> Row | None:
    """Return the first revert of a wanted commit that no person vouched for since."""
    since = [
        row
        for sha, row in reverted.items()
        if sha in wanted and not any(run.by_hand and run.at >= row.at and sha in covers(run, wanted) for run in runs)
    ]
    return min(since, key=lambda row: (row.at, row.id), default=None)


def _reverted(taken: Row, covered: Mapping[str, Row]) -> Verdict:
    words = f"reverted by {taken.label[:7]}"
    state = WITHDRAWN if any(sha in covered for sha in taken.shas) else MISSING
    return Verdict(state, taken.at, words, [f"{words} ", ago_of(taken.at)], seen=True)


def _off_mainline(wanted: Mapping[str, Row], covered: Mapping[str, Row]) -> list[str]:
    """Return the commits that are not on the mainline, and that no person vouched for."""
    return [
        sha for sha, row in wanted.items() if row.verdict != "success" and not (sha in covered and covered[sha].by_hand)
    ]


def _not_on_mainline(off: list[str], wanted: Mapping[str, Row], covered: Mapping[str, Row]) -> Verdict:
    first = wanted[off[0]]
    if any(sha in covered for sha in off):
        words = f"{short(off)} is no longer on the mainline"
        return Verdict(WITHDRAWN, first.at, words, [words])
    return Verdict(
        MISSING,
        first.at,
        f"{short(off)} is not on the mainline yet",
        ["Committed ", ago_of(first.at), f" as {short(off)}; not on the mainline yet"],
    )


def _not_run(missing: list[str], wanted: Mapping[str, Row]) -> Verdict:
    merged = max(wanted[sha].at for sha in missing)
    return Verdict(
        MISSING,
        merged,
        f"no successful run of the mainline contains {short(missing)} yet",
        ["Merged ", ago_of(merged), f" as {short(missing)}; no successful run of the mainline contains it yet"],
    )
