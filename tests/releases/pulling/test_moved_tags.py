"""A tag that deploys and is moved is a new deployment; where it was before stays history, and a rebuild agrees."""

from datetime import timedelta
from typing import Any

import pytest

from portal.kernel import outbox
from portal.kernel.clock import now
from releases.inbox.models import Source
from releases.models import Deployment
from releases.reading.actions import rebuild
from squads.models import Evidence, Squad, Story
from squads.stories.actions import create_story, record_by_hand
from tests.releases.conftest import Repo
from tests.releases.pulling.test_git_pull import connect, pull
from tests.releases.reading.test_order import everything


@pytest.fixture
def story(payments: Squad, ana: Any) -> Story:
    return create_story(payments, by=ana, title="Refunds")


def pulled(source: Source) -> None:
    pull(source)
    outbox.deliver()


def stage(story: Story) -> str:
    story.refresh_from_db()
    return story.stage


def deployed() -> list[tuple[str, str]]:
    return list(Deployment.objects.order_by("finished_at").values_list("version", "sha"))


def assert_a_rebuild_agrees() -> None:
    rows = everything()
    rebuild()
    again = everything()
    assert [name for name in rows if rows[name] != again[name]] == []


@pytest.mark.parametrize("message", ["", "again"], ids=["a plain tag", "a tag object"])
def test_a_tag_that_moves_back_takes_the_story_out_of_production(
    repo: Repo, payments: Squad, story: Story, message: str
) -> None:
    before = repo.commit("Begin")
    repo.tag("v1", message="one")
    with_it = repo.commit(f"{story.key} refunds")
    repo.tag("v2", message="two")
    source = connect(repo, payments, release_tags="v*", deploys_to="production")
    pulled(source)
    assert stage(story) == "deployed"
    repo.tag("v2", before, message=message)
    pulled(source)
    assert stage(story) == "todo"
    assert "no longer deployed" in str(story.standing["answer"]).lower()
    assert deployed() == [("v1", before), ("v2", with_it), ("v2", before)]
    assert_a_rebuild_agrees()


def test_a_tag_that_moves_on_keeps_what_was_accepted_in_between(
    repo: Repo, payments: Squad, story: Story, pam: Any
) -> None:
    first = repo.commit(f"{story.key} refunds")
    repo.tag("stable", message="one")
    source = connect(repo, payments, release_tags="stable", deploys_to="production")
    pulled(source)
    record_by_hand(
        story, by=pam, kind="acceptance", at=now() - timedelta(days=1), environment="production", note="Seen"
    )
    assert stage(story) == "rodeo_done"
    second = repo.commit("Later work")
    repo.tag("stable")
    pulled(source)
    assert stage(story) == "rodeo_done"
    assert deployed() == [("stable", first), ("stable", second)]
    # A plain tag has no date of its own: it moved when that was seen.
    moved_at = Deployment.objects.get(sha=second).finished_at
    assert moved_at is not None and moved_at > now() - timedelta(minutes=5)
    assert_a_rebuild_agrees()


def test_a_tag_that_is_deleted_and_made_elsewhere_has_moved(repo: Repo, payments: Squad, story: Story) -> None:
    before = repo.commit("Begin")
    with_it = repo.commit(f"{story.key} refunds")
    repo.tag("v2", message="two")
    source = connect(repo, payments, release_tags="v*", deploys_to="production")
    pulled(source)
    repo.run("tag", "--delete", "v2")
    pulled(source)
    assert deployed() == []
    assert_a_rebuild_agrees()
    repo.tag("v2", before, message="again")
    pulled(source)
    assert stage(story) == "todo"
    repo.tag("v2", with_it, message="and back")
    pulled(source)
    assert stage(story) == "deployed"
    assert [sha for _, sha in deployed()] == [with_it, before, with_it]
    assert_a_rebuild_agrees()


def test_a_tag_that_is_made_anew_where_it_was_did_not_move(repo: Repo, payments: Squad, story: Story) -> None:
    repo.commit(f"{story.key} refunds")
    repo.tag("v2", message="two")
    source = connect(repo, payments, release_tags="v*", deploys_to="production")
    pulled(source)
    at = Deployment.objects.get().finished_at
    repo.tag("v2", message="two, signed")
    pulled(source)
    assert Deployment.objects.get().finished_at == at
    assert Evidence.objects.filter(kind="deployment").count() == 1
    assert_a_rebuild_agrees()
