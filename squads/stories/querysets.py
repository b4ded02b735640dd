"""Questions about stories and evidence, in the words of the pages."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models import Case, F, OuterRef, Subquery, Value, When
from django.db.models.functions import Coalesce, Greatest

from squads.judge import judgement
from squads.judging import actions as judging
from squads.teams.keys import SYSTEMS, keeps_key

if TYPE_CHECKING:
    from squads.stories.models import Evidence, Story  # noqa: F401 - named in quotes below


# As many keys as one statement may name, and as many stories as the start of one finds by what they are called elsewhere.
AT_ONCE, MOST_FOUND = 5000, 500
KEY_START = re.compile(r"[A-Z][A-Z0-9_]*(-[0-9]*)?")


def _aliases() -> "models.QuerySet[Any]":
    # By its name: the model is made of this queryset's.
    return apps.get_model("squads", "StoryAlias")._default_manager.all()


def condition_of(text: str, *, look_up: bool = False) -> models.Q:
    """Return what stories must be to match a text that somebody looks for.

    With `look_up`, those known by it elsewhere are found first, in a query of its own: where nothing else narrows the stories,
    "or" between tables has a database look through all of them.
    """
    found = models.Q(key__startswith=text.upper()) | models.Q(title__icontains=text)
    found |= models.Q(external__in=[f"{system}:{text.strip()}" for system in SYSTEMS])
    if KEY_START.fullmatch(text.upper()):
        ids: Any = _aliases().filter(key__startswith=text.upper()).order_by().values_list("story_id", flat=True)
        found |= models.Q(pk__in=list(ids[:MOST_FOUND]) if look_up else ids)
    return found


# "" is by when they were created, the newest first.
SORTS = {
    "updated": "last changed",
    "priority": "priority",
    "due": "due date",
    "key": "key",
    "stage": "stage",
}


def last_changed() -> Greatest:
    """Return when people last changed a story or it came to its stage, for the database to tell."""
    edits: Any = apps.get_model("squads", "StoryEdit")._default_manager
    edited = edits.filter(story=OuterRef("pk")).order_by("-version").values("at")[:1]
    moments = (Coalesce(moment, "created_at") for moment in (Subquery(edited), F("progress_at"), F("stage_at")))
    return Greatest("created_at", *moments)


def _place(field: str, values: Any) -> Case:
    return Case(*(When(**{field: value}, then=Value(place)) for place, value in enumerate(values)), default=Value(99))


class StoryQuerySet(models.QuerySet["Story"]):
    """Questions about stories."""

    def not_ended(self) -> "StoryQuerySet":
        """Stories that nobody cancelled or closed as a duplicate: what lists, boards and measures count."""
        return self.filter(ending="")

    def in_order(self, sort: str, *, of_squad: bool = False) -> "StoryQuerySet":
        """Order the stories; those that are alike by when they were created, the newest first."""
        newest = "-number" if of_squad else "-pk"
        if sort == "updated":
            return self.order_by(last_changed().desc(), newest)
        if sort == "priority":
            return self.order_by(_place("priority", self.model.Priority.values), F("due").asc(nulls_last=True), newest)
        if sort == "due":
            return self.order_by(F("due").asc(nulls_last=True), _place("priority", self.model.Priority.values), newest)
        if sort == "key":
            return self.order_by("squad__key_prefix", "number")
        if sort == "stage":
            return self.order_by(_place("stage", judgement.STAGES), "squad__name", "rank")
        return self.order_by(newest)

    def ended(self) -> "StoryQuerySet":
        """Stories that were cancelled or closed as duplicates."""
        return self.exclude(ending="")

    def with_ending(self, which: str, *, archived: bool = True) -> "StoryQuerySet":
        """Stories by how they ended: "" leaves out what ended, "with" takes all, "only" what ended, "archived" those of
        archived squads, else one ending. Without `archived`, "" leaves these out too."""
        if which == "with":
            return self
        if which == "archived":
            return self.filter(squad__archived_at__isnull=False)
        if which == "" and not archived:
            return self.filter(ending="", squad__archived_at=None)
        if which == "only":
            return self.ended()
        return self.filter(ending=which)

    def unfinished(self) -> "StoryQuerySet":
        """Stories that are still to be done: neither rodeo done nor cancelled nor duplicates."""
        return self.not_ended().exclude(stage="rodeo_done")

    def named(self, keys: Iterable[str]) -> dict[str, int]:
        """Return the ids of the stories that these keys mean, by key: a story's own key, or one that it has elsewhere.

        A key that two stories have means none of them: whoever names it may mean either (docs/adr/0023). Only a story that had
        its key where it came from already is what that key means, whoever brings in another copy. Keys are in capitals. One
        query for each AT_ONCE keys.
        """
        found: dict[str, set[int]] = {}
        kept: dict[str, int] = {}
        wanted = list(set(keys))
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            own = self.model._default_manager.filter(key__in=some).order_by().values_list("key", "pk", "external")
            others = _aliases().filter(key__in=some).order_by().values_list("key", "story_id", models.Value(""))
            for key, pk, external in own.union(others):
                found.setdefault(key, set()).add(pk)
                if keeps_key(external, key):
                    kept[key] = pk
        return {key: next(iter(ids)) for key, ids in found.items() if len(ids) == 1} | kept

    def keys_of(self, stories: Iterable["Story"]) -> dict[str, int]:
        """Return every key that means one of these stories, with the story's id. Two queries at most."""
        ids = {story.key: story.pk for story in stories}
        shared = models.Q(story__in=list(ids.values())) | models.Q(key__in=list(ids))
        others = set(_aliases().filter(shared).order_by().values_list("key", flat=True))
        if not others:
            return ids
        own = set(ids.values())
        return {key: pk for key, pk in self.named({*ids, *others}).items() if pk in own}

    def called(self, key: str) -> "Story | None":
        """Return the story that an address means by a key: the one with that key, else the only one that has it elsewhere.

        A story's own key is its address for good; other keys lead to it where they lead to no other.
        """
        story = self.filter(key=key).first()
        if story is not None:
            return story
        ids = list(_aliases().filter(key=key).order_by().values_list("story_id", flat=True)[:2])
        return self.filter(pk=ids[0]).first() if len(ids) == 1 else None

    def matching(self, text: str) -> "StoryQuerySet":
        """Stories with this text in their titles, or at the start of their key, here or elsewhere."""
        return self.filter(condition_of(text, look_up=True))

    def judge(self) -> int:
        """Judge these stories by the evidence there is, write what changed, and return how many changed."""
        return judging.judge_some(list(self.values_list("pk", flat=True)), self.db)


class EvidenceQuerySet(models.QuerySet["Evidence"]):
    """Questions about evidence."""

    def derived(self) -> "EvidenceQuerySet":
        """Rows that follow from events and can be made again by replaying them."""
        return self.filter(by_hand=False)

    def valid(self) -> "EvidenceQuerySet":
        """Rows that nobody took back."""
        return self.filter(taken_back_at=None)
