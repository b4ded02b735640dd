"""How stories hang together: one blocks, duplicates or is related to another."""

from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.safestring import SafeString

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.live import touch
from squads.stories import ladder
from squads.stories.editing import note
from squads.stories.models import Relation, Story

# What a person can say about their story and another, and the row it makes: the kind, and whether the other is its subject.
SAYINGS = {
    "blocks": ("blocks", False),
    "blocked_by": ("blocks", True),
    "duplicates": ("duplicates", False),
    "duplicated_by": ("duplicates", True),
    "relates": ("relates", False),
}
WORDS = {
    "blocked_by": "blocked by",
    "blocks": "blocks",
    "duplicates": "duplicates",
    "duplicated_by": "duplicated by",
    "relates": "related to",
}
MOST = 200


class Related(NamedTuple):
    """Another story, and how it hangs together with this one, said from this one."""

    id: int
    saying: str
    words: str
    story: Story
    glyph: SafeString


def related(story: Story) -> list[Related]:
    """Return the stories that hang together with this one, what blocks it first; in one query."""
    rows = Relation.objects.filter(Q(story=story) | Q(other=story)).select_related("story__squad", "other__squad")
    found = []
    for row in rows.order_by("at", "pk")[:MOST]:
        passive = row.other_id == story.pk
        saying = next(
            name
            for name, (kind, reverse) in SAYINGS.items()
            if kind == row.kind and (reverse == passive or kind == "relates")
        )
        other = row.story if passive else row.other
        found.append(Related(row.pk, saying, WORDS[saying], other, ladder.glyph(other.standing)))
    return sorted(found, key=lambda each: list(WORDS).index(each.saying))


def story_named(key: str) -> Story:
    """Return the story with a key that somebody typed. Raises ValidationError naming the field for an unknown one."""
    key = key.strip().upper()
    story = Story.objects.select_related("squad").called(key)
    if story is None:
        raise ValidationError({"key": f"There’s no story {key or 'with that key'}. A key looks like PAY-12."})
    return story


@transaction.atomic
def relate(story: Story, saying: str, key: str, *, by: Actor) -> Relation:
    """Say how a story hangs together with another, named by its key.

    Raises ValidationError naming the field for an unknown key, the story itself, what is there already, and what would
    turn in a circle (each blocks, or duplicates, the other).
    """
    if saying not in SAYINGS:
        raise ValidationError({"kind": f"Choose one of {', '.join(SAYINGS)}."})
    other = story_named(key)
    if other.pk == story.pk:
        raise ValidationError({"key": f"{other.key} is this story. Enter another one."})
    _lock(story, other)
    kind, passive = SAYINGS[saying]
    one, two = (other, story) if passive else (story, other)
    there = Relation.objects.filter(Q(story=one, other=two) | Q(story=two, other=one), kind=kind).first()
    if there is not None:
        if kind == "relates" or there.story_id == one.pk:
            raise ValidationError({"key": f"{one.key} {_verb(kind, 'already ')} {two.key}."})
        raise ValidationError({"key": f"{two.key} {_verb(kind)} {one.key}, so it can’t be the other way round too."})
    if Relation.objects.filter(Q(story=story) | Q(other=story)).count() >= MOST:
        raise ValidationError({"key": f"{story.key} has {MOST} related stories, which is the most. Remove one first."})
    made = Relation.objects.create(story=one, other=two, kind=kind, by=by, at=clock.now())
    note(story, "related", None, f"{WORDS[saying]} {other.key}", by=by)
    _note_there(other, None, f"{WORDS[_turned(saying)]} {story.key}", by)
    return made


@transaction.atomic
def unrelate(story: Story, relation_id: int, *, by: Actor) -> None:
    """Take a relation of this story away, said from whichever end; doing it twice changes nothing.

    Raises ValidationError while one of the two is closed as a duplicate of the other.
    """
    row = next((each for each in related(story) if each.id == relation_id), None)
    if row is None:
        return
    _lock(story, row.story)
    if row.saying in ("duplicates", "duplicated_by"):
        one, two = (story, row.story) if row.saying == "duplicates" else (row.story, story)
        if Story.objects.filter(pk=one.pk, duplicate_of=two.pk).exists():
            raise ValidationError(f"{one.key} is closed as a duplicate of {two.key}. Reopen {one.key} first.")
    if Relation.objects.filter(pk=relation_id).delete()[0]:
        note(story, "related", f"{row.words} {row.story.key}", None, by=by)
        _note_there(row.story, f"{WORDS[_turned(row.saying)]} {story.key}", None, by)


def _note_there(other: Story, before: str | None, after: str | None, by: Actor) -> None:
    """Keep it in the other story's history as well, if this person may change that one; else it only shows there."""
    if other.squad.is_writable_by(by):
        note(other, "related", before, after, by=by)
    else:
        touch([other.pk])


def _lock(story: Story, other: Story) -> None:
    """Hold both, in the order of their ids: two people who say opposite things do not both get their way, nor wait for
    each other."""
    list(Story.objects.select_for_update().filter(pk__in=(story.pk, other.pk)).order_by("pk").values_list("pk"))


def _turned(saying: str) -> str:
    """Return the same saying, said from the other story."""
    kind, passive = SAYINGS[saying]
    return next(
        name for name, (same, turned) in SAYINGS.items() if same == kind and (turned != passive or name == "relates")
    )


def _verb(kind: str, already: str = "") -> str:
    return f"is {already}related to" if kind == "relates" else f"{already}{kind}"
