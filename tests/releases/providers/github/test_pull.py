"""Reading a GitHub, from a double that plays its API."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from releases.providers.base import InvalidSetting, Message, PullFailed, PullIncomplete, PullRefused, Record
from releases.providers.facts import ChangeMerged, DeploymentSeen, RunSeen, Seen, TicketSeen
from releases.providers.github import client
from releases.providers.github.webhook import PROVIDER, translate
from releases.pulling.http_session import HttpSession
from tests.doubles.github import TOKEN, GitHub
from tests.doubles.serving import Asked, Reply
from tests.doubles.sessions import session as door

NOW = datetime(2026, 2, 1, 15, tzinfo=UTC)
SHA = "4f5e6d7c8b9a00112233445566778899aabbccdd"
NAME = "shop/checkout"


@pytest.fixture
def github() -> Iterator[GitHub]:
    double = GitHub()
    double.add(NAME)
    yield double
    double.close()


def ago(**before: float) -> str:
    return (NOW - timedelta(**before)).strftime("%Y-%m-%dT%H:%M:%SZ")


def run(number: int, at: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": "CI",
        "head_sha": SHA,
        "head_branch": "main",
        "status": "completed",
        "conclusion": "success",
        "created_at": at,
        "run_started_at": at,
        "updated_at": at,
        "html_url": f"https://github.example/{NAME}/actions/runs/{number}",
        **more,
    }


def request(number: int, at: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "number": number,
        "state": "closed",
        "title": f"PAY-{number}",
        "merged_at": at,
        "updated_at": at,
        "created_at": at,
        "merge_commit_sha": f"{number:040x}",
        "base": {"ref": "main"},
        "head": {"ref": "topic"},
        **more,
    }


def deployment(number: int, at: str, *states: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    deployed = {"id": number, "sha": SHA, "environment": "production", "created_at": at, "updated_at": at}
    return deployed, [
        {"id": number * 10 + index, "state": state, "created_at": at} for index, state in enumerate(states)
    ]


def deploy(github: GitHub, number: int, at: str, *states: str) -> None:
    deployed, statuses = deployment(number, at, *states)
    github.put(NAME, "deployments", deployed)
    github.put(NAME, f"deployments/{number}/statuses", *statuses)


def pull(
    github: GitHub, cursor: Any = None, config: Any = None, now: datetime = NOW
) -> tuple[list[Record], dict[str, Any]]:
    records: list[Record] = []
    kept = dict(cursor or {})
    for page in client.pages(session(github), configured(github, config), kept, now):
        records += page.records
        kept = json.loads(json.dumps(page.cursor))
    return records, kept


def configured(github: GitHub, config: Any = None) -> dict[str, Any]:
    return {"url": github.url, "repositories": [NAME], **(config or {})}


def session(github: GitHub, token: str = TOKEN) -> HttpSession:
    return door(github.url, client.headers(door(github.url), {"url": github.url}, token))


def facts_of(records: list[Record]) -> list[Seen]:
    return [fact for each in records for fact in translate(each.kind, Message({}, each.body), {}) or []]


def keys(records: list[Record]) -> set[str]:
    return {fact.key for fact in facts_of(records) if isinstance(fact, RunSeen)}


def key(number: int) -> str:
    return f"github.example|run|{number}"


def test_everything_a_repository_has_becomes_facts(github: GitHub) -> None:
    github.put(NAME, "actions/runs", run(1, ago(hours=1)), run(2, ago(days=40), conclusion="failure"))
    github.put(NAME, "pulls", request(7, ago(days=2)), request(8, ago(days=1), merged_at=None))
    github.put(NAME, "commits", {"sha": f"{7:040x}", "parents": [{"sha": SHA}], "files": [{"filename": "a/b.py"}]})
    github.put(NAME, "pulls/7/commits", {"sha": SHA, "commit": {"author": {"date": ago(days=3)}}})
    deploy(github, 5, ago(hours=2), "inactive", "success", "in_progress")
    github.put(NAME, "releases", {"id": 3, "tag_name": "v1", "published_at": ago(days=5), "created_at": ago(days=5)})
    github.put(
        NAME,
        "issues",
        {"id": 1, "number": 1, "title": "Broken", "state": "open", "updated_at": ago(days=1)},
        {"id": 2, "number": 7, "title": "x", "updated_at": ago(days=1), "pull_request": {}},
    )
    github.put(NAME, "branches", {"id": "main", "commit": {"sha": f"{7:040x}"}})
    github.put(
        NAME, f"commits/{7:040x}/statuses", {"id": 1, "state": "error", "context": "ci/ours", "updated_at": ago(days=2)}
    )
    github.put(
        NAME,
        f"commits/{7:040x}/check-runs",
        {"id": 11, "name": "lint", "status": "in_progress", "head_sha": SHA, "started_at": ago(days=2)},
        {"id": 12, "name": "job", "external_id": "u-1", "app": {"slug": "github-actions"}},
    )
    found = facts_of(pull(github)[0])
    runs = {
        fact.pipeline: fact.outcome or fact.phase
        for fact in found
        if isinstance(fact, RunSeen) and fact.pipeline != "CI"
    }
    assert runs == {"ci/ours": "error", "lint": "running"}
    assert {fact.outcome for fact in found if isinstance(fact, RunSeen) and fact.pipeline == "CI"} == {
        "success",
        "failure",
    }
    (change,) = [fact for fact in found if isinstance(fact, ChangeMerged)]
    assert (change.key, [sha for sha, _ in change.commits], change.paths) == (f"{7:040x}", [SHA], ("a/b.py",))
    assert [fact.phase for fact in found if isinstance(fact, DeploymentSeen)] == ["queued", "running", "finished"]
    assert [fact.key for fact in found if isinstance(fact, TicketSeen)] == [f"{NAME}#1"]


def test_a_merge_with_two_parents_left_no_commit_out(github: GitHub) -> None:
    github.put(NAME, "pulls", request(7, ago(days=2)))
    github.put(NAME, "commits", {"sha": f"{7:040x}", "parents": [{"sha": SHA}, {"sha": "b" * 40}]})
    (change,) = facts_of(pull(github)[0])
    assert isinstance(change, ChangeMerged) and change.commits == ()
    assert not github.count(lambda asked: asked.path.endswith("/pulls/7/commits"))


def test_a_second_pull_without_news_asks_only_conditionally_and_brings_nothing(github: GitHub) -> None:
    github.put(NAME, "actions/runs", *(run(number, ago(minutes=20 * number)) for number in range(1, 501)))
    github.put(NAME, "pulls", *(request(number, ago(hours=number)) for number in range(1, 131)))
    for number in range(1, 30):
        deploy(github, number, ago(days=number), "success")
    deploy(github, 99, ago(days=8), "in_progress")
    github.put(NAME, "issues", {"id": 1, "number": 1, "title": "a", "state": "open", "updated_at": ago(days=1)})
    github.put(NAME, "releases", {"id": 3, "tag_name": "v1", "published_at": ago(days=5), "created_at": ago(days=5)})
    github.put(NAME, "branches", {"id": "main", "commit": {"sha": SHA}})
    github.put(NAME, "commits", {"sha": SHA})
    records, cursor = pull(github)
    assert len(keys(records)) == 500
    # What was not over is looked at once more, and its tag is then known as well.
    _, cursor = pull(github, cursor)
    github.asked.clear()
    again, same = pull(github, cursor, now=NOW + timedelta(hours=3))
    assert (again, same) == ([], cursor)
    assert github.kinds() == {"conditional": github.count()} and github.count() < 30


def test_runs_that_come_while_pages_are_read_are_read_and_none_is_missed(github: GitHub) -> None:
    github.put(NAME, "actions/runs", *(run(number, ago(minutes=number)) for number in range(1, 351)))
    coming = iter(range(1000, 1100))

    def more(asked: Asked) -> None:
        if asked.path.endswith("/actions/runs"):
            github.put(NAME, "actions/runs", run(next(coming), ago(seconds=1)))
            github.lists[NAME, "actions/runs"].pop(0)

    github.between = more
    records, cursor = pull(github)
    github.between = None
    later, _ = pull(github, cursor)
    left = {key(each["id"]) for each in github.lists[NAME, "actions/runs"]}
    assert left <= keys(records) | keys(later)


def test_many_runs_of_one_second_are_all_read(github: GitHub) -> None:
    github.put(NAME, "actions/runs", *(run(number, ago(hours=1)) for number in range(250)), run(999, ago(hours=2)))
    assert len(keys(pull(github)[0])) == 251


def test_a_pull_goes_on_after_any_page(github: GitHub) -> None:
    github.put(NAME, "actions/runs", *(run(number, ago(hours=number)) for number in range(1, 451)))
    github.put(NAME, "pulls", *(request(number, ago(hours=number)) for number in range(1, 131)))
    for number in range(1, 45):
        deploy(github, number, ago(days=number), "success")
    whole = {fact.key for fact in facts_of(pull(github)[0])}
    found: set[str] = set()
    cursor: dict[str, Any] = {}
    for _ in range(100):
        page = next(client.pages(session(github), configured(github), cursor, NOW), None)
        if page is None:
            break
        found |= {fact.key for fact in facts_of(list(page.records))}
        cursor = json.loads(json.dumps(page.cursor))
    assert found == whole


def test_a_page_that_fails_raises_and_what_was_read_stands(github: GitHub) -> None:
    github.put(NAME, "actions/runs", *(run(number, ago(days=5, minutes=number)) for number in range(1, 251)))
    records: list[Record] = []
    cursor: dict[str, Any] = {}
    for reply in (Reply({"message": "oops"}, 500), Reply([{}] * 50, cut=True)):
        with pytest.raises(PullFailed):
            for page in client.pages(session(github), configured(github), cursor, NOW):
                records += page.records
                cursor = json.loads(json.dumps(page.cursor))
                if len(page.records) == 100:
                    github.go_wrong("/actions/runs", reply)
    records += pull(github, cursor)[0]
    assert len(keys(records)) == 250


def test_what_was_not_over_is_looked_at_until_it_is(github: GitHub) -> None:
    github.put(NAME, "actions/runs", run(1, ago(days=9), status="waiting", conclusion=None))
    deploy(github, 5, ago(days=9), "waiting")
    _, cursor = pull(github)
    _, cursor = pull(github, cursor)
    github.put(NAME, "actions/runs", run(1, ago(days=9), updated_at=ago(minutes=1)))
    deploy(github, 5, ago(days=9), "success")
    records, cursor = pull(github, cursor)
    run_, *deployed = facts_of(records)
    assert isinstance(run_, RunSeen) and run_.outcome == "success"
    assert isinstance(deployed[-1], DeploymentSeen) and deployed[-1].outcome == "success"
    assert not cursor["marks"][NAME]["runs"]["open"] and not cursor["marks"][NAME]["deployments"]["open"]


def test_a_repository_that_is_not_shown_is_named_after_all_others_were_read(github: GitHub) -> None:
    github.put(NAME, "actions/runs", run(1, ago(hours=1)))
    records: list[Record] = []
    with pytest.raises(PullIncomplete, match=r"shop/secret.*Everything else was read"):
        for page in client.pages(session(github), configured(github, {"repositories": ["shop/secret", NAME]}), {}, NOW):
            records += page.records
    assert len(records) == 1


def test_where_nothing_at_all_is_shown_no_more_is_asked(github: GitHub) -> None:
    with pytest.raises(PullRefused, match="shop/secret") as refused:
        list(client.pages(session(github), configured(github, {"repositories": ["shop/secret"]}), {}, NOW))
    assert "Everything else" not in str(refused.value)


def test_all_that_the_token_sees_is_read_without_what_is_archived(github: GitHub) -> None:
    for number in range(120):
        github.add(f"shop/r{number}", archived=number == 5)
    seen = client.test_connection(session(github), {"url": github.url})
    assert seen[0] == "120 repositories"


@pytest.mark.parametrize("between", ["\n", "\r\n", " ", ""], ids=["lines", "windows", "spaces", "a field of one line"])
def test_an_app_signs_in_with_its_key_for_a_token_however_it_was_pasted(github: GitHub, between: str) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = (
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
        .replace("\n", between)
    )
    config = {"url": github.url, "app_id": "12", "installation_id": "34"}
    signed_in = client.headers(door(github.url), config, pem)
    assert signed_in["Authorization"] == "Bearer ghs_of-the-app"
    (asked,) = github.asked
    said = jwt.decode(asked.headers["authorization"].removeprefix("Bearer "), key.public_key(), ["RS256"])
    assert said["iss"] == "12" and said["exp"] - said["iat"] <= 600
    with pytest.raises(PullRefused, match=r"\.pem"):
        client.headers(door(github.url), config, "ghp_no-key")


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"url": "https://github.com"}, "url"),
        ({"repositories": ["https://github.com/a/b"]}, "repositories"),
        ({"repositories": ["a"]}, "repositories"),
        ({"days": "soon"}, "days"),
        ({"app_id": "1"}, "installation_id"),
        ({"installation_id": "1"}, "app_id"),
        ({"app_id": "1", "installation_id": "x"}, "installation_id"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_their_field(config: dict[str, Any], field: str) -> None:
    assert PROVIDER.check is not None
    with pytest.raises(InvalidSetting) as refused:
        PROVIDER.check(config)
    assert refused.value.field == field
