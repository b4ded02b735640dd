"""Parsers of files from other systems. They know neither Django nor the database: bytes in, items out."""

from typing import Any

from squads.imports.formats import github, jira, rodeo, table, taiga, trello
from squads.imports.formats.raw import (
    MEGABYTES,
    MOST_BYTES,
    MOST_HISTORY,
    MOST_ITEMS,
    Item,
    Parsed,
    Problem,
    Refused,
    listed,
)
from squads.imports.formats.text import decode, is_json, load

__all__ = ["CHOICES", "KINDS", "MOST_BYTES", "Item", "Parsed", "Problem", "Refused", "check_size", "listed", "parse"]
KINDS = {
    "csv": "a table (CSV)",
    "jira": "Jira",
    "trello": "Trello",
    "taiga": "Taiga",
    "github": "GitHub issues",
    "rodeo": "Rodeo's own export",
}
CHOICES = list(KINDS.items())
# In the order in which they are tried: each recognises its files by fields that no other has.
JSON: dict[str, Any] = {"rodeo": rodeo, "trello": trello, "taiga": taiga, "jira": jira, "github": github}
TABLES = ("csv", "jira", "rodeo")


def check_size(size: int) -> None:
    """Raise Refused for a file that is larger than MOST_BYTES."""
    if size > MOST_BYTES:
        raise Refused(
            f"The file is {size / 1024 / 1024:.1f} MB; {MEGABYTES} MB is the most.",
            "Split it, or export fewer columns.",
        )


def parse(body: bytes, kind: str = "", chosen: dict[str, str] | None = None) -> Parsed:
    """Parse a file as `kind`, or as the kind that it is recognised as. Raises Refused.

    `chosen` gives the column of a table for each of our fields; without it they are guessed from the headers.
    """
    if kind and kind not in KINDS:
        raise Refused(f"Unknown file format “{kind[:20]}”.", f"Choose from {', '.join(KINDS)}.")
    check_size(len(body))
    text = decode(body)
    parsed = _json(load(text), kind) if is_json(text) else _table(table.read(text), kind, chosen)
    history_count = sum(len(item.comments) + len(item.moves) for item in parsed.items)
    if history_count > MOST_HISTORY:
        raise Refused(
            f"The file has {history_count:,} comments and moves; {MOST_HISTORY:,} is the most.",
            "Split it, or export fewer.",
        )
    return parsed


def _json(data: Any, kind: str) -> Parsed:
    found = kind or next((name for name, each in JSON.items() if each.recognises(data)), "")
    if not found:
        raise Refused(
            "We don’t recognise this JSON.",
            "Use a Jira search, a Trello board, a Taiga project, GitHub issues, or a CSV table.",
        )
    if found not in JSON:
        raise Refused("This file is JSON, not a table.", "Choose its format.")
    items, notes = JSON[found].items(data)
    if len(items) > MOST_ITEMS:
        raise Refused(f"The file has {len(items):,} items; {MOST_ITEMS:,} is the most.", "Split it.")
    if not items:
        raise Refused(f"There’s no {KINDS[found]} data in this file.", "Choose another format, or export it again.")
    return Parsed(found, items, notes=notes)


def _table(found: table.Table, kind: str, chosen: dict[str, str] | None) -> Parsed:
    kind = kind or ("rodeo" if rodeo.recognises_table(found) else "jira" if found.is_jira else "csv")
    if kind not in TABLES:
        raise Refused(f"This file is a table, but {KINDS[kind]} exports JSON.", "Choose “a table (CSV)”.")
    if kind == "rodeo":
        chosen = {ours: theirs for ours, theirs in rodeo.COLUMN_OF_FIELD.items() if theirs in found.headers}
    elif chosen is None:
        chosen = table.guess(found.headers)
    items = table.items(found, chosen)
    if kind == "rodeo":
        for item in items:
            item.cells = {name: rodeo.unescape_formula(cell) for name, cell in item.cells.items()}
    if not items and not found.problems:
        raise Refused("The file has no rows below the first line.", "Export it again, with at least one row.")
    notes = [] if kind == "rodeo" else found.notes
    return Parsed(kind, items, found.problems, notes, headers=list(dict.fromkeys(found.headers)), chosen=chosen)
