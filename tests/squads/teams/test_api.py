"""Squads and services over the API."""

from typing import Any

from django.http import HttpResponse
from django.test import Client

from portal.accounts.models import User
from releases.pipelines.models import Repository
from squads.models import Service, Squad

SQUADS, SERVICES = "/api/v1/squads/", "/api/v1/services/"


def post(browser: Client, address: str, body: Any) -> HttpResponse:
    return browser.post(address, body, content_type="application/json")  # type: ignore[return-value]


def patch(browser: Client, address: str, body: Any) -> HttpResponse:
    return browser.patch(address, body, content_type="application/json")  # type: ignore[return-value]


def errors(answer: HttpResponse) -> dict[str, str]:
    return {each["attr"]: each["detail"] for each in answer.json()["errors"]}


def test_nobody_reads_without_signing_in(client: Client, db: None) -> None:
    for address in (SQUADS, SERVICES):
        answer = client.get(address)
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("Basic")


def test_a_user_name_and_password_open(client: Client, ana: User) -> None:
    client.defaults["HTTP_AUTHORIZATION"] = "Basic YW5hOmFuYS1wYXNzd29yZA=="
    assert client.get(SQUADS).json()["results"][0]["members"] == ["ana"]


def test_whoever_creates_a_squad_is_its_first_member(as_pam: Client) -> None:
    answer = post(
        as_pam, SQUADS, {"name": "Search & Find", "key_prefix": "FIND", "kind": "vertical", "mission": "Find it."}
    )
    assert answer.status_code == 201
    assert answer.json() == {
        "slug": "search-find",
        "name": "Search & Find",
        "key_prefix": "FIND",
        "kind": "vertical",
        "mission": "Find it.",
        "key_repositories": [],
        "descriptions_count": False,
        "members": ["pam"],
        "archived_at": None,
        "url": "/squads/search-find/",
    }
    assert as_pam.get(f"{SQUADS}search-find/").json() == answer.json()


def test_an_objection_names_the_field(as_pam: Client, payments: Squad) -> None:
    assert "2 to 10 capital letters" in errors(post(as_pam, SQUADS, {"name": "X", "key_prefix": "x"}))["key_prefix"]
    assert "already" in errors(post(as_pam, SQUADS, {"name": "Payments", "key_prefix": "PAX"}))["name"]
    assert "required" in errors(post(as_pam, SQUADS, {}))["name"]


def test_only_leads_change_a_squad_and_others_are_told_which(
    as_lea: Client, as_ana: Client, as_bo: Client, as_root: Client, payments: Squad
) -> None:
    address = f"{SQUADS}payments/"
    assert patch(as_lea, address, {"mission": "Pay."}).json()["mission"] == "Pay."
    assert patch(as_root, address, {"mission": "Pay back."}).status_code == 200
    for browser in (as_ana, as_bo):
        answer = patch(browser, address, {"mission": "Search."})
        assert answer.status_code == 403
        said = "Only leads of Payments and administrators can change Payments."
        assert answer.json()["errors"][0]["detail"] == said


def test_members_come_and_go(as_lea: Client, as_ana: Client, as_bo: Client, bo: User, payments: Squad) -> None:
    address = f"{SQUADS}payments/members/"
    assert post(as_bo, address, {"username": "bo"}).status_code == 403
    assert post(as_ana, address, {"username": "bo"}).status_code == 403
    assert post(as_lea, address, {"username": "BO"}).json()["members"] == ["ana", "bo", "lea"]
    assert post(as_lea, address, {"username": "bo"}).status_code == 200, "saying it twice changes nothing"
    assert "There’s no account" in errors(post(as_lea, address, {"username": "zoe"}))["username"]
    assert as_ana.delete(f"{address}bo/").status_code == 403
    assert as_bo.delete(f"{address}bo/").status_code == 204, "one may leave"
    assert as_bo.delete(f"{address}ana/").status_code == 403
    assert as_lea.get(f"{SQUADS}payments/").json()["members"] == ["ana", "lea"]


def test_a_squad_with_members_keeps_a_lead(as_lea: Client, as_root: Client, ana: User, payments: Squad) -> None:
    address = f"{SQUADS}payments/members/"
    assert "only lead" in as_lea.delete(f"{address}lea/").json()["errors"][0]["detail"]
    assert "only lead" in post(as_lea, address, {"username": "lea", "role": "member"}).json()["errors"][0]["detail"]
    assert post(as_lea, address, {"username": "ana", "role": "lead", "accepts": True}).status_code == 200
    assert as_lea.delete(f"{address}lea/").status_code == 204
    assert payments.memberships.get().accepts
    post(as_root, address, {"username": "lea"})
    assert as_root.delete(f"{address}ana/").status_code == 204, "an administrator may"


def test_squads_are_found_by_text_kind_and_member(as_ana: Client, payments: Squad, search: Squad) -> None:
    def found(asked: str) -> list[str]:
        return [each["slug"] for each in as_ana.get(f"{SQUADS}?{asked}").json()["results"]]

    assert found("text=pay") == ["payments"]
    assert found("member=ana") == ["payments"]
    assert found("kind=vertical") == []
    assert as_ana.get(f"{SQUADS}?kind=round").status_code == 400
    assert as_ana.get(f"{SQUADS}?text=%00").status_code == 400


def test_a_service_belongs_to_a_squad_of_yours(as_ana: Client, as_bo: Client, payments: Squad) -> None:
    wanted = {"name": "checkout", "squad": "payments", "repositories": ["shop/checkout"]}
    assert post(as_bo, SERVICES, wanted).status_code == 403
    answer = post(as_ana, SERVICES, wanted)
    assert answer.status_code == 201
    assert answer.json() == {
        "slug": "checkout",
        "name": "checkout",
        "squad": "payments",
        "description": "",
        "repositories": ["shop/checkout"],
        "discovered": False,
        "url": "/services/checkout/",
    }
    assert Repository.objects.get().service == Service.objects.get()
    assert "There’s already a service checkout" in errors(post(as_ana, SERVICES, wanted))["name"]
    assert "squad" in errors(post(as_ana, SERVICES, {"name": "x", "squad": "nope"}))


def test_a_service_nobody_owns_is_claimed_before_it_is_changed(
    as_ana: Client, as_bo: Client, payments: Squad, search: Squad
) -> None:
    Service.objects.create(name="basket", slug="basket", discovered=True)
    assert "has no owner yet" in patch(as_ana, f"{SERVICES}basket/", {"description": "x"}).json()["errors"][0]["detail"]
    assert post(as_ana, f"{SERVICES}basket/claim/", {"squad": "search"}).status_code == 403
    assert post(as_ana, f"{SERVICES}basket/claim/", {"squad": "payments"}).json()["squad"] == "payments"
    assert patch(as_ana, f"{SERVICES}basket/", {"description": "x"}).json()["description"] == "x"
    assert post(as_bo, f"{SERVICES}basket/claim/", {"squad": "search"}).status_code == 400
    assert [each["slug"] for each in as_ana.get(f"{SERVICES}?unowned=true").json()["results"]] == []


def test_lists_cost_the_same_however_long_they_are(
    as_ana: Client, payments: Squad, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        service = Service.objects.create(name=f"s{number}", slug=f"s{number}", squad=payments)
        Repository.objects.create(key=f"r{number}", service=service)
        Squad.objects.create(name=f"Squad {number}", slug=f"q{number}", key_prefix=f"Q{number}X")
    for address in (SQUADS, SERVICES):
        with django_assert_max_num_queries(5):
            assert as_ana.get(f"{address}?page_size=200").json()["count"] >= 30
