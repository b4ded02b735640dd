"""Which part of a squad's board is shown and how it is arranged: what its address says, and the chips that change it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode

from django.db.models import Exists, OuterRef, Q

from portal.kernel.actors import Anyone
from portal.kernel.models import StateChange
from squads.assignments.queries import assigned_to
from squads.judge import judgement
from squads.labels.queries import labelled
from squads.stories.models import Evidence, Story
from squads.stories.queries import planned_for
from squads.stories.querysets import condition_of
from squads.teams.models import Squad

# What rows of cards a board can have, and so many labels get a chip.
LANES = {"": "none", "release": "release", "assignee": "assignee"}
LABELS = 8


@dataclass(frozen=True, slots=True)
class BoardFilter:
    """A part of the board, as its address says."""

    release: str = ""
    type: str = ""
    person: str = ""
    service: str = ""
    q: str = ""
    blocked: str = ""
    stalled: str = ""
    assignee: str = ""
    label: str = ""
    priority: str = ""

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))

    @property
    def beyond_chips(self) -> bool:
        """Whether a part of it has no chip, so that only the form shows it."""
        other = self.assignee not in ("", "me")
        return bool(self.release or self.person or self.service or self.q or self.priority or other)

    @property
    def query(self) -> str:
        """What follows the question mark in the board's address."""
        return urlencode({each.name: value for each in fields(self) if (value := getattr(self, each.name))})

    def condition(self, squad: Squad, me: Anyone | None = None) -> Q:
        """Return what the database can tell, "me" being who looks; whether a story stalls depends on the present."""
        wanted = Q()
        if self.release:
            wanted &= planned_for(self.release)
        if self.type:
            wanted &= Q(type=self.type)
        if self.person:
            started = StateChange.objects.filter(
                kind="story", key__startswith=f"{squad.key_prefix}-", to_state="in_progress", by__username=self.person
            )
            wanted &= Q(created_by__username=self.person) | Q(key__in=started.values("key"))
        if self.service:
            changed = Evidence.objects.filter(story=OuterRef("pk"), kind="change", service=self.service)
            wanted &= Q(Exists(changed))
        if self.q:
            wanted &= condition_of(self.q)
        if self.assignee:
            wanted &= assigned_to(self.assignee, me)
        if self.label:
            wanted &= labelled(self.label)
        if self.priority:
            wanted &= Q(priority=self.priority)
        if self.blocked:
            wanted &= ~Q(blocked_because="")
        return wanted


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of a board asks for: a part of it, in lanes or not, and the columns that are shown at length."""

    only: BoardFilter = BoardFilter()
    lanes: str = ""
    more: tuple[str, ...] = ()

    @property
    def kept(self) -> str:
        """What a saved view remembers of the address."""
        return _joined(self.only.query, urlencode({"lanes": self.lanes}) if self.lanes else "")

    @property
    def query(self) -> str:
        """What follows the question mark in the address."""
        return _joined(self.kept, urlencode([("more", each) for each in self.more]))

    @property
    def cleared(self) -> str:
        """The same without filters, as it follows the question mark."""
        return Asked(lanes=self.lanes).query

    def at_length(self, stage: str) -> "Asked":
        """The same with one more column shown at length."""
        return replace(self, more=(*self.more, stage))


def _joined(*parts: str) -> str:
    return "&".join(filter(None, parts))


def read(values: Mapping[str, list[str]]) -> Asked:
    """Read what is asked for from the parts of an address; parts it does not know are left out."""
    said = {name: each[-1].replace("\0", "").strip()[:200] for name, each in values.items() if each}
    type_ = said.get("type", "")
    only = BoardFilter(
        said.get("release", ""),
        type_ if type_ in Story.Type.values else "",
        said.get("person", ""),
        said.get("service", ""),
        said.get("q", ""),
        "1" if said.get("blocked") == "1" else "",
        "1" if said.get("stalled") == "1" else "",
        said.get("assignee", ""),
        said.get("label", ""),
        priority if (priority := said.get("priority", "")) in Story.Priority.values else "",
    )
    lanes = said.get("lanes", "")
    more = values.get("more", ())
    return Asked(only, lanes if lanes in LANES else "", tuple(each for each in judgement.STAGES if each in more))


def read_query(query: str) -> Asked:
    """Read what follows the question mark of an address."""
    return read(parse_qs(query, max_num_fields=50)) if query.count("&") < 50 else Asked()


class Chip(NamedTuple):
    """One click on a part of a board: what follows the question mark then, and whether it is on."""

    name: str
    query: str
    on: bool
    command: str = ""


def chips(asked: Asked, labels: Iterable[str], *, signed_in: bool) -> list[Chip]:
    """Return the chips of a squad's board; one that is on takes itself back, and all others stay as they are."""
    own, on = _with(asked, "assignee", "me")
    mine = [Chip("Mine", own, on, "Show everyone’s cards" if on else "Show my cards")] if signed_in else []
    fixed = [Chip(name.capitalize(), *_with(asked, name, "1")) for name in ("blocked", "stalled")]
    types = [Chip(name.capitalize(), *_with(asked, "type", value)) for value, name in Story.Type.choices]
    first = with_chosen(labels, asked.only.label)
    return [*mine, *fixed, *types, *(Chip(name, *_with(asked, "label", name)) for name in first)]


def lane_chips(asked: Asked) -> list[Chip]:
    """Return the ways to split the board into lanes, one of which is on."""
    return [Chip(name, replace(asked, lanes=lanes).query, lanes == asked.lanes) for lanes, name in LANES.items()]


def with_chosen(labels: Iterable[str], chosen: str) -> list[str]:
    """Return the labels that get a chip: the first few, and the chosen one in any case."""
    first = list(labels)[:LABELS]
    return first if not chosen or chosen in first else [*first[: LABELS - 1], chosen]


def _with(asked: Asked, name: str, value: str) -> tuple[str, bool]:
    on = getattr(asked.only, name) == value
    only = replace(asked.only, **{name: "" if on else value})
    return Asked(only, asked.lanes).query, on
