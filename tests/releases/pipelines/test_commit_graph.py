"""Where commits stand, compared with the plain definition."""

from hypothesis import given
from hypothesis import strategies as st

from releases.pipelines import commit_graph

Graph = dict[str, list[str]]


@st.composite
def histories(draw: st.DrawFn) -> Graph:
    """A history of up to 14 commits, some of whose parents nobody has read."""
    parents: Graph = {}
    for number in range(draw(st.integers(1, 14))):
        known = [*parents, "unread"]
        parents[f"c{number}"] = draw(st.lists(st.sampled_from(known), max_size=3, unique=True)) if number else []
    return parents


def ancestors(parents: Graph, sha: str) -> set[str]:
    """The commit and all that it contains, said the slow way."""
    if sha not in parents:
        return set()
    return {sha}.union(*(ancestors(parents, parent) for parent in parents[sha]))


@given(histories(), st.data())
def test_a_mainline_commit_contains_a_change_exactly_when_it_landed_before(parents: Graph, data: st.DataObject) -> None:
    head = data.draw(st.sampled_from([*parents, "unread"]))
    position, landed = commit_graph.positions(parents, head)
    contained = ancestors(parents, head)
    assert set(landed) == contained
    for commit, place in position.items():
        assert {sha for sha in landed if landed[sha] <= place} == ancestors(parents, commit)


@given(histories(), st.data())
def test_a_change_gets_the_first_mark_it_is_reachable_from(parents: Graph, data: st.DataObject) -> None:
    marks = data.draw(st.lists(st.sampled_from([*parents, "unread"]), max_size=5))
    reached = commit_graph.first_reached(parents, [(sha, number) for number, sha in enumerate(marks)])
    for sha in parents:
        first = [number for number, mark in enumerate(marks) if sha in ancestors(parents, mark)]
        assert reached.get(sha) == (first[0] if first else None)


def test_the_mainline_follows_first_parents() -> None:
    parents = {"root": [], "topic": ["root"], "direct": ["root"], "merge": ["direct", "topic"], "stray": ["root"]}
    position, landed = commit_graph.positions(parents, "merge")
    assert position == {"root": 0, "direct": 1, "merge": 2}
    assert landed == {"root": 0, "direct": 1, "merge": 2, "topic": 2}


def test_a_history_of_a_hundred_thousand_commits_does_not_recurse() -> None:
    parents: Graph = {str(number): [str(number - 1)] if number else [] for number in range(100_000)}
    position, landed = commit_graph.positions(parents, "99999")
    assert position["99999"] == landed["99999"] == 99_999
