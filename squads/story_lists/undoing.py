"""Undoing what was done to many stories: each gets back what it had, by the same verbs, unless somebody changed it since."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.form_errors import refusal
from portal.kernel.models import StateChange
from portal.kernel.transitions import AlreadyMoved
from squads.endings.actions import reopen
from squads.handovers.actions import move_to_squad
from squads.labels.models import Label
from squads.stories.editing import Conflict, edit_story
from squads.stories.models import Story, StoryEdit
from squads.story_lists.many import check_may_change
from squads.story_lists.models import ManyChange, ManyRow
from squads.teams.models import Squad

EDITS = {
    "plan": "release",
    "assign": "assignees",
    "unassign": "assignees",
    "label": "labels",
    "unlabel": "labels",
    "priority": "priority",
}


class ChangedSince(AlreadyMoved):
    """Somebody changed the story since, so it keeps what they made of it."""

    def __init__(self, story: Story, said: str) -> None:
        super().__init__(story.key, "undone", "changed")
        self.args = (said,)


def undo_many(change: ManyChange, *, by: Actor) -> ManyChange:
    """Give each story back what it had before. A story that somebody changed since is named, with the reason.

    Pressing twice undoes once: each story is given back in one transaction with the note that it was.
    """
    writable = set(Squad.objects.writable_by(by).values_list("pk", flat=True))
    rows = change.rows.filter(outcome=ManyRow.Outcome.CHANGED, undone=False)
    for row in rows.select_related("story__squad", "story__release").order_by("-id"):
        _undo_one(change, row, by=by, writable=writable)
    ManyChange.objects.filter(pk=change.pk).update(undone_at=clock.now())
    change.refresh_from_db()
    return change


def _undo_one(change: ManyChange, row: Any, *, by: Actor, writable: set[int]) -> None:
    story: Any = row.story
    try:
        with transaction.atomic():
            if ManyRow.objects.filter(pk=row.pk, undone=False).update(undone=True, not_undone="") != 1:
                return
            squad = Squad.objects.get(pk=row.before["squad"]) if change.act == "squad" else None
            check_may_change(story, change.act, by=by, writable=writable, squad=squad)
            _restore(change.act, story, row, squad, by)
    except Conflict as error:
        first = error.clashes[0]
        _not_undone(row, f"{first.who} has changed the {first.label} since.")
    except (AlreadyMoved, ValidationError, PermissionDenied) as error:
        _not_undone(row, str(error) if isinstance(error, PermissionDenied) else refusal(error)[0])


def _not_undone(row: Any, why: str) -> None:
    ManyRow.objects.filter(pk=row.pk).update(not_undone=why)


def _restore(act: str, story: Story, row: Any, squad: Squad | None, by: Actor) -> None:
    key = row.after["key"] if act == "squad" else row.key
    if story.key != key:
        raise ChangedSince(story, f"{_who_moved(story)} has moved it to another squad since: it’s now {story.key}.")
    if act in EDITS:
        name = EDITS[act]
        edit_story(story, by=by, base_version=row.version, **{name: VALUES[name](row.before)})
    elif act == "move":
        _move_back(story, row, by)
    elif squad is not None:
        move_to_squad(story, squad, by=by)
    else:
        _reopen(story, row, by)


def _move_back(story: Story, row: Any, by: Actor) -> None:
    story.hold()
    if story.progress != row.after["to"] or clock.iso(story.progress_at) != row.after["at"]:
        moved = (
            StateChange.objects.filter(kind="story", key=story.key).select_related("by").order_by("-at", "-pk").first()
        )
        who = moved.by.name if moved and moved.by else "Someone"
        raise ChangedSince(story, f"{who} has moved it to {story.get_progress_display()} since.")
    story.move_progress_held(row.before, by=by)


def _reopen(story: Story, row: Any, by: Actor) -> None:
    story = Story.objects.select_for_update(of=("self",)).select_related("ended_by").get(pk=story.pk)
    if story.ending and clock.iso(story.ended_at) != row.after:
        who = story.ended_by.name if story.ended_by else "Someone"
        raise ChangedSince(story, f"{who} has closed it again since.")
    reopen(story, by=by)


def _who_moved(story: Story) -> str:
    last = StoryEdit.objects.filter(story=story, field="squad").select_related("by").order_by("-version").first()
    return last.by.name if last and last.by else "Someone"


def _release(before: Any) -> Any:
    if before is None:
        return None
    releases: Any = Story._meta.get_field("release").related_model
    release = releases._default_manager.filter(pk=before["id"]).first()
    if release is None:
        raise ValidationError({"release": f"The release {before['name']} has been deleted since."})
    return release


def _people(before: Any) -> list[Any]:
    return list(get_user_model().objects.filter(pk__in=[each["id"] for each in before]))


def _labels(before: Any) -> list[Any]:
    """Return these labels as they are called now; those that were removed from the squad since do not come back."""
    return list(Label.objects.filter(pk__in=[each["id"] for each in before]))


# What the history keeps of a field, as what the field holds.
VALUES: dict[str, Callable[[Any], Any]] = {
    "release": _release,
    "assignees": _people,
    "labels": _labels,
    "priority": lambda before: before,
}
