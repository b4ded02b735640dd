"""The lengths between the five times of an incident, by hand-made examples. docs/incidents.md defines them."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from portal.kernel.clock import exact_duration
from releases.incidents.effective import Correction, Reported, effective
from releases.incidents.grouping import Span, chained, matched
from releases.incidents.incident_clock import (
    MEASURES,
    Times,
    added_later,
    compare,
    length,
    mean,
    out_of_order,
)

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def test_each_length_has_its_own_clock() -> None:
    times = Times(at(0), at(10), at(15), at(40), at(70))
    found = {measure: length(measure, times).value for measure in MEASURES}
    assert found == {
        "time_to_detect": timedelta(minutes=10),
        "time_to_mitigate": timedelta(minutes=30),
        "time_to_mitigate_from_declaration": timedelta(minutes=25),
        "time_to_resolve": timedelta(minutes=60),
        "time_to_resolve_from_declaration": timedelta(minutes=55),
        "duration": timedelta(minutes=70),
    }
    assert len({length(measure, times).clock for measure in MEASURES}) == len(MEASURES)


def test_a_length_without_one_of_its_times_names_what_is_missing() -> None:
    found = length("time_to_resolve", Times(declared_at=at(0)))
    assert (found.value, found.missing, found.counts) == (None, ("detected_at", "resolved_at"), False)


@pytest.mark.parametrize(
    ("measure", "times", "problem"),
    [
        ("time_to_resolve", Times(detected_at=at(5), resolved_at=at(0)), "Resolved before it was detected."),
        ("duration", Times(at(5), resolved_at=at(5)), "Resolved the moment the impact started."),
        ("time_to_detect", Times(at(5), at(5)), ""),
        ("time_to_detect", Times(at(5), at(4)), "Detected before the impact started."),
        ("time_to_mitigate", Times(detected_at=at(5), mitigated_at=at(5)), ""),
    ],
)
def test_a_length_that_cannot_be_is_shown_with_its_reason(measure: str, times: Times, problem: str) -> None:
    found = length(measure, times)
    assert (found.problem, found.counts) == (problem, not problem)
    assert found.value is not None


def test_impossible_and_unknown_lengths_are_left_out_of_a_mean_and_counted() -> None:
    some = [Times(detected_at=at(0), resolved_at=at(minutes)) for minutes in (10, 20, 60, -5, 0)]
    found = mean("time_to_resolve", [*some, Times(detected_at=at(0))])
    assert (found.mean, found.median) == (timedelta(minutes=30), timedelta(minutes=20))
    assert (found.counted, found.inconsistent, found.unknown) == (3, 2, 1)


def test_without_any_length_there_is_no_mean() -> None:
    found = mean("duration", [Times(at(0), resolved_at=at(-1))])
    assert (found.mean, found.median, found.counted, found.inconsistent) == (None, None, 0, 1)


def test_times_in_another_order_are_told_and_kept() -> None:
    assert out_of_order(Times(at(0), at(1), at(30), at(20), at(25))) == [
        "Mitigated before it was declared.",
        "Resolved before it was declared.",
    ]
    assert out_of_order(Times(at(0), at(0), at(0), at(0), at(0))) == []


def test_a_stated_length_stands_beside_the_derived_one() -> None:
    stated: dict[str, dict[str, object]] = {
        "time_to_resolve": {"minutes": 420, "words": "7h (during support hours)"},
        "time_to_mitigate": {"minutes": 15, "words": "0h 15m"},
    }
    found = {each.measure: each for each in compare(stated, Times(detected_at=at(0), resolved_at=at(420)))}
    assert found["time_to_resolve"].differs is False
    assert found["time_to_mitigate"].differs is None
    later = compare(stated, Times(detected_at=at(0), resolved_at=at(421)))
    assert [each.differs for each in later] == [None, True]


def test_what_is_written_long_after_it_happened_was_added_later() -> None:
    assert not added_later(at(0), at(10))
    assert added_later(at(0), at(11))


@pytest.mark.parametrize(
    ("minutes", "said"), [(0, "0 min"), (65, "1 h 5 min"), (-2940, "−2 d 1 h"), (1440, "1 d"), (0.5, "under a minute")]
)
def test_a_length_is_said_to_the_minute(minutes: float, said: str) -> None:
    assert exact_duration(timedelta(minutes=minutes)) == said


def test_the_earliest_report_counts_and_the_last_to_end() -> None:
    reports = [
        Reported(key="b", title="Second", detected_at=at(5), resolved_at=at(20), services=frozenset({2})),
        Reported(key="a", title="First", detected_at=at(0), resolved_at=at(10), services=frozenset({1}), severity=9),
        Reported(key="c", title="Third", detected_at=at(7), resolved_at=at(8), severity=3),
    ]
    for order in permutations(reports):
        found = effective(order, [], {3: 0, 9: 1})
        assert (found.title, found.detected_at, found.resolved_at) == ("First", at(0), at(20))
        assert (found.services, found.severity) == ([1, 2], 3)
    still = effective([*reports, Reported(key="d", detected_at=at(9))], [])
    assert still.resolved_at is None


def test_the_newest_correction_beats_every_report_in_any_order() -> None:
    report = Reported(key="a", title="Errors", detected_at=at(5), resolved_at=at(50))
    corrections = [
        Correction("detected_at", at(3).isoformat(), at(60)),
        Correction("detected_at", at(2).isoformat(), at(61)),
        Correction("title", "Checkout is down", at(62)),
        Correction("resolved_at", None, at(63)),
    ]
    for order in permutations(corrections):
        found = effective([report], order)
        assert (found.title, found.detected_at, found.resolved_at) == ("Checkout is down", at(2), None)
        assert found.reported == {"title": "Errors", "detected_at": at(5), "resolved_at": at(50)}


def test_trouble_that_began_after_a_stated_resolution_counts_again() -> None:
    reports = [Reported(key="a", detected_at=at(0)), Reported(key="b", detected_at=at(40))]
    said = [Correction("resolved_at", at(30).isoformat(), at(31))]
    assert effective(reports[:1], said).resolved_at == at(30)
    assert effective(reports, said).resolved_at is None


def test_planned_work_is_maintenance_only_if_every_report_says_so() -> None:
    planned, other = Reported(key="a", is_maintenance=True), Reported(key="b")
    assert effective([planned], []).is_maintenance
    assert not effective([planned, other], []).is_maintenance
    assert not effective([], []).is_maintenance


def test_reports_that_overlap_or_come_back_soon_are_one_chain() -> None:
    spans = [Span("a", at(0), at(10)), Span("b", at(5), at(8)), Span("c", at(40), at(50)), Span("d", at(200), None)]
    for order in permutations(spans):
        found = [[each.key for each in chain.spans] for chain in chained(order, timedelta(minutes=30))]
        assert found == [["a", "b", "c"], ["d"]]
    assert len(chained(spans, timedelta(minutes=29))) == 3


def test_an_incident_is_found_again_by_its_beginning_and_then_by_overlap() -> None:
    chains = chained([Span("a", at(0), at(10)), Span("b", at(100), None)], timedelta(0))
    known = [
        Span("later", at(103), None),
        Span("first", at(0), at(4)),
        Span("lost", at(50), at(60)),
        Span("in", at(2), at(3)),
    ]
    found = matched(chains, known)
    assert found.found == {0: "first", 1: "later"}
    assert found.joined == {"in": 0}
    assert found.gone == ["lost"]


@pytest.mark.parametrize(
    ("seconds", "differs"), [(3600, False), (3570, False), (3659, False), (3540, True), (3660, True)]
)
def test_a_stated_length_differs_by_a_minute_or_more(seconds: int, differs: bool) -> None:
    times = Times(impact_started_at=T0, resolved_at=T0 + timedelta(seconds=seconds))
    (found,) = compare({"duration": {"minutes": 60, "words": "1h"}}, times)
    assert found.differs is differs
