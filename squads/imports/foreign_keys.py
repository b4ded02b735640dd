"""What becomes of the keys that work had where it came from (docs/adr/0023).

A key with the squad's own prefix stays the story's key where no other story has it; any other key leads to the story as an
alias. Numbers that the origin used are never given to other stories.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps

from squads.imports.formats import Item
from squads.imports.validation import ValidRow
from squads.stories.models import Story, StoryAlias
from squads.teams.keys import Key, as_key, keeps_key
from squads.teams.models import Squad

# Kinds of files whose keys look as keys here do. Others name boards and repositories: their names are kept and found.
KINDS = ("csv", "jira", "rodeo")
BATCH, MOST_NAMED = 900, 10


@dataclass(slots=True)
class KeyPlan:
    """The keys that new stories keep, by `external`; those that they are called by too; and those that mean nobody then."""

    kept: dict[str, Key] = field(default_factory=dict)
    aliases: dict[str, Key] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    theirs: list[str] = field(default_factory=list)
    highest: dict[str, int] = field(default_factory=dict)

    def notes(self, squad: Squad) -> list[str]:
        """Say what becomes of keys, for the preview and the report."""
        said = []
        if self.kept:
            said.append(
                f"Keys kept: {_some(key.text for key in self.kept.values())}. "
                f"New stories continue from {squad.key_prefix}-{self.highest[squad.key_prefix] + 1}."
            )
        if self.aliases:
            said.append(f"New keys for {_some(key.text for key in self.aliases.values())}. The old keys keep working.")
        if self.theirs:
            said.append(
                f"Already used here: {_some(self.theirs)}. Changes that mention it are linked to the existing story."
            )
        if self.shared:
            named = (f"{key} ({other})" for key, other in self.shared.items())
            said.append(
                f"Several stories would share these keys, so commits that mention them are linked to none: {_some(named)}."
            )
        return said


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - MOST_NAMED} more" if listed[MOST_NAMED:] else ""
    return ", ".join(listed[:MOST_NAMED]) + more


def highest_numbers(kind: str, items: Iterable[Item]) -> dict[str, int]:
    """Return the highest number of each prefix that a file names, rows that are refused or left out included."""
    found: dict[str, int] = {}
    for item in items if kind in KINDS else ():
        if key := as_key(item.cells.get("key", "")):
            found[key.prefix] = max(found.get(key.prefix, 0), key.number)
    return found


def plan_keys(squad: Squad, kind: str, items: Iterable[Item], new: list[ValidRow]) -> KeyPlan:
    """Say which keys the new stories of these rows get. A few queries, however many rows."""
    plan = KeyPlan(highest=highest_numbers(kind, items))
    keys = {row.external: key for row in new if kind in KINDS and (key := as_key(row.key))}
    if not keys:
        return plan
    own, elsewhere = _having({key.text for key in keys.values()})
    given = set[str]()
    for external, key in keys.items():
        if kind == "rodeo" and key.text in own:
            # A copy of a story that is here: its key goes on to mean that one.
            continue
        if key.prefix == squad.key_prefix and key.text not in own and key.text not in given:
            plan.kept[external] = key
        else:
            plan.aliases[external] = key
        if own.get(key.text):
            plan.theirs.append(key.text)
        elif key.text in own:
            plan.shared[key.text] = "a story here has it"
        elif key.text in elsewhere or key.text in given:
            plan.shared[key.text] = f"also {elsewhere.get(key.text, 'in another row')}"
        given.add(key.text)
    if plan.kept:
        named = _highest_named(squad.key_prefix)
        plan.highest[squad.key_prefix] = max(plan.highest[squad.key_prefix], named, squad.next_number - 1)
    return plan


def _having(keys: set[str]) -> tuple[dict[str, bool], dict[str, str]]:
    """Return which stories have these keys: as their own, with whether they had them where they came from already, and as
    what they are called elsewhere."""
    own, elsewhere = dict[str, bool](), dict[str, str]()
    listed = sorted(keys)
    for start in range(0, len(listed), BATCH):
        some = listed[start : start + BATCH]
        rows = Story.objects.filter(key__in=some).order_by().values_list("key", "external")
        own.update((key, keeps_key(external, key)) for key, external in rows)
        elsewhere.update(StoryAlias.objects.filter(key__in=some).order_by().values_list("key", "story__key"))
    return own, elsewhere


def _highest_named(prefix: str) -> int:
    """Return the highest number that a change names with this prefix: the origin has that story, though the file has not.

    Declared by name: squads imports no code of releases (docs/adr/0002).
    """
    links: Any = apps.get_model("releases", "StoryLink")._default_manager.filter(
        key__startswith=f"{prefix}-", story=None
    )
    named = (as_key(key) for key in links.order_by().values_list("key", flat=True).distinct())
    return max((key.number for key in named if key), default=0)
