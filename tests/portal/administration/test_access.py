"""Who may create squads and invite people, and from where: administrators decide."""

from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import AccessRules, User
from portal.kernel.models import AuditEntry
from squads.models import Squad
from squads.teams.invitations import invite
from tests.portal.test_at_once import at_once

ACCESS = "/administration/access/"
SQUAD = {"name": "Search", "key_prefix": "SEA", "kind": "vertical"}


def rules(client: Client, **changed: Any) -> Any:
    body = {"founders": "managers", "inviters": "leads", "domains": "", "version": 0, **changed}
    return client.post(ACCESS, body, follow=True)


def test_project_managers_and_administrators_create_squads_at_first(
    as_ria: Client, as_pam: Client, as_root: Client
) -> None:
    refused = as_ria.post("/squads/new/", SQUAD)
    assert refused.status_code == 403
    assert "Only project managers and administrators can create squads." in refused.content.decode()
    assert "New squad" not in as_ria.get("/squads/").content.decode()
    assert "New squad" in as_pam.get("/squads/").content.decode()
    assert as_pam.post("/squads/new/", SQUAD).status_code == 302
    assert as_root.get("/squads/new/").status_code == 200


@pytest.mark.parametrize(("founders", "reader", "manager"), [("everyone", 302, 302), ("administrators", 403, 403)])
def test_administrators_choose_who_creates_squads(
    as_root: Client, as_ria: Client, as_pam: Client, founders: str, reader: int, manager: int
) -> None:
    assert "Saved." in rules(as_root, founders=founders).content.decode()
    assert as_ria.post("/squads/new/", SQUAD).status_code == reader
    assert as_pam.post("/squads/new/", {**SQUAD, "name": "Find", "key_prefix": "FIN"}).status_code == manager


def test_where_only_administrators_invite_leads_cannot_and_their_links_end(
    as_root: Client, as_lea: Client, lea: User, payments: Squad
) -> None:
    _, link = invite(by=lea, email="new@example.org", squad=payments)
    assert "Invite by e-mail" in as_lea.get("/squads/payments/people/").content.decode()
    rules(as_root, inviters="administrators")
    assert "Invite by e-mail" not in as_lea.get("/squads/payments/people/").content.decode()
    answer = as_lea.post("/squads/payments/invitations/", {"email": "x@example.org", "role": "member"})
    assert answer.status_code == 403 and "Only administrators can invite people." in answer.content.decode()
    assert Client().get(f"/invitations/{link}/").status_code == 404
    assert as_root.post("/invitations/", {"email": "x@example.org", "role": "member"}).status_code == 201


def test_people_come_only_from_the_named_domains(
    as_root: Client, as_lea: Client, lea: User, payments: Squad, settings: Any
) -> None:
    _, link = invite(by=lea, email="new@elsewhere.example", squad=payments)
    rules(as_root, domains="Example.org, @example.com")
    assert AccessRules.objects.get().domains == ["example.org", "example.com"]
    answer = as_lea.post("/squads/payments/invitations/", {"email": "x@elsewhere.example", "role": "member"})
    assert answer.status_code == 400
    assert "Only addresses at example.org or example.com are allowed." in answer.content.decode()
    body = {"first_name": "Nia", "username": "nia", "password": "a long pass phrase"}
    refused = Client().post(f"/invitations/{link}/", body)
    assert refused.status_code == 400 and "Only addresses at" in refused.content.decode()
    assert as_lea.post("/squads/payments/invitations/", {"email": "x@EXAMPLE.ORG", "role": "member"}).status_code == 201
    settings.RODEO_SIGN_UP = True
    signed_up = Client().post(
        "/accounts/signup/", {"email": "n@elsewhere.example", "username": "nia", "password1": "a long pass phrase"}
    )
    assert "Only addresses at" in signed_up.content.decode()
    assert not User.objects.filter(username="nia").exists()


def test_without_named_domains_those_of_the_companys_sign_in_hold(
    as_root: Client, as_lea: Client, payments: Squad, settings: Any
) -> None:
    settings.RODEO_OIDC_DOMAINS = ["example.org"]
    address = "/squads/payments/invitations/"
    assert as_lea.post(address, {"email": "x@elsewhere.example", "role": "member"}).status_code == 400
    assert "invitations are limited to these too" in as_root.get(ACCESS).content.decode()
    rules(as_root, domains="elsewhere.example")
    assert as_lea.post(address, {"email": "x@elsewhere.example", "role": "member"}).status_code == 201


