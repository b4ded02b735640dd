"""What release notes are made of, and what they are now."""

from collections.abc import Iterable
from typing import NamedTuple

from django.db.models import QuerySet

from releases.pipelines.models import StoryLink
from releases.planning import queries as planning
from releases.planning.models import Release
from releases.release_notes.markdown_text import escaped
from releases.release_notes.models import NotesVersion, ReleaseNotes
from squads.models import Story

MOST_STORIES, MOST_CHANGES = 1000, 300
HEADINGS = {"user_story": "User stories", "defect": "Defects", "chore": "Chores"}
DONE = ("deployed", "rodeo_done")


class Material(NamedTuple):
    """What generating notes would say now, and the keys of stories in it that production doesn't run yet."""

    text: str
    not_live: list[str]


def stories_in(release: Release) -> "QuerySet[Story]":
    """Return the stories of a release, planned for it or named by one of its changes, but for those that were cancelled."""
    named = StoryLink.objects.asking().filter(change__release=release).values("story")
    every = Story.objects.not_ended()
    return every.filter(release=release) | every.filter(pk__in=named)


def material(release: Release) -> Material:
    """Make the notes of a release from its stories by type, and its changes without a story. Five queries at most."""
    every = stories_in(release).order_by("squad__name", "number")
    rows = list(every.values_list("key", "title", "type", "stage")[: MOST_STORIES + 1])
    more = every.count() - MOST_STORIES if len(rows) > MOST_STORIES else 0
    rows = rows[:MOST_STORIES]
    lines = [f"# {escaped(str(release))}"]
    for type_, heading in HEADINGS.items():
        entries = [f"- {key} {escaped(title)}" for key, title, kind, _ in rows if kind == type_]
        lines += ["", f"## {heading}", "", *entries] if entries else []
    if more:
        lines += ["", f"And {_many(more, 'more story', 'more stories')}."]
    lines += _changes(release)
    if len(lines) == 1:
        lines += ["", "No stories and no changes yet."]
    not_live = [key for key, _, _, stage in rows if stage not in DONE]
    return Material("\n".join(lines) + "\n", not_live)


def _changes(release: Release) -> list[str]:
    rows = planning.unlinked(release)
    found = list(rows.values_list("sha", "subject")[: MOST_CHANGES + 1])
    if not found:
        return []
    more = rows.count() - MOST_CHANGES if len(found) > MOST_CHANGES else 0
    entries = [f"- {escaped(sha[:8])} {escaped(subject)}".rstrip() for sha, subject in found[:MOST_CHANGES]]
    rest = ["", f"And {_many(more, 'more change', 'more changes')} without a story."] if more else []
    return ["", "## Changes without a story", "", *entries, *rest]


def _many(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def notes_of(release: Release) -> ReleaseNotes | None:
    """Return the notes of a release; nothing if none were written yet."""
    return ReleaseNotes.objects.filter(release=release).first()


def versions_of(release: Release) -> "QuerySet[NotesVersion]":
    """Return the notes of a release as they once were, newest first."""
    return NotesVersion.objects.filter(notes=release.pk).select_related("by").order_by("-version")


def differences_of(version: NotesVersion | None) -> list[dict[str, str]]:
    """Return what people and generating both changed in a version, as texts, for pages and the API."""
    rows: Iterable[list[list[str]]] = version.differences if version is not None else []
    names = ("before", "edited", "generated")
    return [dict(zip(names, ("\n".join(part) for part in row), strict=True)) for row in rows]
