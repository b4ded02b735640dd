"""Feed readers that can't sign in read what their person can read, by an address that is kept out of logs."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.kernel.privacy import OPENING
from squads.models import FeedAddress, Retrospective, Squad
from squads.retrospectives import actions
from squads.retrospectives.editing import edit

ADDRESSES = "/retrospectives/feeds/"
MAKES = {"name": "feed reader"}


@pytest.fixture
def row(payments: Squad, ana: User) -> Retrospective:
    made = actions.create(payments, by=ana, kind="incident", title="Checkout was down")
    edit(made, by=ana, **{"section:summary": "It was down."})
    return actions.publish(made, by=ana)


def made(browser: Client) -> str:
    """Make an address; return its path."""
    page = browser.post(ADDRESSES, MAKES)
    assert page.status_code == 201
    found = re.search(r"/retrospectives/feeds/feed_[^<]+\.atom", page.content.decode())
    assert found is not None
    return found[0]


def read(path: str) -> str:
    answer = Client().get(path)
    assert answer.status_code == 200 and answer["Content-Type"].startswith("application/atom+xml")
    return answer.content.decode()


def test_it_reads_what_its_person_can_read_at_that_moment_and_nothing_else(
    as_ana: Client, as_bo: Client, row: Retrospective, ana: User
) -> None:
    mine, theirs = made(as_ana), made(as_bo)
    assert "Checkout was down" in read(mine) and "Checkout was down" in read(theirs)
    edit(row, by=ana, restricted=True)
    assert "Checkout was down" in read(mine) and "Checkout was down" not in read(theirs)
    row.squad.memberships.filter(user=ana).delete()
    assert "Checkout was down" not in read(mine)


def test_drafts_are_in_nobodys_feed(as_ana: Client, payments: Squad, ana: User) -> None:
    actions.create(payments, by=ana, kind="sprint", title="Not yet")
    assert "Not yet" not in read(made(as_ana))


def test_it_stops_when_it_is_revoked_and_when_its_person_leaves(as_ana: Client, ana: User, row: Retrospective) -> None:
    first, second = made(as_ana), made(as_ana)
    address = FeedAddress.objects.order_by("pk")[0]
    assert as_ana.post(f"{ADDRESSES}{address.pk}/revoke/").status_code == 302
    assert Client().get(first).status_code == 404 and Client().get(second).status_code == 200
    User.objects.filter(pk=ana.pk).update(is_active=False)
    gone, guessed = Client().get(second), Client().get("/retrospectives/feeds/feed_guessed/retrospectives.atom")
    assert (gone.status_code, gone.content) == (guessed.status_code, guessed.content) == (404, b"No such feed.\n")


def test_nobody_revokes_anybody_elses(as_ana: Client, as_bo: Client) -> None:
    made(as_ana)
    assert as_bo.post(f"{ADDRESSES}{FeedAddress.objects.get().pk}/revoke/").status_code == 404
    assert FeedAddress.objects.get().is_open


def test_head_and_an_etag_work_and_nothing_in_between_keeps_it(as_ana: Client, row: Retrospective, ana: User) -> None:
    path = made(as_ana)
    full, head = Client().get(path), Client().head(path)
    assert head.status_code == 200 and not head.content and head["ETag"] == full["ETag"]
    assert "private" in full["Cache-Control"] and full["X-Robots-Tag"].startswith("noindex")
    same = Client().get(path, headers={"If-None-Match": full["ETag"]})
    assert same.status_code == 304 and not same.content
    edit(row, by=ana, **{"section:summary": "It was slow."})
    assert Client().get(path, headers={"If-None-Match": full["ETag"]}).status_code == 200


def test_an_empty_feed_has_the_same_etag_all_the_time(as_ana: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(as_ana)
    assert Client().get(path)["ETag"] == Client().get(path)["ETag"]
    assert "1970-01-01" in read(path)


def test_logs_leave_the_secret_out() -> None:
    line = "Not Found: /retrospectives/feeds/feed_abc/retrospectives.atom"
    assert OPENING.sub(r"\1…", line) == "Not Found: /retrospectives/feeds/…/retrospectives.atom"


def test_guessing_is_limited(client: Client, db: None) -> None:
    codes = [client.get(f"{ADDRESSES}feed_{number}/retrospectives.atom").status_code for number in range(62)]
    assert codes[0] == 404 and codes[-1] == 429


def test_somebody_has_ten_at_most(as_ana: Client) -> None:
    for _ in range(10):
        made(as_ana)
    refused = as_ana.post(ADDRESSES, MAKES)
    assert refused.status_code == 400 and "Revoke one first" in refused.content.decode()


def test_the_account_page_leads_there_and_the_list_shows_no_secret(as_ana: Client) -> None:
    assert ADDRESSES in as_ana.get("/account/").content.decode()
    path = made(as_ana)
    page = as_ana.get(ADDRESSES).content.decode()
    assert "feed reader" in page and path.split("/")[3] not in page


def test_the_api_makes_lists_and_revokes_ones_own(as_ana: Client, as_bo: Client) -> None:
    api = "/api/v1/feed-addresses/"
    answer = as_ana.post(api, MAKES, content_type="application/json")
    assert answer.status_code == 201 and "/retrospectives/feeds/feed_" in answer.json()["url"]
    own = as_ana.get(api).json()["results"]
    assert [each["name"] for each in own] == ["feed reader"] and "url" not in own[0]
    assert as_bo.delete(f"{api}{own[0]['id']}/").status_code == 404
    assert as_ana.delete(f"{api}{own[0]['id']}/").status_code == 204
    assert as_ana.get(api).json()["count"] == 0


def test_its_use_is_noted_now_and_then(as_ana: Client) -> None:
    path = made(as_ana)
    read(path)
    address = FeedAddress.objects.get()
    assert address.last_used_at is not None and timedelta(minutes=10) == FeedAddress.NOTED_EVERY
