"""Operators: squad:payments, is:blocked, release:5.10, type:defect. All of them are about stories, except that type: names
any kind of thing as well. Values with blanks stand in quotes; what stands in quotes by itself is text."""

import difflib
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from django.db.models import Q

from portal.accounts.models import User
from portal.kernel.actors import Anyone
from portal.kernel.versions import same_version
from releases.models import Release
from squads.assignments.queries import assigned_to
from squads.models import Squad, Story

# What a value may be is looked up among so many; so many are named to choose from, and offered while somebody types.
KNOWN, NAMED, OFFERED = 1000, 7, 8
_QUOTED = r'"[^"]*"?'
TOKEN = re.compile(rf'(?<!\S)(?P<name>[A-Za-z]{{2,20}}):(?P<value>{_QUOTED}|[^\s"/:]\S*)(?!\S)|{_QUOTED}')
UNFINISHED = re.compile(r'(?<!\S)(?P<name>[A-Za-z]{2,20}):(?P<value>"[^"]*|[^\s"]*)$')
WORD_AT_END = re.compile(r"(?<!\S)[A-Za-z]{2,20}$")
STAGES = {label.replace(" ", "_"): value for value, label in Story.Stage.choices}
STATES = {
    "open": "neither done nor cancelled",
    "done": "rodeo done",
    "blocked": "blocked",
    "mine": "assigned to you",
    "cancelled": "cancelled",
    "duplicate": "closed as a duplicate",
}


ONLY_STORIES = "Nothing can match all of these: operators filter stories, and type: chooses another kind."


class Unknown(Exception):
    """A value means nothing; the message says so, and what was perhaps meant."""


class Read(NamedTuple):
    """A text without its operators. `stories` is what they ask of stories, `kinds` which kinds of things are wanted; None
    where they ask nothing. `problem` says why nothing can be found, `note` what was taken for text."""

    text: str
    stories: Q | None = None
    kinds: frozenset[str] | None = None
    problem: str = ""
    note: str = ""


class Completion(NamedTuple):
    """How a text may go on: what it would be then, and what that means."""

    text: str
    meaning: str


def read(text: str, me: Anyone | None, kinds: Iterable[str]) -> Read:
    """Take the operators out of a text. Never raises: what is wrong stands in the answer. `me` is who searches."""
    asked, wanted, notes = Q(), set(kinds), []
    any_operator = False

    def taken(match: re.Match[str]) -> str:
        nonlocal asked, any_operator, wanted
        name, value = (match["name"] or "").lower(), (match["value"] or "").strip('"').strip()
        if not name:
            return match[0].strip('"')
        if name not in OPERATORS:
            notes.append(_no_operator(match["name"]))
            return match[0]
        any_operator = True
        condition, own_kinds = OPERATORS[name].condition(value, me)
        asked, wanted = asked & condition, wanted & own_kinds
        return ""

    try:
        rest = " ".join(TOKEN.sub(taken, text).split())
    except Unknown as problem:
        return Read("", kinds=frozenset(), problem=str(problem))
    note = notes[0] if notes else ""
    if not any_operator:
        return Read(rest, note=note)
    if not wanted:
        return Read("", kinds=frozenset(), problem=ONLY_STORIES)
    return Read(rest, asked if wanted == {"story"} else None, frozenset(wanted), note=note)


def _no_operator(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), OPERATORS, 1)
    meant = f"Did you mean “{near[0]}:”?" if near else f"There are {', '.join(f'{each}:' for each in OPERATORS)}."
    return f"“{name}:” isn’t an operator, so it was searched as text. {meant}"


def completions(text: str, me: Anyone | None) -> list[Completion]:
    """Return how the operator at the end of a text may go on: its values, or the operators that begin so."""
    if (open_ := UNFINISHED.search(text)) and open_["name"].lower() in OPERATORS:
        name, begun = open_["name"].lower(), open_["value"].strip('"').casefold()
        offered = [
            (value, meaning)
            for value, meaning in OPERATORS[name].values(me)
            if value.casefold().startswith(begun) or meaning.casefold().startswith(begun)
        ]
        start = text[: open_.start()]
        # One that is complete needs no more of it.
        exact = [value for value, _ in offered if value.casefold() == begun]
        return [] if exact else [Completion(f"{start}{name}:{value} ", meaning) for value, meaning in offered[:OFFERED]]
    if word := WORD_AT_END.search(text):
        begun, start = word[0].lower(), text[: word.start()]
        fitting = [name for name in OPERATORS if name.startswith(begun)]
        return [Completion(f"{start}{name}:", OPERATORS[name].meaning) for name in fitting]
    return []


# The operators


class Operator(NamedTuple):
    """`condition` returns what a value asks of stories, and of which kinds things may be; `values` are what it may be."""

    meaning: str
    condition: Callable[[str, Anyone | None], tuple[Q, frozenset[str]]]
    values: Callable[[Anyone | None], Iterable[tuple[str, str]]]


STORIES = frozenset({"story"})


def _unknown(what: str, value: str, known: Iterable[str]) -> Unknown:
    """Return the error for a value: what was perhaps meant, else what there is."""
    names = list(dict.fromkeys(known))
    folded = {name.casefold(): name for name in reversed(names)}
    near = difflib.get_close_matches(value.casefold(), folded, 1, 0.6)
    near += [each for each in folded if value and each.startswith(value.casefold())]
    if near:
        remedy = f"Did you mean “{folded[near[0]]}”?"
    elif names:
        remedy = f"There are: {', '.join(names[:NAMED])}{', …' if len(names) > NAMED else '.'}"
    else:
        remedy = "There are none yet."
    return Unknown(f"{what.format(value=value[:60])} {remedy}")


