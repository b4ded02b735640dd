"""Merging what two people made of one text."""

from hypothesis import given
from hypothesis import strategies as st

from squads.retrospectives.three_way import merge

LINES = st.lists(st.sampled_from("abcdef"), max_size=8).map("\n".join)


def test_changes_of_different_lines_are_both_there() -> None:
    assert merge("a\nb\nc", "A\nb\nc", "a\nb\nC") == "A\nb\nC"


def test_what_both_added_at_one_place_differently_is_nobodys_to_decide() -> None:
    assert merge("a\nb", "a\nx\nb", "a\ny\nb") is None


def test_characters_that_only_look_like_line_ends_stay() -> None:
    assert merge("a\u2028b\nc", "a\u2028b\nC", "x\na\u2028b\nc") == "x\na\u2028b\nC"


def test_the_same_change_by_both_is_one() -> None:
    assert merge("a\nb", "a\nB", "a\nB") == "a\nB"


def test_a_line_that_one_removed_and_the_other_changed_clashes() -> None:
    assert merge("a\nb\nc", "a\nc", "a\nB\nc") is None


@given(base=LINES, other=LINES)
def test_where_only_one_changed_anything_theirs_is_the_result(base: str, other: str) -> None:
    assert merge(base, base, other) == other
    assert merge(base, other, base) in (other, f"{other}\n")


@given(base=LINES, theirs=LINES, mine=LINES)
def test_no_line_that_somebody_added_is_lost(base: str, theirs: str, mine: str) -> None:
    merged = merge(base, theirs, mine)
    if merged is not None:
        added = (set(theirs.splitlines()) | set(mine.splitlines())) - set(base.splitlines())
        assert added <= set(merged.splitlines())
