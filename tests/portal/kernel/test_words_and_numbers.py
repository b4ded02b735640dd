"""Time, percentiles and identities: the small things everything else is built on."""

import statistics
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kernel import clock
from portal.kernel.numbers import median, percentile
from portal.kernel.sentences import listed
from portal.kernel.stable_ids import stable_id
from portal.templatetags.rodeo import sentence

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T12:00:00Z", NOON),
        ("2026-03-01T13:00:00+01:00", NOON),
        ("2026-03-01 12:00:00", NOON),
        ("2026-3-1 12:0", NOON),
        ("2026-03-01T12:00:00.000000123Z", NOON),
        ("2026-03-01 15:30:00,0 +03:30", NOON),
        ("2026-03-01T10:00:00 -02", NOON),
        ("2026-3-1 12:61", None),
        ("0001-01-01T00:00:00Z", None),
        ("2026-02-30T12:00:00Z", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (7, None),
        (NOON, NOON),
        (NOON.replace(tzinfo=None), NOON),
    ],
)
def test_moments_are_read_from_any_zone_and_nonsense_is_none(text: object, moment: datetime | None) -> None:
    assert clock.parse(text) == moment


def test_moments_are_written_so_that_text_order_is_time_order() -> None:
    moments = [NOON, NOON + timedelta(microseconds=1), NOON + timedelta(hours=1)]
    written = [clock.iso(moment) for moment in moments]
    assert written == sorted(filter(None, written))
    assert clock.iso(None) is None


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=59), "under a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=47), "1 day"),
        (3 * 86400.0, "3 days"),
        (timedelta(days=800), "2 years"),
        (timedelta(hours=-2), "−2 hours"),
        (None, ""),
    ],
)
def test_a_length_of_time_is_said_in_its_largest_unit(length: timedelta | float | None, words: str) -> None:
    assert clock.duration(length) == words


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (NOON - timedelta(days=3), "3 days ago"),
        (NOON - timedelta(seconds=20), "just now"),
        (NOON + timedelta(seconds=20), "just now"),
        (NOON + timedelta(hours=2), "in 2 hours"),
        (None, ""),
    ],
)
def test_how_long_ago_is_said_as_people_say_it(moment: datetime | None, words: str) -> None:
    assert clock.ago(moment, NOON) == words


def test_percentiles_are_interpolated_as_sql_does() -> None:
    assert percentile([1, 2, 3, 4], 0.5) == 2.5
    assert percentile([1, 2, 3, 4, 5], 0.9) == pytest.approx(4.6)
    assert percentile([7], 0.9) == 7
    assert percentile([], 0.5) is None


@given(st.lists(st.floats(-1e9, 1e9), min_size=1))
def test_the_median_is_the_median(values: list[float]) -> None:
    assert median(values) == pytest.approx(statistics.median(values), rel=1e-9, abs=1e-6)


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_different_keys_have_different_identities(one: list[str], other: list[str]) -> None:
    assert (stable_id(*one) == stable_id(*other)) == (one == other)


def test_an_identity_never_changes_between_versions() -> None:
    assert str(stable_id("event", "ci", "1")) == str(stable_id("event", "ci", 1))
    assert stable_id("a", "bc") != stable_id("ab", "c")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("its squad said so", "Its squad said so"),
        ("v1.1 (404bcdd) runs in production", "v1.1 (404bcdd) runs in production"),
        ("", ""),
    ],
)
def test_a_sentence_begins_with_a_capital_but_no_version_is_renamed(words: str, said: str) -> None:
    assert sentence(words) == said


def test_words_are_listed_as_in_a_sentence() -> None:
    assert [listed("abc"[:number]) for number in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert listed(["example.org", "example.com"], "or") == "example.org or example.com"