def _of_squad(value: str, me: Anyone | None) -> tuple[Q, frozenset[str]]:
    wanted = Q(slug__iexact=value) | Q(name__iexact=value) | Q(key_prefix__iexact=value)
    ids = list(Squad.objects.filter(wanted).values_list("pk", flat=True)[:NAMED])
    if not ids:
        raise _unknown("There’s no squad “{value}”.", value, (name for _, name in _squads(me)))
    return Q(squad__in=ids), STORIES


def _squads(me: Anyone | None) -> list[tuple[str, str]]:
    return list(Squad.objects.order_by("name").values_list("slug", "name")[:KNOWN])


def _of_release(value: str, me: Anyone | None) -> tuple[Q, frozenset[str]]:
    if value.casefold() == "none":
        return Q(release=None), STORIES
    line, _, version = value.rpartition(" ")
    named = {version, same_version(version), f"v{version}"}
    wanted = Q(slug__iexact=value) | Q(version__iexact=value) | Q(version__in=named, line__iexact=line)
    if not line:
        wanted |= Q(version__in=named)
    ids = list(Release.objects.filter(wanted).values_list("pk", flat=True)[:KNOWN])
    if not ids:
        raise _unknown("There’s no release “{value}”.", value, (name for _, name in _releases(me)))
    return Q(release__in=ids), STORIES


def _releases(me: Anyone | None) -> list[tuple[str, str]]:
    newest = Release.objects.order_by("-created_at", "pk")[:KNOWN]
    return [("none", "in no release"), *((each.slug, str(each)) for each in newest)]


def _is(value: str, me: Anyone | None) -> tuple[Q, frozenset[str]]:
    wanted = "_".join(value.casefold().replace("-", " ").split())
    wanted = {"rodeo_done": "done", "todo": "to_do"}.get(wanted, wanted)
    if wanted == "mine":
        if me is None or not me.is_authenticated:
            raise Unknown("Sign in to use is:mine.")
        return assigned_to("me", me), STORIES
    conditions = {
        "done": Q(ending="", stage=Story.Stage.RODEO_DONE),
        "open": Q(ending="") & ~Q(stage=Story.Stage.RODEO_DONE),
        "blocked": Q(ending="") & ~Q(blocked_because=""),
        "cancelled": Q(ending="cancelled"),
        "duplicate": Q(ending="duplicate"),
        **{name: Q(ending="", stage=stage) for name, stage in STAGES.items() if stage != Story.Stage.RODEO_DONE},
    }
    if wanted not in conditions:
        raise _unknown("There’s no filter is:{value}.", wanted, (name for name, _ in _states(me)))
    return conditions[wanted], STORIES


def _states(me: Anyone | None) -> list[tuple[str, str]]:
    stages = [(name, f"{label}") for name, label in zip(STAGES, Story.Stage.labels, strict=True)]
    return [*STATES.items(), *(each for each in stages if each[0] != "rodeo_done")]


def _of_assignee(value: str, me: Anyone | None) -> tuple[Q, frozenset[str]]:
    wanted = value.casefold()
    if wanted == "me":
        return _is("mine", me)
    if wanted == "none":
        return assigned_to("none"), STORIES
    known = _people(me)
    fitting = [name for name, called in known if wanted in (name.casefold(), called.casefold())]
    if not fitting:
        raise _unknown("There’s no one called “{value}”.", value, (called for _, called in known[2:]))
    asked = Q()
    for name in fitting:
        asked |= assigned_to(name)
    return asked, STORIES


def _people(me: Anyone | None) -> list[tuple[str, str]]:
    people = User.objects.filter(is_active=True, program_of=None).order_by("first_name", "last_name", "username")[
        :KNOWN
    ]
    return [("me", "assigned to you"), ("none", "unassigned"), *((each.username, each.name) for each in people)]


def _of_type(value: str, me: Anyone | None) -> tuple[Q, frozenset[str]]:
    wanted = "_".join(value.casefold().replace("-", " ").split())
    if wanted in Story.Type.values:
        return Q(type=wanted), STORIES
    if wanted not in THINGS:
        raise _unknown("There is no type “{value}”.", wanted, (name for name, _ in _types(me)))
    return Q(), frozenset({wanted})


THINGS = (
    "story",
    "release",
    "squad",
    "service",
    "environment",
    "person",
    "source",
    "incident",
    "retrospective",
    "comment",
    "change",
    "branch",
)


def _types(me: Anyone | None) -> list[tuple[str, str]]:
    return [*Story.Type.choices, *((each, f"any {each}") for each in THINGS)]


OPERATORS: dict[str, Operator] = {
    "squad": Operator("stories of a squad", _of_squad, _squads),
    "is": Operator("stories by stage, or open, done, blocked, mine", _is, _states),
    "assignee": Operator("stories of a person, yours, or unassigned", _of_assignee, _people),
    "release": Operator("stories planned for a release, or none", _of_release, _releases),
    "type": Operator("defects, chores, or another kind of thing", _of_type, _types),
}
