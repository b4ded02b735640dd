"""How stories end other than done: cancelled, or closed as duplicates of others; reopening them; deleting one that was a mistake.

An ending is no stage. The judge goes on judging what evidence says, and a cancelled story that runs in production says so.
"""

import re

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q

from portal.kernel import audit, clock
from portal.kernel.actors import Actor, Anyone
from portal.kernel.live import touch
from portal.kernel.models import StateChange
from portal.kernel.outbox import publish
from portal.kernel.transitions import AlreadyMoved, signed
from squads.discussions.models import Comment
from squads.events import CommentSaved, StoryDeleted, StoryEnded
from squads.scope_history.actions import Move, record_moves
from squads.scope_history.models import ScopeChange
from squads.stories.editing import note
from squads.stories.models import ENDINGS, HEARD_OF, Relation, Renamed, Story, check_reason
from squads.stories.relations import relate, story_named, unrelate

COLUMNS = ("ending", "ended_at", "ended_by", "ended_because", "duplicate_of")
WHY = "Enter a reason, so people know why."


class AlreadyEnded(AlreadyMoved):
    """Somebody cancelled, closed or reopened the story first."""

    def __init__(self, story: Story) -> None:
        super().__init__(story.key, "ended", story.ending or "not ended")
        if not story.ending:
            said = f"{story.key} isn’t cancelled or a duplicate. Someone may have reopened it. Reload the page."
        elif story.ended_by is None:
            said = f"{story.key} {ENDINGS[story.ending]} already."
        else:
            said = f"{story.key} {ENDINGS[story.ending]} already, by {story.ended_by.name} {clock.ago(story.ended_at)}."
        self.args = (said,)


@transaction.atomic
def cancel(story: Story, *, by: Actor, because: str) -> Story:
    """Cancel a story, with the reason. Raises AlreadyEnded when it ended before, ValidationError without a reason."""
    because = because.strip()
    if not because:
        raise ValidationError({"because": WHY})
    check_reason(because)
    return _end(story, Story.Ending.CANCELLED, by, because)


@transaction.atomic
def close_as_duplicate(story: Story, key: str, *, by: Actor, because: str = "") -> Story:
    """Close a story as a duplicate of another one, named by its key, and relate the two.

    Raises AlreadyEnded when it ended before, and ValidationError naming the field for an unknown key, the story itself,
    and a story that is a duplicate itself.
    """
    because = because.strip()
    check_reason(because)
    other = story_named(key)
    if other.pk == story.pk:
        raise ValidationError({"key": f"{other.key} is this story. Enter another one."})
    list(Story.objects.select_for_update().filter(pk__in=(story.pk, other.pk)).order_by("pk").values_list("pk"))
    other.refresh_from_db(fields=["ending", "duplicate_of"])
    if other.duplicate_of is not None:
        first = other.duplicate_of.key
        raise ValidationError({"key": f"{other.key} is itself a duplicate of {first}. Enter {first}."})
    if not Relation.objects.filter(story=story, other=other, kind="duplicates").exists():
        relate(story, "duplicates", other.key, by=by)
    return _end(story, Story.Ending.DUPLICATE, by, because, other)


@transaction.atomic
def reopen(story: Story, *, by: Actor, because: str = "") -> Story:
    """Take a cancellation back, or that a story is a duplicate. Raises AlreadyEnded when it was reopened before."""
    because = because.strip()
    check_reason(because)
    before = Story.objects.select_for_update(of=("self",)).select_related("duplicate_of").filter(pk=story.pk).first()
    if before is None:
        raise AlreadyMoved(story.key, "reopened", "deleted")
    if not before.ending:
        raise AlreadyEnded(before)
    cleared = {"ending": "", "ended_at": None, "ended_by": None, "ended_because": "", "duplicate_of": None}
    Story.objects.filter(pk=story.pk).update(**cleared)
    story.refresh_from_db(fields=[*COLUMNS, "version"])
    note(story, "ending", said_of(before), {"ending": "", "because": signed(by, because)}, by=by)
    if before.duplicate_of is not None:
        link = Relation.objects.filter(story=story, other=before.duplicate_of, kind="duplicates").first()
        if link is not None:
            unrelate(story, link.pk, by=by)
    record_moves([Move(story.pk, None, before.release_id, ScopeChange.How.REOPENED)], by=by)
    publish(StoryEnded(ids=[story.pk]))
    return story


