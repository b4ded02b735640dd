"""Four-eyes principle: who made the change of a story may not accept it in production (unless the squad allows it)."""

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Exists, ExpressionWrapper, F, OuterRef, Q, Value
from django.db.models.functions import Concat, Lower

from portal.accounts.models import KnownName
from portal.kernel.actors import Actor
from portal.kernel.models import StateChange
from squads.stories.models import Story

# Who moved a story here worked on it.
WORKED_ON = ("in_progress", "dev_done")


def moved_by(person: Any, key: Any) -> "models.QuerySet[StateChange]":
    """The moves by which this person worked on the story with this key."""
    return StateChange.objects.filter(kind="story", key=key, to_state__in=WORKED_ON, by=person)


def written_by(person: Any, story: Any) -> "models.QuerySet[Any]":
    """The links of this story to changes that this person wrote, as far as names tell: git knows no accounts.

    An author is this person when called by a full name, user name or e-mail address that the account has now or had at
    any time: whoever takes another name stays who wrote it. Declared by name: squads imports no code of releases
    (docs/adr/0002).
    """
    mailed = Concat(Value("<"), F("called"), Value(">"))
    author = Lower(ExpressionWrapper(OuterRef("change__author"), output_field=models.TextField()))
    known = KnownName.objects.filter(user=person).annotate(called=Lower("name"), author=author)
    known = known.filter(Q(author=F("called")) | Q(called__contains="@", author__endswith=mailed))
    links = apps.get_model("releases", "StoryLink")._default_manager.filter(story=story, refused=False, mention="")
    return links.filter(Exists(known)).order_by()


def made_by(person: Actor, stories: Iterable[int]) -> set[int]:
    """Return those of these stories (ids) whose change this person made. One query."""
    own = Q(Exists(moved_by(person, OuterRef("key")))) | Q(Exists(written_by(person, OuterRef("pk"))))
    return set(Story.objects.filter(own, pk__in=list(stories)).values_list("pk", flat=True))


def own_change_reason(story: Story, person: Actor) -> str:
    """Say in which way this person made the change of a story; "" when they did not."""
    otherwise = f"Someone else has to accept it, unless {story.squad} lets people accept their own changes."
    if moved_by(person, story.key).exists():
        return f"{person.name} worked on {story.key}. {otherwise}"
    link = written_by(person, story).select_related("change").first()
    if link is not None:
        return f"{person.name} wrote {link.change}, a change of {story.key}. {otherwise}"
    return ""
