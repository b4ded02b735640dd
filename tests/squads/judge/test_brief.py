"""The honest answer in a few words, as cards have it."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from squads.judge.judgement import Row, say_briefly
from tests.squads.judge.test_judge import ROWS, accepted, checked, deployed, hour, merged, ran, row, standing

WORDS = re.compile(
    r"^(Not started|In progress|No linked change|Its commit is lost|Reverted|Accepted( by hand)?|Check in production failed"
    r"|Dark, waits for its flag|Waits for (merge|CI|a test|deployment|acceptance( again)?)|No longer [a-z ]+"
    r"|(CI|Test)( of [a-z]+)? failed|CI( of [a-z]+)? (has warnings|was cancelled))( of [a-z]+)?(, \d+ (min|h|d))?$"
)


def brief(*rows: Row, at: float = 22, **values: Any) -> str:
    return say_briefly(standing(*rows, **values), at=hour(at))


ALL = (merged(), ran(), checked(), deployed(), accepted())


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "No linked change, 22 h"),
        ([merged(verdict="")], "Waits for merge of checkout, 21 h"),
        ([merged(2)], "Waits for CI of checkout, 20 h"),
        ([merged(), ran(verdict="failure", at=2, detail="build failed on aaaaaaa")], "CI of checkout failed, 21 h"),
        ([merged(), ran()], "Waits for a test of checkout, 21 h"),
        ([merged(), ran(), checked(verdict="failure")], "Test of checkout failed, 19 h"),
        ([merged(), ran(), checked()], "Waits for deployment of checkout, 21 h"),
        ([merged(), ran(), checked(), deployed()], "Waits for acceptance, 18 h"),
        ([merged(), ran(), checked(), deployed(), accepted()], "Accepted, 16 h"),
        ([*ALL, deployed(20, (), detail="rollback", label="1.1")], "No longer deployed, 2 h"),
        ([*ALL, accepted(21.5, "failure")], "No longer rodeo done, 30 min"),
    ],
)
def test_a_card_says_what_its_story_waits_for_and_how_long(rows: list[Row], said: str) -> None:
    assert brief(*rows) == said


def test_what_people_alone_say_needs_few_words() -> None:
    assert brief(progress="todo") == "Not started"
    assert brief(progress="in_progress").startswith("In progress")
    assert brief(merged(2), progress="todo") == "Waits for CI of checkout, 20 h"
    assert say_briefly({}) == "It has not been judged yet"


def test_days_are_counted_from_two_on() -> None:
    assert brief(merged(2), at=49) == "Waits for CI of checkout, 47 h"
    assert brief(merged(2), at=50.5) == "Waits for CI of checkout, 2 d"
    assert brief(merged(2), at=2) == "Waits for CI of checkout"


def test_a_story_without_a_service_names_none() -> None:
    assert brief(merged(2, service="")) == "Waits for CI, 20 h"


def test_a_dark_story_waits_for_its_flag() -> None:
    off = row("flag", 4.5, "failure", service="", label="cart", detail="everyone", environment="prod")
    assert brief(*ALL, off, flag="cart").startswith("Dark, waits for its flag")


@settings(max_examples=100)
@given(
    rows=st.lists(ROWS, max_size=14),
    progress=st.sampled_from(["todo", "in_progress", "dev_done"]),
    flag=st.sampled_from(["", "cart"]),
)
def test_whatever_is_judged_is_said_in_at_most_ten_words(rows: list[Row], progress: str, flag: str) -> None:
    said = say_briefly(standing(*rows, progress=progress, flag=flag), at=hour(500))
    assert WORDS.match(said), said
    assert len(said.split()) <= 10


@settings(max_examples=60)
@given(rows=st.lists(ROWS, max_size=14))
def test_the_short_answer_and_the_whole_one_agree(rows: list[Row]) -> None:
    judged = standing(*rows)
    said = say_briefly(judged, at=hour(500))
    assert said.startswith("Accepted") == (judged["stage"] == "rodeo_done")
    assert said.startswith("No longer") == ("No longer" in str(judged["answer"][0]))
