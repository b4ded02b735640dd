"""Scope changes of before they were recorded are told from the edits of stories."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

import squads

T0 = datetime(2026, 3, 2, tzinfo=UTC)
FIRST, SECOND, GONE = UUID(int=1), UUID(int=2), UUID(int=3)
[migration] = (Path(squads.__file__).parent / "migrations").glob("*_scope_of_releases.py")
changes_of = import_module(f"squads.migrations.{migration.stem}").changes_of


def day(number: int) -> datetime:
    return T0 + timedelta(days=number)


def edit(at: int, field: str, before: Any, after: Any) -> Any:
    return SimpleNamespace(at=day(at), by_id=7, field=field, before=before, after=after)


def plan(at: int, before: UUID | None, after: UUID | None) -> Any:
    one, other = ({"id": str(each), "name": "x"} if each else None for each in (before, after))
    return edit(at, "release", one, other)


def end(at: int, ending: str) -> Any:
    return edit(at, "ending", None, {"ending": ending})


@pytest.mark.parametrize(
    ("release", "ending", "edits", "steps"),
    [
        (None, "", [], []),
        (FIRST, "", [], [(None, FIRST, 0)]),
        (FIRST, "cancelled", [], []),
        (FIRST, "", [plan(2, None, FIRST)], [(None, FIRST, 2)]),
        (
            None,
            "",
            [plan(2, FIRST, SECOND), plan(3, SECOND, None)],
            [(None, FIRST, 0), (FIRST, SECOND, 2), (SECOND, None, 3)],
        ),
        (FIRST, "", [end(2, "cancelled"), end(4, "")], [(None, FIRST, 0), (FIRST, None, 2), (None, FIRST, 4)]),
        (FIRST, "duplicate", [end(2, "duplicate")], [(None, FIRST, 0), (FIRST, None, 2)]),
        # A release that is gone is none, and an import kept only a name.
        (FIRST, "", [plan(1, None, GONE), plan(2, GONE, FIRST)], [(None, FIRST, 2)]),
        (SECOND, "", [plan(1, None, FIRST), edit(2, "release", "1", "2")], [(None, FIRST, 1), (FIRST, SECOND, 2)]),
    ],
)
def test_they_lead_to_what_the_story_is_planned_for_now(
    release: UUID | None, ending: str, edits: list[Any], steps: list[Any]
) -> None:
    found = changes_of((5, release, ending, T0, 9), edits, {FIRST, SECOND})
    assert [(each["from_release_id"], each["to_release_id"], each["at"]) for each in found] == [
        (before, after, day(at)) for before, after, at in steps
    ]
    assert all(each["story_id"] == 5 for each in found)
