"""Rodeo's own export, as a table or as JSON. Prefixes that the export adds against formulas are removed."""

import re
from typing import Any

from squads.imports.formats.raw import Item, inside, objects, people_in, text_of
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
    "assignees",
    "ended_as",
    "ended_because",
    "duplicate_of",
)
# What exports of earlier versions have.
BEFORE = (COLUMNS[:-4], COLUMNS[:-3])
COLUMN_OF_FIELD = {
    "key": "key",
    "title": "title",
    "type": "type",
    "status": "progress",
    "release": "release",
    "description": "description",
    "acceptance_criteria": "acceptance_criteria",
    "created": "created_at",
    "assignees": "assignees",
    "ended_as": "ended_as",
    "ended_because": "ended_because",
}
# A spreadsheet runs a cell that begins like this as a formula, some also after a line end or with a full-width sign.
# A cell with such a prefix of its own gets another one, so that it comes back unchanged.
FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def escape_formula(cell: str) -> str:
    """Return a cell that no spreadsheet runs as a formula."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def unescape_formula(cell: str) -> str:
    """Return the cell that `escape_formula` was given."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell[1:]) else cell


def recognises_table(table: Table) -> bool:
    """Say whether a table is Rodeo's."""
    return tuple(table.headers) in (COLUMNS, *BEFORE)


def recognises(data: Any) -> bool:
    """Say whether JSON is Rodeo's."""
    return isinstance(data, dict) and isinstance(data.get("stories"), list) and data.get("rodeo") == 1


def items(data: Any) -> tuple[list[Item], list[str]]:
    """Return the stories."""
    found = [
        Item(
            f"story {number} ({text_of(story.get('key'))})",
            {ours: text_of(story.get(theirs)) for ours, theirs in COLUMN_OF_FIELD.items() if ours != "assignees"},
            {"status": "progress", "created": "created_at"},
            assignees=people_in(text_of(story["assignees"])) if "assignees" in story else None,
        )
        for number, story in enumerate(objects(inside(data, "stories")), 1)
    ]
    return found, []
