"""The first steps: ticked by rows and by nothing else, never by the sample's, and each person's own to hide."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.home.first_steps import SAMPLE_PEOPLE, SAMPLE_SOURCES, first_steps
from portal.sample import company as sample
from portal.sample import talk
from releases.inbox.models import Source
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.reading.actions import drain_inbox
from releases.sources import connect_git
from squads.discussions.actions import add_comment
from squads.models import Evidence, Squad
from squads.stories.actions import create_story, record_by_hand, take_back
from tests.releases.conftest import make_repo, repo  # noqa: F401

pytestmark = pytest.mark.django_db


def ticked(user: User) -> list[str]:
    return [step.what for step in first_steps(user) if step.done]


def told(client: Client, address: str = "/") -> str:
    page = client.get(address).content.decode()
    if "First steps</h" not in page:
        return ""
    part = page.split("First steps</h", 1)[1].split("</ol>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part))


def test_in_an_empty_portal_nothing_is_ticked_and_each_step_says_who_can(client: Client, root: User) -> None:
    person = User.objects.create_user("new")
    assert ticked(person) == ticked(root) == []
    client.force_login(person)
    page = told(client)
    assert "Join a squad (to do)" in page and "A project manager or an administrator can create one." in page
    assert page.count(f"Administrators can do this: {root.name}.") == 3
    assert "Members of a squad can do this." in page
    assert "/sources/new/" not in client.get("/first-steps/").content.decode()
    client.force_login(root)
    assert "Create or join a squad (to do)" in told(client)
    assert "can do this" not in told(client) and "/sources/new/git/" in client.get("/").content.decode()


def test_steps_are_ticked_by_what_there_is_up_to_rodeo_done(
    as_ana: Client,
    root: User,
    ana: User,
    payments: Squad,
    repo: Any,  # noqa: F811
) -> None:
    assert ticked(ana) == ["Create or join a squad"]
    story = create_story(payments, by=ana, title="Cards")
    assert "Create a story" in ticked(ana)
    for text in (f"{story.key} begin", "tidy up", "tidy more"):
        repo.commit(text)
    repo.tag("v1")
    source, _ = connect_git.connect_git(
        by=None, url=str(repo.path), service="checkout", squad=payments, release_tags="v*", deploys_to="production"
    )
    assert ticked(ana)[-1] == "Connect a repository"
    assert "How many of its commits mention your stories." in told(as_ana)
    lease = leases.lease_now(source)
    assert lease and pulling.pull_source(source.pk, lease)
    drain_inbox()
    assert "3 commits: 1 mentions your stories, 2 don’t." in told(as_ana)
    assert ticked(ana)[-2:] == ["See what it found", "See a deployment"] and "Connect CI" not in ticked(ana)

    seen = record_by_hand(story, by=root, kind="acceptance", note="Bought a mug.")
    assert ticked(ana)[-1] == "Check one story in production"
    take_back(
        seen if isinstance(seen, Evidence) else Evidence.objects.get(note="Bought a mug."), by=root, because="No."
    )
    assert "Check one story in production" not in ticked(ana), "what was taken back ticks nothing"


def test_the_sample_ticks_nothing_but_looking_at_it(
    settings: Any, tmp_path: Any, root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STATE_DIR, settings.RODEO_GIT_DIR = tmp_path, tmp_path / "git"
    monkeypatch.setattr(talk, "TALK", talk.TALK[2:3])
    for each in (sample, talk):
        monkeypatch.setattr(each, "PAUSE", 0)
    sample.load()
    assert set(SAMPLE_PEOPLE) == set(sample.PEOPLE)
    assert set(SAMPLE_SOURCES) == set(Source.objects.values_list("key", flat=True))
    person = User.objects.create_user("new")
    assert ticked(person) == ticked(root) == []
    assert first_steps(person)[0].what == "Try the sample company"
    add_comment(Squad.objects.get(key_prefix="PAY").stories.earliest("pk"), by=person, body="What is this?")
    assert ticked(person) == ["Try the sample company"] and ticked(root) == []


def test_a_person_hides_them_and_finds_them_again_in_the_menu(as_ana: Client, as_bo: Client, payments: Squad) -> None:
    assert told(as_ana) and told(as_bo)
    page = as_ana.post("/first-steps/hidden/", follow=True).content.decode()
    assert "still in the menu under your name" in page
    assert not told(as_ana) and told(as_bo), "each person hides their own"
    assert 'href="/first-steps/"' in as_ana.get("/").content.decode()
    assert "Create a story (to do)" in told(as_ana, "/first-steps/"), "hiding ticks nothing"
    as_ana.post("/first-steps/hidden/", {"hidden": "no"})
    assert told(as_ana)


def test_they_cost_the_same_whatever_there_is(ana: User, bo: User, payments: Squad) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            first_steps(ana)
        return len(asked)

    before = count()
    for number in range(20):
        create_story(payments, by=bo, title=f"Story {number}")
        User.objects.create_user(f"admin-{number}", is_staff=True)
    assert count() == before <= 5
