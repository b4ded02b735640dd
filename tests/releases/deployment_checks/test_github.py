"""GitHub’s deployment protection rules are answered as an App: once, and only at GitHub’s own address."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from portal.kernel import clock
from releases.allowed_hosts.models import AllowedHost
from releases.deployment_checks import answering
from releases.deployment_checks.models import AppToken, DeploymentCheck, WaitingCheck
from releases.inbox.models import InboundEvent, Source
from releases.models import Release
from releases.providers.signatures import sign
from releases.reading.actions import drain_inbox, rebuild
from tests.doubles.github_app import APP, INSTALLATION, GitHubApp, keys
from tests.doubles.serving import Reply
from tests.releases.deployment_checks.conftest import SHA

pytestmark = pytest.mark.django_db
SECRET = "between-us"
State = WaitingCheck.State
Make = Callable[[bool], None]


@pytest.fixture
def github() -> Iterator[GitHubApp]:
    double = GitHubApp()
    yield double
    double.close()


@pytest.fixture
def source(github: GitHubApp) -> Source:
    AllowedHost.objects.create(host="127.0.0.1")
    return Source.objects.create(
        key="github",
        name="GitHub",
        kind="github",
        secret=SECRET,
        credential=keys()[0],
        config={"url": github.url, "app_id": APP, "installation_id": INSTALLATION},
    )


def asked(callback: str, **more: Any) -> dict[str, Any]:
    """What GitHub sends when a job waits for the rule."""
    return {
        "action": "requested",
        "environment": "production",
        "deployment_callback_url": callback,
        "deployment": {"id": 145, "sha": SHA, "environment": "production"},
        "repository": {"full_name": "shop/checkout", "html_url": "https://github.com/shop/checkout"},
        "sender": {"login": "ana"},
        "installation": {"id": int(INSTALLATION)},
        **more,
    }


def send(client: Client, payload: dict[str, Any], delivery: str = "1", secret: str = SECRET) -> Any:
    body = json.dumps(payload).encode()
    answer = client.post(
        "/hooks/github/",
        body,
        content_type="application/json",
        headers={
            "X-GitHub-Event": "deployment_protection_rule",
            "X-GitHub-Delivery": delivery,
            "X-Hub-Signature-256": sign(body, secret),
        },
    )
    drain_inbox()
    return answer


def again(seconds: float = 3600) -> None:
    """Have a question looked at again, as if that much time had passed since its last report."""
    WaitingCheck.objects.filter(state=State.WAITING).update(next_at=clock.now() - timedelta(seconds=1))
    for row in WaitingCheck.objects.exclude(reported_at=None):
        WaitingCheck.objects.filter(pk=row.pk).update(reported_at=row.reported_at - timedelta(seconds=seconds))
    answering.answer_waiting()


def only() -> WaitingCheck:
    return WaitingCheck.objects.get()


def test_a_ready_release_is_approved_as_the_app(
    client: Client, github: GitHubApp, source: Source, make_ready: Make, release: Release
) -> None:
    make_ready(True)
    assert send(client, asked(github.callback())).status_code == 202
    answering.answer_waiting()
    (told,) = github.answers
    assert told["environment_name"] == "production" and told["state"] == "approved"
    assert told["comment"].startswith("Ready.") and f"/releases/{release.slug}/" in told["comment"]
    assert only().state == State.ALLOWED and only().next_at is None and not github.complaints
    assert DeploymentCheck.objects.get().asker == "github" and DeploymentCheck.objects.get().environment == "production"


def test_until_it_is_ready_github_is_told_how_it_stands_and_then_once_that_it_is(
    client: Client, github: GitHubApp, source: Source, make_ready: Make
) -> None:
    make_ready(False)
    send(client, asked(github.callback()))
    for _ in range(3):
        again()
    assert github.states == [""] and only().state == State.WAITING, "the same news is told once"
    assert "Rodeo decides when it’s ready" in github.answers[0]["comment"]
    make_ready(True)
    for _ in range(3):
        again()
    assert github.states == ["", "approved"] and only().state == State.ALLOWED
    send(client, asked(github.callback()), "1")
    send(client, asked(github.callback()), "2")
    again()
    rebuild()
    again()
    assert github.states == ["", "approved"], "sent again, and everything read again: it was answered"


def test_after_a_day_it_is_rejected(client: Client, github: GitHubApp, source: Source, make_ready: Make) -> None:
    make_ready(False)
    send(client, asked(github.callback()))
    again()
    WaitingCheck.objects.update(decide_by=clock.now() - timedelta(seconds=1))
    again()
    again()
    assert github.states == ["", "rejected"] and only().state == State.REFUSED


def test_github_gets_no_more_than_ten_answers(
    client: Client, github: GitHubApp, source: Source, make_ready: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ready(False)
    send(client, asked(github.callback()))
    for number in range(15):
        WaitingCheck.objects.update(reported=f"another {number}")
        again()
    assert len(github.answers) == 9
    make_ready(True)
    again()
    assert github.states == [""] * 9 + ["approved"] and not github.complaints


def test_comments_have_1024_characters_at_most_and_count_what_is_left_out(
    client: Client, github: GitHubApp, source: Source, make_ready: Make, release: Release
) -> None:
    make_ready(False)
    Release.objects.filter(pk=release.pk).update(line="L" * 100, version="9" * 190)
    send(client, asked(github.callback()))
    again()
    assert len(github.answers[0]["comment"]) <= 1024 and not github.complaints


def test_the_installation_token_is_kept_encrypted_until_it_expires(
    client: Client, github: GitHubApp, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    for run in (1, 2):
        send(client, asked(github.callback(run), deployment={"id": run, "sha": SHA}), str(run))
        answering.answer_waiting()
    assert github.states == ["approved"] * 2 and len(github.tokens) == 1
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT token FROM {AppToken._meta.db_table}")
        assert "ghs_" not in cursor.fetchone()[0]
    AppToken.objects.update(expires_at=clock.now() + timedelta(seconds=30))
    send(client, asked(github.callback(3), deployment={"id": 3, "sha": SHA}), "3")
    answering.answer_waiting()
    assert len(github.tokens) == 2 and github.states == ["approved"] * 3


def test_a_token_that_github_no_longer_takes_is_asked_for_again(
    client: Client, github: GitHubApp, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    AppToken.objects.create(
        source=source,
        installation=INSTALLATION,
        token="ghs_stale",
        made_with="",
        expires_at=clock.now() + timedelta(hours=1),
    )
    send(client, asked(github.callback()))
    answering.answer_waiting()
    assert github.states == ["approved"]
    github.tokens.clear()
    send(client, asked(github.callback(2), deployment={"id": 2, "sha": SHA}), "2")
    answering.answer_waiting()
    again()
    assert github.states == ["approved"] * 2


# How it must fail


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/repos/shop/checkout/actions/runs/77/deployment_protection_rule",
        "https://169.254.169.254/repos/shop/checkout/actions/runs/77/deployment_protection_rule",
        "file:///etc/passwd",
        "//evil.example/repos/a/b/actions/runs/1/deployment_protection_rule",
        "{url}/repos/shop/checkout/actions/runs/77/../../../../user",
        "{url}/user/repos",
        "{url}/repos/shop/checkout/actions/runs/77/deployment_protection_rule/../../x",
    ],
)
def test_nothing_is_sent_to_an_address_that_is_not_githubs(
    client: Client, github: GitHubApp, source: Source, make_ready: Make, address: str
) -> None:
    make_ready(True)
    send(client, asked(address.format(url=github.url)))
    answering.answer_waiting()
    assert not github.answers and only().state == State.WAITING and only().error
    assert not github.asked


def test_a_wrong_signature_is_no_question(client: Client, source: Source, github: GitHubApp, release: Release) -> None:
    assert send(client, asked(github.callback()), secret="other").status_code == 401
    assert not InboundEvent.objects.exists() and not WaitingCheck.objects.exists()


def test_without_an_app_the_page_says_what_is_missing_and_the_next_try_succeeds(
    client: Client, as_ana: Client, github: GitHubApp, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    key, config = source.credential, source.config
    Source.objects.update(credential="", config={"url": github.url})
    send(client, asked(github.callback()))
    answering.answer_waiting()
    assert "only from a GitHub App" in only().error and not only().unsure
    assert "only from a GitHub App" in as_ana.get("/services/checkout/deployment-checks/").content.decode()
    source.credential, source.config = key, config
    source.save()
    again()
    assert github.states == ["approved"] and only().error == ""


def test_a_key_that_is_none_is_said(client: Client, github: GitHubApp, source: Source, make_ready: Make) -> None:
    make_ready(True)
    source.credential = "no key"
    source.save()
    send(client, asked(github.callback()))
    answering.answer_waiting()
    assert "private key" in only().error and not github.answers


def test_an_answer_that_may_have_arrived_is_not_told_twice(
    client: Client, github: GitHubApp, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    callback = github.callback()
    send(client, asked(callback))
    github.go_wrong("deployment_protection_rule", Reply({"message": "Bad gateway"}, 502))
    answering.answer_waiting()
    assert only().unsure and only().attempts == 1 and "502" in only().error
    # It had arrived.
    github.waiting.clear()
    again()
    assert only().state == State.ALLOWED and github.answers == []


def lose(github: GitHubApp) -> None:
    """Have the answer to the next try get lost."""
    github.go_wrong("deployment_protection_rule", Reply({"message": "Bad gateway"}, 502))


def test_an_approval_that_arrived_stays_one_although_it_is_no_longer_ready(
    client: Client, github: GitHubApp, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    send(client, asked(github.callback()))
    lose(github)
    answering.answer_waiting()
    github.waiting.clear()
    make_ready(False)
    again()
    assert only().state == State.ALLOWED and only().sentence.startswith("Ready.") and github.answers == []


def test_an_approval_that_did_not_arrive_is_none(
    client: Client, github: GitHubApp, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    send(client, asked(github.callback()))
    lose(github)
    answering.answer_waiting()
    make_ready(False)
    again()
    assert github.states == [""] and only().state == State.WAITING and only().unsure == ""
    WaitingCheck.objects.update(decide_by=clock.now() - timedelta(seconds=1))
    again()
    assert github.states == ["", "rejected"] and only().state == State.REFUSED


def test_a_try_that_is_turned_away_says_nothing_about_the_one_before(
    client: Client, github: GitHubApp, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    send(client, asked(github.callback()))
    lose(github)
    answering.answer_waiting()
    github.waiting.clear()
    github.go_wrong("deployment_protection_rule", Reply({"message": "slow down"}, 429, {"Retry-After": "600"}))
    again()
    again()
    assert only().state == State.ALLOWED and github.answers == []


def test_of_two_opposite_answers_that_both_may_have_arrived_neither_is_claimed(
    client: Client, github: GitHubApp, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    send(client, asked(github.callback()))
    lose(github)
    answering.answer_waiting()
    make_ready(False)
    WaitingCheck.objects.update(decide_by=clock.now() - timedelta(seconds=1))
    lose(github)
    again()
    github.waiting.clear()
    again()
    assert only().state == State.FAILED and "nobody knows which of them arrived" in only().error


def test_what_github_refuses_is_tried_again_later_and_given_up_in_the_end(
    client: Client, github: GitHubApp, source: Source, make_ready: Make, settings: Any
) -> None:
    make_ready(True)
    send(client, asked(github.callback()))
    github.waiting.clear()
    answering.answer_waiting()
    assert only().state == State.WAITING and "422" in only().error
    assert only().next_at > clock.now()  # type: ignore[operator]
    WaitingCheck.objects.update(decide_by=clock.now() - timedelta(seconds=settings.RODEO_OUTBOX_RETRY_FOR + 1))
    again()
    assert only().state == State.FAILED and only().next_at is None


def test_a_rate_limit_is_waited_for(client: Client, github: GitHubApp, source: Source, make_ready: Make) -> None:
    make_ready(True)
    send(client, asked(github.callback()))
    github.go_wrong("deployment_protection_rule", Reply({"message": "slow down"}, 429, {"Retry-After": "600"}))
    answering.answer_waiting()
    assert only().next_at > clock.now() + timedelta(minutes=9)  # type: ignore[operator]
    again()
    assert github.states == ["approved"]


def test_a_killed_worker_leaves_the_question_to_the_next(
    client: Client, github: GitHubApp, source: Source, make_ready: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ready(True)
    send(client, asked(github.callback()))

    def killed(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setitem(answering.SENDERS, "github", killed)
        with pytest.raises(SystemExit):
            answering.answer_waiting()
    assert only().state == State.WAITING and only().unsure
    assert answering.answer_waiting() == 0, "it is claimed"
    again()
    assert github.states == ["approved"]


def test_a_paused_source_answers_nothing(client: Client, github: GitHubApp, source: Source, make_ready: Make) -> None:
    make_ready(True)
    send(client, asked(github.callback()))
    Source.objects.update(state="paused")
    answering.answer_waiting()
    assert not github.asked and "paused" in only().error


def test_a_commit_that_no_release_ships_waits(
    client: Client, as_ana: Client, github: GitHubApp, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    send(client, asked(github.callback(), deployment={"id": 1, "sha": "b" * 40}))
    answering.answer_waiting()
    assert github.states == [""] and "No release ships bbbbbbb of shop/checkout" in github.answers[0]["comment"]
    page = as_ana.get("/services/checkout/deployment-checks/").content.decode()
    assert "has never asked us" not in page and "No release ships bbbbbbb" in page


def test_a_repository_that_has_no_service_is_said_where_someone_sees_it(
    client: Client, as_ana: Client, github: GitHubApp, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    send(client, asked(github.callback(), repository={"full_name": "shop/chekout"}))
    answering.answer_waiting()
    assert "The repository shop/chekout has no service yet." in github.answers[0]["comment"]
    page = as_ana.get("/deployment-checks/").content.decode()
    assert "Waiting, but for no known service" in page and "The repository shop/chekout has no service yet." in page


@pytest.mark.parametrize(
    "payload",
    [
        {"action": "requested", "repository": {"full_name": "a/b"}, "sender": {}},
        {"action": "requested", "repository": {"full_name": "a/b"}, "sender": {}, "environment": "production"},
        {"action": "other", "repository": {"full_name": "a/b"}, "sender": {}, "environment": "production"},
    ],
)
def test_a_request_without_an_address_asks_nothing(client: Client, source: Source, payload: dict[str, Any]) -> None:
    assert send(client, payload).status_code == 202
    assert InboundEvent.objects.get().state == "ignored" and not WaitingCheck.objects.exists()


def test_one_that_was_asked_long_ago_is_not_answered_now(
    client: Client, github: GitHubApp, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    send(client, asked(github.callback()))
    WaitingCheck.objects.all().delete()
    InboundEvent.objects.update(received_at=clock.now() - timedelta(days=30), state="pending")
    drain_inbox()
    assert only().state == State.WITHDRAWN and answering.answer_waiting() == 0


def test_githubs_own_event(
    client: Client, github: GitHubApp, source: Source, real_data: Path, make_ready: Make
) -> None:
    make_ready(True)
    payload = json.loads((real_data / "github" / "deployment_protection_rule.requested.composed.json").read_text())
    send(client, payload)
    row = only()
    assert (row.repository, row.sha, row.environment) == ("terraform-test-github/sample-app", SHA, "production")
    assert row.installation == "35490125"
    answering.answer_waiting()
    assert "another server" in only().error, "this source is of another GitHub"
    payload["deployment_callback_url"] = github.callback()
    payload["repository"]["full_name"] = "shop/checkout"
    send(client, payload, "2")
    answering.answer_waiting()
    assert github.states == ["approved"] and not github.complaints
