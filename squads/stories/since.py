"""Since when a story stands on its stage; pure, as the judge is, whose rows these functions read (states.py)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from squads.stories.states import Row

EVERYONE = "everyone"
# The kind of evidence that proves a rung for a commit.
PROOF = {"integrated": "run", "tested": "test", "deployed": "deployment", "rodeo_done": "acceptance"}


def accepted(flag: str, audience: str, rows: "Mapping[str, Sequence[Row]]", counted: "Iterable[Row]") -> datetime:
    """Return since when an accepted story has been so: the first pass after its last failure, incident or dark time.

    `counted` are the checks that count, in order, of which the last did not fail and at least one passed.
    """
    since: datetime | None = None
    for row in counted:
        if row.verdict == "failure":
            since = None
        elif row.verdict == "success" and since is None:
            since = row.at
    assert since is not None
    ended = [row.at for row in rows.get("incident", ()) if row.verdict == "success"]
    lit: dict[str, datetime] = {}
    for row in rows.get("flag", ()):
        words = row.words or EVERYONE
        if row.label == flag and words in {audience, EVERYONE}:
            if row.verdict == "success":
                lit.setdefault(words, row.at)
            else:
                lit.pop(words, None)
    return max([since, *ended, *([min(lit.values())] if lit else [])])


def failed(counted: "Sequence[Row]") -> datetime | None:
    """Return when the first of the failures came that no pass has followed yet."""
    first: datetime | None = None
    for row in counted:
        first = None if row.verdict == "success" else first or (row.at if row.verdict == "failure" else None)
    return first


def switched_off(flag: str, rows: "Mapping[str, Sequence[Row]]") -> list[datetime]:
    """Return when the flag was last seen off, if it was."""
    return [row.at for row in rows.get("flag", ()) if row.label == flag and row.verdict == "failure"][-1:]


def withdrawn(at: datetime | None, commits: Sequence[datetime], proofs: "Iterable[Row]") -> list[datetime]:
    """Return when a rung was withdrawn, unless a commit had sent the story back before that."""
    if at is None:
        return []
    last = max((each for each in commits if each <= at), default=None)
    if last is None or any(row.verdict == "success" and last <= row.at < at for row in proofs):
        return [at]
    return []


def sent_back(
    commits: Sequence[datetime], wanted: "Mapping[str, Row]", proofs: "Iterable[Iterable[Row]]",
    covers: "Callable[[Row, Mapping[str, Row]], set[str]]",
) -> list[datetime]:  # fmt: skip
    """Return the times of commits that came when a service's earlier ones were all proven on a rung that is now above the
    story. `commits` are the times of all its commits, `proofs` the rows that speak of each of these rungs, in order."""
    found = []
    for rows in proofs:
        proven: datetime | None = None
        for row in [*rows, None]:
            after = next((at for at in commits if proven and at > proven), None)
            if after and (row is None or row.at > after):
                found.append(after)
                proven = None
            if row is None or row.at >= commits[-1]:
                break
            earlier = {sha for sha, change in wanted.items() if change.at <= row.at}
            if row.verdict == "success" and earlier and covers(row, wanted) >= earlier:
                proven = row.at
            elif row.kind != "run":
                proven = None
    return found
