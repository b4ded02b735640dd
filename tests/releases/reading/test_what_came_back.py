"""Environments that are deleted and come back, and places a service is taken off and put on again: what runs there is what was
put there since."""

import pytest
from django.db.models import Q

from releases.models import Deployment, Environment
from squads.models import Story
from tests.releases.reading import test_order
from tests.releases.reading.test_late_news import assert_a_rebuild_changes_nothing, ci, pulled, put, stages, step
from tests.releases.reading.test_order import answers, event

pytestmark = pytest.mark.usefixtures("scene")
scene = test_order.scene
OLD, NEW = "a" * 40, "c" * 40


def deleted(at: float, where: str = "production") -> None:
    step(*ci(event("environment.deleted", at, where, {})))


def created(at: float, where: str = "production") -> None:
    step(*ci(event("environment.created", at, where, {})))


def running() -> list[str]:
    return list(Deployment.objects.running(Q()).values_list("sha", flat=True))


def test_deploying_to_a_deleted_environment_brings_it_back() -> None:
    step(*pulled("c", 2.5), *ci(put(3, commit=NEW)))
    deleted(4)
    assert (stages()["PAY-1"], running()) == ("todo", [])
    step(*ci(put(5, commit=NEW)))
    assert (stages()["PAY-1"], running()) == ("deployed", [NEW])
    assert Environment.objects.get().gone_at is None
    assert_a_rebuild_changes_nothing()


def test_that_it_was_deleted_in_between_is_understood_late() -> None:
    step(*pulled("c", 2.5), *ci(put(3, service="basket", commit=NEW), put(3, commit=NEW), put(5, commit=OLD)))
    deleted(4)
    assert Environment.objects.get().gone_at is None
    assert running() == [OLD]
    assert_a_rebuild_changes_nothing()


def test_an_environment_that_is_made_anew_is_empty() -> None:
    step(*pulled("c", 2.5), *ci(put(3, commit=NEW)))
    deleted(4)
    created(5)
    assert (stages()["PAY-1"], running()) == ("todo", [])
    assert Environment.objects.get().gone_at is None
    assert "taken off production" in answers()[0]
    assert_a_rebuild_changes_nothing()


def test_an_environment_that_came_back_with_an_older_version_runs_without_the_story_and_says_so() -> None:
    step(*pulled("c", 2.5), *ci(put(3, "prod-eu", commit=NEW), put(3.1, "prod-us", commit=NEW)))
    deleted(4, "prod-eu")
    assert stages()["PAY-1"] == "deployed"
    step(*ci(put(5, "prod-eu", commit=OLD)))
    assert stages()["PAY-1"] == "todo"
    assert "replaced by aaaaaaa in prod-eu, which does not contain it" in answers()[0]
    assert_a_rebuild_changes_nothing()


def test_a_place_that_a_service_came_back_to_with_an_older_version_runs_without_the_story_and_says_so() -> None:
    taken_off = event("service.removed", 4, "checkout", {"environment": {"id": "prod-eu"}})
    step(*pulled("c", 2.5), *ci(put(3, "prod-eu", commit=NEW), put(3.1, "prod-us", commit=NEW), taken_off))
    assert stages()["PAY-1"] == "deployed"
    step(*ci(put(5, "prod-eu", commit=OLD)))
    assert stages()["PAY-1"] == "todo"
    assert "replaced by aaaaaaa in prod-eu, which does not contain it" in answers()[0]
    step(*ci(put(6, "prod-eu", commit=NEW)))
    assert stages()["PAY-1"] == "deployed"
    assert_a_rebuild_changes_nothing()


def test_a_place_that_never_had_the_story_and_came_back_without_it_is_said() -> None:
    taken_off = event("service.removed", 4, "checkout", {"environment": {"id": "prod-eu"}})
    step(*pulled("c", 2.5), *ci(put(2.8, "prod-eu", commit=OLD), put(3.1, "prod-us", commit=NEW), taken_off))
    assert stages()["PAY-1"] == "deployed"
    step(*ci(put(5, "prod-eu", commit=OLD)))
    assert stages()["PAY-1"] == "todo"
    rungs = {each["rung"]: each["why"] for each in Story.objects.get(key="PAY-1").standing["rungs"]}
    assert rungs["deployed"].startswith("prod-eu runs aaaaaaa without bbbbbbb")
    assert_a_rebuild_changes_nothing()
