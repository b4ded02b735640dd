"""What people say about a story, and who hears of it. The pages and the API call these same verbs.

Stands below stories: a story is whatever has the id. Who may read the story may say something about it; what somebody said
is changed by nobody else.
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

LONGEST = 20_000
ONE_MOMENT = timedelta(seconds=10)


@transaction.atomic
def say(story: Any, *, by: Actor, body: str) -> Comment:
    """Say something about a story. Whoever is mentioned finds it; whoever says something watches the story from then on.

    The same words a moment later are a second click: they are there already.
    """
    body, now = _checked(body), clock.now()
    hold(f"words of {by.pk} about {story.pk}")
    said = Comment.objects.filter(story=story, author=by, body=body, removed_at=None, created_at__gt=now - ONE_MOMENT)
    if (there := said.order_by("-pk").first()) is not None:
        return there
    comment = Comment.objects.create(story=story, author=by, body=body, created_at=now)
    _mention(comment)
    watch(story, by)
    publish("story.commented", key=story.key, id=story.pk, comment=comment.pk)
    touch([story.pk], comment=comment.pk)
    return comment


@transaction.atomic
def rewrite(comment: Comment, *, by: Actor, body: str) -> Comment:
    """Say it differently. Only its author may, and not once it was taken back."""
    check_author(comment, by)
    body = _checked(body)
    if body == comment.body:
        return comment
    now = clock.now()
    if Comment.objects.filter(pk=comment.pk, removed_at=None).update(body=body, edited_at=now) != 1:
        raise ValidationError("This comment was taken back. Write a new one.")
    comment.body, comment.edited_at = body, now
    _mention(comment)
    touch([comment.story_id], comment=comment.pk)
    return comment


@transaction.atomic
def take_back(comment: Comment, *, by: Actor) -> Comment:
    """Take back what one said: its words go, its place stays. Doing it twice changes nothing."""
    check_author(comment, by)
    now = clock.now()
    if Comment.objects.filter(pk=comment.pk, removed_at=None).update(body="", removed_at=now) == 1:
        comment.body, comment.removed_at = "", now
        comment.mentions.all().delete()
        touch([comment.story_id], comment=comment.pk)
    return comment


def watch(story: Any, person: Actor) -> None:
    """Have a person hear what happens to a story; saying it twice changes nothing."""
    Watch.objects.get_or_create(story=story, person=person, defaults={"since": clock.now()})


def unwatch(story: Any, person: Actor) -> None:
    """Let a person no longer hear of a story."""
    Watch.objects.filter(story=story, person=person).delete()


def see_mentions(story: Any, person: Actor) -> int:
    """Remember that a person opened the story, and so saw where they are mentioned; return how many were new."""
    unseen = Mention.objects.filter(person=person, seen_at=None, comment__story=story)
    ids = list(unseen.values_list("pk", flat=True))
    return Mention.objects.filter(pk__in=ids, seen_at=None).update(seen_at=clock.now()) if ids else 0


def _checked(body: str) -> str:
    body = body.replace("\r\n", "\n").replace("\0", "").strip()
    if not body:
        raise ValidationError({"body": "Write something first."})
    if len(body) > LONGEST:
        raise ValidationError({"body": f"This is longer than {LONGEST} characters. Shorten it, or link to the rest."})
    return body


def check_author(comment: Comment, by: Actor) -> None:
    """Refuse anybody but the author of a comment."""
    if comment.author_id != by.pk:
        raise PermissionDenied(f"Only {comment.author.name} may change what {comment.author.name} said.")


def _mention(comment: Comment) -> None:
    """Make the mentions of a comment the people that it names now; who has seen theirs has seen it."""
    named = {person.pk for person in queries.people_named([comment.body]).values()} - {comment.author_id}
    comment.mentions.exclude(person__in=named).delete()
    present = set(comment.mentions.values_list("person_id", flat=True))
    Mention.objects.bulk_create(Mention(comment=comment, person_id=pk) for pk in sorted(named - present))
