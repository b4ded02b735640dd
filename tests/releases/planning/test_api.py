"""Releases and their boards over the API."""

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from portal.accounts.models import User
from portal.kernel import clock
from releases.inbox.models import InboundEvent, Source
from releases.pipelines.models import Change, Repository, StoryLink
from releases.planning.models import Release
from squads.models import Squad, Story
from squads.stories.actions import create_story

RELEASES = "/api/v1/releases/"


def post(browser: Client, address: str, body: Any) -> HttpResponse:
    return browser.post(address, body, content_type="application/json")  # type: ignore[return-value]


def test_a_release_keeps_its_version_as_text(as_ana: Client) -> None:
    for version in ("5.10", "5.1", "v1.2.3+1"):
        answer = post(as_ana, RELEASES, {"version": version, "line": "Shop", "planned_for": "2026-12-01"})
        assert answer.status_code == 201
        assert answer.json()["version"] == version
        assert as_ana.get(f"{RELEASES}{answer.json()['slug']}/").json()["version"] == version
    again = post(as_ana, RELEASES, {"version": "5.10", "line": "Shop"})
    assert again.status_code == 400
    assert again.json()["errors"][0]["attr"] == "version"


def test_members_of_squads_plan_releases_and_others_do_not(
    client: Client, as_bo: Client, django_user_model: Any
) -> None:
    assert post(as_bo, RELEASES, {"version": "1"}).status_code == 201
    client.force_login(django_user_model.objects.create_user("new"))
    assert post(client, RELEASES, {"version": "2"}).status_code == 403
    assert client.patch(f"{RELEASES}1/", {"notes": "x"}, content_type="application/json").status_code == 403


def test_a_release_can_be_changed(as_pam: Client) -> None:
    slug = post(as_pam, RELEASES, {"version": "5.10"}).json()["slug"]
    answer = as_pam.patch(
        f"{RELEASES}{slug}/", {"notes": "Big.", "released_at": "2026-03-14T15:00:00Z"}, content_type="application/json"
    )
    assert (answer.json()["notes"], answer.json()["released_at"]) == ("Big.", "2026-03-14T15:00:00Z")


@pytest.fixture
def release(db: None) -> Release:
    return Release.objects.create(version="5.10", slug="5.10")


def named_by_a_change(story: Story, release: Release) -> None:
    source, _ = Source.objects.get_or_create(key="git", defaults={"name": "git", "kind": "git"})
    event = InboundEvent.objects.create(source=source, delivery=story.key, body=b"", received_at=clock.now())
    repository, _ = Repository.objects.get_or_create(key="shop/checkout")
    change = Change.objects.create(id=event.pk, repository=repository, sha=story.key, release=release, event=event)
    StoryLink.objects.create(change=change, key=story.key, story=story, rule="message")


def test_the_board_shows_where_every_story_stands(
    as_bo: Client, ana: User, payments: Squad, search: Squad, release: Release
) -> None:
    planned = create_story(payments, by=ana, title="Refunds", release=release)
    planned.move_progress("dev_done", by=ana)
    found = create_story(search, by=ana, title="Find", type="defect")
    named_by_a_change(found, release)
    board = as_bo.get(f"{RELEASES}5.10/board/").json()
    assert (board["total"], board["rodeo_done"], board["release"]["version"]) == (2, 0, "5.10")
    assert [each["stage"] for each in board["stages"]] == [
        "todo",
        "in_progress",
        "dev_done",
        "integrated",
        "tested",
        "deployed",
        "rodeo_done",
    ]
    assert [(each["stage"], each["count"], each["share"]) for each in board["stages"] if each["count"]] == [
        ("todo", 1, 0.5),
        ("dev_done", 1, 0.5),
    ]
    assert [(each["key"], each["squad"], each["stage"], each["planned"]) for each in board["stories"]] == [
        ("PAY-1", "payments", "dev_done", True),
        ("SEA-1", "search", "todo", False),
    ]
    assert board["stories"][0]["answer"].startswith("No. Dev done.")


def test_an_empty_board_has_no_shares(as_ana: Client, release: Release) -> None:
    board = as_ana.get(f"{RELEASES}5.10/board/").json()
    assert (board["total"], board["stories"]) == (0, [])
    assert {each["share"] for each in board["stages"]} == {None}


def test_the_board_costs_the_same_however_many_stories_it_has(
    as_ana: Client, ana: User, payments: Squad, release: Release, django_assert_max_num_queries: Any
) -> None:
    costs = []
    for _ in range(2):
        for number in range(15):
            create_story(payments, by=ana, title=f"Story {number}", release=release)
        with django_assert_max_num_queries(8) as counted:
            as_ana.get(f"{RELEASES}5.10/board/")
        costs.append(len(counted))
    assert costs[0] == costs[1]


