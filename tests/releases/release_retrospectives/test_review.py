"""A retrospective about a release begins on its page of retrospectives, with its services and the time in which it went out."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import clock
from releases.contents.actions import choose_content
from releases.planning.actions import abandon_release, create_release
from releases.planning.models import Release
from releases.release_retrospectives.actions import when_it_went
from releases.snapshots.models import Shipping
from squads.models import Retrospective, Service, Squad
from tests.releases.evidence.conftest import History, hour
from tests.releases.evidence.conftest import history as history

pytestmark = pytest.mark.django_db


@pytest.fixture
def release(pam: User, checkout: Service) -> Release:
    """Shop 1.0, which ships checkout and went out between 3 and 5 o'clock."""
    made = create_release(by=pam, version="1.0", line="Shop")
    choose_content(made, checkout, by=pam, sha="b" * 40)
    for number, moment in ((3, "began"), (5, "out")):
        Shipping.objects.create(release=made, moment=moment, shipped_at=hour(number))
    return made


def begin(browser: Client, release: Release, kind: str = "release", squad: str = "payments") -> Any:
    return browser.post(f"{release.get_absolute_url()}retrospective/", {"squad": squad, "kind": kind})


def page_of(browser: Client, release: Release) -> str:
    return browser.get(f"{release.get_absolute_url()}retrospectives/").content.decode()


def test_the_draft_holds_the_services_the_time_and_what_happened_in_it(
    as_ana: Client, history: History, release: Release, payments: Squad, checkout: Service
) -> None:
    history.commit("one", "Warm the cache", 0)
    history.look("one")
    history.deploy("one", 3)
    assert "Write retrospective" in page_of(as_ana, release)
    answer = begin(as_ana, release)
    row = Retrospective.objects.get()
    assert answer["Location"] == row.get_absolute_url()
    assert (row.kind, row.title, row.subject_title) == ("release", "Release Shop 1.0", "Shop 1.0")
    assert (row.began_at, row.ended_at, row.subject_url) == (hour(3), hour(5), release.get_absolute_url())
    assert list(row.services.all()) == [checkout]
    assert any(each.text.startswith("Deployment of checkout") for each in row.timeline.all())


def test_once_written_it_is_linked_and_no_second_one_begins(as_ana: Client, release: Release, payments: Squad) -> None:
    begin(as_ana, release)
    row = Retrospective.objects.get()
    page = page_of(as_ana, release)
    assert row.get_absolute_url() in page and "Write retrospective" not in page and "Write success review" in page
    assert begin(as_ana, release)["Location"] == row.get_absolute_url()
    begin(as_ana, release, "success")
    assert [each.kind for each in Retrospective.objects.order_by("kind")] == ["release", "success"]
    assert "Write success review" not in page_of(as_ana, release)


def test_a_restricted_one_shows_to_nobody_who_cannot_read_it(
    as_ana: Client, as_bo: Client, release: Release, payments: Squad
) -> None:
    begin(as_ana, release)
    Retrospective.objects.update(restricted=True, state="published", title="Secret")
    assert "Secret" in page_of(as_ana, release)
    page = page_of(as_bo, release)
    assert "Secret" not in page and "Write retrospective" in page
    begin(as_bo, release, squad="search")
    assert Retrospective.objects.count() == 2


def test_who_is_in_no_squad_sees_no_button_and_who_is_in_another_begins_none(
    as_bo: Client, as_ria: Client, release: Release, payments: Squad
) -> None:
    assert "Write retrospective" not in page_of(as_ria, release)
    assert begin(as_bo, release).status_code == begin(as_ria, release).status_code == 403
    assert not Retrospective.objects.exists()


def test_without_a_squad_or_with_another_kind_the_page_says_what_to_choose(as_ana: Client, release: Release) -> None:
    address = f"{release.get_absolute_url()}retrospective/"
    assert "Choose the squad that writes it." in as_ana.post(address, {"squad": ""}, follow=True).content.decode()
    page = as_ana.post(address, {"squad": "payments", "kind": "sprint"}, follow=True).content.decode()
    assert "Choose one of release, success." in page
    assert not Retrospective.objects.exists()


