"""A tier guessed from a name errs to the safe side, and waits until somebody confirms it."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client

from portal.accounts.models import User
from portal.kernel import outbox
from portal.kernel.models import Message, StateChange
from releases.environments.tiers import guess_tier
from releases.models import Environment, MappingRule, Repository, SeenName, Source
from releases.reading.actions import drain_inbox, rebuild
from squads.models import Service, Squad, Story
from squads.stories.actions import create_story

Send = Callable[..., Any]
PRODUCTION = (
    "production Production prod PROD prd PRD live Live prod2 prod-eu eu.prod prodeu1 euprod productionEU ProductionEU "
    "prod_us-east-1 PRODeu prod/eu-west acme-prod prod-checkout Production–web Producción"
)
NOT_PRODUCTION = (
    "non-prod nonprod NonProd NONPROD non_production Non-Production not-production notprod no-prod unprod prod-test "
    "test-prod ProdTest prodtest prod-like prodlike prod-sandbox mirror-of-prod live-test liveTest old-prod prod-staging "
    "prod-dr prod-copy prod-replica legacy-prod post-prod prod-dev qa-live prod-preprod pre-eu-prod prod-uat local-prod "
    "shadow-prod prod-backup demo-prod former-live"
)


def _work() -> None:
    while outbox.deliver() + drain_inbox():
        pass


def _unmapped(browser: Client) -> dict[str, str]:
    rows = browser.get("/api/v1/unmapped/", {"kind": "environment"}).json()["results"]
    return {row["name"]: row["hint"] for row in rows}


@pytest.mark.parametrize("name", PRODUCTION.split())
def test_a_name_that_says_production_is_guessed_as_production(name: str) -> None:
    assert guess_tier(name) == "production"


@pytest.mark.parametrize("name", NOT_PRODUCTION.split())
def test_a_name_that_denies_production_or_names_another_tier_is_not_production(name: str) -> None:
    assert guess_tier(name) == "other"


@pytest.mark.parametrize("name", "product products producer alive delivery livestream reproduce blue 7 本番 -".split())
def test_a_word_that_only_begins_like_production_says_nothing(name: str) -> None:
    assert guess_tier(name) == "other"


def test_other_tiers_are_guessed_as_ever_and_pre_production_is_staging() -> None:
    told = {
        "staging": "staging stage1 stg uat pre-prod preprod PreProd pre_production preprod-eu prelive dev-stage",
        "testing": "test testing2 qa qa2 int integration ci product-test",
        "development": "dev dev2 development local sandbox",
        "other": "non-staging notest latest contest device",
    }
    assert {name: guess_tier(name) for names in told.values() for name in names.split()} == {
        name: tier for tier, names in told.items() for name in names.split()
    }


@pytest.fixture
def shipped(
    ci: Source, scripts: Source, send: Send, checkout: Service, payments: Squad, ana: User
) -> Callable[[str], Story]:
    """Tell of a story that was merged, run, deployed to an environment and accepted there."""
    Repository.objects.create(key="shop/checkout", service=checkout)

    def tell(environment: str) -> Story:
        story = create_story(payments, by=ana, title="Pay by card")
        sha = f"{story.number:040x}"
        context = {"version": "0.4.1", "id": sha, "source": "/ci", "type": "dev.cdevents.change.merged.0.2.0"}
        subject = {"id": sha, "content": {"repository": {"id": "shop/checkout"}}}
        merged = {"context": {**context, "timestamp": "2026-03-02T08:00:00Z"}, "subject": subject}
        send("/hooks/ci/", {**merged, "customData": {"message": f"{story.key} pay by card", "branch": "main"}})
        told: dict[str, dict[str, str]] = {
            "runs": {"id": sha, "pipeline": "ci", "branch": "main", "outcome": "success", "commit": sha},
            "deployments": {"commit": sha, "environment": environment},
            "acceptance-runs": {"story": story.key, "environment": environment, "outcome": "passed"},
        }
        for hour, (path, body) in enumerate(told.items(), 9):
            said = {"service": "checkout", "finished_at": f"2026-03-02T{hour:02}:00:00Z", **body}
            assert send(f"/api/v1/{path}/", said).status_code == 202
        _work()
        story.refresh_from_db()
        return story

    return tell


def test_a_story_deployed_to_non_prod_is_in_no_production(as_pam: Client, shipped: Callable[[str], Story]) -> None:
    story = shipped("non-prod")
    assert story.stage == "integrated"
    assert Environment.objects.get(key="non-prod").tier == "other"
    assert _unmapped(as_pam) == {"non-prod": ""}


def test_a_guessed_production_counts_and_every_answer_says_that_it_is_unconfirmed(
    as_pam: Client, shipped: Callable[[str], Story]
) -> None:
    story = shipped("productionEU")
    said = as_pam.get(f"/api/v1/stories/{story.key}/").json()
    assert (said["rodeo_done"], said["unconfirmed"]) == (True, ["productionEU"])
    assert said["answer"].endswith(" Unconfirmed: nobody has said yet that productionEU is production.")
    assert "nobody has said yet that productionEU is production" in as_pam.get(f"/is/{story.key}").content.decode()
    rows = as_pam.get(f"/api/v1/stories/{story.key}/evidence/").json()["results"]
    assert {(row["tier"], row["tier_confirmed"]) for row in rows if row["environment"]} == {("production", False)}
    shown = as_pam.get("/api/v1/environments/productioneu/").json()
    assert (shown["tier"], shown["tier_confirmed"]) == ("production", False)
    page = as_pam.get("/environments/productioneu/").content.decode()
    assert "production?, unconfirmed" in page and "Confirm production" in page
    assert _unmapped(as_pam) == {"productionEU": "production?, unconfirmed"}
    before = as_pam.get(f"/api/v1/stories/{story.key}/").json()["answer"]
    rebuild()
    assert as_pam.get(f"/api/v1/stories/{story.key}/").json()["answer"] == before


def test_confirming_it_ends_the_doubt(as_pam: Client, shipped: Callable[[str], Story]) -> None:
    story = shipped("prod")
    answer = as_pam.post("/api/v1/environments/prod/confirmation/", {}, content_type="application/json")
    assert answer.json()["tier_confirmed"] is True
    _work()
    said = as_pam.get(f"/api/v1/stories/{story.key}/").json()
    assert (said["rodeo_done"], said["unconfirmed"]) == (True, [])
    assert "Unconfirmed" not in said["answer"] and _unmapped(as_pam) == {}
    rebuild()
    assert as_pam.get(f"/api/v1/stories/{story.key}/").json()["answer"] == said["answer"]


def test_saying_that_it_is_none_takes_the_story_out_of_production(
    as_lea: Client, shipped: Callable[[str], Story]
) -> None:
    story = shipped("prod")
    said = {"kind": "environment", "name": "prod", "tier": "staging", "back": "/sources/unmapped/"}
    assert (
        "prod is now a staging environment"
        in as_lea.post("/sources/unmapped/mend/", said, follow=True).content.decode()
    )
    _work()
    story.refresh_from_db()
    assert story.stage == "tested"


def test_administrators_project_managers_and_leads_confirm_production(
    as_ana: Client, as_lea: Client, as_pam: Client, as_root: Client, shipped: Callable[[str], Story]
) -> None:
    shipped("prod")
    said = {"kind": "environment", "name": "prod", "tier": "production", "back": "/sources/unmapped/"}
    assert as_ana.post("/sources/unmapped/mend/", said).status_code == 403
    assert as_ana.post("/environments/prod/confirmation/").status_code == 403
    as_ana.post("/environments/prod/edit/", {"name": "Shop", "tier": "production", "order": 40})
    assert not Environment.objects.get(name="Shop").tier_confirmed
    for browser in (as_lea, as_pam, as_root):
        Environment.objects.update(tier_confirmed=False)
        assert browser.post("/environments/prod/confirmation/").status_code == 302
        assert Environment.objects.get().tier_confirmed
    Environment.objects.update(tier="other", tier_confirmed=False)
    assert as_lea.post("/environments/prod/confirmation/", {"tier": "production"}).status_code == 403


def test_what_people_create_or_give_a_tier_is_confirmed(
    as_ana: Client, as_pam: Client, scripts: Source, send: Send
) -> None:
    as_ana.post("/environments/new/", {"key": "prod", "tier": "production", "order": 1})
    assert not Environment.objects.get(key="prod").tier_confirmed
    as_pam.post("/environments/prod/confirmation/", {})
    as_pam.post("/environments/new/", {"key": "prod-eu", "tier": "production", "order": 1})
    assert Environment.objects.get(key="prod-eu").tier_confirmed
    as_ana.post("/environments/new/", {"key": "lab", "tier": "testing", "order": 1})
    assert Environment.objects.get(key="lab").tier_confirmed
    for name in ("qa", "live"):
        send("/api/v1/deployments/", {"service": "checkout", "environment": name, "version": "1"})
    _work()
    assert not Environment.objects.filter(key__in=("qa", "live"), tier_confirmed=True).exists()
    as_ana.patch("/api/v1/environments/qa/", {"location": "Oslo"}, content_type="application/json")
    assert not Environment.objects.get(key="qa").tier_confirmed
    as_ana.patch("/api/v1/environments/qa/", {"tier": "testing"}, content_type="application/json")
    assert Environment.objects.get(key="qa").tier_confirmed
    rule = {"kind": "environment", "pattern": "live", "tier": "production"}
    assert as_pam.post("/api/v1/mapping-rules/", rule, content_type="application/json").status_code == 201
    _work()
    assert Environment.objects.get(key="live").tier_confirmed and _unmapped(as_pam) == {}
    as_pam.delete(f"/api/v1/mapping-rules/{MappingRule.objects.get().pk}/")
    _work()
    assert not Environment.objects.get(key="live").tier_confirmed


def test_a_receipt_says_that_a_production_is_a_guess(scripts: Source, send: Send) -> None:
    said = {"service": "checkout", "environment": "prod", "version": "1"}
    notes = send("/api/v1/deployments/", said).json()["notes"]
    assert any("guessed as production. Confirm it" in note for note in notes)


def test_an_upgrade_guesses_again_what_nobody_said(scripts: Source, send: Send, ana: User) -> None:
    for key in ("non-prod", "prod", "chosen", "mine", "far-1"):
        send("/api/v1/deployments/", {"service": "checkout", "environment": key, "version": "1"})
    _work()
    Environment.objects.update(tier="production", tier_confirmed=True)
    Environment.objects.filter(key="mine").update(discovered=False)
    at = Source.objects.get().created_at
    StateChange.objects.create(
        kind="environment", key="chosen", from_state="other", to_state="production", by=ana, at=at
    )
    MappingRule.objects.create(kind="environment", pattern="far-*", tier="production")
    assert SeenName.objects.filter(name="far-1").exists()
    import_module("releases.migrations.0013_unconfirmed_tiers").guess_again(apps, connection.schema_editor())
    rows = {key: (tier, sure) for key, tier, sure in Environment.objects.values_list("key", "tier", "tier_confirmed")}
    sure, guess = ("production", True), ("production", False)
    assert rows == {"non-prod": ("other", False), "prod": guess, "chosen": sure, "mine": sure, "far-1": sure}
    assert Message.objects.waiting().filter(topic="environment.changed").count() == 2
