"""The screen of what is unmapped: every kind is listed, and every row can be mended where it stands."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from portal.kernel import outbox
from releases.environments.models import Environment
from releases.models import Deployment, Fact, MappingRule, Repository, Run, SeenName, Source
from releases.reading.actions import drain_inbox
from squads.models import Service, Squad

Send = Callable[..., HttpResponse]
UNMAPPED = "/sources/unmapped/"


@pytest.fixture
def told(scripts: Source, send: Send) -> None:
    """One of everything that is unmapped, and an alert."""
    for id, pipeline in (("1", "build"), ("2", "deploy-it"), ("3", "a-check")):
        body = {"id": id, "outcome": "success", "commit": "abcdef1234", "pipeline": pipeline, "repository": "shop/web"}
        assert send("/api/v1/runs/", body).status_code < 300
    body = {"service": "ledger", "environment": "blue", "version": "1", "outcome": "success"}
    assert send("/api/v1/deployments/", body).status_code < 300
    drain_inbox()
    event = Fact.objects.all()[0].event
    SeenName.objects.create(
        id="00000000-0000-5000-8000-000000000001", source=scripts, kind="alert", name="DiskFull", event=event
    )


def _work() -> None:
    while outbox.deliver() + drain_inbox():
        pass


def _mend(browser: Client, kind: str, name: str, **said: Any) -> Any:
    return browser.post(f"{UNMAPPED}mend/", {"kind": kind, "name": name, "back": UNMAPPED, **said}, follow=True)


def _names(browser: Client, kind: str = "") -> list[str]:
    answer = browser.get("/api/v1/unmapped/", {"kind": kind} if kind else {})
    return [row["name"] for row in answer.json()["results"]]


def test_everything_unmapped_is_listed_and_likely_deployments_come_first(as_pam: Client, told: None) -> None:
    assert _names(as_pam) == ["deploy-it", "a-check", "build", "blue", "ledger", "shop/web", "DiskFull"]
    page = as_pam.get(UNMAPPED).content.decode()
    for name in ("deploy-it", "a-check", "blue", "ledger", "shop/web", "DiskFull", "looks like a deployment"):
        assert name in page
    some = as_pam.get(UNMAPPED, {"kind": "alert"}).content.decode()
    assert "DiskFull" in some and "deploy-it" not in some


def test_a_pipeline_is_mended_in_its_row_and_its_past_follows(as_pam: Client, told: None) -> None:
    page = _mend(
        as_pam, "pipeline", "deploy-it", role="deploy", environment="production", service="web", source="scripts"
    )
    assert "Runs of deploy-it now count as a deployment to production" in page.content.decode()
    _work()
    assert Deployment.objects.get(service__name="web").environment.key == "production"
    assert "deploy-it" not in _names(as_pam, "pipeline")
    assert Run.objects.count() == 2


def test_with_htmx_the_row_says_what_was_done(as_pam: Client, told: None) -> None:
    said = {"kind": "pipeline", "name": "build", "id": "pipeline-1", "role": "ci"}
    row = as_pam.post(f"{UNMAPPED}mend/", said, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in row and '<tr id="pipeline-1">' in row and "Runs of build now count as CI" in row
    said["role"] = ""
    row = as_pam.post(f"{UNMAPPED}mend/", said, headers={"HX-Request": "true"}).content.decode()
    assert "Choose how to treat this pipeline" in row and "<form" in row


def test_a_service_is_claimed_or_called_by_its_right_name(as_pam: Client, told: None, payments: Squad) -> None:
    assert "Payments now owns ledger" in _mend(as_pam, "service", "ledger", squad="payments").content.decode()
    assert _names(as_pam, "service") == []
    Service.objects.filter(name="ledger").update(squad=None)
    Service.objects.create(name="book", slug="book", squad=payments)
    assert "now maps to book" in _mend(as_pam, "service", "ledger", service="book").content.decode()
    _work()
    assert Deployment.objects.get().service.name == "book"
    assert _names(as_pam, "service") == []


def test_an_environment_gets_its_tier_or_its_right_name(as_pam: Client, told: None) -> None:
    _mend(as_pam, "environment", "blue", tier="testing")
    assert Environment.objects.get(key="blue").tier == "testing" and _names(as_pam, "environment") == []
    Environment.objects.filter(key="blue").update(tier="other")
    _mend(as_pam, "environment", "blue", environment="production")
    _work()
    assert Deployment.objects.get().environment.key == "production"
    assert _names(as_pam, "environment") == ["production"], "We guessed from its name that this is production"


def test_a_squad_chosen_for_a_repository_owns_its_service_if_nobody_did(
    as_pam: Client, told: None, payments: Squad, search: Squad
) -> None:
    said = _mend(as_pam, "repository", "shop/web", service="ledger", squad="nobody").content.decode()
    assert "There’s no such squad" in said
    _mend(as_pam, "repository", "shop/web", service="ledger", squad="payments")
    ledger = Service.objects.get(name="ledger")
    assert (ledger.squad, Repository.objects.get(key="shop/web").service) == (payments, ledger)
    Repository.objects.filter(key="shop/web").update(service=None)
    said = _mend(as_pam, "repository", "shop/web", service="ledger", squad="search").content.decode()
    assert "ledger is owned by Payments. Leave the squad empty." in said
    assert Repository.objects.get(key="shop/web").service is None


def test_a_repository_gets_a_service_made_on_the_spot_if_need_be(as_pam: Client, told: None, payments: Squad) -> None:
    assert "Choose a squad" in _mend(as_pam, "repository", "shop/web", service="web").content.decode()
    page = _mend(as_pam, "repository", "shop/web", service="web", squad="payments")
    assert "shop/web now belongs to the service web" in page.content.decode()
    assert Repository.objects.get(key="shop/web").service == Service.objects.get(name="web", squad=payments)
    assert _names(as_pam, "repository") == []


def test_an_alert_is_an_incident_or_left_out(as_pam: Client, told: None) -> None:
    assert "Choose how to treat this alert" in _mend(as_pam, "alert", "DiskFull").content.decode()
    _mend(as_pam, "alert", "DiskFull", role="incident")
    assert MappingRule.objects.get().role == "incident" and _names(as_pam, "alert") == []


def test_members_mend_what_is_their_squads_and_make_no_rules(as_ana: Client, told: None, search: Squad) -> None:
    _mend(as_ana, "environment", "blue", tier="testing")
    assert Environment.objects.get(key="blue").tier == "testing"
    assert "Payments now owns ledger" in _mend(as_ana, "service", "ledger", squad="payments").content.decode()
    assert _mend(as_ana, "repository", "shop/web", service="web", squad="search").status_code == 403
    for kind, name, said in (("pipeline", "build", {"role": "ci"}), ("alert", "DiskFull", {"role": "incident"})):
        assert _mend(as_ana, kind, name, **said).status_code == 403
    assert not MappingRule.objects.exists()


def test_names_of_any_spelling_get_a_rule_of_their_own(as_pam: Client, scripts: Source, send: Send) -> None:
    for number, name in enumerate(("build [x] *", "/what?/", "<b>é</b>", "{1}", "x" * 240)):
        send(
            "/api/v1/runs/",
            {"id": f"{number}", "outcome": "success", "pipeline": name, "commit": "abcdef1", "service": "a"},
        )
    drain_inbox()
    names = _names(as_pam, "pipeline")
    assert len(names) == 5
    for name in names:
        _mend(as_pam, "pipeline", name, role="ignored", source="scripts")
    assert _names(as_pam, "pipeline") == []
    _work()
    assert not Run.objects.exists()


def test_an_odd_form_is_answered(as_pam: Client, told: None) -> None:
    for kind, name, said in (
        ("what", "x", {}),
        ("pipeline", "", {}),
        ("service", "no such", {}),
        ("repository", "no such", {}),
        ("environment", "no such", {}),
        ("pipeline", "build", {"role": "ci", "source": "no-such"}),
        ("pipeline", "build", {"role": "deploy", "environment": "{0}"}),
        ("pipeline", "build", {"role": "incident"}),
        ("environment", "blue", {"tier": "no such"}),
        ("service", "ledger", {"squad": "no-such"}),
    ):
        assert _mend(as_pam, kind, name, **said).status_code == 200
    assert as_pam.post(f"{UNMAPPED}mend/", {"kind": "x", "back": "//elsewhere.example/"}).url.startswith("/sources/")
    assert not MappingRule.objects.exists()


def test_the_number_of_queries_does_not_grow(
    as_pam: Client, told: None, scripts: Source, send: Send, django_assert_max_num_queries: Any
) -> None:
    for number in range(60):
        said = {"id": f"m{number}", "outcome": "success", "commit": "abcdef1", "pipeline": f"p{number}"}
        said["service"] = f"s{number}"
        send("/api/v1/runs/", said)
    drain_inbox()
    with django_assert_max_num_queries(14):
        page = as_pam.get(UNMAPPED).content.decode()
    assert "1 to 50 of 127" in page


def test_rules_over_the_api(as_pam: Client, as_ana: Client) -> None:
    def send(browser: Client, method: str, path: str, said: dict[str, Any]) -> Any:
        return getattr(browser, method)(path, said, content_type="application/json")

    said = {"kind": "pipeline", "pattern": "deploy-*", "role": "deploy", "environment": "{1}"}
    assert send(as_ana, "post", "/api/v1/mapping-rules/", said).status_code == 403
    made = send(as_pam, "post", "/api/v1/mapping-rules/", said)
    assert made.status_code == 201 and made.json()["by"] == "pam"
    path = f"/api/v1/mapping-rules/{made.json()['id']}/"
    assert send(as_pam, "patch", path, {"pattern": "release-*"}).json()["pattern"] == "release-*"
    wrong = send(as_pam, "patch", path, {"environment": "{7}"})
    assert wrong.status_code == 400 and wrong.json()["errors"][0]["attr"] == "environment"
    assert as_ana.get("/api/v1/mapping-rules/", {"kind": "pipeline"}).json()["count"] == 1
    assert as_pam.delete(path).status_code == 204 and not MappingRule.objects.exists()
    assert as_pam.get("/api/v1/unmapped/", {"kind": "what"}).status_code == 400
