"""Who always has to approve is kept by who they are: another name changes nothing."""

from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.kernel import clock
from releases.approvals.actions import ask
from releases.models import GateTemplate, Release
from releases.planning.actions import create_release
from squads.models import Squad

pytestmark = pytest.mark.django_db
GATES = "/api/v1/gate-templates/"


@pytest.fixture
def release(pam: User) -> Release:
    return create_release(by=pam, version="1.0", line="Shop")


def save(browser: Client, *names: str) -> Any:
    gates = [{"gate": "approvals", "values": {"of": list(names)}}]
    return browser.post(GATES, {"line": "Shop", "gates": gates}, content_type="application/json")


def gate(browser: Client, release: Release) -> dict[str, Any]:
    told = browser.get(f"/api/v1/releases/{release.slug}/readiness/").json()
    return next(each for each in told["gates"] if each["gate"] == "approvals")


def kept() -> list[str]:
    names: list[str] = GateTemplate.objects.get().gates[0]["values"]["of"]
    return names


def test_people_roles_and_squads_are_named_as_people_write_them(
    as_pam: Client, lea: User, payments: Squad, release: Release
) -> None:
    assert save(as_pam, "lea", "Project managers", "leads of payments", "Lea").status_code in (200, 201)
    assert kept() == [f"person:{lea.pk}", "managers:", f"leads:{payments.pk}"]
    page = as_pam.get("/gates/line/?line=Shop").content.decode()
    assert "lea\nproject managers\nleads of Payments</textarea>" in page
    assert "always needs approval by lea, project managers, leads of Payments" in page
    assert len(gate(as_pam, release)["blockers"]) == 3


def test_another_name_changes_nothing(as_pam: Client, pam: User, lea: User, release: Release) -> None:
    save(as_pam, "lea")
    ask(release, by=pam, kind="person", person=lea)
    before = gate(as_pam, release)
    assert before["reason"] == "Waits for Lea to answer."
    User.objects.filter(pk=lea.pk).update(first_name="Leonora", username="leonora")
    assert [each["identity"] for each in gate(as_pam, release)["blockers"]] == [
        each["identity"] for each in before["blockers"]
    ]


def test_nobody_of_that_name_is_refused_with_the_remedy(as_pam: Client) -> None:
    answer = save(as_pam, "security")
    (error,) = answer.json()["errors"]
    assert answer.status_code == 400 and error["detail"].startswith("There’s no “security” here. Enter a user name")


def test_who_is_gone_keeps_the_gate_closed(as_pam: Client, lea: User, payments: Squad, release: Release) -> None:
    save(as_pam, "leads of payments")
    template = GateTemplate.objects.get()
    template.gates[0]["values"]["of"] = ["leads:999999"]
    template.save()
    assert "someone who isn’t here any more (leads:999999)" in gate(as_pam, release)["reason"]


def test_who_cannot_sign_in_and_whose_squad_is_archived_is_gone_too(
    as_pam: Client, lea: User, ria: User, payments: Squad, release: Release
) -> None:
    save(as_pam, "ria", "leads of payments")
    User.objects.filter(pk=ria.pk).update(is_active=False)
    Squad.objects.filter(pk=payments.pk).update(archived_at=clock.now())
    said = {each["text"] for each in gate(as_pam, release)["blockers"]}
    assert said == {
        f"Approval is needed by someone who isn’t here any more ({key})."
        for key in (f"person:{ria.pk}", f"leads:{payments.pk}")
    }


def test_a_squad_is_found_by_the_name_that_is_shown_before_another_ones_slug(as_pam: Client, payments: Squad) -> None:
    core = Squad.objects.create(name="payments", slug="core", key_prefix="CORE")
    Squad.objects.filter(pk=payments.pk).update(name="Money")
    save(as_pam, "leads of payments")
    assert kept() == [f"leads:{core.pk}"]
    save(as_pam, "leads of PAYMENTS")
    assert kept() == [f"leads:{core.pk}"]
