"""Deployments of a repository with parts: to one part by a rule or the environment's name, else of every part."""

import json
from typing import Any

import pytest
from django.test import Client

from portal.kernel import outbox
from releases.models import (
    AcceptanceRun,
    Deployment,
    Environment,
    Fact,
    MappingRule,
    Repository,
    RepositoryPart,
    Source,
)
from releases.providers.monorepo_paths import part_named
from releases.providers.signatures import sign
from releases.reading.actions import drain_inbox, rebuild
from squads.models import Service, Squad

SECRET = "between-us"
SHA = "4f5e6d7c8b9a00112233445566778899aabbccdd"
MONO = {"full_name": "shop/mono", "html_url": "https://git.example.org/shop/mono", "default_branch": "main"}
RULES, PARTS = "/api/v1/mapping-rules/", "/api/v1/repository-parts/"


@pytest.fixture
def mono(payments: Squad) -> Repository:
    """A repository of the service mono, whose folder web makes mono-web and whose folder api makes mono-api."""
    repository = Repository.objects.create(
        key="shop/mono", service=Service.objects.create(name="mono", slug="mono", squad=payments)
    )
    for folder in ("web", "api"):
        service = Service.objects.create(name=f"mono-{folder}", slug=f"mono-{folder}", squad=payments)
        RepositoryPart.objects.create(repository=repository, prefix=folder, service=service)
    Source.objects.create(key="github", name="GitHub", kind="github", secret=SECRET)
    return repository


def _work() -> None:
    while outbox.deliver() + drain_inbox():
        pass


def _deploy(environment: str, number: int = 1, state: str = "success") -> None:
    said = {
        "action": "created",
        "repository": MONO,
        "deployment": {
            "id": number,
            "sha": SHA,
            "ref": "main",
            "environment": environment,
            "created_at": "2026-03-01T11:00:00Z",
            "updated_at": "2026-03-01T11:00:00Z",
        },
        "deployment_status": {
            "id": number,
            "state": state,
            "environment": environment,
            "created_at": "2026-03-01T11:05:00Z",
            "updated_at": "2026-03-01T11:05:00Z",
        },
    }
    body = json.dumps(said).encode()
    headers: Any = {
        "X-GitHub-Event": "deployment_status",
        "X-GitHub-Delivery": f"{number}-{state}",
        "X-Hub-Signature-256": sign(body, SECRET),
    }
    assert Client().post("/hooks/github/", body, content_type="application/json", headers=headers).status_code == 202
    _work()


def _rule(browser: Client, **said: Any) -> Any:
    answer = browser.post(RULES, said, content_type="application/json")
    _work()
    return answer


def _places() -> set[tuple[str, str]]:
    return set(Deployment.objects.values_list("service__name", "environment__key"))


def _rows() -> list[Any]:
    return [sorted(str(row) for row in model.objects.values()) for model in (Deployment, AcceptanceRun, Fact)]


def test_a_rule_gives_the_deployments_of_an_environment_to_a_part(as_pam: Client, mono: Repository) -> None:
    _deploy("blue-7")
    assert _places() == {("mono", "blue-7"), ("mono-web", "blue-7"), ("mono-api", "blue-7")}
    said = {"kind": "environment", "pattern": "blue-*", "environment": "production", "service": "mono-web"}
    assert _rule(as_pam, **said).status_code == 201
    assert _places() == {("mono-web", "production")}
    before = _rows()
    rebuild()
    assert _rows() == before
    as_pam.delete(f"{RULES}{MappingRule.objects.get().pk}/")
    _work()
    assert _places() == {("mono", "blue-7"), ("mono-web", "blue-7"), ("mono-api", "blue-7")}


@pytest.mark.parametrize(
    ("environment", "service"),
    [
        ("web-production", "mono-web"),
        ("production/api", "mono-api"),
        ("Production – mono-web", "mono-web"),
        ("MONO_API_staging", "mono-api"),
    ],
)
def test_the_name_of_an_environment_tells_the_part(mono: Repository, environment: str, service: str) -> None:
    _deploy(environment)
    assert _places() == {(service, environment)}


def test_the_name_that_a_rule_replaced_still_tells_the_part(as_pam: Client, mono: Repository) -> None:
    _rule(as_pam, kind="environment", pattern="*-production", environment="production")
    _deploy("web-production")
    assert _places() == {("mono-web", "production")}


