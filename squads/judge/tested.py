"""Did a check in testing or staging pass that contained every commit of it?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from squads.judge.case import BEFORE_PRODUCTION, Case, Row, Verdict, ago_of, covers, named, no_changes, short, vouched
from squads.judge.stages import BY_HAND, HELD, MISSING, WITHDRAWN


@dataclass(slots=True)
class _Checks:
    """For each commit, the newest check that it passed, or the one that it failed since."""

    passed: dict[str, Row] = field(default_factory=dict)
    failed: dict[str, Row] = field(default_factory=dict)

    def take(self, row: Row, shas: set[str]) -> None:
        """Take in the next check. A failure takes back only what passed in the same environment."""
        for sha in shas:
            if row.verdict == "success":
                self.passed[sha] = row
                self.failed.pop(sha, None)
            elif row.verdict == "failure" and self._speaks_of(sha, row):
                if self.passed.pop(sha, None) is not None:
                    self.failed[sha] = row
                else:
                    self.failed.setdefault(sha, row)

    def _speaks_of(self, sha: str, row: Row) -> bool:
        return sha not in self.passed or self.passed[sha].environment == row.environment


def tested(case: Case, service: str) -> Verdict:
    """Judge the rung "tested" for one service."""
    wanted = case.changes.get(service, {})
    tests = [row for row in case.of("test", service) if row.tier in BEFORE_PRODUCTION]
    if not wanted:
        return vouched(tests, "tested") or no_changes(case)
    checks = _Checks()
    for row in tests:
        checks.take(row, covers(row, wanted))
    missing = [sha for sha in wanted if sha not in checks.passed]
    if missing:
        return _failed(missing, checks, tests, wanted) or _never_passed(missing, wanted)
    last = max(checks.passed.values(), key=lambda row: (row.at, row.id))
    state = BY_HAND if any(row.by_hand for row in checks.passed.values()) else HELD
    return Verdict(state, last.at, f"{named(last, 'a check')} passed in {last.environment or last.tier}")


def _failed(missing: list[str], checks: _Checks, tests: list[Row], wanted: Mapping[str, Row]) -> Verdict | None:
    """The verdict on the first commit that failed a check: withdrawn, if it passed one before."""
    sha = next((sha for sha in missing if sha in checks.failed), None)
    if sha is None:
        return None
    failed = checks.failed[sha]
    words = f"{named(failed, 'the check')} failed in {failed.environment or failed.tier}"
    passed_before = any(each.verdict == "success" and sha in covers(each, wanted) for each in tests)
    state = WITHDRAWN if passed_before else MISSING
    return Verdict(state, failed.at, words, [f"{words} ", ago_of(failed.at)], seen=True)


def _never_passed(missing: list[str], wanted: Mapping[str, Row]) -> Verdict:
    since = max(wanted[sha].at for sha in missing)
    why = f"no passed check of {short(missing)} in testing or staging"
    return Verdict(MISSING, since, why, ["not tested before production yet"])