def test_releases_are_listed_newest_first_and_found(as_ana: Client, release: Release) -> None:
    Release.objects.create(version="5.9", slug="5.9", line="Shop", released_at=clock.now(), is_out=True)

    def found(asked: str) -> list[str]:
        return [each["version"] for each in as_ana.get(f"{RELEASES}?{asked}").json()["results"]]

    assert found("") == ["5.10", "5.9"]
    assert found("line=Shop") == ["5.9"]
    assert found("text=10") == ["5.10"]
    assert found("released=true") == ["5.9"]
    assert found("origin=tag") == []


def _versions_on(browser: Client, address: str) -> list[str]:
    page = browser.get(address).content.decode()
    return re.findall(r'href="/releases/[^"]+/">(?:Shop )?([0-9a-z.-]+)</a>', page)


def test_page_and_api_order_versions_alike(as_ana: Client) -> None:
    for version in ("5.10", "5.9", "v5.10-rc1", "5.10.1", "5.10-rc2", "2026.1"):
        assert post(as_ana, RELEASES, {"version": version, "line": "Shop"}).status_code == 201
    wanted = ["2026.1", "5.10.1", "5.10", "5.10-rc2", "v5.10-rc1", "5.9"]
    assert [row["version"] for row in as_ana.get(RELEASES).json()["results"]] == wanted
    assert [each for each in _versions_on(as_ana, "/releases/?line=Shop") if each in wanted] == wanted


def test_what_is_planned_comes_before_what_is_out_and_of_one_day_the_highest_version_first(as_pam: Client) -> None:
    out, planned = {"released_at": "2026-03-01T00:00:00Z"}, {"planned_for": "2026-04-01"}
    for version, when in (("1.9", out), ("1.10", out), ("2.0-rc1", planned), ("2.0", planned), ("3", {})):
        post(as_pam, RELEASES, {"version": version, **when})
    wanted = ["3", "2.0", "2.0-rc1", "1.10", "1.9"]
    assert [row["version"] for row in as_pam.get(RELEASES).json()["results"]] == wanted
    assert _versions_on(as_pam, "/releases/")[:5] == wanted


def test_one_version_is_planned_once_however_it_is_written(as_ana: Client) -> None:
    post(as_ana, RELEASES, {"version": "5.10", "line": "Shop"})
    again = post(as_ana, RELEASES, {"version": "v5.10", "line": "Shop"})
    assert (again.status_code, again.json()["errors"][0]["attr"]) == (400, "version")
    assert "There’s already a release 5.10 of Shop" in again.json()["errors"][0]["detail"]
    assert post(as_ana, RELEASES, {"version": "5.1", "line": "Shop"}).status_code == 201
    assert post(as_ana, RELEASES, {"version": "v5.10", "line": "Web"}).status_code == 201


def test_a_renamed_release_is_found_at_its_old_address(as_ana: Client) -> None:
    post(as_ana, RELEASES, {"version": "5.10", "line": "Shop"})
    renamed = as_ana.patch(f"{RELEASES}shop-5.10/", {"version": "6.0"}, content_type="application/json").json()
    assert (renamed["slug"], renamed["url"]) == ("shop-6.0", "/releases/shop-6.0/")
    for rest in ("", "board/"):
        answer = as_ana.get(f"{RELEASES}shop-5.10/{rest}?page=1")
        assert (answer.status_code, answer["Location"]) == (301, f"{RELEASES}shop-6.0/{rest}?page=1")
    for rest in ("", "changes/", "unlinked/", "edit/"):
        answer = as_ana.get(f"/releases/shop-5.10/{rest}?squad=payments")
        assert (answer.status_code, answer["Location"]) == (301, f"/releases/shop-6.0/{rest}?squad=payments")
    answer = as_ana.patch(f"{RELEASES}shop-5.10/", {"notes": "x"}, content_type="application/json", follow=True)
    assert answer.redirect_chain == [(f"{RELEASES}shop-6.0/", 308)] and answer.json()["notes"] == "x"
    assert as_ana.get(f"{RELEASES}shop-5.11/").status_code == 404
    assert as_ana.get("/releases/shop-5.11/").status_code == 404


def test_an_old_address_stays_taken_and_a_release_gets_its_own_back(as_ana: Client) -> None:
    post(as_ana, RELEASES, {"version": "1"})
    as_ana.post("/releases/1/edit/", {"version": "2", "line": ""})
    other = post(as_ana, RELEASES, {"version": "1"}).json()
    assert other["slug"].startswith("1-")
    assert as_ana.get("/releases/1/")["Location"] == "/releases/2/"
    assert as_ana.patch(f"{RELEASES}2/", {"version": "1.0"}, content_type="application/json").json()["slug"] == "1.0"
    back = as_ana.patch(f"{RELEASES}1.0/", {"version": "2"}, content_type="application/json").json()
    assert back["slug"] == "2" and as_ana.get("/releases/2/").status_code == 200
    assert as_ana.get("/releases/1.0/")["Location"] == as_ana.get("/releases/1/")["Location"] == "/releases/2/"
