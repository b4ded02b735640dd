"""Reading a Jenkins, from a double that plays its API."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from releases.providers.base import (
    InvalidSetting,
    Message,
    PullFailed,
    PullIncomplete,
    PullRefused,
    RateLimited,
    Record,
)
from releases.providers.jenkins import client
from releases.providers.jenkins.webhook import PROVIDER, translate
from releases.pulling.http_session import HttpSession
from tests.doubles.jenkins import MULTIBRANCH, TOKEN, USER, Jenkins
from tests.doubles.serving import Reply
from tests.doubles.sessions import session as door

NOW = datetime(2026, 2, 1, tzinfo=UTC)
MAIN = ("shop", "checkout", "main")


@pytest.fixture
def jenkins() -> Iterator[Jenkins]:
    double = Jenkins()
    double.folder("shop")
    double.folder("shop", "checkout", kind=MULTIBRANCH)
    yield double
    double.close()


def session(jenkins: Jenkins, token: str = TOKEN) -> HttpSession:
    assert PROVIDER.pulling is not None
    unsigned = door(jenkins.url)
    return door(jenkins.url, PROVIDER.pulling.headers(unsigned, {"user": USER}, token))


def pull(jenkins: Jenkins, cursor: Any = None, config: Any = None) -> tuple[list[Record], dict[str, Any]]:
    records: list[Record] = []
    kept = dict(cursor or {})
    for page in client.pages(session(jenkins), config or {}, kept, NOW):
        records += page.records
        kept = json.loads(json.dumps(page.cursor))
    return records, kept


def numbers(records: list[Record]) -> list[int]:
    return [json.loads(each.body)["number"] for each in records]


def runs(records: list[Record]) -> list[Any]:
    return [(translate(each.kind, Message({}, each.body), {}) or [None])[0] for each in records]


def test_builds_of_folders_and_branches_are_read_oldest_first_and_once(jenkins: Jenkins) -> None:
    for number in range(1, 131):
        jenkins.build(*MAIN, number=number)
    jenkins.build("shop", "checkout", "feature%2Fpay-12", number=1)
    jenkins.build("nightly", number=1)
    records, cursor = pull(jenkins)
    found = runs(records)
    assert len({run.key for run in found}) == len(found) == 132
    assert [run.pipeline for run in found if run.branch == "feature/pay-12"] == ["shop/checkout"]
    assert [number for number, run in zip(numbers(records), found, strict=True) if run.branch == "main"] == list(
        range(1, 131)
    )
    before = jenkins.count()
    again, same = pull(jenkins, cursor)
    assert again == [] and same == cursor
    assert jenkins.count() - before == 3  # one question for each folder


def test_a_build_that_ran_the_last_time_is_read_again_until_it_ends(jenkins: Jenkins) -> None:
    jenkins.build(*MAIN, number=1, building=True, result=None, duration=0)
    jenkins.build(*MAIN, number=2)
    records, cursor = pull(jenkins)
    assert [run.phase for run in runs(records)] == ["running", "finished"]
    jenkins.build(*MAIN, number=1, result="FAILURE")
    records, cursor = pull(jenkins, cursor)
    assert [(run.phase, run.outcome) for run in runs(records)] == [("finished", "failure")]
    assert pull(jenkins, cursor)[0] == []


def test_jobs_and_builds_that_are_gone_break_nothing_and_take_nothing_back(jenkins: Jenkins) -> None:
    jenkins.build(*MAIN, number=1, building=True, result=None)
    jenkins.build(*MAIN, number=2)
    jenkins.build("nightly", number=5)
    _, cursor = pull(jenkins)
    jenkins.builds[MAIN] = []
    del jenkins.builds["nightly",]
    jenkins.build(*MAIN, number=3)
    records, cursor = pull(jenkins, cursor)
    assert numbers(records) == [3]
    assert pull(jenkins, cursor)[0] == []


def test_a_job_made_anew_under_its_old_name_is_read_from_its_beginning(jenkins: Jenkins) -> None:
    jenkins.build("nightly", number=50)
    _, cursor = pull(jenkins)
    jenkins.builds["nightly",] = []
    jenkins.build("nightly", number=1, timestamp=1_800_000_000_000)
    assert numbers(pull(jenkins, cursor)[0]) == [1]


LATER = 1_800_000_000_000


@pytest.mark.parametrize("builds", [1, 2, 5], ids=["fewer", "as many", "more"])
def test_a_job_made_anew_is_noticed_whatever_number_it_has_reached(builds: int, jenkins: Jenkins) -> None:
    jenkins.build("nightly", number=1)
    jenkins.build("nightly", number=2)
    _, cursor = pull(jenkins)
    jenkins.builds["nightly",] = []
    for number in range(1, builds + 1):
        jenkins.build("nightly", number=number, timestamp=LATER + number * 60_000)
    records, cursor = pull(jenkins, cursor)
    assert numbers(records) == list(range(1, builds + 1))
    assert pull(jenkins, cursor)[0] == []


def test_a_renamed_job_goes_on_where_it_was_and_what_ran_meanwhile_is_the_same_run(jenkins: Jenkins) -> None:
    jenkins.build("shop", "web", number=1)
    jenkins.build("shop", "web", number=2, building=True, result=None)
    jenkins.build("shop", "other", number=2, timestamp=LATER)
    records, cursor = pull(jenkins)
    [running] = [each for each in runs(records) if each.phase == "running"]
    jenkins.builds["shop", "store front"] = jenkins.builds.pop(("shop", "web"))
    jenkins.build("shop", "store front", number=2)
    jenkins.build("shop", "store front", number=3)
    records, cursor = pull(jenkins, cursor)
    ended, new = runs(records)
    assert (ended.key, ended.phase, ended.pipeline) == (running.key, "finished", "shop/store front")
    assert new.key.endswith("job/shop/job/store%20front/3")
    assert pull(jenkins, cursor)[0] == [] and set(cursor) == {"shop/store front", "shop/other"}


def test_builds_that_begin_while_a_job_is_read_push_none_out(jenkins: Jenkins) -> None:
    for number in range(1, 121):
        jenkins.build("nightly", number=number)
    read: list[Record] = []
    for page in client.pages(session(jenkins), {}, {}, NOW):
        read += page.records
        for _ in range(15):
            jenkins.build("nightly", number=len(jenkins.builds["nightly",]) + 1)
    assert numbers(read) == list(range(1, 121))


def test_a_pull_that_broke_off_goes_on_from_its_cursor(jenkins: Jenkins) -> None:
    for number in range(1, 121):
        jenkins.build("nightly", number=number)
    pages = client.pages(session(jenkins), {}, {}, NOW)
    first = next(pages)
    jenkins.go_wrong("nightly", Reply([], 500))
    with pytest.raises(PullFailed):
        list(pages)
    records, _ = pull(jenkins, json.loads(json.dumps(first.cursor)))
    assert numbers([*first.records, *records]) == list(range(1, 121))


def test_what_goes_wrong_is_told_as_what_it_is(jenkins: Jenkins) -> None:
    jenkins.build("nightly", number=1)
    with pytest.raises(PullRefused):
        list(client.pages(session(jenkins, "wrong"), {}, {}, NOW))
    jenkins.go_wrong("nightly", Reply({}, 429, {"Retry-After": "5"}))
    with pytest.raises(RateLimited):
        pull(jenkins)
    jenkins.go_wrong("nightly", Reply({"builds": []}, cut=True))
    with pytest.raises(PullFailed):
        pull(jenkins)
    jenkins.go_wrong("/api/json", Reply(b"<html>Sign in</html>"))
    with pytest.raises(PullFailed, match="other than JSON"):
        pull(jenkins)
    jenkins.go_wrong("/api/json", Reply([]))
    with pytest.raises(PullRefused, match="Jenkins"):
        pull(jenkins)


def test_only_the_folders_and_jobs_a_source_names_are_read(jenkins: Jenkins) -> None:
    jenkins.build(*MAIN, number=1)
    jenkins.build("nightly", number=2)
    jenkins.build("other", number=3)
    assert sorted(numbers(pull(jenkins, config={"folders": ["/shop/", "nightly"]})[0])) == [1, 2]
    with pytest.raises(PullRefused, match="has no gone"):
        pull(jenkins, config={"folders": ["gone"]})


def test_a_folder_that_is_gone_keeps_nothing_back_from_the_others(jenkins: Jenkins) -> None:
    jenkins.build("nightly", number=2)
    records: list[Record] = []
    named = {"folders": ["gone", "nightly"]}
    with pytest.raises(PullIncomplete, match=r"has no gone.*Everything else was read"):
        for page in client.pages(session(jenkins), named, {}, NOW):
            records += page.records
    assert numbers(records) == [2]
    with pytest.raises(PullRefused, match="has no gone"):
        client.test_connection(session(jenkins), named)


def test_a_token_without_its_user_and_a_user_with_a_colon_are_refused_with_the_remedy(jenkins: Jenkins) -> None:
    with pytest.raises(PullRefused, match="Enter its user"):
        client.headers(door(jenkins.url), {}, TOKEN)
    with pytest.raises(InvalidSetting):
        client.check({"user": "rodeo:secret"})
    client.check({"user": USER})


def test_folders_without_end_are_refused(jenkins: Jenkins) -> None:
    for deep in range(2, 16):
        jenkins.folder("shop", *["more"] * deep)
    jenkins.folder("shop", "more")
    with pytest.raises(PullRefused, match="deep"):
        pull(jenkins)


def test_nothing_is_asked_with_anything_but_get(jenkins: Jenkins) -> None:
    jenkins.build("nightly", number=1)
    pull(jenkins)
    assert {each.method for each in jenkins.asked} == {"GET"}


def test_looking_counts_the_jobs_and_names_the_remedy_where_there_are_none(jenkins: Jenkins) -> None:
    with pytest.raises(PullFailed, match="no job"):
        client.test_connection(session(jenkins), {})
    jenkins.build(*MAIN, number=1)
    assert client.test_connection(session(jenkins), {}) == ["1 job with builds"]
