"""Whatever is done to a story, at whatever address: open pages are told of it."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from portal.kernel import live
from portal.ops.permissions import Row
from tests.portal.permissions import ROLES, World
from tests.portal.test_permissions import CHANGING, ask, expected, leaves_a_trace, snapshot

# What pages show of a story, beside its own row: each names its story.
SHOWN = (
    *("squads.storyedit", "squads.evidence", "squads.comment", "squads.acceptancerequest", "squads.acceptanceplan"),
    "releases.storylink",
)
ELSEWHERE = (
    *("squads:boards:add", "squads:imports:run", "api:import-run"),
    *("releases:approvals:plan_accepters", "api:release-accepters"),
)
STORIES = [
    row
    for row in CHANGING
    if leaves_a_trace(row) and (row.route.startswith(("/stories/", "/api/v1/stories/")) or row.name in ELSEWHERE)
]


def concerned(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> set[int]:
    """The stories of which something else is shown now than before."""
    found = set()
    for name in before.keys() | after.keys():
        model, pk = name.split(" ", 1)
        was, now = before.get(name), after.get(name)
        if was != now and model == "squads.story" and now is not None:
            found.add(int(pk))
        elif was != now and model in SHOWN:
            found.add(int((now or was or {})["story"]))
    return found


@pytest.mark.parametrize("row", STORIES, ids=lambda row: f"{row.methods} {row.route} {row.name}")
def test_open_pages_are_told_of_whatever_is_done_to_a_story(
    row: Row,
    made: World,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    for method in set(row.methods) - {"GET"}:
        told: set[int] = set()
        monkeypatch.setattr(live, "_publish", lambda said, told=told: told.update(said["stories"]))
        role = next(each for each in ROLES if each in expected(row, method) - {"anonymous"})
        browser, before = Client(), snapshot()
        browser.force_login(made.people[role])  # type: ignore[arg-type]
        with django_capture_on_commit_callbacks(execute=True):
            ask(browser, row, method, made)
        assert concerned(before, snapshot()) <= told, f"{method} {row.route} told of {told}"
