"""A JUnit file becomes one acceptance run for each story that its test cases name."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from releases.providers.base import Message
from releases.providers.facts import Unreadable
from releases.providers.report.junit import read_cases
from releases.providers.report.webhook import translate

FIXTURES = Path(__file__).parent / "fixtures"
RECEIVED = datetime(2026, 3, 14, 18, 0, tzinfo=UTC)


def checks(name: str, query: str = "environment=prod-eu&release=5.10") -> list[Any]:
    headers = {"source": "scripts", "delivery": "d", "received-at": RECEIVED.isoformat(), "query": query}
    return translate("junit", Message(headers, (FIXTURES / f"{name}.xml").read_bytes()), {}) or []


def test_a_story_passes_only_if_all_its_test_cases_passed() -> None:
    found = {check.story: (check.outcome, check.raw_status) for check in checks("junit__mixed")}
    assert found == {
        "PAY-12": ("success", "2 passed"),
        "PAY-13": ("failure", "1 passed, 1 failed"),
        "PAY-14": ("skipped", "1 skipped"),
        "PAY-15": ("warning", "1 passed, 1 skipped"),
    }


def test_times_come_from_the_file() -> None:
    check = checks("junit__mixed")[0]
    assert check.started_at == datetime(2026, 3, 14, 15, 0, tzinfo=UTC)
    assert check.finished_at == check.started_at + timedelta(seconds=90.5)
    assert (check.environment, check.release, check.name) == ("prod-eu", "5.10", "acceptance")


def test_a_file_without_times_ended_when_it_came_and_began_earlier() -> None:
    for check in checks("junit__no_times_no_stories"):
        assert check.finished_at == RECEIVED
        assert check.started_at <= RECEIVED - timedelta(seconds=2.5)


def test_a_file_that_names_no_story_still_speaks_of_its_service() -> None:
    found = checks("junit__no_times_no_stories", "environment=staging&service=checkout")
    by_story = {check.story: check for check in found}
    assert (by_story[""].service, by_story[""].outcome, by_story[""].raw_status) == ("checkout", "success", "2 passed")


def of(cases: str, query: str = "environment=production&service=checkout") -> dict[str, str]:
    headers = {"source": "scripts", "delivery": "d", "received-at": RECEIVED.isoformat(), "query": query}
    body = f'<testsuites><testsuite name="API-7 smoke">{cases}</testsuite></testsuites>'.encode()
    return {check.story: check.raw_status for check in translate("junit", Message(headers, body), {}) or []}


@pytest.mark.parametrize(
    "case",
    [
        '<testcase classname="tests.http" name="test_api_4_returns_json"/>',
        '<testcase classname="c" name="decodes UTF-8 and SHA-256"/>',
        '<testcase classname="tests.PAY-12" name="PAY-12 refunds"/>',
        '<testcase name="t"><properties><property name="ticket" value="PAY-12"/></properties></testcase>',
    ],
)
def test_a_name_a_class_a_suite_and_another_property_prove_no_story(case: str) -> None:
    assert of(case) == {"": "1 passed"}


def test_a_property_says_which_stories_are_proved_and_the_nearest_counts() -> None:
    def told(value: str) -> str:
        return f'<properties><property name="Stories" value="{value}"/></properties>'

    cases = f'{told("PAY-1, pay-2")}<testcase name="a"/><testcase name="b">{told("PAY-3")}</testcase>'
    assert of(cases) == {"PAY-1": "1 passed", "PAY-2": "1 passed", "PAY-3": "1 passed"}
    inner = (
        f'{told("PAY-1")}<testsuite name="inner">{told("PAY-4")}<testcase name="a"/></testsuite><testcase name="b"/>'
    )
    assert of(inner) == {"PAY-4": "1 passed", "PAY-1": "1 passed"}


def test_names_prove_stories_where_whoever_sends_the_file_says_so() -> None:
    cases = '<testcase name="PAY-12 refunds"/><testcase name="test_api_4"/><testcase classname="x.PAY-13" name="b"/>'
    query = "environment=production&keys_in_names=true"
    assert of(cases, query) == {"PAY-12": "1 passed", "API-7": "1 passed", "PAY-13": "1 passed"}


def test_a_test_that_was_run_again_passed_if_it_did_in_the_end_and_its_words_say_so() -> None:
    told = '<properties><property name="story" value="PAY-1"/></properties>'
    again = f'<testcase name="a">{told}<flakyFailure message="no"/></testcase><testcase name="b">{told}</testcase>'
    assert of(again) == {"PAY-1": "2 passed, 1 of them only when run again"}
    each_time = f'<testcase name="a">{told}<failure/><rerunFailure/><flakyError/></testcase>'
    assert of(each_time) == {"PAY-1": "1 failed"}


def test_the_same_test_twice_is_two_and_one_that_failed_is_a_failure() -> None:
    told = '<properties><property name="story" value="PAY-1"/></properties>'
    assert of(f'<testcase name="a">{told}<failure/></testcase><testcase name="a">{told}</testcase>') == {
        "PAY-1": "1 passed, 1 failed"
    }


def test_a_suite_may_tell_its_stories_after_its_tests() -> None:
    def told(value: str) -> str:
        return f'<properties><property name="story" value="{value}"/></properties>'

    own = f'<testcase name="a"/><testcase name="b">{told("PAY-3")}</testcase>'
    assert of(own + told("PAY-1")) == {"PAY-1": "1 passed", "PAY-3": "1 passed"}
    assert of(f'<testsuite name="in">{own}</testsuite>{told("PAY-2")}') == {"PAY-2": "1 passed", "PAY-3": "1 passed"}
    inner = f'<testsuite name="in"><testcase name="a"/>{told("PAY-4")}</testsuite>'
    assert of(f'{inner}<testcase name="b"/>{told("PAY-2")}') == {"PAY-4": "1 passed", "PAY-2": "1 passed"}


BOMB = """<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<testsuite><testcase name="&b;"/></testsuite>"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not well-formed"),
        (b"<testsuite>", "not well-formed"),
        (b"{}", "not well-formed"),
        (b"<html><testcase/></html>", "starts with <html>"),
        (b"<testsuite/>", "no test cases"),
        (BOMB.encode(), "document type"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuite/>', "document type"),
        (b"<testsuite>" * 200 + b"</testsuite>" * 200, "nested deeper"),
        (b'<?xml version="1.0" encoding="klingon"?><testsuite/>', "not well-formed"),
    ],
)
def test_tricks_and_rubbish_are_refused(body: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read_cases(body)


def test_odd_numbers_and_namespaces_do_no_harm() -> None:
    cases = read_cases(
        b'<j:testsuite xmlns:j="urn:x" time="NaN" timestamp="0001-01-01T00:00:00">'
        b'<j:testcase name="PAY-1" time="1,234.5"/><j:testcase time="-5"/><j:testcase time="1e400"/></j:testsuite>'
    )
    assert [case.took.total_seconds() for case in cases] == [1234.5, 0, 0]
    assert cases[0].started_at is None
