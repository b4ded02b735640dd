"""The sample company: every rung of the ladder through the same inbox as anybody's, and gone again without a trace."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections
from django.test import Client
from pytest_django import Settings

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import StateChange
from portal.sample import company as sample_company
from portal.sample import removal, talk
from portal.sample.sample_stories import PEOPLE
from releases.models import Change, InboundEvent, Incident, Release, Snapshot, Source
from releases.planning.actions import create_release
from releases.snapshots.actions import take_snapshot
from squads.judge.judgement import say
from squads.language_coach.coach import find
from squads.models import Comment, Evidence, Retrospective, Squad, Story
from squads.stories.actions import create_story
from squads.teams.actions import create_squad


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STATE_DIR, settings.RODEO_GIT_DIR = tmp_path, tmp_path / "git"
    for each in (sample_company, talk):
        monkeypatch.setattr(each, "PAUSE", 0)


def standing(key: str) -> dict[str, Any]:
    standing: dict[str, Any] = Story.objects.get(key=key).standing
    return standing


def rows() -> dict[str, int]:
    return {
        model.__name__: model._default_manager.count()
        for app in ("portal", "squads", "releases")
        for model in apps.get_app_config(app).get_models()
    }


def check_what_was_learned(browser: Client) -> None:
    """The incident has an answer to where it came from, and what was learned from it is blameless and older than today."""
    incident = Incident.objects.get()
    page = browser.get(incident.get_absolute_url()).content.decode()
    assert "v1.2" in page and "Paying works again." in page and "Critical" in page
    accepted, rejected = incident.attributions.order_by("state")
    assert (accepted.state, accepted.method, accepted.deployment.outcome) == ("accepted", "rollback", "success")
    assert rejected.deployment.outcome == "failure"
    review, success = Retrospective.objects.order_by("kind")
    assert (review.kind, review.subject_key, success.kind) == ("incident", str(incident.pk), "success")
    for row in (review, success):
        assert row.state == "published" and row.shown_at < clock.now() - timedelta(days=2)
        assert not row.sections.filter(text="").exists() and row.themes.exists()
        names = PEOPLE.values()
        assert [
            (each.text[a.start : a.end], a.rule.id) for each in row.sections.all() for a in find(each.text, names)
        ] == []
        assert row.title in browser.get(row.get_absolute_url()).content.decode()
        assert row.title in browser.get("/retrospectives/").content.decode()
    kinds = set(review.timeline.values_list("kind", flat=True))
    assert {"deployment", "incident", "update", "comment", "note"} <= kinds
    assert {each.state for each in review.actions.all()} == {"under way", "proposed"}
    assert "Some orders paid with two cards" in browser.get("/incidents/").content.decode()
    assert review.title in browser.get("/releases/market-2026.4/readiness/learnings/to-read/").content.decode()


@pytest.mark.django_db
def test_it_shows_everything_and_is_taken_away_without_a_trace(root: User, as_root: Client) -> None:
    ours = create_story(create_squad(by=root, name="Ours", key_prefix="OUR"), by=root, title="Ours")
    before = rows()
    sample_company.load()

    company = Story.objects.exclude(squad__key_prefix__in=("OH", "OUR"))
    assert set(company.values_list("stage", flat=True)) == set(Story.Stage.values)
    assert say(standing("PAY-1")).startswith("Yes. Rodeo done: accepted in production 16 days ago")
    assert standing("PAY-3")["gaps"] == ["tested"]
    assert [rung["state"] for rung in standing("PAY-4")["rungs"]][3:] == ["withdrawn", "withdrawn"]
    assert standing("SRCH-1")["dark"]
    assert [rung["state"] for rung in standing("PLAT-1")["rungs"]][3:] == ["by_hand", "by_hand"]
    assert not InboundEvent.objects.exclude(state="processed").exists()
    assert not Evidence.objects.filter(by_hand=False, event_id=None).exists()
    assert Release.objects.count() == 17
    assert "391 total" in as_root.get("/releases/").content.decode()
    begun = StateChange.objects.filter(kind="story", to_state="in_progress").order_by("-at")[0]
    assert clock.now() - begun.at > timedelta(hours=25), "people's work is as old as the commits that came of it"
    assert not company.filter(created_at__gt=clock.now() - timedelta(days=2)).exists()
    assert as_root.get("/releases/market-2026.4/").content.decode().count("<article") == 15

    assert not company.filter(description="").exists()
    assert not company.exclude(stage="todo").filter(assignments=None).exists()
    assert company.filter(assignments__person__username="sample-jonas").exclude(squad__key_prefix="APP").count() == 6
    assert Comment.objects.filter(story__in=company).count() == 13
    assert not Comment.objects.filter(created_at__gt=clock.now() - timedelta(hours=20)).exists()
    app, market = (as_root.get(f"/api/v1/releases/{slug}/forecast/").json() for slug in ("app-3.2", "market-2026.4"))
    assert app["p85"] and "85 % by the model" in app["sentence"] and market["refusals"]
    squads = as_root.get("/squads/").content.decode()
    places = [squads.index(f"/squads/{name}/") for name in ("payments", "platform", "search", "onehealth")]
    assert places == sorted(places), "what is archived comes last"

    check_what_was_learned(as_root)

    with pytest.raises(sample_company.Refused, match="is here already"):
        sample_company.load()
    loaded = rows()
    call_command("load_sample", "--if-empty")
    assert rows() == loaded

    assert removal.remove()
    # Messages are a log of what was told; sessions and the like are not ours.
    assert {**rows(), "Message": 0} == {**before, "Message": 0}
    assert Story.objects.get() == ours
    assert not removal.remove()


@pytest.mark.django_db
def test_releases_of_its_lines_that_others_planned_stay_with_what_others_kept_of_them(pam: User) -> None:
    sample = User.objects.create(username=next(iter(PEOPLE)), is_project_manager=True)
    ours, theirs = (create_release(by=by, line="app", version=version) for by, version in ((pam, "9"), (sample, "8")))
    for release in (ours, theirs):
        for by in (pam, sample):
            take_snapshot(release, by=by)
    assert removal.remove()
    assert Release.objects.get() == ours
    kept = Snapshot.objects.values_list("release_slug", "by__username").order_by("release_slug", "by__username")
    assert list(kept) == [("app-8", "pam"), ("app-9", "pam"), ("app-9", sample.username)]


def killed_when(there: Callable[[], bool]) -> None:
    """Load in a process of its own, and kill it as soon as something is there."""
    connections.close_all()
    child = multiprocessing.get_context("fork").Process(target=sample_company.load)
    child.start()
    until = time.monotonic() + 60
    while child.is_alive() and not there():
        assert time.monotonic() < until
        time.sleep(0.01)
    assert child.pid is not None and child.is_alive(), "it was done before it could be killed"
    os.kill(child.pid, signal.SIGKILL)
    child.join()


@pytest.mark.django_db(transaction=True)
def test_loading_that_was_killed_anywhere_goes_on_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "TALK", talk.TALK[:2])
    killed_when(lambda: Story.objects.filter(squad__key_prefix="OH").count() > 30)
    assert sample_company.is_unfinished() and Story.objects.count() < 80
    killed_when(lambda: Squad.objects.filter(key_prefix="PAY").exists())
    killed_when(lambda: Source.objects.filter(kind="git").exists())
    # It would be free again after a minute.
    Source.objects.update(leased_until=None)
    call_command("load_sample", "--if-empty")
    assert not sample_company.is_unfinished()
    assert Story.objects.filter(squad__key_prefix="OH").count() == 3 + 20 + 8 + 49
    assert Evidence.objects.filter(story__squad__key_prefix="OH").count() == 80
    assert Story.objects.filter(squad__key_prefix="PAY").count() == 11
    assert Incident.objects.count() == 1 and Retrospective.objects.count() == 2
    assert Evidence.objects.filter(story__key="PLAT-1", by_hand=True).count() == 2
    assert set(Change.objects.values_list("subject", flat=True)) >= {each.message for each in sample_company.COMMITS}
    assert not InboundEvent.objects.exclude(state="processed").exists()
    with pytest.raises(sample_company.Refused, match="is here already"):
        sample_company.load()


@pytest.mark.django_db(transaction=True)
def test_two_do_not_load_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with sample_company._alone(), pytest.raises(sample_company.Refused, match="right now"):
        sample_company.load()
    assert sample_company.is_empty()
