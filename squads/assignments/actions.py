"""Writing down who works on a story. `squads.stories.editing.edit_story` is the verb people use: it calls this one."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.outbox import publish
from squads.assignments import queries
from squads.assignments.models import Assignment
from squads.discussions.actions import watch
from squads.discussions.models import Watch
from squads.events import StoryAssigned

MOST_ASSIGNED, AT_ONCE = 10, 500


def set_assignees(story: Any, people: Iterable[Any], *, by: Actor) -> None:
    """Make these people the ones who work on a story whose row the caller holds.

    They watch it from then on, and whoever somebody else assigned is told. Raises ValidationError naming the field for more
    than MOST_ASSIGNED and for somebody who is not in the squad; those who are assigned already may stay.
    """
    wanted = {person.pk: person for person in people}
    present = set(Assignment.objects.filter(story=story).values_list("person_id", flat=True))
    added = [person for pk, person in wanted.items() if pk not in present]
    _check(story, wanted.values(), added)
    Assignment.objects.filter(story=story).exclude(person__in=list(wanted)).delete()
    now = clock.now()
    Assignment.objects.bulk_create(
        Assignment(story=story, person=person, by=by, at=now, seen_at=now if person.pk == by.pk else None)
        for person in added
    )
    for person in added:
        watch(story, person)
        publish(StoryAssigned(key=story.key, id=story.pk, person=person.pk, by=by.pk))


def assign_many(people_of: Mapping[int, Iterable[Any]], *, by: Actor) -> None:
    """Make these people the ones who work on each of these stories, by id, in a number of queries that does not grow with them
    but by AT_ONCE. The caller holds the stories, and has looked up people who may be assigned."""
    wanted = {(story, person.pk) for story, people in people_of.items() for person in people}
    now, ids = clock.now(), list(people_of)
    for start in range(0, len(ids), AT_ONCE):
        chunk = set(ids[start : start + AT_ONCE])
        rows = Assignment.objects.filter(story__in=chunk)
        present = {(story, person): pk for pk, story, person in rows.values_list("pk", "story_id", "person_id")}
        Assignment.objects.filter(pk__in=[pk for pair, pk in present.items() if pair not in wanted]).delete()
        added = sorted(pair for pair in wanted if pair[0] in chunk and pair not in present)
        Assignment.objects.bulk_create(
            Assignment(story_id=story, person_id=person, by=by, at=now, seen_at=now if person == by.pk else None)
            for story, person in added
        )
        Watch.objects.bulk_create(
            (Watch(story_id=story, person_id=person, since=now) for story, person in added), ignore_conflicts=True
        )


def mark_seen(person: Actor, **which: Any) -> int:
    """Mark what others assigned to a person as seen; return how much was new."""
    ids = list(Assignment.objects.filter(person=person, seen_at=None, **which).values_list("pk", flat=True))
    return Assignment.objects.filter(pk__in=ids, seen_at=None).update(seen_at=clock.now()) if ids else 0


def _check(story: Any, people: Iterable[Any], added: list[Any]) -> None:
    if len(list(people)) > MOST_ASSIGNED:
        raise ValidationError({"assignees": f"At most {MOST_ASSIGNED} people can work on one story. Remove one first."})
    if not added:
        return
    inside = set(
        queries.assignable(story.squad).filter(pk__in=[each.pk for each in added]).values_list("pk", flat=True)
    )
    if outside := [person.name for person in added if person.pk not in inside]:
        names = " and ".join(outside)
        raise ValidationError(
            {"assignees": f"Not a member of {story.squad}: {names}. Choose a member, or add them to the squad first."}
        )
