"""Versions sort as versions, everywhere by one function."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kernel.versions import LONGEST_KEY, same_version, spellings, version_key

IN_ORDER = (
    "5.1 5.2 5.9 5.10-SNAPSHOT 5.10a1 5.10-alpha.2 5.10-alpha.10 5.10b1 v5.10-beta2 5.10-m1 5.10-rc1 V5.10-RC.2 5.10rc10 v5.10 "
    "5.10+7 5.10-hotfix 5.10.1-rc1 5.10.1 5.11 6 2024.12.1 2025.1 2025.01.2 2025.10 20260102"
).split()


def test_versions_sort_as_people_count() -> None:
    mixed = IN_ORDER[:]
    random.Random(7).shuffle(mixed)
    assert sorted(mixed, key=version_key) == IN_ORDER


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("5.1.0-rc1", "5.1"),
        ("5.10-rc1", "5.10"),
        ("1.0.0-alpha", "1.0.0-alpha.1"),
        ("1.0.2a", "1.0.2b"),
        ("1.0.2", "1.0.2a"),
        ("checkout-1.9", "checkout-v1.10"),
        ("R9", "R10"),
        ("2025.9", "2025.10"),
        ("2026-01-09", "2026-01-10"),
        ("Spring 2", "Spring 10"),
    ],
)
def test_one_version_comes_before_another(before: str, after: str) -> None:
    assert version_key(before) < version_key(after)


def test_a_leading_v_counts_for_nothing() -> None:
    assert version_key("v5.10") == version_key("5.10") == version_key("V5.10")
    assert same_version("v5.10") == same_version("V5.10") == same_version("5.10") == same_version("version 5.10")
    assert len({same_version(each) for each in ("5.1", "5.10", "5.1.0", "5.10-rc1", "valley", "v")}) == 6
    assert spellings("v1.2") == ("v1.2", "1.2", "V1.2") and spellings("valley") == ("valley",)


@given(st.text(max_size=200))
def test_any_text_has_a_key_that_every_database_sorts_alike(text: str) -> None:
    key = version_key(text)
    assert len(key) <= LONGEST_KEY and not set(key) - set("0123456789abcdef")
    assert version_key(text) == key and isinstance(same_version(text), str)
