"""The sample company: every rung of the ladder through the same inbox as anybody's, and gone again without a trace."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import StateChange
from portal.sample import company as sample_company
from releases.models import InboundEvent, Release
from squads.judge.judgement import say
from squads.models import Evidence, Story
from squads.stories.actions import create_story
from squads.teams.actions import create_squad

pytestmark = pytest.mark.django_db


def standing(key: str) -> dict[str, Any]:
    standing: dict[str, Any] = Story.objects.get(key=key).standing
    return standing


def rows() -> dict[str, int]:
    return {
        model.__name__: model._default_manager.count()
        for app in ("portal", "squads", "releases")
        for model in apps.get_app_config(app).get_models()
    }


def test_it_shows_everything_and_is_taken_away_without_a_trace(
    settings: Settings, tmp_path: Any, root: User, as_root: Client
) -> None:
    settings.STATE_DIR, settings.RODEO_GIT_DIR = tmp_path, tmp_path / "git"
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
    assert Release.objects.count() == 13
    assert "391 in all" in as_root.get("/releases/").content.decode()
    begun = StateChange.objects.filter(kind="story", to_state="in_progress").order_by("-at")[0]
    assert clock.now() - begun.at > timedelta(hours=25), "people's work is as old as the commits that came of it"
    assert not company.filter(created_at__gt=clock.now() - timedelta(days=2)).exists()
    assert as_root.get("/releases/market-2026.4/").content.decode().count("<article") == 15

    with pytest.raises(sample_company.Refused, match="is here already"):
        sample_company.load()
    loaded = rows()
    call_command("load_sample", "--if-empty")
    assert rows() == loaded

    assert sample_company.remove()
    # Messages are a log of what was told; sessions and the like are not ours.
    assert {**rows(), "Message": 0} == {**before, "Message": 0}
    assert Story.objects.get() == ours
    assert not sample_company.remove()
