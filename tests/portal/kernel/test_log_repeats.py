"""What fails every few seconds is logged once a minute."""

import logging

import pytest

from portal.kernel.log_repeats import NotAgain


def record(text: str, level: int = logging.WARNING, name: str = "portal.kernel.mail") -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, "%s", (text,), None)


def test_a_line_that_repeats_is_left_out_for_a_minute_and_then_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("portal.kernel.log_repeats.time.monotonic", lambda: now[0])
    kept = NotAgain()
    assert [kept.filter(record("the disk is full")) for _ in range(4)] == [True, False, False, False]
    assert kept.filter(record("another thing"))
    now[0] += 61
    last = record("the disk is full")
    assert kept.filter(last)
    assert last.getMessage() == "the disk is full (and 3 times since it was last logged)"


@pytest.mark.parametrize(
    ("name", "level"),
    [("portal.x", logging.INFO), ("django.request", logging.WARNING), ("somebody.else", logging.ERROR)],
)
def test_what_says_something_else_each_time_is_always_logged(name: str, level: int) -> None:
    kept = NotAgain()
    assert [kept.filter(record("Not Found: /x", level, name)) for _ in range(3)] == [True] * 3


def test_requests_that_could_not_be_answered_repeat_too() -> None:
    kept = NotAgain()
    failing = [record("Service Unavailable: /hooks/ci/", logging.ERROR, "django.request") for _ in range(3)]
    assert [kept.filter(each) for each in failing] == [True, False, False]


def test_it_forgets_rather_than_grows() -> None:
    kept = NotAgain()
    for number in range(2000):
        kept.filter(record(f"line {number}"))
    assert len(kept.said) <= 500
