"""Is every commit of it on the mainline, and in a successful run there?"""

from collections.abc import Mapping

from squads.judge.case import Case, Row, Verdict, ago_of, covers, named, no_changes, short, vouched
from squads.judge.stages import BY_HAND, HELD, MISSING, WITHDRAWN


def integrated(case: Case, service: str) -> Verdict:
    """Judge the rung "integrated" for one service."""
    wanted = case.changes.get(service, {})
    runs = [row for row in case.of("run", service) if row.verdict == "success"]
    if not wanted:
        return vouched(runs, "integrated") or no_changes(case)
    covered = _first_runs(runs, wanted)
    off = _off_mainline(wanted, covered)
    if off:
        return _not_on_mainline(off, wanted, covered)
    missing = [sha for sha in wanted if sha not in covered]
    if missing:
        return _not_run(missing, wanted)
    last = max(covered.values(), key=lambda row: (row.at, row.id))
    state = BY_HAND if any(row.by_hand for row in covered.values()) else HELD
    return Verdict(state, last.at, f"on the mainline and in {named(last, 'a successful run')}")


def _first_runs(runs: list[Row], wanted: Mapping[str, Row]) -> dict[str, Row]:
    """Return the first successful run that contains each commit."""
    covered: dict[str, Row] = {}
    for row in runs:
        for sha in covers(row, wanted):
            covered.setdefault(sha, row)
    return covered


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
