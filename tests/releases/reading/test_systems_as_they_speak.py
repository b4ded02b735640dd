"""What systems really send, at the door, and the word that is said where nothing comes of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from releases.mappings.actions import create_rule
from releases.models import Alert, Deployment, InboundEvent, Run
from releases.reading.actions import drain_inbox
from tests.releases.conftest import TOKEN, source

pytestmark = pytest.mark.django_db
Send = Callable[..., HttpResponse]
SHA = "3c" * 20


def read(send: Send, kind: str, body: Any, **config: Any) -> InboundEvent:
    source("ours", kind, config=config)
    assert send("/hooks/ours/", body).status_code == 202
    drain_inbox()
    return InboundEvent.objects.get()


def package(**more: Any) -> dict[str, Any]:
    return {
        "type": "apt_package",
        "name": "web",
        "status": "updated",
        "before": {"package_name": "web", "version": [None]},
        "after": {"package_name": "web", "version": ["1.2.3"]},
        **more,
    }


def converge(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "message_type": "run_converge",
        "run_id": "r2",
        "node_name": "web1",
        "status": "success",
        "start_time": "2026-01-05T10:00:00Z",
        "end_time": "2026-01-05T10:01:00Z",
        "node": {"name": "web1", "chef_environment": "production"},
        "resources": list(resources),
        **more,
    }


@pytest.mark.parametrize("type_", ["apt_package", "yum_package", "dnf_package", "package"])
def test_a_package_of_any_platform_is_deployed_in_the_version_of_its_list(type_: str, send: Send) -> None:
    event = read(send, "chef", converge(package(type=type_)), resources=["package[web]"])
    row = Deployment.objects.get()
    assert (event.state, row.service.name, row.version, row.environment.key) == (
        "processed",
        "web",
        "1.2.3",
        "production",
    )


def test_a_rule_for_one_platform_holds_for_that_one(send: Send) -> None:
    event = read(send, "chef", converge(package()), resources=["yum_package[web]"])
    assert event.state == "ignored" and "apt_package[web]" in event.reason


def test_packages_of_one_resource_have_each_their_own_version(send: Send) -> None:
    names, versions = ["web", "search"], ["1.2.3", "4.5"]
    both = package(name="web, search", after={"package_name": names, "version": versions}, before={})
    read(send, "chef", converge(both), resources=["package[web]", "package[search]"])
    assert sorted((each.service.name, each.version) for each in Deployment.objects.all()) == [
        ("search", "4.5"),
        ("web", "1.2.3"),
    ]


@pytest.mark.parametrize(
    ("body", "config", "reason"),
    [
        (converge(package(after={"version": [None]})), {}, "apt_package[web] was updated and has no version. Pin one"),
        (converge(package(status="up-to-date")), {}, "apt_package[web] wasn’t changed (up-to-date)."),
        (converge(package(before={"version": ["1.2.3"]})), {}, "its version is still 1.2.3"),
        (converge(package(name="cron")), {}, "“Resources that deploy”: apt_package[cron]"),
        (converge(), {}, "It changed no resources."),
        (converge(package()), {"resources": []}, "The source has no “Resources that deploy” yet"),
        (converge(package()), {"nodes": ["db*"]}, "The node web1 isn’t one"),
        ({"message_type": "run_start", "run_id": "1"}, {}, "A converge started"),
        ({"message_type": "action"}, {}, "Rodeo doesn’t use this kind of Chef event."),
    ],
)
def test_a_converge_that_deploys_nothing_says_why_in_the_list_on_its_page_and_in_the_api(
    body: Any, config: Any, reason: str, send: Send, as_ana: Client
) -> None:
    event = read(send, "chef", body, **{"resources": ["package[web]"], **config})
    assert event.state == "ignored" and reason in event.reason
    shown = reason.partition("(")[0].strip()[:60]
    for address in ("/inbox/", f"/inbox/{event.pk}/", "/sources/ours/"):
        assert shown in as_ana.get(address).content.decode()
    assert reason in as_ana.get(f"/api/v1/events/{event.pk}/").json()["reason"]


def test_what_is_made_and_what_is_not_are_both_told(send: Send) -> None:
    unpinned = package(name="search", after={"version": None})
    event = read(send, "chef", converge(package(), unpinned), resources=["package[*]"])
    assert event.state == "processed" and Deployment.objects.count() == 1
    assert "apt_package[search] was updated and has no version" in event.reason


def host_down(**more: Any) -> dict[str, Any]:
    return {"type": "PROBLEM", "state": "DOWN", "timestamp": "1795912073", "host": "db2", "service": "", **more}


@pytest.mark.parametrize("unset", ["$", "$_HOSTENVIRONMENT$", "$host.vars.environment$"])
def test_a_variable_that_a_host_does_not_have_names_no_environment(unset: str, send: Send) -> None:
    read(send, "nagios", host_down(labels={"environment": unset}, url="$HOSTNOTESURL$"))
    row = Alert.objects.get()
    assert (row.environment, row.url, row.state) == (None, "", "open")


CHECK = {"metadata": {"name": "http"}, "executed": 1795912073, "output": "gone"}
ENTITY = {"metadata": {"name": "web1", "namespace": "shop"}}


@pytest.mark.parametrize("status", [127, 255, 4, -1])
def test_a_check_that_broke_is_an_alert_of_unknown_severity(status: int, send: Send) -> None:
    read(send, "sensu", {"check": {**CHECK, "status": status}, "entity": ENTITY})
    row = Alert.objects.get()
    assert (row.state, row.severity) == ("open", "unknown") and str(status) in row.raw_status


@pytest.mark.parametrize("wrapped", ["spec", "event"])
def test_an_event_of_sensu_may_be_wrapped(wrapped: str, send: Send) -> None:
    inner = {"check": {**CHECK, "status": 2}, "entity": ENTITY}
    read(send, "sensu", {"type": "Event", "api_version": "core/v2", "metadata": {"namespace": "shop"}, wrapped: inner})
    assert (Alert.objects.get().title, Alert.objects.get().severity) == ("http", "critical")


def test_pagerduty_version_2_is_ignored_with_a_word(send: Send) -> None:
    event = read(send, "pagerduty", {"messages": [{"event": "incident.trigger", "incident": {"id": "P1"}}]})
    assert event.state == "ignored" and "create a Generic Webhook (v3)" in event.reason


def test_a_priority_of_opsgenie_may_be_its_number(send: Send) -> None:
    alert = {"alertId": "7", "createdAt": 1795912073000, "message": "Down", "priority": 1}
    read(send, "opsgenie", {"action": "Create", "alert": alert})
    assert Alert.objects.get().severity == "P1"


def test_a_note_of_a_pipeline_is_no_phase_of_its_build(send: Send) -> None:
    build = {"phase": "NONE", "number": 1, "full_url": "https://ci.example/job/web/1/", "timestamp": 1795912073000}
    event = read(send, "jenkins", {"name": "web", "build": build})
    assert event.state == "ignored" and "NONE is only a note" in event.reason and not Run.objects.exists()


def test_what_a_rule_leaves_out_is_ignored_and_says_so(send: Send, root: Any) -> None:
    create_rule(by=root, kind="pipeline", pattern="web", role="ignored")
    build = {"phase": "STARTED", "number": 1, "full_url": "https://ci.example/job/web/1/", "timestamp": 1795912073000}
    event = read(send, "jenkins", {"name": "web", "build": build})
    assert (event.state, event.reason) == ("ignored", "A mapping rule ignores it.")


def test_good_news_of_what_was_not_bad_is_nothing_and_says_so(send: Send) -> None:
    event = read(send, "nagios", host_down(type="RECOVERY", state="UP"))
    assert (event.state, event.reason) == ("ignored", "Nothing is wrong, and no alert was open.")


def test_good_news_that_ends_an_alert_is_processed(send: Send) -> None:
    read(send, "nagios", host_down())
    send("/hooks/ours/", host_down(type="RECOVERY", state="UP", timestamp="1795912900"))
    drain_inbox()
    assert {each.state for each in InboundEvent.objects.all()} == {"processed"}


@pytest.mark.parametrize(
    ("kind", "event", "body", "reason"),
    [
        (
            "github",
            "push",
            {"ref": "refs/heads/x", "repository": {"default_branch": "main"}},
            "no commits to the default",
        ),
        ("github", "pull_request", {"action": "opened", "pull_request": {"number": 1}}, "isn’t merged"),
        ("github", "star", {"action": "created"}, "Rodeo doesn’t use this kind of GitHub event."),
    ],
)
def test_a_webhook_that_brings_nothing_says_why(kind: str, event: str, body: Any, reason: str, client: Client) -> None:
    source("ours", kind)
    headers = {"Authorization": f"Bearer {TOKEN}", "X-GitHub-Event": event}
    answer = client.post("/hooks/ours/", json.dumps(body), content_type="application/json", headers=headers)
    assert answer.status_code == 202
    drain_inbox()
    row = InboundEvent.objects.get()
    assert row.state == "ignored" and reason in row.reason
