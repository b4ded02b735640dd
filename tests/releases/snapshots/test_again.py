"""A release may go out again and again: each time is a row, and only what was deployed or said anew is kept anew."""

from datetime import timedelta

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.kernel import clock
from releases.models import Release, Shipping, Snapshot
from releases.planning.actions import create_release, edit_release
from releases.snapshots.tasks import notice_shipped
from squads.models import ScopeChange, Squad, Story
from squads.stories.actions import create_story, judge
from squads.stories.editing import edit_story
from tests.releases.forecasts.conftest import seen
from tests.releases.snapshots.test_snapshots import ago, deploy, moments
from tests.releases.snapshots.test_snapshots import release as release

pytestmark = pytest.mark.django_db


def page_of(client: Client, release: Release) -> str:
    return client.get(f"/releases/{release.slug}/snapshots/").content.decode()


def reasons(release: Release) -> list[str]:
    return list(Snapshot.objects.filter(release=release.pk).order_by("at").values_list("reason", flat=True))


@pytest.mark.parametrize("ending", ["cancelled", "duplicate"])
def test_what_is_deployed_of_a_story_that_was_ended_does_not_put_its_release_out_again(
    release: Release, ana: User, payments: Squad, ending: str
) -> None:
    ended = create_story(payments, by=ana, title="Vouchers", release=release)
    at = ago(20)
    deploy(release, at)
    notice_shipped()
    Story.objects.filter(pk=ended.pk).update(ending=ending)
    seen(ended, "deployment", ago(15), shas=[]).save(force_insert=True)
    seen(ended, "deployment", ago(10)).save(force_insert=True)
    judge([ended.pk])
    ended.refresh_from_db()
    assert ended.stage == "deployed"
    for _ in range(3):
        notice_shipped()
    assert moments(release) == [("out", at)] and reasons(release) == ["shipped"]


def test_what_is_said_again_after_it_was_taken_back_is_kept_again(release: Release, pam: User) -> None:
    first, second = ago(30), ago(20)
    for said in (first, None, second):
        edit_release(release, by=pam, released_at=said)
        notice_shipped()
        notice_shipped()
    assert moments(release) == [("said", first), ("back", None), ("said", second)]
    assert reasons(release) == ["said", "said"]


def test_what_was_said_before_a_rollback_is_not_said_anew_and_what_is_said_afterwards_is(
    release: Release, pam: User
) -> None:
    said, at = ago(30), ago(20)
    edit_release(release, by=pam, released_at=said)
    deploy(release, at)
    notice_shipped()
    deploy(release, ago(15), shas=[])
    notice_shipped()
    notice_shipped()
    assert moments(release) == [("out", at), ("back", None)]
    Shipping.objects.update(noticed_at=ago(15))
    anew = ago(5)
    edit_release(release, by=pam, released_at=anew)
    notice_shipped()
    assert moments(release)[2:] == [("said", anew)] and reasons(release) == ["shipped", "said"]


@pytest.mark.parametrize("all_of_it", [False, True])
def test_a_story_that_comes_in_and_goes_out_of_the_plan_again_is_no_deployment(
    release: Release, ana: User, payments: Squad, all_of_it: bool
) -> None:
    deploy(release, ago(20))
    notice_shipped()
    deployed = Story.objects.get(key="PAY-1")
    late = create_story(payments, by=ana, title="Vouchers", release=release)
    notice_shipped()
    edit_story(late, by=ana, release=None)
    if all_of_it:
        edit_story(deployed, by=ana, release=None)
        notice_shipped()
        edit_story(deployed, by=ana, release=release)
    notice_shipped()
    notice_shipped()
    assert [moment for moment, _ in moments(release)] == ["out", "back" if all_of_it else "began", "out"] or all_of_it
    assert moments(release)[-1][0] == "out" and reasons(release) == ["shipped"]


def test_where_something_was_deployed_meanwhile_it_is_kept(release: Release, ana: User, payments: Squad) -> None:
    deploy(release, ago(20))
    notice_shipped()
    late = create_story(payments, by=ana, title="Vouchers", release=release)
    notice_shipped()
    ScopeChange.objects.filter(story=late).update(at=ago(18))
    for kind in ("change", "run", "deployment"):
        seen(late, kind, ago(10)).save(force_insert=True)
    judge([late.pk])
    notice_shipped()
    assert [moment for moment, _ in moments(release)] == ["out", "began", "out"]
    assert reasons(release) == ["shipped", "shipped"]


def test_why_there_is_no_snapshot_is_still_said_while_only_its_scope_changes(
    as_ana: Client, release: Release, ana: User, payments: Squad
) -> None:
    Release.objects.update(created_at=clock.now() - timedelta(days=9))
    deploy(release, clock.now() - timedelta(hours=30))
    notice_shipped()
    create_story(payments, by=ana, title="Vouchers", release=release)
    notice_shipped()
    assert moments(release)[-1][0] == "began"
    assert "No snapshot: Rodeo noticed 1 day after it went out" in page_of(as_ana, release)


def test_where_its_deployment_is_known_long_after_somebody_said_so_the_page_says_which_has_no_snapshot(
    as_ana: Client, release: Release, pam: User
) -> None:
    edit_release(release, by=pam, released_at=ago(5))
    notice_shipped()
    Release.objects.update(created_at=clock.now() - timedelta(days=9))
    deploy(release, clock.now() - timedelta(hours=30))
    notice_shipped()
    page = page_of(as_ana, release)
    assert "No snapshot of its deployment: Rodeo noticed that 1 day later" in page and "when somebody said" in page


# What the page says


def test_one_that_somebody_said_went_out_long_ago_promises_no_snapshot(
    as_ana: Client, release: Release, pam: User
) -> None:
    edit_release(release, by=pam, released_at=clock.now() - timedelta(days=60))
    page = page_of(as_ana, release)
    assert "just now" not in page and "If what held then can’t be judged any more, this page says so." in page


def test_a_tag_without_stories_waits_for_no_deployment_of_stories(as_ana: Client, ana: User) -> None:
    empty = create_release(by=ana, line="Shop", version="3.0")
    Release.objects.update(tagged_at=ago(1), released_at=ago(1))
    page = page_of(as_ana, empty)
    assert "It has a tag, but no stories, so nothing shows when it goes out." in page
    assert "and when somebody says that it’s out" in page
