"""Comments on a story, and who is told of them, called by the pages and the API.

Stories lie above this package, so a story is anything with its id. Whoever may read a story may comment on it; a comment is
changed by its author only.
"""

from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.live import touch
from portal.kernel.locks import hold
from portal.kernel.outbox import publish
from squads.discussions import queries
from squads.discussions.models import Comment, Mention, Watch
from squads.events import CommentSaved, StoryCommented

LONGEST_BODY = 20_000
REPEAT_WITHIN = timedelta(seconds=10)


@transaction.atomic
def add_comment(story: Any, *, by: Actor, body: str) -> Comment:
    """Add a comment to a story, with mentions of the people it names; its author watches the story from then on.

    The same text within REPEAT_WITHIN is taken for a second click: the first comment is returned.
    """
    body, now = _validate_body(body), clock.now()
    hold(f"comments of {by.pk} on {story.pk}")
    same = Comment.objects.filter(
        story=story, author=by, body=body, removed_at=None, created_at__gt=now - REPEAT_WITHIN
    )
    if (repeated := same.order_by("-pk").first()) is not None:
        return repeated
    comment = Comment.objects.create(story=story, author=by, body=body, created_at=now)
    _update_mentions(comment)
    watch(story, by)
    publish(StoryCommented(key=story.key, id=story.pk, comment=comment.pk))
    publish(CommentSaved(ids=[comment.pk]))
    touch([story.pk], comment=comment.pk)
    return comment


@transaction.atomic
def edit_comment(comment: Comment, *, by: Actor, body: str) -> Comment:
    """Change a comment's text. Only its author may, and not after it was removed."""
    check_author(comment, by)
    body = _validate_body(body)
    if body == comment.body:
        return comment
    now = clock.now()
    if Comment.objects.filter(pk=comment.pk, removed_at=None).update(body=body, edited_at=now) != 1:
        raise ValidationError("This comment was deleted. Write a new one.")
    comment.body, comment.edited_at = body, now
    _update_mentions(comment)
    publish(CommentSaved(ids=[comment.pk]))
    touch([comment.story_id], comment=comment.pk)
    return comment


@transaction.atomic
def remove_comment(comment: Comment, *, by: Actor) -> Comment:
    """Remove a comment's text; its place stays. Only its author may. Doing it twice changes nothing."""
    check_author(comment, by)
    now = clock.now()
    if Comment.objects.filter(pk=comment.pk, removed_at=None).update(body="", removed_at=now) == 1:
        comment.body, comment.removed_at = "", now
        comment.mentions.all().delete()
        publish(CommentSaved(ids=[comment.pk]))
        touch([comment.story_id], comment=comment.pk)
    return comment


def watch(story: Any, person: Actor) -> None:
    """Add a person to a story's watchers. Doing it twice changes nothing."""
    Watch.objects.get_or_create(story=story, person=person, defaults={"since": clock.now()})


def unwatch(story: Any, person: Actor) -> None:
    """Remove a person from a story's watchers."""
    Watch.objects.filter(story=story, person=person).delete()


def mark_mentions_seen(story: Any, person: Actor) -> int:
    """Mark a person's mentions in a story as seen; return how many were new."""
    unseen = Mention.objects.filter(person=person, seen_at=None, comment__story=story)
    ids = list(unseen.values_list("pk", flat=True))
    return Mention.objects.filter(pk__in=ids, seen_at=None).update(seen_at=clock.now()) if ids else 0


def _validate_body(body: str) -> str:
    body = body.replace("\r\n", "\n").replace("\0", "").strip()
    if not body:
        raise ValidationError({"body": "Write something first."})
    if len(body) > LONGEST_BODY:
        raise ValidationError({"body": f"This is over {LONGEST_BODY} characters. Shorten it, or link to the rest."})
    return body


def check_author(comment: Comment, by: Actor) -> None:
    """Refuse anybody but the author of a comment."""
    if comment.author_id != by.pk:
        raise PermissionDenied(f"Only {comment.author.name} can change this comment.")


def _update_mentions(comment: Comment) -> None:
    """Bring a comment's mentions up to date with its text; those seen already stay seen."""
    mentioned = {person.pk for person in queries.mentioned_people([comment.body]).values()} - {comment.author_id}
    comment.mentions.exclude(person__in=mentioned).delete()
    present = set(comment.mentions.values_list("person_id", flat=True))
    Mention.objects.bulk_create(Mention(comment=comment, person_id=pk) for pk in sorted(mentioned - present))
