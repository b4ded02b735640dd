"""What every format is turned into: items with their place in the file, and what could not be read."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

MEGABYTES = 20
MOST_BYTES = MEGABYTES * 1024 * 1024
MOST_ITEMS = 20_000
MOST_CHARACTERS = 100_000
# Comments and moves of all items together.
MOST_TOLD = 100_000


class Refused(Exception):
    """The file as a whole cannot be read: why, and what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason} {remedy}")


class Problem(NamedTuple):
    """One thing that keeps a row out: where it is, what is wrong, and what to do."""

    place: str
    column: str
    reason: str
    remedy: str


class Said(NamedTuple):
    """A comment, as the file tells it."""

    at: str
    by: str
    text: str


class Moved(NamedTuple):
    """A change of status, in the words of the system it happened in."""

    at: str
    by: str
    before: str
    after: str


@dataclass(slots=True)
class Item:
    """One piece of work. `cells` holds only the fields that the file speaks of, as text; `columns` names theirs."""

    place: str
    cells: dict[str, str]
    columns: dict[str, str] = field(default_factory=dict)
    comments: list[Said] = field(default_factory=list)
    moves: list[Moved] = field(default_factory=list)
    moved_at: str = ""

    def column(self, name: str) -> str:
        """Return what the file calls one of our fields."""
        return self.columns.get(name, name)


@dataclass(slots=True)
class Parsed:
    """A file that was read. `headers` are the columns of a table; `chosen` says which of them each field takes."""

    kind: str
    items: list[Item] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    chosen: dict[str, str] = field(default_factory=dict)


def text_of(value: Any) -> str:
    """Return text, a number or a yes as text; anything else says nothing."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) else ""


def inside(value: Any, *path: str) -> Any:
    """Return what lies at a path of names; None where anything on the way is missing or no object."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; none where it is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
