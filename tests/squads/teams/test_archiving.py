"""Archiving a squad: what stays readable, what it takes no more, and where lists put it."""

import re
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from portal.accounts.models import User
from squads.imports.tracker_issues import Issue, import_issues
from squads.models import Membership, Service, Squad, Story
from squads.stories.actions import create_story
from squads.teams.actions import archive_squad


@pytest.fixture
def archived(payments: Squad, search: Squad, checkout: Service, lea: User, ana: User) -> Squad:
    """Payments, with PAY-1 and the service checkout; Search has SEA-1."""
    create_story(payments, by=ana, title="Refunds")
    create_story(search, by=ana, title="Find refunds")
    return archive_squad(payments, by=lea, because="It became two.")


def words(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def post(browser: Client, address: str, **said: Any) -> HttpResponse:
    return browser.post(f"/api/v1/{address}", said, content_type="application/json")  # type: ignore[return-value]


def test_a_lead_archives_and_unarchives_from_the_page(as_lea: Client, payments: Squad) -> None:
    said = words(as_lea.post("/squads/payments/archive/", {"because": "It became two."}, follow=True))
    assert "Squad Payments archived. You can unarchive it any time." in said
    assert (
        re.search(r"Archived just now\s+by Lea\s?\. Stories and services stay readable", said)
        and "It became two." in said
    )
    again = words(as_lea.post("/squads/payments/archive/", follow=True))
    assert "squad Payments is already “archived”" in again
    assert "Squad Payments unarchived." in words(as_lea.post("/squads/payments/unarchive/", follow=True))
    assert as_lea.post("/squads/payments/unarchive/", follow=True).status_code == 200


def test_the_api_does_the_same(as_lea: Client, as_ana: Client, payments: Squad) -> None:
    assert post(as_ana, "squads/payments/archive/").status_code == 403
    assert post(as_lea, "squads/payments/archive/").json()["archived_at"]
    assert post(as_lea, "squads/payments/archive/").status_code == 409
    assert post(as_lea, "squads/payments/unarchive/").json()["archived_at"] is None
    assert post(as_lea, "squads/payments/unarchive/").status_code == 409


def test_everything_of_it_stays_readable(as_bo: Client, archived: Squad) -> None:
    for address in (
        "/squads/payments/",
        "/squads/payments/board/",
        "/stories/PAY-1/",
        "/stories/?squad=payments",
        "/api/v1/stories/PAY-1/",
        "/api/v1/squads/payments/board/",
    ):
        assert "Refunds" in as_bo.get(address).content.decode() or address == "/squads/payments/"
    assert as_bo.get("/services/checkout/").status_code == 200


def test_it_takes_no_new_work(as_ana: Client, as_root: Client, as_lea: Client, ana: User, archived: Squad) -> None:
    refusal = "Payments is archived, so"
    for browser in (as_ana, as_lea, as_root):
        for answer in (
            post(browser, "stories/", squad="payments", title="More"),
            post(browser, "stories/PAY-1/progress/", to="in_progress"),
            post(browser, "services/", squad="payments", name="ledger"),
            browser.post("/stories/PAY-1/place/", {"where": "top"}),
        ):
            assert answer.status_code == 403 and refusal in answer.content.decode()
    with pytest.raises(ValidationError, match="no work can be added"):
        create_story(archived, by=ana, title="More")


def test_nothing_is_handed_to_it(as_root: Client, archived: Squad, search: Squad) -> None:
    Service.objects.create(name="index", slug="index", squad=search)
    moved = post(as_root, "stories/SEA-1/squad/", squad="payments")
    handed = as_root.patch("/api/v1/services/index/", {"squad": "payments"}, content_type="application/json")
    for answer in (moved, handed):
        assert answer.status_code == 400 and "no work can be added" in answer.content.decode()
    assert "Payments" not in words(as_root.get("/stories/SEA-1/squad/"))


def test_issues_of_a_tracker_make_no_new_stories_of_it(archived: Squad) -> None:
    issue = Issue(key="github:shop/web#1", system="GitHub", title="Late", seen_at=timezone.now())
    assert import_issues(archived, [issue]).created == []
    assert Story.objects.filter(squad=archived).count() == 1


def test_lists_put_it_last_and_leave_its_stories_out(as_ana: Client, ana: User, archived: Squad) -> None:
    squads = words(as_ana.get("/squads/"))
    assert squads.index("Search") < squads.index("Payments") and "archived" in squads
    assert [each["slug"] for each in as_ana.get("/api/v1/squads/").json()["results"]] == ["search", "payments"]
    assert [each["slug"] for each in as_ana.get("/api/v1/squads/?archived=false").json()["results"]] == ["search"]
    said = words(as_ana.get("/stories/"))
    assert "PAY-1" not in said and "1 story of archived squads is left out" in said
    assert "PAY-1" in words(as_ana.get("/stories/?ended=with")) and "PAY-1" in words(
        as_ana.get("/stories/?ended=archived")
    )

    def keys(query: str) -> list[str]:
        return [each["key"] for each in as_ana.get(f"/api/v1/stories/{query}").json()["results"]]

    assert (keys(""), keys("?squad=payments"), keys("?ended=archived")) == (["SEA-1"], ["PAY-1"], ["PAY-1"])


def test_the_first_page_does_not_ask_its_people_for_anything(as_ana: Client, ana: User, archived: Squad) -> None:
    Membership.objects.filter(user=ana, squad=archived).update(accepts=True)
    said = words(as_ana.get("/"))
    assert not re.search(r"PAY-1\b", said) and "Refunds" not in said.replace("Find refunds", "")
