"""Asked about all of a story's changes at once, the answer is the one that each of them gets alone."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from releases.evidence.containment import Commit, Containment

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
PLACES = st.none() | st.integers(0, 5)
MOMENTS = st.none() | st.integers(0, 5).map(lambda hours: T0 + timedelta(hours=hours))


@st.composite
def commits(draw: st.DrawFn) -> list[Commit]:
    """Up to eight commits of one or two repositories: on the mainline, beside it, or known from events alone."""
    found = []
    for number in range(draw(st.integers(1, 8))):
        known, place, merged = draw(st.booleans()), draw(PLACES), draw(MOMENTS)
        repository = draw(st.sampled_from([1, 1, 1, 2]))
        found.append(Commit(f"{number:040x}", repository, place, place, known, merged, merged))
    return found


@given(commits(), st.sets(st.integers(0, 7), min_size=1))
def test_all_at_once_is_as_one_by_one(some: list[Commit], which: set[int]) -> None:
    containment = Containment([1, 2], [], None)
    containment.commits = {each.sha: each for each in some}
    # Beside the mainline only git's graph tells, which is in the database.
    containment._parents = {1: {}, 2: {}}
    containment._reach = {(each.repository, each.sha): (-1, frozenset()) for each in some}
    changes = [some[number] for number in which if number < len(some)]
    quick = containment.quick(changes)
    for commit in some:
        at_once = quick(commit.sha)
        one_by_one = {each.sha: containment.contains(commit.sha, each) for each in changes}
        if at_once is not None:
            assert {sha: sha in at_once for sha in one_by_one} == one_by_one


def test_a_commit_known_from_events_alone_is_looked_up_by_its_time() -> None:
    containment = Containment([1], [], None)
    some = [Commit(f"{n:040x}", 1, None, None, False, T0 + timedelta(hours=n), T0) for n in range(3)]
    containment.commits = {each.sha: each for each in some}
    assert containment.quick(some)(some[1].sha) == {some[0].sha, some[1].sha}
