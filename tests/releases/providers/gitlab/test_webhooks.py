"""What becomes of each of GitLab's webhooks, and who may send them."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from releases.providers.base import Message, MessageRefused
from releases.providers.facts import ArtifactSeen, ChangeMerged, DeploymentSeen, RunSeen, Seen, TicketSeen, Unreadable
from releases.providers.gitlab.webhook import PROVIDER, label, translate
from releases.providers.payloads import headers_to_store

HERE = Path(__file__).parent
SHA = "4f5e6d7c8b9a00112233445566778899aabbccdd"
TOKEN = base64.urlsafe_b64encode(bytes(range(200, 232))).decode().rstrip("=")


def said(name: str, **changes: Any) -> Any:
    read = json.loads((HERE / f"{name}.json").read_text())
    read.get("object_attributes", read).update(changes)
    return read


def facts_of(document: Any, kind: str = "") -> list[Seen] | None:
    body = json.dumps(document).encode()
    return translate(kind or label(Message({}, body)).kind, Message({}, body), {})


def only(name: str, **changes: Any) -> Any:
    found = facts_of(said(name, **changes))
    assert found is not None and len(found) == 1
    return found[0]


def test_a_pipeline_that_ended_is_a_run_with_its_times_and_address() -> None:
    run = only("pipeline__success")
    assert isinstance(run, RunSeen)
    assert (run.key, run.phase, run.outcome, run.raw_status) == (
        "gitlab.example|pipeline|31",
        "finished",
        "success",
        "success",
    )
    assert (run.sha, run.branch, run.repository, run.pipeline) == (SHA, "main", "shop/checkout", "Release")
    assert run.finished_at == run.at == datetime(2026, 1, 31, 12, 4, 30, tzinfo=UTC)
    assert run.url == "https://gitlab.example/shop/checkout/-/pipelines/31"


@pytest.mark.parametrize(
    ("word", "phase", "outcome"),
    [
        ("created", "queued", ""),
        ("waiting_for_resource", "waiting", ""),
        ("preparing", "queued", ""),
        ("pending", "queued", ""),
        ("running", "running", ""),
        ("canceling", "running", ""),
        ("manual", "waiting", ""),
        ("scheduled", "waiting", ""),
        ("failed", "finished", "failure"),
        ("canceled", "finished", "cancelled"),
        ("skipped", "finished", "skipped"),
        ("levitating", "finished", "unknown"),
    ],
)
def test_each_word_of_a_pipeline_has_a_phase_and_an_outcome(word: str, phase: str, outcome: str) -> None:
    run = only("pipeline__success", status=word)
    assert (run.phase, run.outcome, run.raw_status) == (phase, outcome, word)


def test_a_pipeline_of_a_forks_main_is_not_a_run_of_our_main() -> None:
    assert only("pipeline__of_a_fork").branch == "refs/merge-requests/74/head"


def test_a_child_pipeline_says_nothing_about_the_commit() -> None:
    assert only("pipeline__child").sha == ""


def test_a_job_tells_that_its_pipeline_began_and_never_how_it_ended() -> None:
    run, whole = only("build__success"), only("pipeline__success")
    assert (run.key, run.phase, run.outcome, run.sha, run.branch) == (whole.key, "running", "", SHA, "")
    assert only("build__success", build_status="pending").phase == "queued"
    assert only("build__success", source_pipeline={"pipeline_id": 30}).sha == ""
    assert facts_of({"object_kind": "build"}) == []


def test_a_deployment_has_the_full_sha_from_the_address_of_its_commit() -> None:
    deployment = only("deployment__success")
    assert isinstance(deployment, DeploymentSeen)
    assert (deployment.sha, deployment.environment, deployment.repository) == (SHA, "production", "shop/checkout")
    assert (deployment.key, deployment.outcome) == ("gitlab.example|deployment|15", "success")
    assert deployment.finished_at == datetime(2026, 1, 31, 12, 10, tzinfo=UTC)


def test_a_deployment_that_waits_for_approval_has_no_outcome() -> None:
    deployment = only("deployment__success", status="blocked")
    assert (deployment.phase, deployment.outcome, deployment.finished_at) == ("waiting", "", None)


def test_a_merged_merge_request_is_a_change_linked_by_title_description_and_branch() -> None:
    change = only("merge_request__merged")
    assert isinstance(change, ChangeMerged)
    assert (change.key, change.repository, change.url) == (
        SHA,
        "shop/checkout",
        "https://gitlab.example/shop/checkout/-/merge_requests/5",
    )
    assert change.texts == (
        ("title", "PAY-12 Refund in parts"),
        ("description", "Also helps PAY-13."),
        ("branch", "feature/pay-14-refunds"),
    )


def test_a_merge_request_that_is_open_or_goes_elsewhere_says_nothing() -> None:
    assert facts_of(said("merge_request__open")) == []
    assert facts_of(said("merge_request__merged", target_branch="support/5")) == []


def test_a_fast_forward_is_its_last_commit_only_when_it_was_surely_not_squashed() -> None:
    assert facts_of(said("merge_request__merged", merge_commit_sha=None)) == []
    assert only("merge_request__merged", merge_commit_sha=None, squash=False).key == "a" * 40


def test_a_squash_below_a_merge_commit_is_two_changes_and_the_squash_keeps_the_originals() -> None:
    squash = "c" * 40
    document = said("merge_request__merged", squash_commit_sha=squash)
    document["object_attributes"]["_commits"] = [{"id": "d" * 40, "committed_date": "2026-01-29T10:00:00.000+01:00"}]
    merge, squashed = facts_of(document) or []
    assert (merge.key, squashed.key) == (SHA, squash)
    assert squashed.commits == (("d" * 40, datetime(2026, 1, 29, 9, tzinfo=UTC)),) and merge.commits == ()


def test_a_push_to_the_default_branch_brings_its_commits_to_the_mainline_when_its_newest_was_made() -> None:
    first, second = facts_of(said("push__to_main")) or []
    assert (first.key, second.key) == ("b" * 40, SHA)
    assert first.merged_at == second.merged_at == datetime(2026, 1, 31, 11, 59, tzinfo=UTC)
    assert first.texts == (("message", "PAY-12 First"),)


def test_a_committers_clock_that_runs_ahead_does_not_put_a_push_into_the_future() -> None:
    headers = {"received-at": "2026-01-30T00:00:00+00:00"}
    found = translate("push", Message(headers, json.dumps(said("push__to_main")).encode()), {}) or []
    assert {each.at for each in found} == {datetime(2026, 1, 30, tzinfo=UTC)}


def test_a_push_to_another_branch_or_of_a_deleted_one_says_nothing() -> None:
    assert facts_of(said("push__to_main", ref="refs/heads/feature")) == []
    assert facts_of(said("push__to_main", commits=[])) == []


def test_a_release_publishes_its_tag_and_one_announced_for_later_does_not_yet() -> None:
    published = only("release__created")
    assert isinstance(published, ArtifactSeen)
    assert published.key == "pkg:gitlab/shop/checkout@5.10?repository_url=gitlab.example"
    assert published.sha == SHA and published.published_at == datetime(2026, 1, 31, 13, tzinfo=UTC)
    assert only("release__created", released_at="2027-01-31 13:00:00 UTC").published_at is None
    assert facts_of(said("release__created", action="delete")) == []


def test_an_issue_is_a_ticket_and_a_confidential_one_stays_where_it_is() -> None:
    ticket = only("issue__opened")
    assert isinstance(ticket, TicketSeen)
    assert (ticket.key, ticket.title, ticket.type, ticket.closed) == (
        "shop/checkout#23",
        "Refunds are rounded",
        "defect",
        False,
    )
    assert facts_of(said("issue__opened", confidential=True)) == []


@pytest.mark.parametrize("kind", ["tag_push", "note", "wiki_page", "feature_flag", "member"])
def test_what_adds_nothing_is_kept_and_not_read(kind: str) -> None:
    assert facts_of({"object_kind": kind}, kind) is None


@pytest.mark.parametrize("body", [b"[]", b"7", b"{", b'{"object_attributes": []}'])
def test_what_cannot_be_read_says_why(body: bytes) -> None:
    with pytest.raises(Unreadable):
        translate("pipeline", Message({}, body), {})


# Filing


def test_a_delivery_is_filed_under_the_id_that_stays_when_it_is_sent_again() -> None:
    body = json.dumps(said("pipeline__success")).encode()
    headers = {"X-Gitlab-Event": "Pipeline Hook", "Idempotency-Key": "k-1", "X-Gitlab-Event-UUID": "shared"}
    assert label(Message(headers_to_store(headers), body)).delivery == "k-1"
    assert label(Message(headers_to_store({**headers, "webhook-id": "w-1"}), body)).delivery == "w-1"
    assert label(Message(headers_to_store({"X-Gitlab-Event-UUID": "shared"}), body)).delivery == ""


def test_the_kind_is_the_bodys_own_and_the_headers_only_where_it_says_nothing() -> None:
    headers = {"x-gitlab-event": "Tag Push Hook"}
    assert label(Message(headers, b'{"object_kind": "push"}')).kind == "push"
    assert label(Message(headers, b"{}")).kind == "tag_push"
    assert label(Message({}, b'{"object_kind": "pull.pipeline"}')).kind == "pipeline"


# Who sent it


def signed(secret: bytes, body: bytes, at: float | None = None, id_: str = "w-1") -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret, f"{id_}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": id_, "webhook-timestamp": stamp, "webhook-signature": signature}


KEY = base64.urlsafe_b64decode(TOKEN + "=")
SIGNING = "whsec_" + base64.b64encode(KEY).decode()


def test_the_token_opens_and_any_other_does_not() -> None:
    assert PROVIDER.authentic({"x-gitlab-token": TOKEN}, b"{}", TOKEN)
    assert PROVIDER.authentic({"authorization": f"Bearer {TOKEN}"}, b"{}", TOKEN)
    assert not PROVIDER.authentic({"x-gitlab-token": TOKEN[:-1]}, b"{}", TOKEN)
    assert not PROVIDER.authentic({"x-gitlab-token": ""}, b"{}", "")
    assert not PROVIDER.authentic({}, b"{}", TOKEN)


@pytest.mark.parametrize("secret", [TOKEN, SIGNING])
def test_a_signature_opens_whether_gitlab_or_rodeo_made_the_secret(secret: str) -> None:
    assert PROVIDER.authentic(signed(KEY, b"{}"), b"{}", secret)
    two = {**signed(KEY, b"{}")}
    two["webhook-signature"] = f"v1,AAAA {two['webhook-signature']} v2,later"
    assert PROVIDER.authentic(two, b"{}", secret)


def test_a_wrong_signature_is_refused_even_beside_the_right_token() -> None:
    good = signed(KEY, b"{}")
    token = {"x-gitlab-token": TOKEN}
    assert not PROVIDER.authentic({**good, **token}, b'{"a": 1}', TOKEN)
    assert not PROVIDER.authentic({**good, **token, "webhook-id": "w-2"}, b"{}", TOKEN)
    assert not PROVIDER.authentic({**token, "webhook-signature": ""}, b"{}", TOKEN)
    assert not PROVIDER.authentic({**token, "webhook-signature": "v1,é \ud800"}, b"{}", TOKEN)
    assert not PROVIDER.authentic({**token, "x-hub-signature-256": "sha256=00"}, b"{}", TOKEN)


@pytest.mark.parametrize("away", [-301, 330])
def test_a_right_signature_that_is_old_or_of_the_future_is_refused_with_the_remedy(away: int) -> None:
    with pytest.raises(MessageRefused, match="clocks"):
        PROVIDER.authentic(signed(KEY, b"{}", time.time() + away), b"{}", TOKEN)


def test_gitlabs_id_and_time_without_a_signature_do_not_shut_out_the_token() -> None:
    assert PROVIDER.authentic({"webhook-id": "w", "webhook-timestamp": "1", "x-gitlab-token": TOKEN}, b"{}", TOKEN)


def test_neither_token_nor_signature_is_kept() -> None:
    headers = {**signed(KEY, b"{}"), "X-Gitlab-Token": TOKEN, "X-Gitlab-Instance": "https://gitlab.example"}
    assert set(headers_to_store(headers, PROVIDER.secret_headers)) == {
        "webhook-id",
        "webhook-timestamp",
        "x-gitlab-instance",
    }


def test_a_bot_is_known_by_its_user_name_or_the_address_of_its_commits() -> None:
    author = {"id": 9, "name": "Renovate", "username": "project_12_bot_4f5e"}
    change = only("merge_request__merged", author=author)
    assert isinstance(change, ChangeMerged) and (change.author, change.author_type) == ("Renovate", "bot")
    last = {"id": "a" * 40, "author": {"name": "Updates", "email": "project_12_bot@noreply.gitlab.example"}}
    change = only("merge_request__merged", last_commit=last, author={})
    assert isinstance(change, ChangeMerged) and (change.author, change.author_type) == ("Updates", "bot")
    pushed = facts_of(said("push__to_main")) or []
    assert {each.author_type for each in pushed if isinstance(each, ChangeMerged)} == {""}
