"""GitLab’s external status checks: pending until ready, passed then, failed after a day."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.kernel import clock
from releases.allowed_hosts.models import AllowedHost
from releases.deployment_checks import answering
from releases.deployment_checks.models import DeploymentCheck, WaitingCheck
from releases.inbox.models import InboundEvent, Source
from releases.models import Change, Release, ReleaseContent
from releases.planning.actions import abandon_release
from releases.reading.actions import drain_inbox, rebuild
from squads.models import Service, Squad
from tests.doubles.gitlab_checks import TOKEN, GitLabChecks
from tests.doubles.serving import Reply
from tests.releases.deployment_checks.conftest import SHA

pytestmark = pytest.mark.django_db
SECRET = "between-us"
State = WaitingCheck.State
Make = Callable[[bool], None]


@pytest.fixture
def gitlab() -> Iterator[GitLabChecks]:
    double = GitLabChecks(SHA)
    yield double
    double.close()


@pytest.fixture
def source(gitlab: GitLabChecks) -> Source:
    AllowedHost.objects.create(host="127.0.0.1")
    return Source.objects.create(
        key="gitlab", name="GitLab", kind="gitlab", secret=SECRET, credential=TOKEN, config={"url": gitlab.url}
    )


def asked(sha: str = SHA, state: str = "opened", query: str = "", **more: Any) -> dict[str, Any]:
    """What GitLab sends for a status check: a merge request’s webhook, with the check beside it."""
    return {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "project": {
            "id": 7,
            "path_with_namespace": "shop/checkout",
            "web_url": "https://gitlab.example/shop/checkout",
            "default_branch": "main",
        },
        "object_attributes": {
            "id": 93,
            "iid": 3,
            "target_project_id": 7,
            "target_branch": "main",
            "title": "Refunds",
            "state": state,
            "updated_at": "2026-11-30 10:00:00 UTC",
            "url": "https://gitlab.example/shop/checkout/-/merge_requests/3",
            "last_commit": {"id": sha},
            **more,
        },
        "external_approval_rule": {"id": 1, "name": "Rodeo", "external_url": f"https://rodeo/hooks/gitlab/{query}"},
    }


def send(client: Client, payload: dict[str, Any], signature: str | None = None) -> Any:
    body = json.dumps(payload).encode()
    signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest() if signature is None else signature
    headers = {"X-Gitlab-Signature": signed} if signed else {}
    answer = client.post("/hooks/gitlab/", body, content_type="application/json", headers=headers)
    drain_inbox()
    return answer


def again() -> None:
    WaitingCheck.objects.filter(state=State.WAITING).update(next_at=clock.now() - timedelta(seconds=1))
    answering.answer_waiting()


def test_it_is_pending_until_it_is_ready_and_then_passed_once(
    client: Client, gitlab: GitLabChecks, source: Source, make_ready: Make
) -> None:
    make_ready(False)
    assert send(client, asked()).status_code == 202
    for _ in range(3):
        again()
    assert gitlab.answers == ["pending"]
    make_ready(True)
    for _ in range(3):
        again()
    assert gitlab.answers == ["pending", "passed"] and not gitlab.complaints
    assert WaitingCheck.objects.get().state == State.ALLOWED
    assert set(DeploymentCheck.objects.values_list("asker", "service__name")) == {("gitlab", "checkout")}


def test_after_a_day_it_failed(client: Client, gitlab: GitLabChecks, source: Source, make_ready: Make) -> None:
    make_ready(False)
    send(client, asked())
    WaitingCheck.objects.update(decide_by=clock.now() - timedelta(seconds=1))
    again()
    assert gitlab.answers == ["failed"] and WaitingCheck.objects.get().state == State.REFUSED


@pytest.mark.parametrize("ready", [True, False])
def test_a_check_that_gitlab_asks_for_again_is_judged_and_answered_again(
    client: Client, gitlab: GitLabChecks, source: Source, make_ready: Make, ready: bool
) -> None:
    make_ready(False)
    send(client, asked())
    WaitingCheck.objects.update(decide_by=clock.now() - timedelta(seconds=1))
    again()
    assert gitlab.answers == ["failed"]
    make_ready(ready)
    send(client, asked(title="Refunds, asked again"))
    again()
    assert gitlab.answers == ["failed", "passed" if ready else "pending"]
    assert WaitingCheck.objects.get().decide_by > clock.now()


def test_a_check_that_passed_and_is_asked_for_again_no_longer_passes_if_it_is_not_ready(
    client: Client, gitlab: GitLabChecks, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    send(client, asked())
    again()
    make_ready(False)
    send(client, asked(title="Refunds, and more"))
    again()
    rebuild()
    again()
    assert gitlab.answers == ["passed", "pending"] and WaitingCheck.objects.get().state == State.WAITING


def test_a_pass_that_may_have_arrived_is_taken_back_once_it_no_longer_holds(
    client: Client, gitlab: GitLabChecks, source: Source, make_ready: Make
) -> None:
    make_ready(False)
    send(client, asked())
    again()
    make_ready(True)
    gitlab.go_wrong("status_check_responses", Reply({"message": "Bad gateway"}, 502))
    again()
    make_ready(False)
    again()
    assert gitlab.answers == ["pending", "pending"] and WaitingCheck.objects.get().unsure == ""


def test_an_answer_about_an_older_commit_counts_as_none(
    client: Client, gitlab: GitLabChecks, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    send(client, asked())
    WaitingCheck.objects.update(unsure=State.ALLOWED)
    gitlab.head = "c" * 40
    again()
    assert WaitingCheck.objects.get().state == State.WAITING and "409" in WaitingCheck.objects.get().error


def test_the_checks_address_may_name_the_release(
    client: Client, gitlab: GitLabChecks, source: Source, make_ready: Make, release: Release
) -> None:
    make_ready(True)
    gitlab.head = "c" * 40
    send(client, asked("c" * 40, query=f"?release={release.slug}&service=checkout"))
    again()
    assert gitlab.answers == ["passed"]


def test_a_misspelt_service_in_the_checks_address_is_never_passed_and_said_where_someone_sees_it(
    client: Client, as_ana: Client, gitlab: GitLabChecks, source: Source, make_ready: Make, release: Release
) -> None:
    make_ready(True)
    send(client, asked(query=f"?release={release.slug}&service=chekout"))
    again()
    assert gitlab.answers == ["pending"]
    page = as_ana.get("/deployment-checks/").content.decode()
    assert "names a service. There’s no service “chekout”. Did you mean “checkout”?" in page
    assert "has never asked us" not in as_ana.get("/services/checkout/deployment-checks/").content.decode()


@pytest.mark.parametrize("name", ["CHECKOUT", "Checkout", "checkout", "till"])
def test_a_question_is_on_the_page_of_the_service_it_is_judged_by_however_its_name_is_spelled(
    client: Client, as_ana: Client, gitlab: GitLabChecks, source: Source, make_ready: Make, checkout: Service, name: str
) -> None:
    Service.objects.create(name="Till", slug="till", merged_into=checkout)
    make_ready(False)
    send(client, asked(query=f"?service={name}"))
    again()
    assert "Waiting, but for no known service" not in as_ana.get("/deployment-checks/").content.decode()
    page = as_ana.get("/services/checkout/deployment-checks/").content.decode()
    assert "Waiting for an answer" in page and "Not ready. 1 gate doesn’t pass" in page


def test_a_question_of_a_repository_is_on_its_services_page_however_the_repository_is_spelled(
    client: Client, as_ana: Client, gitlab: GitLabChecks, source: Source, make_ready: Make
) -> None:
    make_ready(False)
    payload = asked()
    payload["project"]["path_with_namespace"] = "Shop/Checkout"
    send(client, payload)
    again()
    assert "Waiting, but for no known service" not in as_ana.get("/deployment-checks/").content.decode()
    assert "Waiting for an answer" in as_ana.get("/services/checkout/deployment-checks/").content.decode()


def test_a_repository_that_asks_about_an_abandoned_release_asks_for_its_own_services_only(
    client: Client,
    as_ana: Client,
    gitlab: GitLabChecks,
    source: Source,
    release: Release,
    ana: User,
    payments: Squad,
    pam: User,
) -> None:
    other = Service.objects.create(name="other", slug="other", squad=payments)
    ReleaseContent.objects.create(release=release, service=other, sha="b" * 40, by=ana)
    abandon_release(release, by=pam, because="Nobody needs it.")
    send(client, asked(query=f"?release={release.slug}"))
    again()
    assert "has never asked us" not in as_ana.get("/services/checkout/deployment-checks/").content.decode()
    assert "has never asked us" in as_ana.get("/services/other/deployment-checks/").content.decode()


@pytest.mark.parametrize("late", [True, False])
def test_a_check_that_is_asked_for_again_while_it_is_answered_is_answered_again(
    client: Client,
    gitlab: GitLabChecks,
    source: Source,
    make_ready: Make,
    late: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_ready(False)
    send(client, asked())
    tell = answering.SENDERS["gitlab"]

    def told_meanwhile(*args: Any) -> None:
        tell(*args)
        monkeypatch.setitem(answering.SENDERS, "gitlab", tell)
        send(client, asked(title="Refunds, asked again"))

    monkeypatch.setitem(answering.SENDERS, "gitlab", told_meanwhile)
    if late:
        WaitingCheck.objects.update(decide_by=clock.now() - timedelta(seconds=1))
    again()
    row = WaitingCheck.objects.get()
    assert (row.state, row.next_at is None, row.unsure) == (State.WAITING, False, "")
    again()
    assert gitlab.answers == ["failed" if late else "pending", "pending"]


def test_a_misspelt_name_in_the_checks_address_is_an_event_that_cannot_be_read(
    client: Client, gitlab: GitLabChecks, source: Source, make_ready: Make, release: Release
) -> None:
    make_ready(True)
    send(client, asked(query=f"?relase={release.slug}"))
    again()
    assert gitlab.answers == [] and "has “relase”; only release and service" in InboundEvent.objects.get().error


def test_a_newer_commit_of_the_merge_request_takes_the_place_of_the_older(
    client: Client, gitlab: GitLabChecks, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    send(client, asked("c" * 40))
    send(client, asked())
    again()
    assert gitlab.answers == ["passed"]
    assert list(WaitingCheck.objects.order_by("asked_at").values_list("state", flat=True)) == ["withdrawn", "allowed"]


def test_a_merge_request_that_was_closed_waits_for_nothing_and_one_that_was_merged_is_a_change(
    client: Client, gitlab: GitLabChecks, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    send(client, asked())
    send(client, asked(state="merged", merge_commit_sha="d" * 40, action="merge"))
    again()
    assert gitlab.answers == [] and WaitingCheck.objects.get().state == State.WITHDRAWN
    assert Change.objects.get().sha == "d" * 40


@pytest.mark.parametrize("signature", ["", "0" * 64, "sha256=", "x"])
def test_a_wrong_signature_or_none_is_no_question(
    client: Client, source: Source, release: Release, signature: str
) -> None:
    assert send(client, asked(), signature).status_code == 401
    assert not InboundEvent.objects.exists()


def test_without_a_token_the_page_says_so(
    client: Client, as_ana: Client, gitlab: GitLabChecks, source: Source, make_ready: Make
) -> None:
    make_ready(True)
    Source.objects.update(credential="")
    send(client, asked())
    again()
    assert not gitlab.asked and "only with a token" in WaitingCheck.objects.get().error
    assert "only with a token" in as_ana.get("/services/checkout/deployment-checks/").content.decode()


@pytest.mark.parametrize(
    "broken",
    [
        {"iid": "../../admin"},
        {"target_project_id": "7/../8"},
        {"iid": None},
        {"last_commit": {"id": "not a sha"}},
    ],
)
def test_ids_that_are_no_numbers_ask_nothing(
    client: Client, source: Source, release: Release, broken: dict[str, Any]
) -> None:
    payload = asked()
    payload["object_attributes"] |= broken
    if "target_project_id" not in broken and broken.get("iid", "") is None:
        del payload["object_attributes"]["iid"]
    assert send(client, payload).status_code == 202
    assert not WaitingCheck.objects.exists() and InboundEvent.objects.get().state in ("failed", "ignored")