@pytest.mark.parametrize("wrong", ["example", "exa mple..org", "-x.org", "http://example.org", "a" * 300 + ".org"])
def test_what_is_no_domain_is_named(as_root: Client, wrong: str) -> None:
    answer = rules(as_root, domains=wrong)
    assert answer.status_code == 400
    assert "isn’t a domain. Write it like example.org." in answer.content.decode()
    assert not AccessRules.objects.exists()


def test_of_two_who_change_the_rules_the_second_is_told(as_root: Client, root: User) -> None:
    rules(as_root, founders="everyone")
    answer = rules(as_root, founders="administrators")
    assert answer.status_code == 409
    assert "Someone else changed these rules meanwhile." in answer.content.decode()
    assert AccessRules.objects.get().founders == "everyone"
    answer = as_root.patch("/api/v1/access/", {"founders": "managers", "version": 0}, content_type="application/json")
    assert answer.status_code == 409


@pytest.mark.django_db(transaction=True)
def test_of_two_who_change_the_rules_at_the_same_moment_one_is_told() -> None:
    root = User.objects.create_superuser("root", "", "root-password")
    bodies = [
        {"founders": "everyone", "inviters": each, "domains": "", "version": 0} for each in ("leads", "administrators")
    ]
    answers = at_once(root, ACCESS, *bodies, api=False)
    assert sorted(status for status, _ in answers) == [302, 409]


def test_the_api_changes_what_it_is_told_and_nothing_else(as_root: Client) -> None:
    rules(as_root, domains="example.org")
    answer = as_root.patch("/api/v1/access/", {"founders": "everyone", "version": 1}, content_type="application/json")
    assert answer.json() == {"founders": "everyone", "inviters": "leads", "domains": ["example.org"], "version": 2}
    assert as_root.get("/api/v1/access/").json() == answer.json()
    late = as_root.patch("/api/v1/access/", {"founders": "managers", "version": 1}, content_type="application/json")
    assert late.status_code == 409
    assert late.json()["detail"].startswith("Someone else changed the access rules meanwhile.")
    assert AuditEntry.objects.first().did == (  # type: ignore[union-attr]
        "changed the access rules: squads are created by everyone with an account"
    )


# A reader makes itself no more than that


def test_a_reader_cannot_rise_by_any_step(as_ria: Client, ria: User, payments: Squad, root: User, lea: User) -> None:
    """The way that was open: create a squad, lead it, plan releases with it, invite strangers."""
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("post", "/api/v1/squads/", SQUAD),
        ("post", "/api/v1/squads/payments/members/", {"username": "ria", "role": "lead"}),
        ("post", "/api/v1/releases/", {"version": "1.0", "line": "Shop"}),
        ("post", "/api/v1/people/ria/role/", {"role": "administrator"}),
        ("patch", "/api/v1/access/", {"founders": "everyone", "version": 0}),
        ("post", "/api/v1/people/lea/deactivate/", {}),
        ("post", "/api/v1/people/lea/password-link/", {}),
        ("get", "/api/v1/people/", {}),
        ("get", "/api/v1/audit-entries/", {}),
    ]
    pages: list[tuple[str, dict[str, Any]]] = [
        ("/squads/new/", SQUAD),
        ("/squads/payments/members/", {"username": "ria"}),
        ("/squads/payments/invitations/", {"email": "x@example.org", "role": "lead"}),
        ("/squads/payments/tokens/", {"name": "CI", "scopes": ["write"], "days": 7}),
        ("/invitations/", {"email": "x@example.org", "role": "lead"}),
        ("/releases/new/", {"version": "1.0"}),
        (f"/administration/people/{ria.pk}/role/", {"role": "administrator"}),
        (f"/administration/people/{root.pk}/password/", {}),
        (ACCESS, {"founders": "everyone", "inviters": "leads", "domains": "", "version": 0}),
    ]
    for how, address, body in steps:
        answer = getattr(as_ria, how)(address, body, **({"content_type": "application/json"} if how != "get" else {}))
        assert answer.status_code == 403, f"{how} {address}: {answer.status_code}"
    for address, body in pages:
        assert as_ria.post(address, body).status_code == 403, address
    # Nor by what one may write of oneself.
    as_ria.post("/account/", {"first_name": "Ria", "last_name": "", "is_staff": "on", "is_project_manager": "on"})
    made = as_ria.post("/account/tokens/", {"name": "x", "scopes": ["read", "report"], "days": 7})
    assert made.status_code == 400
    ria.refresh_from_db()
    assert (ria.role, ria.is_superuser, ria.memberships.count()) == ("reader", False, 0)  # type: ignore[attr-defined]
    assert Squad.objects.count() == 1