def test_a_deployment_of_the_whole_repository_deploys_every_part_once(mono: Repository) -> None:
    _deploy("production", state="in_progress")
    _deploy("production")
    assert _places() == {("mono", "production"), ("mono-web", "production"), ("mono-api", "production")}
    assert Deployment.objects.filter(outcome="success", sha=SHA).count() == 3
    before = _rows()
    rebuild()
    assert _rows() == before


def test_parts_that_come_and_go_take_their_deployments_with_them(as_pam: Client, mono: Repository) -> None:
    _deploy("production")
    as_pam.post(PARTS, {"repository": "shop/mono", "folder": "jobs", "service": "mono-jobs"}, "application/json")
    _work()
    assert ("mono-jobs", "production") in _places()
    as_pam.delete(f"{PARTS}{RepositoryPart.objects.get(prefix='web').pk}/")
    _work()
    assert _places() == {(name, "production") for name in ("mono", "mono-api", "mono-jobs")}
    before = _rows()
    rebuild()
    assert _rows() == before


def test_whoever_claims_a_repository_gets_its_past_deployments(as_pam: Client, payments: Squad) -> None:
    Source.objects.create(key="github", name="GitHub", kind="github", secret=SECRET)
    _deploy("production")
    assert _places() == {("mono", "production")}
    said = {"kind": "repository", "name": "shop/mono", "service": "shop-front", "squad": "payments"}
    as_pam.post("/sources/unmapped/mend/", said)
    _work()
    assert _places() == {("shop-front", "production")}
    before = _rows()
    rebuild()
    assert _rows() == before


def test_a_folder_named_like_a_tier_names_no_part() -> None:
    parts = {"services/test": "e2e-test", "web": "shop", "eu": "europe"}
    assert part_named("test", parts, {"test", "eu", "production"}) == ""
    assert part_named("production-eu", parts, {"test", "eu", "production"}) == ""
    assert part_named("e2e-test-1", parts, {"test"}) == "e2e-test"
    assert part_named("shop-web", {"web": "a", "shop": "b"}) == ""
    assert part_named("cobweb", parts) == ""


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"kind": "service", "service": "a", "environment": "production"}, "environment"),
        ({"kind": "service", "service": "a", "tier": "production"}, "tier"),
        ({"kind": "environment", "environment": "a", "severity": "page"}, "severity"),
        ({"kind": "pipeline", "role": "ci", "environment": "production"}, "environment"),
        ({"kind": "pipeline", "role": "ci", "tier": "production"}, "tier"),
        ({"kind": "pipeline", "role": "deploy", "environment": "a", "severity": "page"}, "severity"),
        ({"kind": "alert", "role": "incident", "tier": "testing"}, "tier"),
        ({"kind": "environment", "role": "ignored", "service": "a"}, "service"),
        ({"kind": "environment", "role": "ignored", "tier": "testing"}, "tier"),
        ({"kind": "alert", "role": "ignored", "service": "a"}, "service"),
    ],
)
def test_a_field_that_a_rule_does_not_use_is_refused_by_name(as_pam: Client, said: dict[str, str], field: str) -> None:
    answer = _rule(as_pam, pattern="x-*", **said)
    assert answer.status_code == 400
    assert [error["attr"] for error in answer.json()["errors"]] == [field]
    page = as_pam.post("/sources/mapping/new/", {"pattern": "x-*", **said})
    assert page.status_code == 400 and not MappingRule.objects.exists()


def test_what_is_used_is_taken(as_pam: Client) -> None:
    for said in (
        {"kind": "environment", "service": "mono-web"},
        {"kind": "environment", "tier": "production", "environment": "a", "service": "b"},
        {"kind": "pipeline", "role": "deploy", "environment": "a", "tier": "production", "service": "b"},
        {"kind": "pipeline", "role": "ci", "service": "b"},
        {"kind": "alert", "role": "incident", "service": "a", "environment": "b", "severity": "page"},
        {"kind": "alert", "role": "ignored", "severity": "page"},
    ):
        assert _rule(as_pam, pattern="x-*", **said).status_code == 201, said
    assert not Environment.objects.exists()
