"""A link shows one release to whoever has it: nothing else, nothing to change, and no longer than it should."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import StateChange
from portal.kernel.privacy import OPENING
from releases.models import Release, ReleaseLink
from releases.planning.actions import create_release, edit_release
from releases.sharing import actions
from squads.models import Squad
from squads.stories.actions import create_story, record_by_hand

pytestmark = pytest.mark.django_db


@pytest.fixture
def release(ana: User) -> Release:
    cache.clear()
    return create_release(by=ana, version="1.0", line="Shop", notes="Questions? ana@example.org")


def path_of(address: str) -> str:
    return "/shared/" + address.split("/shared/")[1]


def made(client: Client, release: Release, **said: Any) -> str:
    """Make a link on the page, and return the path that was shown."""
    answer = client.post(f"{release.get_absolute_url()}links/", {"days": 30, **said})
    assert answer.status_code == 201 and "no-store" in answer["Cache-Control"]
    return path_of(answer.content.decode().split('id="address"')[1].split(">")[1].split("<")[0])


def test_a_link_shows_the_board_without_signing_in_and_leads_nowhere(
    as_ana: Client, client: Client, ana: User, bo: User, payments: Squad, release: Release
) -> None:
    User.objects.filter(pk=bo.pk).update(first_name="", last_name="", email="bo@example.org")
    story = create_story(payments, by=ana, title="Gift cards, ask bo@example.org", release=release, assignees=[ana])
    create_story(payments, by=ana, title="Elsewhere")
    record_by_hand(story, by=ana, kind="deployment", note="Seen by ana@example.org")
    page = client.get(made(as_ana, release, name="The board"))
    text = page.content.decode()
    assert page.status_code == 200 and "Shop 1.0" in text
    assert "Gift cards" in text and "PAY-1" in text and "Elsewhere" not in text
    assert "<a " not in text and "<form" not in text and "<script" not in text
    assert "@" not in text and "Ana" not in text and "/stories/" not in text
    assert page["X-Robots-Tag"].startswith("noindex") and 'content="noindex' in text
    assert page["Referrer-Policy"] == "no-referrer"
    assert "private" in page["Cache-Control"] and "no-store" in page["Cache-Control"]
    assert not page.cookies


def test_a_link_that_is_guessed_revoked_or_expired_has_one_answer(
    as_ana: Client, client: Client, release: Release
) -> None:
    good, revoked, expired = (made(as_ana, release, name=name) for name in ("a", "b", "c"))
    link = ReleaseLink.objects.get(name="b")
    assert (
        "revoked." in as_ana.post(f"{release.get_absolute_url()}links/{link.pk}/revoke/", follow=True).content.decode()
    )
    ReleaseLink.objects.filter(name="c").update(expires_at=clock.now() - timedelta(seconds=1))
    answers = [client.get(path) for path in (revoked, expired, "/shared/share_guessed/", "/shared/\u00e4/")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1 and "Shop" not in answers[0].content.decode()
    assert answers[0]["X-Robots-Tag"].startswith("noindex") and answers[0]["Referrer-Policy"] == "no-referrer"
    assert client.get(good).status_code == 200


def test_only_the_digest_is_kept_and_the_secret_shown_once(as_ana: Client, release: Release) -> None:
    secret = made(as_ana, release).split("/")[2]
    link = ReleaseLink.objects.get()
    assert secret not in str(ReleaseLink.objects.values().get()) and len(link.digest) == 64
    assert secret not in as_ana.get(f"{release.get_absolute_url()}links/").content.decode()
    assert OPENING.sub(r"\1…", f"Not Found: /shared/{secret}/") == "Not Found: /shared/…/"


def test_guessing_is_slowed(client: Client, release: Release) -> None:
    codes = [client.get(f"/shared/share_{number}/").status_code for number in range(62)]
    assert codes[:60] == [404] * 60 and codes[60:] == [429] * 2
    cache.clear()


def test_the_list_tells_when_a_link_was_used_and_who_revoked_it(
    as_ana: Client, as_bo: Client, client: Client, release: Release, payments: Squad, search: Squad
) -> None:
    place = f"{release.get_absolute_url()}links/"
    path = made(as_ana, release, name="For the press")
    page = as_bo.get(place).content.decode()
    assert "For the press" in page and "never" in page and "by Ana" in page
    client.get(path)
    assert "never" not in as_bo.get(place).content.decode()
    as_bo.post(f"{place}{ReleaseLink.objects.get().pk}/revoke/")
    as_bo.post(f"{place}{ReleaseLink.objects.get().pk}/revoke/")
    page = as_bo.get(place).content.decode()
    assert "revoked" in page and "by Bo" in page and 'aria-label="Revoke' not in page
    moves = StateChange.objects.filter(kind="release link").order_by("pk")
    assert [(each.from_state, each.to_state, each.by.username) for each in moves if each.by] == [
        ("", "open", "ana"),
        ("open", "revoked", "bo"),
    ]


def test_who_may_not_edit_the_release_shares_nothing(client: Client, release: Release) -> None:
    client.force_login(User.objects.create_user("reader"))
    assert client.get(f"{release.get_absolute_url()}links/").status_code == 403
    assert client.post(f"{release.get_absolute_url()}links/", {"days": 7}).status_code == 403
    assert "Share" not in client.get(release.get_absolute_url()).content.decode()
    assert not ReleaseLink.objects.exists()


def test_other_times_than_those_offered_are_refused(as_ana: Client, release: Release) -> None:
    for days in ("365", "0", "x", ""):
        assert as_ana.post(f"{release.get_absolute_url()}links/", {"days": days}).status_code == 400
    assert not ReleaseLink.objects.exists()


def test_a_release_has_only_so_many_open_links(
    as_ana: Client, ana: User, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MOST_OPEN", 2)
    links = [actions.share(release, by=ana, days=7)[0] for _ in range(2)]
    answer = as_ana.post(f"{release.get_absolute_url()}links/", {"days": 7})
    assert answer.status_code == 400 and "Revoke one first" in answer.content.decode()
    links[0].revoke(by=ana)
    assert made(as_ana, release)


def test_a_link_outlives_a_new_name_of_its_release(as_ana: Client, client: Client, ana: User, release: Release) -> None:
    path = made(as_ana, release)
    edit_release(release, by=ana, version="1.1")
    assert "Shop 1.1" in client.get(path).content.decode()


def test_over_the_api_links_are_made_listed_and_revoked(as_ana: Client, client: Client, release: Release) -> None:
    place = f"/api/v1/releases/{release.slug}/links/"
    answer = as_ana.post(place, {"days": 7, "name": "Press"}, content_type="application/json")
    assert answer.status_code == 201 and "no-store" in answer["Cache-Control"]
    path = path_of(answer.json()["url"])
    assert client.get(path).status_code == 200
    (row,) = as_ana.get(place).json()["results"]
    assert row["name"] == "Press" and row["last_used_at"] and "url" not in row and "digest" not in row
    assert as_ana.post(place, {"days": 8}, content_type="application/json").status_code == 400
    assert as_ana.delete(f"{place}{row['id']}/").status_code == 204
    assert client.get(path).status_code == 404
    assert as_ana.get(place).json()["results"][0]["revoked_by"] == "ana"
    other = create_release(by=User.objects.get(username="ana"), version="2.0")
    assert as_ana.delete(f"/api/v1/releases/{other.slug}/links/{row['id']}/").status_code == 404


def test_the_page_costs_the_same_whatever_there_is(
    as_ana: Client, client: Client, ana: User, payments: Squad, release: Release
) -> None:
    path, costs = made(as_ana, release), []
    place = f"{release.get_absolute_url()}links/"
    for number in range(12):
        create_story(payments, by=ana, title=f"Story {number}", release=release)
        actions.share(release, by=ana, days=7)
        if number in (1, 11):
            with CaptureQueriesContext(connection) as asked:
                client.get(path)
                as_ana.get(place)
            costs.append(len(asked))
    assert costs[0] >= costs[1]
