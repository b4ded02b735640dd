"""Rules are made on a page or over the API, and what was said before follows at once."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from portal.accounts.actions import make_token
from portal.accounts.models import User
from portal.kernel import outbox
from portal.kernel.models import Message
from releases.environments.models import Environment
from releases.mappings import actions
from releases.models import AcceptanceRun, Deployment, Fact, InboundEvent, MappingRule, Run, SeenName, Source
from releases.reading.actions import drain_inbox, rebuild
from squads.models import Service

Send = Callable[..., HttpResponse]
RULES = "/sources/mapping/"


@pytest.fixture
def run(scripts: Source, send: Send) -> Callable[..., None]:
    """Report a run of a pipeline and have it read."""

    def report(id: str, pipeline: str, **said: Any) -> None:
        body = {
            "id": id,
            "outcome": "success",
            "commit": "abcdef1234",
            "pipeline": pipeline,
            "service": "checkout",
            **said,
        }
        assert send("/api/v1/runs/", body).status_code < 300
        drain_inbox()

    return report


def _work() -> None:
    """Do what the worker does until nothing is left."""
    while outbox.deliver() + drain_inbox():
        pass
    assert not Message.objects.filter(handled_at__isnull=True).exists()


def _rule(browser: Client, path: str = f"{RULES}new/", **said: Any) -> Any:
    return browser.post(path, {"kind": "pipeline", "pattern": "deploy-*", **said})


def test_a_run_becomes_a_deployment_and_a_run_again_when_the_rule_goes(
    as_pam: Client, run: Callable[..., None]
) -> None:
    run("1", "deploy-production")
    run("2", "build")
    assert Run.objects.count() == 2
    assert _rule(as_pam, role="deploy", environment="{1}").status_code == 302
    assert Run.objects.count() == 2, "the page does not wait for the past"
    _work()
    deployment = Deployment.objects.get()
    assert (deployment.service.name, deployment.environment.key) == ("checkout", "production")
    assert (deployment.outcome, deployment.sha) == ("success", "abcdef1234")
    assert Run.objects.get().pipeline == "build"
    rule = MappingRule.objects.get()
    as_pam.post(f"{RULES}{rule.pk}/remove/")
    _work()
    assert Run.objects.count() == 2 and not Deployment.objects.exists()


def test_what_comes_later_is_read_with_the_rules_in_force(as_pam: Client, run: Callable[..., None]) -> None:
    _rule(as_pam, role="acceptance", pattern="smoke", environment="production", service="checkout")
    run("1", "smoke")
    check = AcceptanceRun.objects.get()
    assert check.name == "smoke" and check.service is not None and check.service.name == "checkout"
    assert not Run.objects.exists()


def test_only_events_whose_names_fit_before_or_after_are_read_again(as_pam: Client, run: Callable[..., None]) -> None:
    for number, pipeline in enumerate(("deploy-a", "release-a", "build")):
        run(str(number), pipeline)
    _rule(as_pam, role="ci")
    _work()
    attempts = dict(Fact.objects.values_list("data__pipeline", "event__attempts"))
    assert attempts == {"deploy-a": 2, "release-a": 1, "build": 1}
    rule = MappingRule.objects.get()
    _rule(as_pam, f"{RULES}{rule.pk}/", pattern="release-*", role="ci", order=rule.order)
    _work()
    attempts = dict(Fact.objects.values_list("data__pipeline", "event__attempts"))
    assert attempts == {"deploy-a": 3, "release-a": 2, "build": 1}


def test_what_was_left_out_comes_back(as_pam: Client, run: Callable[..., None]) -> None:
    run("1", "lint")
    _rule(as_pam, role="ignored", pattern="lint")
    _work()
    assert not Run.objects.exists() and Fact.objects.get().kind == "left_out"
    actions.remove_rule(MappingRule.objects.get(), by=User.objects.get(username="pam"))
    _work()
    assert Run.objects.get().pipeline == "lint"


def test_many_events_are_read_again_in_pieces(
    as_pam: Client, run: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "EVENTS_PER_MESSAGE", 2)
    monkeypatch.setattr(actions, "NAMES_PER_MESSAGE", 2)
    for number in range(5):
        run(f"a{number}", "deploy-a")
        run(f"b{number}", f"deploy-{number}")
    _work()
    _rule(as_pam, role="deploy", environment="{1}")
    outbox.deliver(1)
    assert InboundEvent.objects.filter(state="pending").count() == 2
    _work()
    assert Deployment.objects.count() == 10 and not Run.objects.exists()


def test_a_rebuild_makes_the_same_rows(as_pam: Client, run: Callable[..., None]) -> None:
    run("1", "deploy-eu")
    run("2", "lint")
    run("3", "build", service="Checkout-Svc")
    _rule(as_pam, role="deploy", environment="{1}", tier="production")
    _rule(as_pam, role="ignored", pattern="lint")
    _rule(as_pam, kind="service", pattern="*-svc", service="{1}")
    _work()

    def rows() -> list[Any]:
        return [sorted(str(row) for row in model.objects.values()) for model in (Deployment, Run, SeenName, Fact)]

    before = rows()
    rebuild()
    assert rows() == before
    assert Run.objects.get().service.name == "checkout", "which is Checkout"  # type: ignore[union-attr]
    assert Environment.objects.get().tier == "production"


def test_an_environments_tier_follows_its_rule_unless_a_person_chose_it(
    as_pam: Client, scripts: Source, send: Send
) -> None:
    for name in ("blue", "green"):
        send("/api/v1/deployments/", {"service": "checkout", "environment": name, "version": "1", "outcome": "success"})
    drain_inbox()
    as_pam.post("/environments/green/edit/", {"name": "green", "tier": "testing", "order": 20})
    _rule(as_pam, kind="environment", pattern="/blue|green/", tier="production")
    _work()
    assert dict(Environment.objects.values_list("key", "tier")) == {"blue": "production", "green": "testing"}
    actions.remove_rule(MappingRule.objects.get(), by=User.objects.get(username="pam"))
    _work()
    assert Environment.objects.get(key="blue").tier == "other"


def test_a_preview_says_what_fits_and_saves_nothing(as_pam: Client, run: Callable[..., None]) -> None:
    run("1", "deploy-a")
    run("2", "deploy-b")
    page = _rule(as_pam, role="ci", preview="1").content.decode()
    assert "Matches 2 names" in page and "deploy-a" in page and not MappingRule.objects.exists()
    part = as_pam.post(
        f"{RULES}new/",
        {"kind": "pipeline", "pattern": "x*", "role": "ci", "preview": "1"},
        headers={"HX-Request": "true"},
    )
    assert "No matches so far" in part.content.decode() and "<html" not in part.content.decode()


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"pattern": "/(/", "role": "ci"}, "t a valid RE2 regular expression"),
        ({"role": "deploy"}, "Enter the environment"),
        ({"role": "deploy", "environment": "{9}"}, "no group {9}"),
        ({"role": "incident"}, "For this kind of name, choose one of"),
        ({"kind": "service"}, "Enter a service"),
        ({"kind": "environment"}, "choose a tier"),
        ({"role": "ci", "severity": "page"}, "except for alerts"),
        ({"kind": "alert", "role": "incident", "tier": "testing"}, "except for environments"),
    ],
)
def test_what_cannot_be_a_rule_is_refused_with_the_remedy(as_pam: Client, said: dict[str, Any], text: str) -> None:
    answer = _rule(as_pam, **said)
    assert answer.status_code == 400 and text in answer.content.decode()
    assert not MappingRule.objects.exists()


def test_rules_change_places(as_pam: Client) -> None:
    for pattern in ("a", "b", "c"):
        _rule(as_pam, pattern=pattern, role="ci")
    first = MappingRule.objects.get(pattern="a")
    as_pam.post(f"{RULES}{first.pk}/place/", {"to": "down"})
    assert [rule.pattern for rule in MappingRule.objects.all()] == ["b", "a", "c"]
    as_pam.post(f"{RULES}{first.pk}/place/", {"to": "up"})
    as_pam.post(f"{RULES}{first.pk}/place/", {"to": "up"})
    assert [rule.pattern for rule in MappingRule.objects.all()] == ["a", "b", "c"]


def test_members_and_readers_make_no_rules(as_ana: Client, as_ria: Client) -> None:
    for browser in (as_ana, as_ria):
        assert _rule(browser, role="ci").status_code == 403
        assert "project managers" in browser.get(f"{RULES}new/").content.decode()
        assert browser.get(RULES).status_code == 200
    assert not MappingRule.objects.exists()


def test_the_tier_that_a_rule_gave_when_an_environment_was_found_goes_with_the_rule(
    as_pam: Client, run: Callable[..., None]
) -> None:
    _rule(as_pam, role="deploy", environment="{1}-x", tier="production")
    run("1", "deploy-blue")
    other = Environment.objects.create(key="odd", slug="odd", name="odd", tier="production", discovered=True)
    assert Environment.objects.get(key="blue-x").tier == "production"
    actions.remove_rule(MappingRule.objects.get(), by=User.objects.get(username="pam"))
    _work()
    assert Environment.objects.get(key="blue-x").tier == "other"
    other.refresh_from_db()
    assert other.tier == "production", "no rule was ever about it"


def test_a_rule_is_no_way_round_whose_service_it_is(
    as_pam: Client, client: Client, payments: Any, search: Any, checkout: Any, lea: User
) -> None:
    _rule(as_pam, kind="service", pattern="*-svc", service="{1}")
    Service.objects.create(name="checkout-svc", slug="checkout-svc", squad=search)
    root = User.objects.create_user("rooty", "rooty@example.org", "x", is_staff=True)
    _, secret = make_token(by=root, name="CI", scopes=["report"], days=7, squad=search)
    said = {"service": "checkout-svc", "environment": "production", "version": "1", "outcome": "success"}
    answer = client.post(
        "/api/v1/deployments/", said, content_type="application/json", headers={"Authorization": f"Bearer {secret}"}
    )
    assert answer.status_code == 403 and "the service checkout" in answer.content.decode()