def test_the_api_begins_one_too_and_returns_the_one_there_is(
    as_ana: Client, as_bo: Client, release: Release, payments: Squad
) -> None:
    def send(browser: Client = as_ana, **said: str) -> Any:
        return browser.post(f"/api/v1/releases/{release.slug}/retrospective/", json.dumps(said), "application/json")

    first = send(squad="payments", kind="success")
    assert first.status_code == 201 and first.json()["title"] == "What went well in Shop 1.0"
    assert send(squad="payments", kind="success").json()["slug"] == first.json()["slug"]
    assert send(squad="nobody").status_code == 400 and send(squad="payments", kind="sprint").status_code == 400
    assert send(as_bo, squad="payments").status_code == 403


def test_a_release_that_never_went_out_is_told_from_when_it_was_planned(pam: User) -> None:
    release = create_release(by=pam, version="2.0", line="Shop")
    assert when_it_went(release) == (release.created_at, None)
    abandon_release(release, by=pam, because="No budget.")
    release.refresh_from_db()
    assert when_it_went(release) == (release.created_at, release.abandoned_at)


def test_of_a_tag_nobody_knows_when_it_was_planned(pam: User) -> None:
    assert when_it_went(Release(version="1", line="x", origin="tag")) == (None, None)


def test_a_tag_begins_it_and_the_last_time_out_ends_it(release: Release) -> None:
    Release.objects.filter(pk=release.pk).update(tagged_at=hour(1))
    Shipping.objects.create(release=release, moment="back", shipped_at=hour(6))
    Shipping.objects.create(release=release, moment="out", shipped_at=hour(8))
    release.refresh_from_db()
    assert when_it_went(release) == (hour(1), hour(8))


def test_the_page_asks_the_database_the_same_however_many_were_written_and_says_how_many_more(
    as_root: Client, root: User, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("releases.release_retrospectives.queries.MOST_SHOWN", 2)

    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            page_of(as_root, release)
        return len(asked)

    squads = [Squad.objects.create(name=f"S{n}", slug=f"s{n}", key_prefix=f"S{n}") for n in range(4)]
    before = cost()
    begin(as_root, release, squad="s0")
    assert cost() == before
    for squad in squads[1:]:
        begin(as_root, release, squad=squad.slug)
    page = page_of(as_root, release)
    assert "The newest 2 of 4." in page and f"?subject=release:{release.pk}" in page
    listed = as_root.get(f"/retrospectives/?subject=release:{release.pk}").content.decode()
    assert listed.count("Release Shop 1.0") >= 4
    assert cost() <= before + 2


def sprint(browser: Client) -> Any:
    return browser.post("/squads/payments/sprint-retrospective/", follow=True)


def test_a_sprint_retrospective_begins_on_the_page_of_a_squad_and_looks_back_two_weeks(
    as_ana: Client, payments: Squad
) -> None:
    assert "Sprint retrospective" in as_ana.get("/squads/payments/").content.decode()
    sprint(as_ana)
    row = Retrospective.objects.get()
    assert row.kind == "sprint" and row.began_at is not None and row.ended_at is not None
    assert row.ended_at - row.began_at == timedelta(weeks=2)
    assert row.title == f"Sprint until {row.ended_at:%Y-%m-%d}"


def test_the_next_one_begins_where_the_last_ended_and_one_that_is_not_published_goes_on(
    as_ana: Client, ana: User, payments: Squad
) -> None:
    sprint(as_ana)
    assert "isn’t published yet" in sprint(as_ana).content.decode()
    ended = clock.now().replace(microsecond=0) - timedelta(days=9)
    Retrospective.objects.update(state="published", ended_at=ended, created_at=ended, published_at=ended)
    sprint(as_ana)
    new = Retrospective.objects.get(state="draft")
    assert new.began_at == ended
    long_ago = clock.now() - timedelta(days=300)
    Retrospective.objects.update(state="published", began_at=long_ago, ended_at=long_ago)
    sprint(as_ana)
    third = Retrospective.objects.get(state="draft")
    assert third.began_at is not None and third.ended_at is not None
    assert third.ended_at - third.began_at == timedelta(weeks=6)


def test_nobody_begins_one_for_another_squad_or_an_archived_one(as_bo: Client, as_ana: Client, payments: Squad) -> None:
    assert as_bo.post("/squads/payments/sprint-retrospective/").status_code == 403
    assert "Sprint retrospective" not in as_bo.get("/squads/payments/").content.decode()
    Squad.objects.filter(pk=payments.pk).update(archived_at=clock.now())
    assert as_ana.post("/squads/payments/sprint-retrospective/").status_code == 403
    assert not Retrospective.objects.exists()
