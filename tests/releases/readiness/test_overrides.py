"""An override lets a gate pass by name, for what blocks it at that moment, and for nothing else."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from portal.kernel import clock
from portal.kernel.models import AuditEntry, Message, StateChange
from releases.inbox.models import Source
from releases.outside_checks.models import OutsideAnswer
from releases.readiness.models import ChecklistItem, GateOverride
from releases.readiness.overrides import withdraw
from releases.readiness.queries import readiness_for_service
from squads.acceptance.actions import plan_accepters
from squads.stories.actions import create_story
from tests.releases.contents.conftest import Told
from tests.releases.evidence.conftest import sha_of
from tests.releases.readiness.conftest import Shop, said

pytestmark = pytest.mark.django_db


def page(shop: Shop, gate: str = "") -> str:
    return f"{shop.release.get_absolute_url()}readiness/{f'{gate}/' if gate else ''}"


def override(shop: Shop, gate: str, **said: Any) -> Any:
    browser = said.pop("browser", None) or shop.browser(shop.pam)
    told = {"reason": "Agreed with support.", "days": 3, "covers": shown(browser, shop, gate), **said}
    return browser.post(f"{page(shop, gate)}override/", told)


def shown(browser: Client, shop: Shop, gate: str) -> str:
    """Return what the page of a gate sends along with its form; "" where it has none."""
    found = re.search(r'name="covers" value="([^"]*)"', browser.get(page(shop, gate)).content.decode())
    return html.unescape(found[1]) if found else ""


def test_a_project_manager_overrides_a_gate_and_everybody_sees_who_and_why(shop: Shop) -> None:
    shop.run("ledger", 6, "failure")
    assert override(shop, "runs").status_code == 302
    found = shop.readiness()
    assert found.sentence == "Ready. 1 gate is overridden: CI runs."
    for address in (page(shop), page(shop, "runs")):
        shown = shop.browser(shop.ria).get(address).content.decode()
        assert "Agreed with support." in shown and "Pam" in shown
    told = shop.browser().get(f"/api/v1/releases/{shop.release.slug}/readiness/").json()
    [runs] = [each for each in told["gates"] if each["gate"] == "runs"]
    assert (told["ready"], runs["state"], runs["passes"], runs["override"]["by"]) == (True, "failed", True, "Pam")
    assert AuditEntry.objects.filter(did__contains="overrode the gate CI runs of Shop 1.0").exists()
    assert StateChange.objects.filter(kind="gate override", to_state="overridden").exists()
    assert Message.objects.filter(topic="release.gate_overridden").exists()


def test_an_override_is_void_once_something_else_blocks_the_gate(shop: Shop) -> None:
    shop.run("ledger", 6, "failure")
    override(shop, "runs")
    shop.run("checkout", 7, "failure")
    found = shop.gate("runs")
    assert found.override is None and not found.lets_pass
    assert "New since: ci of checkout" in shop.browser().get(page(shop, "runs")).content.decode()


def test_an_override_covers_nothing_that_came_up_while_somebody_looked(shop: Shop) -> None:
    shop.run("ledger", 6, "failure")
    seen = shown(shop.browser(shop.pam), shop, "runs")
    told = shop.browser().get(f"/api/v1/releases/{shop.release.slug}/readiness/").json()
    shop.run("checkout", 7, "failure")
    answer = override(shop, "runs", covers=seen)
    says = (
        f"New since you looked: ci of checkout on {sha_of('checkout')[:7]} failed. Look at it, then override the gate."
    )
    assert answer.status_code == 400 and says in answer.content.decode()
    until = (clock.now() + timedelta(days=1)).isoformat()
    body = {"gate": "runs", "reason": "Agreed.", "until": until, "covers": identities(told)}
    api = f"/api/v1/releases/{shop.release.slug}/overrides/"
    refused = shop.browser(shop.pam).post(api, body, content_type="application/json")
    assert refused.status_code == 400 and says in str(refused.json()) and "covers" in str(refused.json())
    assert override(shop, "runs", covers="{").status_code == 400
    assert not GateOverride.objects.exists()
    # The page that refuses shows both, and its form is for both.
    again = html.unescape(re.search(r'name="covers" value="([^"]*)"', answer.content.decode())[1])  # type: ignore[index]
    assert override(shop, "runs", covers=again).status_code == 302
    assert shop.readiness().verdict == "ready"


def identities(told: Any, gate: str = "runs") -> list[str]:
    """Return what blocks a gate, as the readiness tells it to programs."""
    return [blocker["identity"] for each in told["gates"] if each["gate"] == gate for blocker in each["blockers"]]


def test_a_run_that_fails_again_is_another_problem(shop: Shop) -> None:
    shop.run("ledger", 6, "failure")
    override(shop, "runs")
    assert shop.readiness().verdict == "ready"
    shop.run("ledger", 7, "failure")
    assert shop.gate("runs").override is None


def test_a_story_that_gets_another_change_is_another_problem(shop: Shop) -> None:
    late = create_story(shop.squad, by=shop.ana, title="Late", release=shop.release)
    plan_accepters([late], shop.pam, by=shop.pam)
    history = Told(Source.objects.get(key="git-ledger"), shop.send)
    history.looks = 5
    history.touch("late", f"{late.key} begun", 20, "ledger")
    history.look("late", **{"v1.0": ("ledger", 1)})
    override(shop, "stories")
    assert shop.gate("stories").override is not None
    shop.release.refresh_from_db()
    stage = {each.key: each.stage for each in shop.release.planned_stories.all()}[late.key]
    history.touch("more", f"{late.key} more", 21, "late")
    history.look("more", **{"v1.0": ("ledger", 1)})
    late.refresh_from_db()
    assert late.stage == stage
    assert shop.gate("stories").override is None


def test_an_outside_check_that_says_no_again_in_other_words_is_the_same_problem(shop: Shop) -> None:
    said(shop, "failure")
    override(shop, "outside_checks")
    assert shop.gate("outside_checks").override is not None
    OutsideAnswer.objects.filter(of=shop.check).update(detail="errors is 0.32.")
    assert shop.gate("outside_checks").override is not None
    OutsideAnswer.objects.filter(of=shop.check).update(since=clock.now())
    assert shop.gate("outside_checks").override is None


def test_it_still_counts_when_less_blocks_the_gate(shop: Shop) -> None:
    for title in ("Late", "Later"):
        late = create_story(shop.squad, by=shop.ana, title=title, release=shop.release)
        plan_accepters([late], shop.pam, by=shop.pam)
    override(shop, "stories")
    shop.release.planned_stories.filter(title="Late").update(release=None)
    said(shop, "success")
    assert shop.readiness().verdict == "ready"


def test_it_ends_at_its_time_and_when_it_is_withdrawn(shop: Shop) -> None:
    shop.run("ledger", 6, "failure")
    override(shop, "runs")
    row = GateOverride.objects.get()
    GateOverride.objects.update(until=clock.now() - timedelta(hours=2))
    assert shop.gate("runs").void_overrides[0][1] == "It expired 2 hours ago."
    GateOverride.objects.update(until=clock.now() + timedelta(hours=2))
    withdrawing = f"{shop.release.get_absolute_url()}overrides/{row.pk}/withdraw/"
    assert shop.browser(shop.ria).post(withdrawing).status_code == 403
    assert shop.readiness().verdict == "ready"
    shop.browser(shop.pam).post(withdrawing)
    assert shop.readiness().verdict == "not_ready"
    assert "withdrawn" in shop.browser().get(page(shop, "runs")).content.decode()
    answer = shop.browser(shop.pam).delete(f"/api/v1/releases/{shop.release.slug}/overrides/{row.pk}/")
    assert answer.status_code == 409


def test_members_of_squads_cannot_override_and_the_owner_can(shop: Shop) -> None:
    shop.run("ledger", 6, "failure")
    assert override(shop, "runs", browser=shop.browser(shop.ana)).status_code == 403
    assert "Only the release’s owner" in shop.browser(shop.ana).get(page(shop, "runs")).content.decode()
    type(shop.release).objects.filter(pk=shop.release.pk).update(owner=shop.ana)
    assert override(shop, "runs", browser=shop.browser(shop.ana)).status_code == 302
    withdraw(GateOverride.objects.get(), by=shop.ana)


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({"gate": "stories"}, "gate", "Stories passes, so there’s nothing to override."),
        ({"reason": " "}, "reason", "may not be blank"),
        ({"gate": "luck"}, "gate", "not a valid choice"),
        ({"covers": None}, "covers", "may not be null"),
        ({"covers": []}, "covers", "New since you looked: ci of ledger"),
        ({"until": "2020-01-01T00:00:00Z"}, "until", "within the next 30 days"),
        ({"until": "2199-01-01T00:00:00Z"}, "until", "within the next 30 days"),
    ],
)
def test_what_cannot_be_overridden_is_said_at_its_field(
    shop: Shop, said: dict[str, Any], field: str, words: str
) -> None:
    shop.run("ledger", 6, "failure")
    until = (clock.now() + timedelta(days=1)).isoformat()
    seen = identities(shop.browser().get(f"/api/v1/releases/{shop.release.slug}/readiness/").json())
    told = {"gate": "runs", "reason": "Agreed.", "until": until, "covers": seen, **said}
    address = f"/api/v1/releases/{shop.release.slug}/overrides/"
    answer = shop.browser(shop.pam).post(address, told, content_type="application/json")
    assert answer.status_code == 400 and words in str(answer.json()) and field in str(answer.json())
    assert not GateOverride.objects.exists()


def test_what_only_the_pipeline_of_a_service_waits_for_is_overridden_for_it(shop: Shop) -> None:
    browser, address = shop.browser(shop.pam), f"{page(shop, 'deploy_order')}?service=ledger"
    assert "?service=ledger" in browser.get(f"{page(shop)}?service=ledger").content.decode()
    seen = re.search(r'name="covers" value="([^"]*)"', browser.get(address).content.decode())
    assert seen is not None
    answer = override(shop, "deploy_order", covers=html.unescape(seen[1]), service="ledger")
    assert (answer.status_code, answer.url) == (302, address)
    assert readiness_for_service(shop.release, "ledger").verdict == "ready"
    withdraw(GateOverride.objects.get(), by=shop.pam)
    told = browser.get(f"/api/v1/releases/{shop.release.slug}/readiness/?service=ledger").json()
    assert not told["ready"]
    until = (clock.now() + timedelta(days=1)).isoformat()
    body = {"gate": "deploy_order", "reason": "Agreed.", "until": until, "covers": identities(told, "deploy_order")}
    api = f"/api/v1/releases/{shop.release.slug}/overrides/"
    for service, status in (("", 400), ("nobody", 400), ("ledger", 201)):
        answer = browser.post(api, {**body, "service": service}, content_type="application/json")
        assert answer.status_code == status
    assert readiness_for_service(shop.release, "ledger").verdict == "ready"
    assert shop.readiness().verdict == "ready"


def test_everything_that_an_override_covers_is_listed_with_its_form(shop: Shop) -> None:
    ChecklistItem.objects.bulk_create(
        ChecklistItem(release=shop.release, text=f"Step {number} of many", by=shop.pam) for number in range(60)
    )
    shown = shop.browser(shop.pam).get(page(shop, "checklist")).content.decode()
    form = shown[shown.index('id="override-title"') :]
    assert "It covers all 60 blockers" in form
    assert all(f"Step {number} of many" in form for number in range(60))


def test_more_overrides_than_the_page_lists_are_counted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("releases.readiness.queries.MOST_OVERRIDES", 2)
    shop.run("ledger", 6, "failure")
    for number in range(2):
        override(shop, "runs", reason=f"Number {number}.")
        withdraw(GateOverride.objects.latest("pk"), by=shop.pam)
    assert "The newest" not in shop.browser().get(page(shop, "runs")).content.decode()
    override(shop, "runs", reason="Number 2.")
    told = shop.browser().get(page(shop, "runs")).content.decode()
    assert "The newest 2 of 3." in told and "Number 2." in told and "Number 0." not in told


def test_every_button_of_a_gate_judged_for_a_service_leads_back_to_that_service(shop: Shop) -> None:
    shop.run("ledger", 6, "failure")
    browser, pressed = shop.browser(shop.pam), set()
    bodies = {
        "override": {"reason": "Agreed.", "days": 3},
        "need": {"flag": "video", "on": "1"},
        "add": {"text": "Tell sales"},
    }
    for gate in ("runs", "flags", "checklist", "outside_checks"):
        address = f"{page(shop, gate)}?service=ledger"
        # The second time, what the first one made is there too.
        for _ in range(2):
            told = browser.get(address).content.decode().split("<main")[1].split("</main>")[0]
            assert f'href="{page(shop)}?service=ledger"' in told
            for place, fields in re.findall(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', told, re.DOTALL):
                what = place.split("/")[-2]
                if what == "override" and gate != "runs":
                    # What was pressed before it makes it cover other blockers.
                    assert 'name="service" value="ledger"' in fields
                    continue
                sent = dict(re.findall(r'<input type="hidden" name="(service|covers)" value="([^"]*)"', fields))
                sent = {name: html.unescape(value) for name, value in sent.items()} | bodies.get(what, {})
                answer = browser.post(place, sent)
                assert (answer.status_code, answer.headers.get("Location")) == (302, address), place
                pressed.add(what)
    assert pressed == {"override", "withdraw", "need", "drop", "add", "tick", "untick", "remove", "ask"}


def test_a_mistake_on_a_gate_judged_for_a_service_keeps_the_service(shop: Shop) -> None:
    browser = shop.browser(shop.pam)
    for place in ("flags/need/", "checklist/add/"):
        answer = browser.post(f"{shop.release.get_absolute_url()}{place}", {"service": "ledger"})
        assert answer.status_code == 400 and "Judged for the pipeline of ledger." in answer.content.decode()
