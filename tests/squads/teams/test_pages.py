"""The pages of squads and services, through the browser's door."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel.models import Message
from releases.models import Repository
from squads.models import Membership, Service, Squad
from squads.stories.actions import create_story


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(url).status_code == 200
    return len(seen)


READING = ["/squads/", "/squads/payments/", "/services/", "/services/checkout/"]
WRITING = ["/squads/payments/edit/", "/services/new/", "/services/checkout/edit/"]
LEADING = ["/squads/payments/members/", "/squads/payments/invitations/", "/squads/payments/tokens/"]


@pytest.mark.parametrize("url", READING + WRITING)
def test_nobody_is_sent_to_sign_in(client: Client, checkout: Service, url: str) -> None:
    answer = client.get(url)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=")


@pytest.mark.parametrize("url", READING)
def test_anybody_signed_in_may_read(as_bo: Client, checkout: Service, url: str) -> None:
    assert as_bo.get(url).status_code == 200


def test_open_reading_lets_everybody_read_and_nobody_write(client: Client, checkout: Service, settings: Any) -> None:
    settings.RODEO_OPEN_READING = True
    assert client.get("/squads/payments/").status_code == 200
    assert client.get("/squads/payments/edit/").status_code == 302


@pytest.mark.parametrize(
    ("url", "who"),
    [
        ("/squads/payments/edit/", "leads of Payments and administrators"),
        ("/services/checkout/edit/", "members of Payments"),
    ],
)
def test_another_squad_may_not_change_it_and_is_told_who_may(
    as_bo: Client, checkout: Service, url: str, who: str
) -> None:
    answer = as_bo.get(url)
    assert answer.status_code == 403
    assert f"Only {who} can" in answer.content.decode()
    assert as_bo.post(url, {"name": "Mine now"}).status_code == 403


@pytest.mark.parametrize("url", LEADING)
def test_only_leads_change_its_people(as_ana: Client, as_bo: Client, payments: Squad, url: str) -> None:
    for browser in (as_ana, as_bo):
        answer = browser.post(url, {"username": "bo"})
        assert answer.status_code == 403
        assert "Only leads of Payments and administrators can change Payments." in answer.content.decode()
    assert not Membership.objects.filter(squad=payments, user__username="bo").exists()


@pytest.mark.parametrize("url", WRITING)
def test_leads_and_administrators_may_write(as_lea: Client, as_root: Client, checkout: Service, url: str) -> None:
    assert as_lea.get(url).status_code == 200
    assert as_root.get(url).status_code == 200


def test_whoever_creates_a_squad_leads_it(as_pam: Client, pam: User) -> None:
    answer = as_pam.post("/squads/new/", {"name": "Größe & Co", "key_prefix": "GR", "kind": "vertical", "mission": ""})
    squad = Squad.objects.get(name="Größe & Co")
    assert answer["Location"] == squad.get_absolute_url() == "/squads/groe-co/"
    assert [(each.user, each.role) for each in squad.memberships.all()] == [(pam, "lead")]


def test_a_name_without_latin_letters_still_gets_an_address(as_pam: Client) -> None:
    as_pam.post("/squads/new/", {"name": "物流", "key_prefix": "LOG", "kind": "vertical"})
    as_pam.post("/squads/new/", {"name": "New", "key_prefix": "NEW", "kind": "vertical"})
    assert [Squad.objects.get(key_prefix=each).slug for each in ("LOG", "NEW")] == ["log", "new-2"]


def test_errors_name_the_field_and_the_remedy(as_pam: Client, payments: Squad) -> None:
    answer = as_pam.post("/squads/new/", {"name": "Payments", "key_prefix": "pay!", "kind": "vertical"})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "Another squad has this name. Choose another." in page
    assert "Use 2 to 10 capital letters or digits, starting with a letter, such as PAY." in page
    assert 'aria-invalid="true"' in page


def test_the_prefix_stays_once_a_story_carries_it(as_lea: Client, ana: User, payments: Squad) -> None:
    create_story(payments, by=ana, title="One")
    answer = as_lea.post("/squads/payments/edit/", {"name": "Payments", "key_prefix": "PY", "kind": "vertical"})
    assert answer.status_code == 400
    assert "Stories already use PAY in their keys, so it can’t change." in answer.content.decode()
    payments.refresh_from_db()
    assert payments.key_prefix == "PAY"


def test_members_come_and_go_by_user_name(as_lea: Client, bo: User, payments: Squad) -> None:
    as_lea.post("/squads/payments/members/", {"username": " BO "})
    assert payments.members.filter(username="bo").exists()
    as_lea.post("/squads/payments/members/remove/", {"username": "bo"})
    assert not payments.members.filter(username="bo").exists()


def test_an_unknown_user_name_is_answered_with_what_to_do(as_lea: Client, payments: Squad) -> None:
    page = as_lea.post("/squads/payments/members/", {"username": "nobody"}, follow=True).content.decode()
    assert "There’s no account “nobody”. Check the spelling" in page


def test_a_service_is_created_with_its_repositories(as_ana: Client, payments: Squad) -> None:
    Repository.objects.create(key="shop/ledger")
    as_ana.post(
        "/services/new/", {"name": "ledger", "squad": payments.pk, "repositories": "shop/ledger\n\n shop/books "}
    )
    ledger = Service.objects.get(name="ledger")
    assert sorted(ledger.repositories.values_list("key", flat=True)) == ["shop/books", "shop/ledger"]
    told = Message.objects.get(topic="service.changed").payload
    assert told["id"] == ledger.pk
    assert len(told["repositories"]) == 2


def test_a_service_can_only_be_created_for_ones_own_squad(as_bo: Client, payments: Squad) -> None:
    answer = as_bo.post("/services/new/", {"name": "mine", "squad": payments.pk})
    assert answer.status_code == 400
    assert not Service.objects.filter(name="mine").exists()


def test_a_repository_of_another_service_is_not_taken_silently(as_bo: Client, search: Squad, checkout: Service) -> None:
    Repository.objects.create(key="shop/checkout", service=checkout)
    page = as_bo.post("/services/new/", {"name": "index", "squad": search.pk, "repositories": "shop/checkout"})
    assert "shop/checkout belongs to the service checkout. Remove it there first." in page.content.decode()
    assert not Service.objects.filter(name="index").exists()


def test_taking_a_repository_away_leaves_it_unclaimed(as_ana: Client, payments: Squad, checkout: Service) -> None:
    Repository.objects.create(key="shop/checkout", service=checkout)
    as_ana.post("/services/checkout/edit/", {"squad": payments.pk, "repositories": ""})
    assert Repository.objects.get(key="shop/checkout").service is None
    assert "shop/checkout" in as_ana.get("/services/").content.decode()


def test_a_discovered_service_shows_that_nobody_owns_it_and_can_be_claimed(as_bo: Client, search: Squad) -> None:
    Service.objects.create(name="worker", slug="worker", discovered=True)
    page = as_bo.get("/services/").content.decode()
    assert "no owner" in page
    assert "Claim for Search" in page
    as_bo.post("/services/worker/claim/", {"squad": "search"})
    assert Service.objects.get(name="worker").squad == search


def test_claiming_what_another_squad_claimed_first_is_told_so(as_bo: Client, search: Squad, checkout: Service) -> None:
    page = as_bo.post("/services/checkout/claim/", {"squad": "search"}, follow=True).content.decode()
    assert "Payments already owns checkout. Ask them to hand it over." in page


def test_one_may_not_claim_for_a_squad_of_others(as_bo: Client, payments: Squad) -> None:
    Service.objects.create(name="worker", slug="worker", discovered=True)
    assert as_bo.post("/services/worker/claim/", {"squad": "payments"}).status_code == 403
    assert Service.objects.get(name="worker").squad is None


def test_lists_take_the_same_number_of_queries_whatever_their_length(
    as_ana: Client, ana: User, payments: Squad
) -> None:
    before = {url: queries(as_ana, url) for url in ("/squads/", "/services/", "/squads/payments/")}
    for number in range(12):
        squad = Squad.objects.create(name=f"S{number}", slug=f"s{number}", key_prefix=f"S{number}")
        service = Service.objects.create(name=f"v{number}", slug=f"v{number}", squad=squad if number % 2 else None)
        Repository.objects.create(key=f"r{number}", service=service)
        create_story(payments, by=ana, title=f"T{number}")
    # Counting rows of a list that is empty saves the query for the rows.
    assert all(queries(as_ana, url) - count <= 1 for url, count in before.items())
    again = {url: queries(as_ana, url) for url in before}
    for number in range(12, 30):
        Service.objects.create(name=f"v{number}", slug=f"v{number}", squad=payments)
    assert {url: queries(as_ana, url) for url in before} == again


def test_empty_pages_teach_the_next_step(as_root: Client) -> None:
    assert "Create a squad" in as_root.get("/squads/").content.decode()
    assert "No services yet" in as_root.get("/services/").content.decode()
