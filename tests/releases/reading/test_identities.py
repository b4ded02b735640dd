"""What is one thing and what is two: ids of two systems, numbers that begin again, one thing told by push and by pull."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse

from portal.accounts.models import User
from portal.kernel.outbox import deliver, publish
from releases.events import EventsOutdated
from releases.inbox.actions import replay, store
from releases.mappings.actions import create_rule
from releases.models import AcceptanceRun, Alert, Deployment, Fact, InboundEvent, Run, Source
from releases.reading.actions import drain_inbox, rebuild
from tests.releases.conftest import source

pytestmark = pytest.mark.django_db
Send = Callable[..., HttpResponse]
OLD, NEW = "1a" * 20, "2b" * 20
FIRST, SECOND = 1_711_000_000_000, 1_795_000_000_000


def deployments() -> list[tuple[str, ...]]:
    rows = Deployment.objects.order_by("finished_at", "service__name")
    return [(each.service.name, each.version or each.sha, each.outcome) for each in rows]


def test_the_same_id_from_two_sources_is_two_things(send: Send) -> None:
    mapping = {"makes": "deployment", "key": "$.id", "status": "success", "environment": "production"}
    source("lights", "generic", config={**mapping, "service": "lights", "sha": "$.c"})
    source("doors", "generic", config={**mapping, "service": "doors", "version": "$.v"})
    send("/hooks/lights/", {"id": "1", "c": OLD})
    send("/hooks/doors/", {"id": "1", "v": "1.2"})
    drain_inbox()
    assert sorted(deployments()) == [("doors", "1.2", "success"), ("lights", OLD, "success")]


def test_two_sources_that_are_one_system_say_so_by_its_name(send: Send) -> None:
    mapping = {"makes": "deployment", "key": "$.id", "status": "$.s", "service": "doors", "environment": "production"}
    for key in ("doors-a", "doors-b"):
        source(key, "generic", config={**mapping, "namespace": "doors", "finished_at": "$.at"})
    send("/hooks/doors-a/", {"id": "1", "s": "running"})
    send("/hooks/doors-b/", {"id": "1", "s": "ok", "at": "2026-01-05T10:00:00Z"})
    drain_inbox()
    assert [each.outcome for each in Deployment.objects.all()] == ["success"]


ALERTS: dict[str, dict[str, Any]] = {
    "nagios": {"type": "PROBLEM", "state": "DOWN", "timestamp": "1795912073", "host": "web1", "service": ""},
    "sensu": {"check": {"name": "http", "status": 2, "executed": 1795912073}, "entity": {"name": "web1"}},
    "alertmanager": {"alerts": [{"status": "firing", "labels": {"a": "b"}, "startsAt": "2026-11-28T10:00:00Z"}]},
    "opsgenie": {"action": "Create", "alert": {"alertId": "7", "createdAt": 1795912073000, "message": "Down"}},
    "pagerduty": {
        "event": {
            "id": "e1",
            "event_type": "incident.triggered",
            "occurred_at": "2026-11-28T10:00:00Z",
            "data": {"id": "P1", "status": "triggered", "title": "Down"},
        }
    },
}


@pytest.mark.parametrize("kind", ALERTS)
def test_two_installations_of_a_monitoring_system_have_alerts_of_their_own(kind: str, send: Send) -> None:
    for key in ("north", "south"):
        source(key, kind)
        assert send(f"/hooks/{key}/", ALERTS[kind]).status_code == 202
    drain_inbox()
    assert Alert.objects.count() == 2
    send("/hooks/north/", ALERTS[kind])
    drain_inbox()
    assert Alert.objects.count() == 2


def event_of_cd(context_source: str) -> dict[str, Any]:
    type_ = "dev.cdevents.pipelinerun.finished.0.2.0"
    context = {"version": "0.4.1", "id": "a", "source": context_source, "type": type_, "timestamp": "2026-01-05T10:00Z"}
    subject = {"id": "17", "type": "pipelineRun", "content": {"outcome": "success"}}
    return {"context": context, "subject": subject, "customData": {"commit": OLD, "repository": "shop/checkout"}}


@pytest.mark.parametrize(("context_source", "runs"), [("/ci", 2), ("https://ci.example/shop", 1)])
def test_a_cdevent_belongs_to_its_sender_unless_its_source_is_an_address(
    context_source: str, runs: int, send: Send
) -> None:
    for key in ("north", "south"):
        source(key, "cdevents")
        assert send(f"/hooks/{key}/", event_of_cd(context_source)).status_code == 202
    drain_inbox()
    assert Run.objects.count() == runs


def build(started: int, sha: str, result: str, number: int = 1, url: str = "https://ci.example") -> bytes:
    checkout = {"lastBuiltRevision": {"SHA1": sha, "branch": [{"name": "main"}]}, "remoteUrls": ["git@x:shop/web.git"]}
    return json.dumps(
        {
            "number": number,
            "result": result,
            "building": False,
            "timestamp": started,
            "duration": 30_000,
            "url": f"{url}/job/shop/job/web/job/main/{number}/",
            "_job": {"path": "shop/web/main", "branch": "main"},
            "actions": [checkout],
        }
    ).encode()


def told(phase: str, number: int = 1, **of_build: Any) -> dict[str, Any]:
    scm = {"url": "git@x:shop/web.git", "branch": "origin/main", "commit": OLD} if phase == "COMPLETED" else {}
    full = f"https://ci.example/job/shop/job/web/job/main/{number}/"
    return {
        "name": "main",
        "url": "job/shop/job/web/job/main/",
        "build": {"full_url": full, "number": number, "phase": phase, "scm": scm, **of_build},
    }


@pytest.fixture
def jenkins(db: None) -> Source:
    return source("jenkins", "jenkins")


def pulled(of: Source, body: bytes, kind: str = "pull.build") -> InboundEvent:
    return store(of, delivery="", kind=kind, body=body)[0]


def rows_of(*models: Any) -> list[Any]:
    return [sorted(map(repr, each.objects.values())) for each in models]


def test_a_build_number_that_starts_again_is_another_deployment(jenkins: Source, root: User) -> None:
    create_rule(by=root, kind="pipeline", pattern="shop/web", role="deploy", service="web", environment="production")
    pulled(jenkins, build(FIRST, OLD, "SUCCESS"))
    drain_inbox()
    [before] = Deployment.objects.all()
    pulled(jenkins, build(SECOND, NEW, "FAILURE"))
    drain_inbox()
    assert deployments() == [("web", OLD, "success"), ("web", NEW, "failure")]
    assert Deployment.objects.get(pk=before.pk).finished_at == before.finished_at
    now = rows_of(Deployment, Run)
    rebuild()
    assert rows_of(Deployment, Run) == now


def test_a_build_is_one_run_however_it_is_told_and_in_whatever_order(jenkins: Source, send: Send) -> None:
    messages = [
        told("QUEUED", timestamp=FIRST - 500),
        told("STARTED", timestamp=FIRST),
        told("COMPLETED", timestamp=FIRST + 30_000, status="SUCCESS"),
        told("FINALIZED", timestamp=FIRST + 31_000, status="SUCCESS"),
        told("STARTED", timestamp=SECOND),
        told("COMPLETED", timestamp=SECOND + 9_000, duration=9_000, status="FAILURE"),
    ]
    for each in messages:
        send("/hooks/jenkins/", each)
    events = [*InboundEvent.objects.all(), pulled(jenkins, build(FIRST, OLD, "SUCCESS"))]
    drain_inbox()
    expected = rows_of(Run)
    assert [(each.outcome, each.sha) for each in Run.objects.order_by("started_at")] == [
        ("success", OLD),
        ("failure", OLD),
    ]
    for order in itertools.islice(itertools.permutations(events), 0, 5040, 631):
        rebuild_in(order)
        assert rows_of(Run) == expected


def rebuild_in(order: Any) -> None:
    """Forget everything, then read the events one by one in this order."""
    InboundEvent.objects.update(state="processed")
    Run.objects.all().delete()
    Fact.objects.all().delete()
    for each in order:
        replay([each.pk])
        drain_inbox()


def test_a_builder_made_anew_counts_from_one_and_its_old_builds_stay(send: Send) -> None:
    source("buildbot", "buildbot")
    for began, results in ((1_711_000_000, 0), (1_795_000_000, 2)):
        body = {"buildid": 1, "number": 1, "builderid": 3, "started_at": began, "complete_at": began + 60}
        send("/hooks/buildbot/", {**body, "complete": True, "results": results, "url": "https://bb.example/#/x"})
    drain_inbox()
    assert [each.outcome for each in Run.objects.order_by("started_at")] == ["success", "failure"]


def test_a_machine_that_calls_itself_localhost_is_its_sources(send: Send) -> None:
    for key in ("north", "south"):
        pulled(source(key, "jenkins"), build(FIRST, OLD, "SUCCESS", url="http://localhost:8080"))
    for key in ("east", "west"):
        pulled(source(key, "jenkins"), build(FIRST, OLD, "SUCCESS"))
    drain_inbox()
    assert Run.objects.count() == 3, "one for each localhost, and one of ci.example, whoever told of it"


def test_branches_of_a_multibranch_project_are_one_pipeline_and_a_rule_may_name_one(
    jenkins: Source, send: Send, root: User
) -> None:
    create_rule(
        by=root, kind="pipeline", pattern="shop/web/main", role="deploy", service="web", environment="production"
    )
    send("/hooks/jenkins/", told("STARTED", timestamp=FIRST))
    pulled(jenkins, build(FIRST, OLD, "SUCCESS"))
    other = json.loads(build(SECOND, NEW, "SUCCESS", number=2)) | {"_job": {"path": "shop/web/dev", "branch": "dev"}}
    pulled(jenkins, json.dumps({**other, "url": "https://ci.example/job/shop/job/web/job/dev/2/"}).encode())
    drain_inbox()
    assert deployments() == [("web", OLD, "success")]
    assert [(each.pipeline, each.branch) for each in Run.objects.all()] == [("shop/web", "dev")]


def test_a_rule_for_the_project_holds_for_all_that_its_branches_said(jenkins: Source, send: Send, root: User) -> None:
    send("/hooks/jenkins/", told("STARTED", timestamp=FIRST))
    pulled(jenkins, build(FIRST, OLD, "SUCCESS"))
    drain_inbox()
    assert Run.objects.count() == 1
    create_rule(by=root, kind="pipeline", pattern="shop/web", role="acceptance", environment="staging")
    deliver()
    drain_inbox()
    deliver()
    assert (Run.objects.count(), AcceptanceRun.objects.count()) == (0, 1)


def application(**status: Any) -> dict[str, Any]:
    sources = [
        {"repoURL": "https://charts.example/shop", "chart": "web", "targetRevision": "4.5.6"},
        {"repoURL": "https://git.example/shop/values.git", "targetRevision": "main", "ref": "values"},
    ]
    revisions = ["4.5.6", OLD]
    times = {"startedAt": "2026-01-05T10:00:00Z", "finishedAt": "2026-01-05T10:00:20Z"}
    result = {"revision": "", "source": {"repoURL": ""}, "revisions": revisions, "sources": sources}
    return {
        "metadata": {"name": "web", "namespace": "argocd"},
        "spec": {"project": "default", "destination": {"namespace": "production"}, "sources": sources},
        "status": {
            "health": {"status": "Healthy"},
            "operationState": {"phase": "Succeeded", **times, "syncResult": result, "operation": {"sync": {}}},
            "history": [
                {
                    "revision": "",
                    "source": {"repoURL": ""},
                    "revisions": revisions,
                    "sources": sources,
                    "deployStartedAt": times["startedAt"],
                    "deployedAt": times["finishedAt"],
                }
            ],
            **status,
        },
    }


def notification(**more: Any) -> dict[str, Any]:
    return {
        "app": "web",
        "appNamespace": "argocd",
        "labels": None,
        "project": "default",
        "destination": {"namespace": "production"},
        "argocd": "https://argo.example",
        "phase": "Succeeded",
        "startedAt": "2026-01-05T10:00:00Z",
        "finishedAt": "2026-01-05T10:00:20Z",
        "revision": "",
        "repoURL": "",
        "chart": None,
        "health": "Healthy",
        "healthSince": None,
        "images": None,
        **more,
    }


@pytest.mark.parametrize("pushed_first", [True, False])
def test_a_sync_of_several_sources_is_one_deployment_told_by_push_and_pull(pushed_first: bool, send: Send) -> None:
    argo = source("argo", "argocd", config={"url": "https://argo.example"})
    steps: list[Callable[[], Any]] = [
        lambda: send("/hooks/argo/", notification()),
        lambda: pulled(argo, json.dumps(application()).encode(), "pull.application"),
    ]
    for step in steps if pushed_first else reversed(steps):
        step()
        drain_inbox()
    assert deployments() == [("web", "4.5.6", "success")]
    of_push = InboundEvent.objects.get(kind="notification")
    assert of_push.state == "processed" and "It doesn’t say what is synced" in of_push.reason


def test_a_notification_alone_says_the_version_of_several_sources(send: Send) -> None:
    source("argo", "argocd", config={"url": "https://argo.example"})
    result = application()["status"]["operationState"]["syncResult"]
    send("/hooks/argo/", notification(revisions=result["revisions"], sources=result["sources"]))
    drain_inbox()
    assert deployments() == [("web", "4.5.6", "success")]


def test_what_an_older_version_read_is_read_again_and_makes_no_doubles(jenkins: Source) -> None:
    event = pulled(jenkins, build(FIRST, OLD, "SUCCESS"))
    drain_inbox()
    expected = rows_of(Run, Fact)
    # What was written under the keys of before.
    Fact.objects.update(key="old", data={**Fact.objects.get().data, "numbered_at": None})
    Run.objects.all().delete()
    drain_inbox()
    publish(EventsOutdated(kinds=["jenkins"]))
    deliver()
    assert InboundEvent.objects.get(pk=event.pk).state == "pending"
    drain_inbox()
    assert rows_of(Run, Fact) == expected