def check_may_delete(story: Story, user: Anyone) -> None:
    """Refuse to delete a story for somebody who does not lead its squad."""
    if not story.squad.is_led_by(user):
        raise PermissionDenied(
            f"Only leads of {story.squad} and administrators can delete {story.key}. Members can cancel it."
        )


@transaction.atomic
def delete_story(story: Story, *, by: Actor) -> None:
    """Delete a story that was written by mistake; only the audit log keeps its key, which nobody else gets.

    For leads of its squad and administrators. Raises ValidationError that names what refers to it, or that it is older than
    a day: it is cancelled then.
    """
    check_may_delete(story, by)
    # The whole lock: nobody refers to it meanwhile.
    row = Story.objects.select_for_update(of=("self",)).filter(pk=story.pk).first()
    if row is None:
        raise AlreadyMoved(story.key, "deleted", "deleted")
    if row.key != story.key:
        raise Renamed(story.key, row.key)
    if reasons := why_not_deletable(row, by):
        raise ValidationError(f"{row.key} can’t be deleted: {'; '.join(reasons)}. Cancel it instead.")
    StateChange.objects.filter(kind__in=("story", HEARD_OF), key=row.key).delete()
    comments = list(row.comments.values_list("pk", flat=True))
    row.delete()
    if comments:
        publish(CommentSaved(ids=comments))
    audit.record(by=by, did=f"deleted the story {row.key}", kind="story", key=row.key)
    publish(StoryDeleted(ids=[story.pk]))
    touch([story.pk])


def why_not_deletable(story: Story, by: Actor) -> list[str]:
    """Say what keeps a story from being deleted: its age, and whatever refers to it."""
    comments = Comment.objects.filter(created_at__gte=story.created_at, removed_at=None)
    others = comments.exclude(story=story).filter(body__icontains=story.key).values_list("body", flat=True)
    named = re.compile(rf"(?<![\w-]){re.escape(story.key)}(?!\w)", re.IGNORECASE)
    reasons = {
        "it was created more than a day ago": not story.is_new,
        f"it came from {story.system} and would come back": hasattr(story, "ticket"),
        "it has evidence": story.evidence.exists(),
        "it has linked changes": story.change_links.exists(),
        "it has comments from others": story.comments.exclude(author=by).exists(),
        "comments elsewhere mention it": any(named.search(body) for body in others.iterator()),
        "it has related stories": Relation.objects.filter(Q(story=story) | Q(other=story)).exists(),
        "someone was asked to accept it": story.acceptance_requests.exists(),
        "an older key leads to it": story.aliases.exists(),
        f"it is planned for {story.release}": story.release_id is not None,
    }
    return [reason for reason, holds in reasons.items() if holds]


def said_of(story: Story) -> dict[str, str]:
    """Return how a story ended, as its history keeps it."""
    key = story.duplicate_of.key if story.duplicate_of else ""
    return {"ending": story.ending, "because": story.ended_because, "key": key}


def _end(story: Story, ending: str, by: Actor, because: str, other: Story | None = None) -> Story:
    """End a story with one guarded UPDATE, and keep it in the history."""
    because = signed(by, because)
    columns = {"ending": ending, "ended_at": clock.now(), "ended_by": by, "ended_because": because}
    updated = Story.objects.filter(pk=story.pk, ending="").update(**columns, duplicate_of=other)
    if updated != 1:
        found = Story.objects.select_related("ended_by").filter(pk=story.pk).first()
        raise AlreadyEnded(found) if found else AlreadyMoved(story.key, ending, "deleted")
    story.refresh_from_db(fields=[*COLUMNS, "version", "release"])
    note(story, "ending", None, said_of(story), by=by)
    record_moves([Move(story.pk, story.release_id, None, ending)], by=by)
    publish(StoryEnded(ids=[story.pk], ending=ending))
    return story
