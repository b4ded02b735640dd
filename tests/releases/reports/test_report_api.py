"""The plain door for scripts."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from portal.accounts.models import User
from portal.kernel import clock
from releases.deployments.models import AcceptanceRun, Deployment
from releases.flags.models import FlagState
from releases.inbox.models import InboundEvent, Source
from releases.mappings.models import MappingRule
from releases.pipelines.models import Run
from squads.models import Service, Squad
from squads.stories.actions import create_story
from tests.releases.conftest import TOKEN, source

Send = Callable[..., HttpResponse]
Drained = Callable[[], int]
API = "/api/v1/"
DEPLOYMENT = {"service": "checkout", "environment": "production", "commit": "4f5e6d7c8b9a"}
JUNIT = Path(__file__).parents[1] / "providers/report/fixtures/junit__mixed.xml"


def errors(answer: HttpResponse) -> dict[str, str]:
    return {each["attr"]: each["detail"] for each in answer.json()["errors"]}


def test_a_deployment_is_taken_and_shown(scripts: Source, send: Send, drained: Drained, as_ana: Client) -> None:
    answer = send(f"{API}deployments/", {**DEPLOYMENT, "version": "5.10", "url": "https://deploy.example/1"})
    assert answer.status_code == 202
    event = InboundEvent.objects.get()
    assert answer.json()["id"] == str(event.pk)
    assert answer.json()["url"] == f"http://testserver/inbox/{event.pk}/"
    drained()
    shown = as_ana.get(f"{API}deployments/").json()["results"]
    assert [(each["service"], each["environment"], each["version"], each["outcome"]) for each in shown] == [
        ("checkout", "production", "5.10", "success")
    ]
    assert shown[0]["event"] == str(event.pk)


def test_what_is_not_known_yet_is_said_and_kept(scripts: Source, send: Send, drained: Drained) -> None:
    notes = send(f"{API}deployments/", DEPLOYMENT).json()["notes"]
    assert any("checkout" in note and "without an owner" in note for note in notes)
    assert any("production" in note and "guessed as production" in note for note in notes)
    drained()
    assert send(f"{API}deployments/", DEPLOYMENT).json()["notes"] == []
    notes = send(f"{API}acceptance-runs/", {"environment": "production", "story": "PAY-9", "outcome": "passed"}).json()
    assert "There’s no story PAY-9 yet" in notes["notes"][0]


def test_two_deployments_that_look_alike_are_two(scripts: Source, send: Send, drained: Drained) -> None:
    assert [send(f"{API}deployments/", DEPLOYMENT).status_code for _ in range(2)] == [202, 202]
    drained()
    assert Deployment.objects.count() == 2


def test_one_with_a_time_in_it_sent_twice_is_one(scripts: Source, send: Send) -> None:
    timed = {**DEPLOYMENT, "finished_at": "2026-03-14T15:09:26Z"}
    assert [send(f"{API}deployments/", timed).status_code for _ in range(2)] == [202, 200]


def test_an_idempotency_key_makes_a_repeat_of_anything_but_only_at_one_door(scripts: Source, send: Send) -> None:
    first, again = (send(f"{API}deployments/", DEPLOYMENT, Idempotency_Key="k1") for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]
    run = {"id": "1", "service": "checkout", "commit": "4f5e6d7", "outcome": "passed"}
    assert send(f"{API}runs/", run, Idempotency_Key="k1").status_code == 202


def test_an_id_lets_a_deployment_go_on(scripts: Source, send: Send, drained: Drained) -> None:
    running = {**DEPLOYMENT, "id": "42", "phase": "running", "started_at": "2026-03-14T15:00:00Z"}
    finished = {**DEPLOYMENT, "id": "42", "outcome": "failed", "finished_at": "2026-03-14T15:09:00Z"}
    for body, status in ((running, 202), (running, 200), (finished, 202), (finished, 200)):
        assert send(f"{API}deployments/", body).status_code == status
    drained()
    deployment = Deployment.objects.get()
    assert (deployment.phase, deployment.outcome, deployment.raw_status) == ("finished", "failure", "failed")
    assert deployment.started_at is not None and deployment.finished_at is not None


def test_the_same_id_for_another_service_is_another_deployment(scripts: Source, send: Send, drained: Drained) -> None:
    for service in ("checkout", "basket"):
        send(f"{API}deployments/", {**DEPLOYMENT, "id": "42", "service": service})
    drained()
    assert Deployment.objects.count() == 2


def test_reading_it_again_gives_the_same_moment(scripts: Source, send: Send, drained: Drained) -> None:
    send(f"{API}deployments/", DEPLOYMENT)
    drained()
    before = Deployment.objects.values().get()
    InboundEvent.objects.update(state="pending")
    drained()
    assert Deployment.objects.values().get() == before


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"outcome": "great"}, "outcome", "Use one of success"),
        ({"finished_at": "yesterday"}, "finished_at", "2026-01-31T12:00:00Z"),
        ({"finished_at": "2026-01-31"}, "finished_at", "isn’t a valid time"),
        ({"finished_at": "2999-01-01T00:00:00Z"}, "finished_at", "in the future"),
        ({"commit": "master"}, "commit", "7 to 64 hexadecimal"),
        ({"commit": "4f5e6d"}, "commit", "7 to 64 hexadecimal"),
        ({"commit": None}, "commit", "null"),
        ({"artifact": "checkout:5.10"}, "artifact", "pkg:oci/"),
        ({"environment": ""}, "environment", "blank"),
        ({"service": "x" * 121}, "service", "120"),
        ({"service": {"id": "checkout"}}, "service", "as text"),
        ({"phase": "done"}, "phase", "not a valid choice"),
        ({"phase": "running", "outcome": "success"}, "outcome", "none yet"),
        ({"started_at": "2026-03-14T16:00:00Z", "finished_at": "2026-03-14T15:00:00Z"}, "finished_at", "before"),
        ({"url": "javascript:alert(1)"}, "url", "https://"),
        ({"enviroment": "x"}, "enviroment", "Did you mean “environment”?"),
        ({"kind": "upgrade"}, "kind", "not a valid choice"),
        ({"healthy": "no"}, "healthy", "true or false"),
        ({"version": "a\0b"}, "version", "Null characters"),
    ],
)
def test_an_objection_names_the_field_and_the_remedy(
    scripts: Source, send: Send, changed: dict[str, Any], field: str, said: str
) -> None:
    answer = send(f"{API}deployments/", {**DEPLOYMENT, **changed})
    if field == "version":
        # NUL is replaced before anybody looks.
        assert answer.status_code == 202
        return
    assert answer.status_code == 400
    assert said in errors(answer)[field]
    assert not InboundEvent.objects.exists()


def test_a_deployment_says_what_it_deployed_unless_it_removes(scripts: Source, send: Send) -> None:
    bare = {"service": "checkout", "environment": "production"}
    assert "commit, version or artifact" in errors(send(f"{API}deployments/", bare))["commit"]
    assert send(f"{API}deployments/", {**bare, "kind": "removal"}).status_code == 202


@pytest.mark.parametrize("body", [b"", b"nope", b"[]", b'"x"', b"[" * 50_000, b"\xff"])
def test_what_is_no_json_object_is_400(scripts: Source, send: Send, body: bytes) -> None:
    assert send(f"{API}deployments/", body).status_code == 400


def test_a_run_says_how_it_ended(scripts: Source, send: Send, drained: Drained) -> None:
    run = {"id": "7", "repository": "shop/checkout", "commit": "4f5e6d7c", "branch": "main", "pipeline": "main"}
    assert "Give an outcome" in errors(send(f"{API}runs/", run))["outcome"]
    assert send(f"{API}runs/", {**run, "phase": "running"}).status_code == 202
    assert (
        send(f"{API}runs/", {**run, "outcome": "unstable", "artifact": "pkg:oci/checkout@sha256:0f"}).status_code == 202
    )
    assert (
        "service or repository"
        in errors(send(f"{API}runs/", {"id": "7", "commit": "4f5e6d7c", "outcome": "ok"}))["service"]
    )
    drained()
    row = Run.objects.select_related("artifact").get()
    assert (row.phase, row.outcome, row.raw_status, row.branch) == ("finished", "warning", "unstable", "main")
    assert row.artifact is not None and row.artifact.sha == "4f5e6d7c"


def test_an_acceptance_run_may_speak_of_several_stories(scripts: Source, send: Send, drained: Drained) -> None:
    check = {
        "environment": "production",
        "stories": ["PAY-1", "pay-2"],
        "outcome": "passed",
        "by": "Ana",
        "release": "5.10",
    }
    assert send(f"{API}acceptance-runs/", check).status_code == 202
    drained()
    rows = AcceptanceRun.objects.order_by("story_key")
    assert [(row.story_key, row.outcome, row.performed_by, row.release) for row in rows] == [
        ("PAY-1", "success", "Ana", "5.10"),
        ("PAY-2", "success", "Ana", "5.10"),
    ]
    assert "isn’t a story key" in errors(send(f"{API}acceptance-runs/", {**check, "stories": ["PAY"]}))["stories.0"]


@pytest.mark.parametrize("kind", ["application/xml", "text/xml; charset=utf-8"])
def test_a_junit_file_is_one_acceptance_run_per_story(scripts: Source, send: Send, drained: Drained, kind: str) -> None:
    address = f"{API}acceptance-runs/?environment=production&release=5.10"
    first, again = send(address, JUNIT.read_bytes(), kind), send(address, JUNIT.read_bytes(), kind)
    assert (first.status_code, again.status_code) == (202, 200), "its times make it known again"
    drained()
    rows = AcceptanceRun.objects.values_list("story_key", "outcome", "release").order_by("story_key")
    assert list(rows) == [
        ("PAY-12", "success", "5.10"),
        ("PAY-13", "failure", "5.10"),
        ("PAY-14", "skipped", "5.10"),
        ("PAY-15", "warning", "5.10"),
    ]


def test_a_junit_file_may_come_as_a_form(scripts: Source, client: Client, drained: Drained) -> None:
    def upload(**fields: Any) -> HttpResponse:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return client.post(f"{API}acceptance-runs/", fields, headers=headers)  # type: ignore[return-value]

    file = SimpleUploadedFile("junit.xml", JUNIT.read_bytes(), "text/xml")
    assert upload(file=file, environment="production").status_code == 202
    assert "form field called file" in errors(upload(environment="production"))["file"]
    file.seek(0)
    assert "required" in errors(upload(file=file))["environment"]
    drained()
    assert AcceptanceRun.objects.filter(story_key="PAY-12", outcome="success").exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<nope>", "starts with <nope>"),
        (b"<testsuite", "not well-formed"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><testsuite><testcase name="&b;"/></testsuite>', "document type or entities"),
        (b"<testsuite>" * 500, "nested deeper"),
    ],
)
def test_hostile_xml_is_refused(scripts: Source, send: Send, body: bytes, said: str) -> None:
    answer = send(f"{API}acceptance-runs/?environment=production", body, "application/xml")
    assert answer.status_code == 400
    assert said in errors(answer)["file"]


def test_a_flag_is_seen_on(scripts: Source, send: Send, drained: Drained) -> None:
    seen = {
        "flag": "refunds",
        "environment": "production",
        "on": True,
        "audience": "beta",
        "at": "2026-03-14T15:00:00Z",
    }
    assert [send(f"{API}flag-states/", seen).status_code for _ in range(2)] == [202, 200]
    drained()
    row = FlagState.objects.get()
    assert (row.flag, row.on, row.audience) == ("refunds", True, "beta")


@pytest.mark.parametrize("door", ["deployments", "runs", "acceptance-runs", "flag-states"])
def test_only_a_source_of_reports_gets_in(
    ci: Source, client: Client, as_ana: Client, as_root: Client, door: str
) -> None:
    for browser, headers in (
        (client, {}),
        (as_ana, {}),
        (as_root, {}),
        (client, {"Authorization": f"Bearer {TOKEN}"}),
        (client, {"Authorization": "Basic cm9vdDpyb290LXBhc3N3b3Jk"}),
        (client, {"X-Rodeo-Token": TOKEN}),
    ):
        answer = browser.post(f"{API}{door}/", "{}", content_type="application/json", headers=headers)
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("Bearer")
        assert "/sources/" in answer.json()["errors"][0]["detail"]


def test_a_paused_source_or_one_without_a_readable_secret_gets_nobody_in(scripts: Source, send: Send) -> None:
    Source.objects.update(state="paused")
    assert send(f"{API}deployments/", DEPLOYMENT).status_code == 401
    scripts.state, scripts.secret = "active", ""
    scripts.save()
    assert send(f"{API}deployments/", DEPLOYMENT).status_code == 401


def test_reading_needs_sign_in_or_open_reading(client: Client, as_bo: Client, db: None, settings: Settings) -> None:
    for door in ("deployments", "runs", "acceptance-runs", "flag-states"):
        assert client.get(f"{API}{door}/").status_code == 401
        assert as_bo.get(f"{API}{door}/").status_code == 200
        settings.RODEO_OPEN_READING = True
        assert client.get(f"{API}{door}/").status_code == 200
        settings.RODEO_OPEN_READING = False


def test_a_body_over_the_limit_is_413(scripts: Source, send: Send, settings: Settings) -> None:
    settings.RODEO_HOOK_MAX_BYTES = 500
    assert send(f"{API}deployments/", {**DEPLOYMENT, "version": "x" * 600}).status_code == 413
    assert send(f"{API}acceptance-runs/?environment=x", b"<x/>" * 200, "application/xml").status_code == 413


def test_a_database_that_is_away_is_503(scripts: Source, send: Send, client: Client) -> None:
    client.raise_request_exception = False
    with patch("releases.reports.api.store", side_effect=OperationalError("away")):
        answer = send(f"{API}deployments/", DEPLOYMENT)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


def test_lists_cost_the_same_however_long_they_are(
    payments: Squad, as_ana: Client, django_assert_max_num_queries: Any
) -> None:
    event = source("scripts", "report").events.create(delivery="x", body=b"{}", received_at=clock.now())
    service = Service.objects.create(name="checkout", slug="checkout", squad=payments)
    from releases.environments.actions import environment_named

    place = environment_named("production")
    for number in range(30):
        Deployment.objects.create(
            id=f"00000000-0000-0000-0000-{number:012}",
            key=str(number),
            service=service,
            environment=place,
            phase="finished",
            outcome="success",
            finished_at=clock.now() - timedelta(hours=number),
            event=event,
        )
    with django_assert_max_num_queries(4):
        assert as_ana.get(f"{API}deployments/?environment=production&service=checkout").json()["count"] == 30


def test_a_file_that_names_very_many_stories_is_refused_with_the_remedy(scripts: Source, client: Client) -> None:
    cases = "".join(
        f'<testcase name="works"><properties><property name="story" value="PAY-{number}"/></properties></testcase>'
        for number in range(1, 502)
    )
    answer = client.post(
        "/api/v1/acceptance-runs/?environment=production",
        f"<testsuite>{cases}</testsuite>",
        content_type="text/xml",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    assert answer.status_code == 400
    assert "names 501 stories, over 500; send it in parts" in answer.content.decode()


def test_a_file_from_the_future_is_refused_with_the_remedy(scripts: Source, client: Client) -> None:
    suite = '<testsuite timestamp="2199-01-01T00:00:00Z"><testcase name="PAY-1 works" time="5"/></testsuite>'
    answer = client.post(
        "/api/v1/acceptance-runs/?environment=production",
        suite,
        content_type="text/xml",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    assert answer.status_code == 400
    assert "is in the future" in answer.content.decode()


def test_the_receipt_of_a_junit_file_says_what_the_rows_say(
    scripts: Source, send: Send, drained: Drained, payments: Squad, ana: User
) -> None:
    create_story(payments, by=ana, title="Refunds")
    cases = '<testcase classname="tests.http" name="test_pay_1_returns_json"/><testcase name="decodes UTF-8"/>'
    address = f"{API}acceptance-runs/?environment=production&service=checkout"
    answer = send(address, f"<testsuite>{cases}</testsuite>".encode(), "application/xml")
    drained()
    assert list(AcceptanceRun.objects.values_list("story_key", "service__name", "raw_status")) == [
        ("", "checkout", "2 passed")
    ]
    notes = " ".join(answer.json()["notes"])
    assert "this accepts no story" in notes
    assert "A test’s name mentions PAY-1, which doesn’t count. Give the test a “story” property" in notes
    assert "UTF-8" not in notes
    answer = send(f"{address}&keys_in_names=yes", b"<testsuite><testcase/></testsuite>", "application/xml")
    assert "keys_in_names" in errors(answer)


def test_the_receipt_tells_how_many_test_cases_are_left_out(scripts: Source, send: Send) -> None:
    notes = send(f"{API}acceptance-runs/?environment=production", JUNIT.read_bytes(), "application/xml").json()["notes"]
    assert "1 of 8 test cases name no story and were skipped." in notes


def test_the_receipt_knows_names_as_mapping_rules_read_them(scripts: Source, send: Send, drained: Drained) -> None:
    MappingRule.objects.create(
        kind="environment", pattern="live-*", environment="production", tier="production", order=1
    )
    check = {"environment": "live-7", "story": "PAY-1", "outcome": "passed"}
    notes = " ".join(send(f"{API}acceptance-runs/", check).json()["notes"])
    assert "live-7" not in notes and "production" in notes
    drained()
    assert AcceptanceRun.objects.get().environment.key == "production"
