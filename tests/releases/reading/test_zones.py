"""Times that are written without a zone: never guessed, never replaced by the time of receipt; read once the zone is chosen."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from portal.kernel.outbox import deliver
from releases.models import AcceptanceRun, Alert, Deployment, InboundEvent, Source
from releases.reading.actions import drain_inbox
from tests.releases.conftest import TOKEN, source

pytestmark = pytest.mark.django_db
Send = Callable[..., HttpResponse]
NAIVE, MEANT = "2026-01-05T11:00:00", datetime(2026, 1, 5, 10, tzinfo=UTC)
SUITE = f'<testsuite name="s" timestamp="{NAIVE}"><testcase name="PAY-13 pays" classname="c" time="1"/></testsuite>'
MAPPING = {
    "makes": "deployment",
    "key": "$.id",
    "status": "ok",
    "service": "web",
    "environment": "production",
    "finished_at": "$.at",
}
CHEF = {"resources": ["package[web]"]}
CONVERGE = {
    "message_type": "run_converge",
    "run_id": "1",
    "node_name": "web1",
    "status": "success",
    "end_time": NAIVE,
    "node": {"chef_environment": "production"},
    "resources": [{"type": "package", "name": "web", "status": "updated", "after": {"version": "1"}}],
}
CDEVENT = {
    "context": {"id": "1", "source": "/d", "type": "dev.cdevents.service.deployed.0.2.0", "timestamp": NAIVE},
    "subject": {"id": "web", "content": {"environment": {"id": "production"}}},
}
ALERT = {"state": "DOWN", "timestamp": NAIVE, "host": "web1"}
OPSGENIE = {"action": "Create", "alert": {"alertId": "7", "createdAt": NAIVE, "message": "Down"}}


def upload(client: Client, suite: str, query: str = "") -> HttpResponse:
    return client.post(  # type: ignore[return-value]
        f"/api/v1/acceptance-runs/?environment=production&service=web{query}",
        suite,
        content_type="application/xml",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )


@pytest.mark.parametrize(
    ("kind", "config", "body", "field"),
    [
        ("generic", MAPPING, {"id": 1, "at": NAIVE}, "finished_at"),
        ("chef", CHEF, CONVERGE, "end_time"),
        ("cdevents", {}, CDEVENT, "context.timestamp"),
        ("nagios", {}, ALERT, "timestamp"),
        ("opsgenie", {}, OPSGENIE, "alert.createdAt"),
    ],
)
def test_a_time_without_a_zone_fails_with_its_field_until_the_zone_of_the_source_is_chosen(
    kind: str, config: dict[str, Any], body: Any, field: str, send: Send, as_root: Client
) -> None:
    source("ours", kind, config=config)
    assert send("/hooks/ours/", body).status_code == 202
    drain_inbox()
    event = InboundEvent.objects.get()
    assert event.state == "failed" and f"{field}: “{NAIVE}” has no time zone. Set the source’s time zone" in event.error
    settings = {**config, "zone": "Europe/Berlin"}
    answer = as_root.patch("/api/v1/sources/ours/", {"settings": settings}, content_type="application/json")
    assert answer.status_code == 200, answer.content
    deliver()
    drain_inbox()
    event.refresh_from_db()
    assert event.state == "processed", event.error
    [row] = [*Deployment.objects.all(), *Alert.objects.all()]
    assert (row.finished_at if isinstance(row, Deployment) else row.opened_at) == MEANT


def test_a_junit_file_without_a_zone_is_kept_and_read_once_the_zone_is_chosen_on_the_page(
    scripts: Source, client: Client, as_root: Client
) -> None:
    answer = upload(client, SUITE)
    assert answer.status_code == 202
    assert "timestamp: “2026-01-05T11:00:00” has no time zone" in answer.json()["notes"][0]
    drain_inbox()
    assert InboundEvent.objects.get().state == "failed" and not AcceptanceRun.objects.exists()
    assert (
        "1 event couldn’t be read because the times have no time zone."
        in as_root.get("/sources/scripts/").content.decode()
    )
    assert "Time zone" in as_root.get("/sources/scripts/edit/").content.decode()
    saved = as_root.post("/sources/scripts/edit/", {"name": "Scripts", "zone": "+01:00"})
    assert saved.status_code == 302
    deliver()
    drain_inbox()
    assert {each.started_at for each in AcceptanceRun.objects.all()} == {MEANT}
    assert "have no time zone" not in as_root.get("/sources/scripts/").content.decode()


def test_a_junit_upload_may_say_the_zone_itself(scripts: Source, client: Client) -> None:
    assert (
        upload(client, SUITE, "&zone=Europe/Berlin").json()["notes"]
        == upload(client, SUITE, "&zone=UTC").json()["notes"]
    )
    drain_inbox()
    assert {each.started_at for each in AcceptanceRun.objects.all()} >= {MEANT}
    assert not InboundEvent.objects.filter(state="failed").exists()
    refused = upload(client, SUITE, "&zone=Europe/Berlni")
    assert refused.status_code == 400 and "Did you mean Europe/Berlin?" in refused.content.decode()


def test_a_report_without_a_zone_is_refused_with_the_remedy_and_taken_in_the_zone_of_its_source(
    scripts: Source, send: Send
) -> None:
    body = {"service": "web", "environment": "production", "version": "1", "finished_at": NAIVE}
    refused = send("/api/v1/deployments/", body)
    assert refused.status_code == 400
    assert "has no time zone. Write it as 2026-01-31T12:00:00Z, or ask" in refused.content.decode()
    assert not InboundEvent.objects.exists()
    Source.objects.update(config={"zone": "Europe/Berlin"})
    assert send("/api/v1/deployments/", body).status_code == 202
    drain_inbox()
    assert Deployment.objects.get().finished_at == MEANT


@pytest.mark.parametrize("door", ["page", "api"])
def test_the_zone_is_asked_when_a_source_is_made(door: str, as_root: Client) -> None:
    if door == "page":
        assert (
            as_root.post("/sources/new/push/", {"kind": "report", "name": "x", "zone": "Mars/Base"}).status_code == 400
        )
        made = as_root.post("/sources/new/push/", {"kind": "report", "name": "x", "zone": "Asia/Tokyo"})
    else:
        body = {"kind": "report", "name": "x", "zone": "Asia/Tokyo"}
        made = as_root.post("/api/v1/sources/push/", body, content_type="application/json")
    assert made.status_code == 201 and Source.objects.get().config == {"zone": "Asia/Tokyo"}


def test_a_zone_that_does_not_exist_names_the_nearest(as_root: Client) -> None:
    source("ours", "nagios")
    settings = {"settings": {"zone": "europe/Berln"}}
    answer = as_root.patch("/api/v1/sources/ours/", settings, content_type="application/json")
    assert answer.status_code == 400 and "Did you mean Europe/Berlin?" in answer.content.decode()


@pytest.mark.parametrize(
    ("timestamp", "note"),
    [
        (
            "28/11/2026 10:05",
            "timestamp: “28/11/2026 10:05” isn’t a time such as 2026-01-31T12:00:00Z, so its arrival counts as its end.",
        ),
        ("", "The file has no times, so its arrival counts as its end."),
    ],
)
def test_a_junit_file_whose_times_cannot_be_known_says_that_it_is_dated_by_its_receipt(
    timestamp: str, note: str, scripts: Source, client: Client
) -> None:
    answer = upload(client, SUITE.replace(NAIVE, timestamp))
    assert answer.status_code == 202 and answer.json()["notes"][0] == note
    drain_inbox()
    event = InboundEvent.objects.get()
    assert (event.state, event.reason) == ("processed", note)
    assert {each.finished_at for each in AcceptanceRun.objects.all()} == {event.received_at}
