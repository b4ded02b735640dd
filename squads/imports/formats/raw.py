"""What every format is parsed into: items with their place in the file, and problems of what could not be parsed."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

MEGABYTES = 20
MOST_BYTES = MEGABYTES * 1024 * 1024
MOST_ITEMS = 20_000
MOST_CHARACTERS = 100_000
# Comments and moves of all items together.
MOST_HISTORY = 100_000
# As many names a sentence lists.
MOST_TOLD = 12


class Refused(Exception):
    """The file as a whole cannot be read; says why, and what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason} {remedy}")


class Problem(NamedTuple):
    """One thing that keeps a row out: where it is, what is wrong, and what to do."""

    place: str
    column: str
    reason: str
    remedy: str


class RawComment(NamedTuple):
    """A comment as the file has it."""

    at: str
    by: str
    text: str


class RawMove(NamedTuple):
    """A change of status as the file has it, with the statuses of that system."""

    at: str
    by: str
    before: str
    after: str


@dataclass(slots=True)
class Item:
    """One piece of work. `cells` holds the fields that the file has, as text; `columns` the file's names of them."""

    place: str
    cells: dict[str, str]
    columns: dict[str, str] = field(default_factory=dict)
    comments: list[RawComment] = field(default_factory=list)
    moves: list[RawMove] = field(default_factory=list)
    # When work ended, and since when it has its status, where the file says so.
    ended: str = ""
    moved: str = ""
    # What its own system takes its status for: todo, in_progress, dev_done or not_done.
    category: str = ""
    milestone: str = ""
    labels: list[str] = field(default_factory=list)
    # Who works on it, by e-mail address where the file has them; None where it does not say.
    assignees: list[str] | None = None

    def column(self, name: str) -> str:
        """Return what the file calls one of our fields."""
        return self.columns.get(name, name)


@dataclass(slots=True)
class Parsed:
    """A parsed file. `headers` are the columns of a table; `chosen` gives the one that each of our fields is read from."""

    kind: str
    items: list[Item] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    chosen: dict[str, str] = field(default_factory=dict)


def text_of(value: Any) -> str:
    """Return a text, number or boolean as text; anything else is ""."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) else ""


def inside(value: Any, *path: str) -> Any:
    """Return the value at a path of names; None where anything on the way is missing or no object."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; none where it is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def people_in(text: str) -> list[str]:
    """Return the people that a cell names, one after the other: “ana@example.org, bo@example.org”."""
    return [name for each in re.split(r"[,;\n]", text) if (name := each.strip())]


def not_kept(records: Iterable[Any], names: Mapping[str, str]) -> list[str]:
    """Say what of these records is not brought in: `names` gives people's word for each field that may hold something."""
    counts = Counter(word for record in records for field, word in names.items() if inside(record, field))
    listed = [f"{word} ({counts[word]})" for word in dict.fromkeys(names.values()) if counts[word]]
    return [f"Not imported: {', '.join(listed)}."] if listed else []


def labels_not_kept(items: Iterable[Item]) -> list[str]:
    """Say which labels are not brought in: of each item, all but the one that gives its type."""
    names = list(
        dict.fromkeys(label for item in items for label in item.labels if label and label != item.cells["type"])
    )
    return [f"Labels not imported: {listed(names)}."] if names else []


def listed(names: list[str]) -> str:
    """Return names as a sentence lists them, the first MOST_TOLD of them."""
    more = f" and {len(names) - MOST_TOLD} more" if names[MOST_TOLD:] else ""
    return ", ".join(name[:60] for name in names[:MOST_TOLD]) + more
