"""Reading a GitLab, from a double that plays its API."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from releases.providers.base import (
    InvalidSetting,
    Message,
    Missing,
    Page,
    PullFailed,
    PullIncomplete,
    PullRefused,
    RateLimited,
    Record,
)
from releases.providers.facts import Seen
from releases.providers.gitlab import client
from releases.providers.gitlab.webhook import PROVIDER, translate
from releases.pulling.http_session import HttpSession
from tests.doubles.gitlab import TOKEN, GitLab
from tests.doubles.serving import Reply
from tests.doubles.sessions import session as door

NOW = datetime(2026, 2, 1, tzinfo=UTC)
SHA = "4f5e6d7c8b9a00112233445566778899aabbccdd"
CONFIG: dict[str, Any] = {"projects": ["shop/checkout"]}


@pytest.fixture
def gitlab() -> Iterator[GitLab]:
    double = GitLab()
    double.add("shop/checkout")
    yield double
    double.close()


def session(gitlab: GitLab, token: str = TOKEN) -> HttpSession:
    assert PROVIDER.pulling is not None
    unsigned = door(gitlab.url)
    return door(gitlab.url, PROVIDER.pulling.headers(unsigned, {}, token))


def at(minute: int) -> str:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def pipeline(number: int, minute: int | None = None, **more: Any) -> dict[str, Any]:
    stamp = at(number if minute is None else minute)
    return {
        "id": number,
        "iid": number,
        "sha": SHA,
        "ref": "main",
        "status": "success",
        "source": "push",
        "created_at": stamp,
        "updated_at": stamp,
        "web_url": f"https://gitlab.example/shop/checkout/-/pipelines/{number}",
        **more,
    }


def pull(gitlab: GitLab, cursor: Any = None, config: Any = None) -> tuple[list[Record], dict[str, Any]]:
    records: list[Record] = []
    kept = dict(cursor or {})
    for page in client.pages(session(gitlab), config or CONFIG, kept, NOW):
        records += page.records
        kept = json.loads(json.dumps(page.cursor))
    return records, kept


def facts_of(records: list[Record]) -> list[Seen]:
    return [fact for each in records for fact in translate(each.kind, Message({}, each.body), {}) or []]


def ids(records: list[Record]) -> list[int]:
    return [json.loads(each.body)["id"] for each in records]


def test_everything_is_read_page_by_page_and_a_second_pull_asks_only_for_changes(gitlab: GitLab) -> None:
    gitlab.put("shop/checkout", "pipelines", *(pipeline(number) for number in range(1, 251)))
    records, cursor = pull(gitlab)
    assert {each.key for each in facts_of(records)} == {f"gitlab.example|pipeline|{number}" for number in range(1, 251)}
    before = len(gitlab.asked)
    again, same = pull(gitlab, cursor)
    assert again == [] and same == cursor
    lists = [each for each in gitlab.asked[before:] if each.path.count("/") > 4]
    assert len(lists) == 6 and all("if-none-match" in each.headers for each in lists)


def test_a_changed_pipeline_and_a_new_one_come_with_the_next_pull(gitlab: GitLab) -> None:
    gitlab.put("shop/checkout", "pipelines", pipeline(1, 1, status="running"), pipeline(2, 30))
    _, cursor = pull(gitlab)
    gitlab.put("shop/checkout", "pipelines", pipeline(1, 60), pipeline(3, 61))
    records, _ = pull(gitlab, cursor)
    assert {1, 3} <= set(ids(records)) and len(records) <= 3


def test_what_changes_between_two_pages_slips_past_nobody(gitlab: GitLab) -> None:
    gitlab.put("shop/checkout", "pipelines", *(pipeline(number) for number in range(1, 251)))
    pages: Iterator[Page] = client.pages(session(gitlab), CONFIG, {}, NOW)
    read: list[Record] = []
    for page in pages:
        read += page.records
        if page.done == 100:
            gitlab.put("shop/checkout", "pipelines", *(pipeline(number, 900 + number) for number in range(1, 51)))
    assert set(ids([each for each in read if each.kind == "pull.pipeline"])) == set(range(1, 251))


def test_many_changes_in_one_moment_are_read_by_number(gitlab: GitLab) -> None:
    gitlab.put("shop/checkout", "pipelines", *(pipeline(number, 5) for number in range(1, 251)))
    records, _ = pull(gitlab)
    assert set(ids(records)) == set(range(1, 251))


def test_a_pull_that_broke_off_goes_on_from_its_cursor(gitlab: GitLab) -> None:
    gitlab.put("shop/checkout", "pipelines", *(pipeline(number) for number in range(1, 251)))
    pages = client.pages(session(gitlab), CONFIG, {}, NOW)
    first = next(page for page in pages if page.records)
    gitlab.go_wrong("pipelines", Reply([], 500))
    with pytest.raises(PullFailed):
        list(pages)
    records, _ = pull(gitlab, json.loads(json.dumps(first.cursor)))
    assert set(ids([*first.records, *records])) == set(range(1, 251))
    assert len(records) < 160


def test_a_page_that_broke_off_or_is_no_list_gives_no_half_of_it(gitlab: GitLab) -> None:
    gitlab.put("shop/checkout", "pipelines", *(pipeline(number) for number in range(1, 5)))
    gitlab.go_wrong("pipelines", Reply([pipeline(1)], cut=True))
    with pytest.raises(PullFailed):
        pull(gitlab)
    gitlab.go_wrong("pipelines", Reply(b"<html>"))
    with pytest.raises(PullFailed, match="other than JSON"):
        pull(gitlab)
    gitlab.go_wrong("pipelines", Reply({"message": "hm"}))
    with pytest.raises(PullIncomplete, match="no list"):
        pull(gitlab)


def test_a_server_that_gives_one_page_for_ever_is_left(gitlab: GitLab) -> None:
    page = [pipeline(number, 5) for number in range(100)]
    again = Reply(page, headers={"X-Next-Page": "2"})
    gitlab.go_wrong("pipelines", again, times=9)
    with pytest.raises(PullFailed, match="same page twice"):
        pull(gitlab)
    assert len(gitlab.wrong) > 3


def test_a_rate_limit_and_a_wrong_token_are_told_as_what_they_are(gitlab: GitLab) -> None:
    gitlab.go_wrong("pipelines", Reply({}, 429, {"Retry-After": "30"}))
    with pytest.raises(RateLimited):
        pull(gitlab)
    with pytest.raises(PullRefused):
        list(client.pages(session(gitlab, "wrong"), CONFIG, {}, NOW))


def test_a_project_nobody_knows_is_named_after_the_others_were_read(gitlab: GitLab) -> None:
    gitlab.put("shop/checkout", "pipelines", pipeline(1))
    read: list[Record] = []
    with pytest.raises(PullIncomplete, match=r"no project shop/gone.*Everything else was read"):
        for page in client.pages(session(gitlab), {"projects": ["shop/gone", "shop/checkout"]}, {}, NOW):
            read += page.records
    assert ids(read) == [1]


def test_a_list_that_is_not_shown_is_named_and_one_that_is_switched_off_is_not_asked_for(gitlab: GitLab) -> None:
    gitlab.add("shop/web", releases_access_level="disabled")
    gitlab.put("shop/web", "pipelines", pipeline(4))
    gitlab.go_wrong("deployments", Reply({}, 403))
    read: list[Record] = []
    with pytest.raises(PullIncomplete, match="deployments of shop/web"):
        for page in client.pages(session(gitlab), {"projects": ["shop/web"]}, {}, NOW):
            read += page.records
    assert ids(read) == [4]
    assert gitlab.count(lambda asked: asked.path.endswith("/releases")) == 0


def test_without_names_all_projects_of_the_token_are_read_by_keyset(gitlab: GitLab) -> None:
    for number in range(120):
        gitlab.add(
            f"shop/p{number}",
            **dict.fromkeys(
                (
                    "merge_requests_access_level",
                    "builds_access_level",
                    "environments_access_level",
                    "issues_access_level",
                    "releases_access_level",
                ),
                "disabled",
            ),
        )
    gitlab.put("shop/checkout", "pipelines", pipeline(1))
    records, _ = pull(gitlab, config={"projects": []})
    assert ids(records) == [1]
    assert gitlab.count(lambda asked: asked.path == "/api/v4/projects") == 2


def test_a_squashed_merge_request_brings_its_original_commits(gitlab: GitLab) -> None:
    merged = {
        "id": 9,
        "iid": 9,
        "state": "merged",
        "title": "PAY-12 Refund",
        "description": "",
        "target_branch": "main",
        "source_branch": "feature/pay-14",
        "merge_commit_sha": None,
        "squash_commit_sha": SHA,
        "updated_at": at(9),
        "merged_at": at(8),
        "web_url": "https://gitlab.example/shop/checkout/-/merge_requests/9",
        "author": {"name": "Ana"},
    }
    gitlab.put("shop/checkout", "merge_requests", merged, {**merged, "id": 10, "iid": 10, "state": "opened"})
    gitlab.put(
        "shop/checkout", "merge_requests/9/commits", {"id": "a" * 40, "committed_date": at(1), "title": "secretly"}
    )
    records, _ = pull(gitlab)
    (change,) = facts_of(records)
    assert change.data()["commits"] == [["a" * 40, "2026-01-01T00:01:00+00:00"]]
    assert change.key == SHA and change.data()["author"] == "Ana"


def test_deployments_environments_releases_and_issues_become_what_the_webhooks_make_of_them(gitlab: GitLab) -> None:
    job = {
        "started_at": at(3),
        "finished_at": at(4),
        "tag": True,
        "web_url": "https://gitlab.example/shop/checkout/-/jobs/1",
    }
    gitlab.put(
        "shop/checkout",
        "deployments",
        {
            "id": 15,
            "iid": 1,
            "ref": "5.10",
            "sha": SHA,
            "status": "success",
            "created_at": at(2),
            "updated_at": at(5),
            "environment": {"name": "production"},
            "deployable": job,
        },
    )
    gitlab.put(
        "shop/checkout",
        "environments",
        {"id": 1, "name": "production", "state": "available", "tier": "production", "created_at": at(1)},
        {"id": 2, "name": "review/pay-12", "state": "available", "tier": "development", "created_at": at(1)},
    )
    released = {"tag_name": "5.10", "created_at": at(6), "released_at": at(6), "commit": {"id": SHA}}
    gitlab.put("shop/checkout", "releases", released)
    gitlab.put(
        "shop/checkout",
        "issues",
        {
            "id": 3,
            "iid": 23,
            "title": "Refunds",
            "state": "closed",
            "created_at": at(1),
            "updated_at": at(7),
            "closed_at": at(7),
            "labels": ["feature"],
            "web_url": "https://gitlab.example/shop/checkout/-/issues/23",
        },
    )
    records, cursor = pull(gitlab)
    found = {each.kind: each for each in facts_of(records)}
    assert set(found) == {"deployment", "environment", "artifact", "ticket"} and len(records) == 5
    assert found["deployment"].key == "gitlab.example|deployment|15"
    assert found["deployment"].data()["version"] == "5.10" and found["deployment"].at.minute == 4
    assert found["environment"].key == "production" and found["ticket"].key == "shop/checkout#23"
    assert found["artifact"].key == "pkg:gitlab/shop/checkout@5.10?repository_url=gitlab.example"
    gitlab.put("shop/checkout", "releases", {"tag_name": "5.11", "created_at": at(90), "commit": {"id": SHA}})
    records, _ = pull(gitlab, cursor)
    # The newest of the last time comes once more: it is the same record, and is filed once.
    assert [json.loads(each.body)["tag_name"] for each in records] == ["5.11", "5.10"]


def test_a_poll_and_a_webhook_speak_of_the_same_run() -> None:
    body = {
        "object_kind": "pipeline",
        "project": {"web_url": "https://gitlab.example/shop/checkout"},
        "object_attributes": {"id": 31, "status": "running", "created_at": "2026-01-01 00:00:00 UTC"},
    }
    (pushed,) = translate("pipeline", Message({}, json.dumps(body).encode()), {}) or []
    (pulled,) = translate("pull.pipeline", Message({}, json.dumps(pipeline(31)).encode()), {}) or []
    assert pushed.key == pulled.key


def test_looking_counts_what_there_is(gitlab: GitLab) -> None:
    gitlab.put("shop/checkout", "pipelines", *(pipeline(number) for number in range(12)))
    assert client.test_connection(session(gitlab), CONFIG) == ["1 project", "12 pipelines", "0 environments"]
    with pytest.raises(PullRefused, match="shop/gone"):
        client.test_connection(session(gitlab), {"projects": ["shop/gone"]})


def test_only_what_changed_since_a_date_is_read_where_one_is_set(gitlab: GitLab) -> None:
    gitlab.put("shop/checkout", "pipelines", pipeline(1), pipeline(2, 2880))
    records, _ = pull(gitlab, config={**CONFIG, "since": "2026-01-02"})
    assert ids(records) == [2]


def test_settings_that_cannot_work_are_refused_with_the_remedy() -> None:
    for wrong in ({"projects": ["https://gitlab.com/shop/checkout"]}, {"projects": ["checkout"]}, {"since": "soon"}):
        with pytest.raises(InvalidSetting):
            client.check(wrong)
    client.check({"projects": ["shop/checkout", "42"], "since": "2026-01-31"})


def test_missing_is_what_a_deleted_project_is(gitlab: GitLab) -> None:
    with pytest.raises(Missing):
        session(gitlab).get("/api/v4/projects/7")
