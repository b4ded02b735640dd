"""Which stories a list shows, and in which order: what the address of the list says, and exports of it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q

from portal.kernel import clock
from portal.kernel.actors import Anyone
from portal.kernel.text_input import plain
from squads.assignments.queries import assigned_to
from squads.labels.queries import labelled
from squads.stories.models import Story
from squads.stories.queries import NO_RELEASE, planned_for
from squads.stories.querysets import SORTS, StoryQuerySet

LONGEST = 200
# What a list can do with cancelled stories and duplicates, beside leaving them out.
ENDED = {
    "with": "shown too",
    "only": "nothing else",
    "cancelled": "cancelled only",
    "duplicate": "duplicates only",
    "archived": "of archived squads only",
}
DUE = {"late": "overdue", "week": "within 7 days", "some": "any date", "none": "no date"}
CHOICES: Mapping[str, Any] = {
    "stage": Story.Stage.values,
    "type": Story.Type.values,
    "priority": Story.Priority.values,
    "due": DUE,
    "blocked": ("1",),
    "ended": ENDED,
    "sort": SORTS,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A list of stories, as its address says. Values that mean nothing are left out."""

    q: str = ""
    squad: str = ""
    stage: str = ""
    assignee: str = ""
    type: str = ""
    release: str = ""
    priority: str = ""
    label: str = ""
    due: str = ""
    blocked: str = ""
    ended: str = ""
    sort: str = ""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "Asked":
        """Read the query of an address."""
        said = {each.name: plain(str(values.get(each.name) or ""))[:LONGEST] for each in fields(cls)}
        return cls(**{name: value for name, value in said.items() if name not in CHOICES or value in CHOICES[name]})

    def __bool__(self) -> bool:
        return bool(self.query)

    @property
    def query(self) -> str:
        """What follows the question mark in the address."""
        return urlencode({each.name: value for each in fields(self) if (value := getattr(self, each.name))})

    @property
    def filtered(self) -> bool:
        """Whether it is a part of the stories, not all of them in some order."""
        return bool(replace(self, sort=""))

    @property
    def is_named(self) -> bool:
        """Whether it names a squad or a release, whose stories it shows though the squad is archived."""
        return bool(self.squad or (self.release and self.release != NO_RELEASE))

    def found(self, me: Anyone | None = None) -> StoryQuerySet:
        """Return the stories; without those that ended and those of archived squads, unless it asks for them."""
        return self.however_ended(me).with_ending(self.ended, archived=self.is_named)

    def however_ended(self, me: Anyone | None = None) -> StoryQuerySet:
        """Return the stories, ended or not. "me" is who looks; a text is the start of a key, or part of a title."""
        rows = Story.objects.select_related("squad", "ended_by", "duplicate_of")
        rows = rows.filter(self._condition(me))
        if self.assignee:
            rows = rows.filter(assigned_to(self.assignee, me))
        if self.label:
            rows = rows.filter(labelled(self.label))
        if self.q:
            rows = rows.matching(self.q)
        return rows.in_order(self.sort, of_squad=bool(self.squad))

    def _condition(self, me: Anyone | None) -> Q:
        wanted = Q(**{name: value for name in ("stage", "type", "priority") if (value := getattr(self, name))})
        if self.squad:
            wanted &= Q(squad__slug=self.squad)
        if self.release:
            wanted &= planned_for(self.release)
        if self.blocked:
            wanted &= ~Q(blocked_because="")
        return wanted & _due(self.due)


def _due(which: str) -> Q:
    today = clock.now().date()
    conditions = {
        "late": Q(due__lt=today) & ~Q(stage=Story.Stage.RODEO_DONE),
        "week": Q(due__gte=today, due__lte=today + timedelta(days=7)),
        "some": Q(due__isnull=False),
        "none": Q(due__isnull=True),
    }
    return conditions.get(which, Q())
