"""Argo CD's applications, from both doors."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from releases.providers.argocd.webhook import PROVIDER, label, translate
from releases.providers.base import InvalidSetting, Message, Page, PullRefused
from releases.providers.facts import DeploymentSeen, MakesNothing, Unreadable
from tests.doubles.serving import Asked, Double, Reply
from tests.doubles.sessions import session as door

SHA = "4f5e6d7c8b9a00112233445566778899aabbccdd"
NOW = datetime(2026, 2, 1, tzinfo=UTC)
CONFIG = {"url": "https://argocd.example"}
STARTED, FINISHED, SINCE = "2026-01-01T10:00:00Z", "2026-01-01T10:00:20Z", "2026-01-01T10:01:00Z"


def app(phase: str = "Succeeded", health: str = "Healthy", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "checkout", "namespace": "argocd", "labels": {"env": "production"}},
        "spec": {
            "project": "shop",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop-prod"},
        },
        "status": {
            "health": {"status": health, "lastTransitionTime": SINCE},
            "reconciledAt": "2026-01-01T11:00:00Z",
            "operationState": {
                "phase": phase,
                "startedAt": STARTED,
                "finishedAt": FINISHED,
                "syncResult": {"revision": SHA, "source": {"repoURL": "https://git.example/shop/checkout.git"}},
            },
            **status,
        },
    }


def notification(**more: Any) -> dict[str, Any]:
    return {
        "app": "checkout",
        "appNamespace": "argocd",
        "project": "shop",
        "labels": {"env": "production"},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop-prod"},
        "argocd": "https://argocd.example",
        "phase": "Succeeded",
        "startedAt": STARTED,
        "finishedAt": FINISHED,
        "revision": SHA,
        "repoURL": "https://git.example/shop/checkout.git",
        "chart": None,
        "health": "Healthy",
        "healthSince": SINCE,
        **more,
    }


def read(body: Any, kind: str = "notification", config: Any = CONFIG) -> list[DeploymentSeen]:
    message = Message({"received-at": "2026-01-01T12:00:00Z"}, json.dumps(body).encode())
    found = translate(kind, message, config)
    assert found is not None
    return found  # type: ignore[return-value]


def test_a_notification_and_a_pull_say_the_same() -> None:
    assert read(notification()) == read(app(), "pull.application")
    assert read(notification(), config={}) == read(notification())
    [seen] = read(notification())
    assert (seen.service, seen.environment, seen.sha, seen.repository) == (
        "checkout",
        "shop-prod",
        SHA,
        "shop/checkout",
    )
    assert (seen.outcome, seen.healthy) == ("success", True)
    assert seen.finished_at == datetime(2026, 1, 1, 10, 0, 20, tzinfo=UTC)
    assert seen.url == "https://argocd.example/applications/argocd/checkout"


@pytest.mark.parametrize(
    ("phase", "health", "meant"),
    [
        ("Succeeded", "Healthy", ("finished", "success", True)),
        ("Succeeded", "Degraded", ("finished", "failure", False)),
        ("Succeeded", "Progressing", ("running", "", None)),
        ("Succeeded", "Suspended", ("waiting", "", None)),
        ("Succeeded", "Missing", ("finished", "unknown", False)),
        ("Succeeded", "", ("finished", "unknown", None)),
        ("Failed", "Healthy", ("finished", "failure", None)),
        ("Error", "Healthy", ("finished", "error", None)),
        ("Running", "Healthy", ("running", "", None)),
        ("Exploded", "Healthy", ("finished", "unknown", None)),
    ],
)
def test_only_a_sync_that_succeeded_and_is_healthy_is_a_success(
    phase: str, health: str, meant: tuple[Any, ...]
) -> None:
    seen = read(notification(phase=phase, health=health))[0]
    assert (seen.phase, seen.outcome, seen.healthy) == meant


def test_what_ends_later_outranks_and_keeps_the_key() -> None:
    first, later = read(notification(health="Progressing")), read(notification())
    assert first[0].key == later[0].key and first[0].at <= later[0].at


def test_a_charts_revision_is_a_version() -> None:
    [seen] = read(notification(chart="checkout", revision="1.2.3"))
    assert (seen.sha, seen.version, seen.repository) == ("", "1.2.3", "")


def test_history_heals_what_was_missed_and_is_the_same_deployment_as_when_it_was_new() -> None:
    entries = [
        {
            "id": 1,
            "revision": "a" * 40,
            "deployStartedAt": "2025-12-31T10:00:00Z",
            "deployedAt": "2025-12-31T10:00:09Z",
        },
        {"id": 2, "revision": SHA, "deployStartedAt": STARTED, "deployedAt": FINISHED},
        {"id": 3, "revision": "b" * 40},
        None,
    ]
    earlier, newest = read(app(history=entries), "pull.application")
    assert earlier.started_at is not None and earlier.at < earlier.started_at
    assert (earlier.outcome, earlier.sha) == ("unknown", "a" * 40)
    assert newest == read(app(), "pull.application")[0]
    [then] = read(notification(startedAt="2025-12-31T10:00:00Z", finishedAt="2025-12-31T10:00:08Z", revision="a" * 40))
    assert then.key == earlier.key and then.at > earlier.at


def test_a_dry_run_deploys_nothing() -> None:
    body = app()
    body["status"]["operationState"]["operation"] = {"sync": {"dryRun": True}}
    with pytest.raises(MakesNothing, match="dry run"):
        read(body, "pull.application")


def test_templates_name_service_and_environment_and_a_missing_part_is_told() -> None:
    config = {**CONFIG, "service": "{project}/{app}", "environment": "{cluster}-{label:env}"}
    [seen] = read(notification(), config=config)
    assert (seen.service, seen.environment) == ("shop/checkout", "kubernetes.default.svc-production")
    with pytest.raises(Unreadable, match="label:tier"):
        read(notification(), config={"environment": "{label:tier}"})
    with pytest.raises(InvalidSetting) as refused:
        PROVIDER.check({"environment": "{nothing}"})  # type: ignore[misc]
    assert refused.value.field == "environment"


def test_other_messages_are_kept_unread() -> None:
    assert label(Message({}, b'{"text": "hi"}')).kind == "unknown"
    assert translate("unknown", Message({}, b"{}"), {}) is None


class ArgoCD(Double):
    def __init__(self) -> None:
        super().__init__()
        self.apps: Any = [app()]

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != "Bearer t":
            return Reply({"error": "no session"}, 401)
        return Reply({"items": self.apps})


@pytest.fixture
def argocd() -> Iterator[ArgoCD]:
    double = ArgoCD()
    yield double
    double.close()


def pulled(argocd: ArgoCD, cursor: Any, token: str = "t") -> list[Page]:
    assert PROVIDER.pulling is not None
    signed = PROVIDER.pulling.headers(door(argocd.url), {}, token)
    return list(PROVIDER.pulling.pages(door(argocd.url, signed), {}, cursor, NOW))


def test_a_pull_keeps_what_changed_and_a_second_one_nothing(argocd: ArgoCD) -> None:
    [page] = pulled(argocd, {})
    [record] = page.records
    assert translate(record.kind, Message({}, record.body), CONFIG) == read(app(), "pull.application")
    argocd.apps[0]["status"]["reconciledAt"] = "2026-01-01T11:03:00Z"
    [again] = pulled(argocd, page.cursor)
    assert again.records == []
    argocd.apps = [app(health="Degraded")]
    [news] = pulled(argocd, again.cursor)
    assert len(news.records) == 1 and news.records[0].delivery != record.delivery


def test_a_wrong_token_and_another_systems_answer_are_refused(argocd: ArgoCD) -> None:
    with pytest.raises(PullRefused):
        pulled(argocd, {}, "wrong")
    argocd.go_wrong("/applications", Reply(["no"]))
    with pytest.raises(PullRefused, match="returned no list of applications"):
        pulled(argocd, {})


def test_no_application_at_all_is_an_answer(argocd: ArgoCD) -> None:
    argocd.apps = None
    [page] = pulled(argocd, {})
    assert (page.records, page.cursor) == ([], {})
