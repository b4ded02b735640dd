"""Rodeo's own export, as a table or as JSON. What was prefixed there against formulas is taken off here."""

import re
from typing import Any

from squads.imports.formats.raw import Item, inside, objects, text_of
from squads.imports.formats.table import Table

COLUMNS = (
    "key",
    "title",
    "type",
    "progress",
    "release",
    "description",
    "acceptance_criteria",
    "created_at",
    "squad",
    "stage",
    "rodeo_done",
    "url",
)
TAKEN = {
    "key": "key",
    "title": "title",
    "type": "type",
    "status": "progress",
    "release": "release",
    "description": "description",
    "acceptance_criteria": "acceptance_criteria",
    "created": "created_at",
}
# A spreadsheet runs a cell that begins so. One that was prefixed before keeps its own prefix.
# Some take a line end or a full-width sign for the beginning of one as well.
FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """Return the cell that `guarded` was given."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell[1:]) else cell


def recognises_table(table: Table) -> bool:
    """Say whether a table is Rodeo's."""
    return tuple(table.headers) == COLUMNS


def recognises(data: Any) -> bool:
    """Say whether JSON is Rodeo's."""
    return isinstance(data, dict) and isinstance(data.get("stories"), list) and data.get("rodeo") == 1


def items(data: Any) -> tuple[list[Item], list[str]]:
    """Return the stories."""
    found = [
        Item(
            f"story {number} ({text_of(story.get('key'))})",
            {ours: text_of(story.get(theirs)) for ours, theirs in TAKEN.items()},
            {"status": "progress", "created": "created_at"},
        )
        for number, story in enumerate(objects(inside(data, "stories")), 1)
    ]
    return found, []
