"""Drawings: charts and the ladder glyph."""

from datetime import date
from xml.etree import ElementTree

import pytest

from portal.kernel import charts
from portal.kernel.charts import Bar
from squads.stories import ladder

SERIES = ("user stories", "defects")


def bars(*totals: int) -> list[Bar]:
    return [
        Bar(date(2026, 1, 1 + index), f"v{index}", (total // 2, total - total // 2))
        for index, total in enumerate(totals)
    ]


@pytest.mark.parametrize(
    ("largest", "steps"),
    [(0, [0, 1]), (1, [0, 1]), (4, [0, 1, 2, 3, 4]), (391, [0, 100, 200, 300, 400]), (9, [0, 5, 10])],
)
def test_steps_are_round_numbers(largest: int, steps: list[int]) -> None:
    assert charts.nice_steps(largest) == steps


def test_a_chart_is_well_formed_and_has_words_for_every_mark() -> None:
    svg = ElementTree.fromstring(charts.stacked_bars(bars(4, 6, 8), SERIES, "A & B <chart>"))
    assert svg.get("aria-label") == "A & B <chart>"
    titles = [element.text for element in svg.iter("title")]
    assert titles[:3] == [
        "v0, 2026-01-01: 2 user stories, 2 defects; 4 in all",
        "v1, 2026-01-02: 3 user stories, 3 defects; 6 in all",
        "v2, 2026-01-03: 4 user stories, 4 defects; 8 in all",
    ]
    assert "style" not in {name for element in svg.iter() for name in element.keys()}


def test_names_are_escaped() -> None:
    drawn = charts.stacked_bars([Bar(date(2026, 1, 1), "<b>&", (1, 1))], SERIES, "x")
    assert "<b>" not in drawn
    ElementTree.fromstring(drawn)


def test_the_running_total_is_left_out_where_it_would_flatten_the_bars() -> None:
    assert "chart__line" in charts.stacked_bars(bars(4, 6, 8), SERIES, "x")
    assert "chart__line" not in charts.stacked_bars(bars(*[3] * 20), SERIES, "x")


def test_one_release_and_many_years_fit_the_axis() -> None:
    for days in ([date(2026, 1, 1)], [date(2013, 1, 1), date(2026, 11, 5)], [date(2026, 1, 1), date(2026, 1, 1)]):
        ElementTree.fromstring(charts.stacked_bars([Bar(day, "v", (0, 3)) for day in days], SERIES, "x"))


def test_axis_labels_are_years_when_it_is_long_and_months_when_it_is_short() -> None:
    assert [day.month for day in charts.month_starts(date(2012, 12, 20), date(2013, 4, 15))] == [1, 2, 3, 4]
    assert {day.month for day in charts.month_starts(date(2013, 5, 1), date(2024, 2, 1))} == {1}


def test_the_ladder_glyph_says_every_rung_in_words() -> None:
    standing = {
        "rungs": [
            {"rung": "dev_done", "state": "held"},
            {"rung": "integrated", "state": "by_hand"},
            {"rung": "tested", "state": "missing"},
            {"rung": "deployed", "state": "withdrawn"},
            {"rung": "rodeo_done", "state": "missing"},
        ]
    }
    svg = ElementTree.fromstring(ladder.glyph(standing))
    assert svg.find("title").text == (  # type: ignore[union-attr]
        "Ladder: dev done reached, integrated by hand, tested missing, deployed withdrawn, rodeo done missing"
    )
    assert {path.get("class") for path in svg.iter("path")} == {
        "ladder__rails",
        "ladder__held",
        "ladder__by_hand",
        "ladder__missing",
        "ladder__withdrawn",
    }


@pytest.mark.parametrize("standing", [None, {}])
def test_a_story_never_judged_has_an_empty_ladder(standing: dict[str, object] | None) -> None:
    assert ladder.states_of(standing) == ("missing",) * 5
