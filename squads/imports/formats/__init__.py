"""Files from elsewhere, read. Nothing here knows Django or the database: bytes in, items out."""

from typing import Any

from squads.imports.formats import github, jira, rodeo, table, taiga, trello
from squads.imports.formats.raw import MEGABYTES, MOST_BYTES, MOST_ITEMS, MOST_TOLD, Item, Parsed, Problem, Refused
from squads.imports.formats.text import decode, is_json, load

__all__ = ["CHOICES", "KINDS", "MOST_BYTES", "Item", "Parsed", "Problem", "Refused", "check_size", "parse"]
KINDS = {
    "csv": "a table (CSV)",
    "jira": "Jira",
    "trello": "Trello",
    "taiga": "Taiga",
    "github": "GitHub issues",
    "rodeo": "Rodeo's own export",
}
CHOICES = list(KINDS.items())
# The order matters: each is looked for with what only it has.
JSON: dict[str, Any] = {"rodeo": rodeo, "trello": trello, "taiga": taiga, "jira": jira, "github": github}
TABLES = ("csv", "jira", "rodeo")


def check_size(size: int) -> None:
    """Refuse a file that is larger than is read."""
    if size > MOST_BYTES:
        raise Refused(
            f"The file has {size / 1024 / 1024:.1f} MB; {MEGABYTES} MB is the most.",
            "Split it, or leave columns such as attachments out of the export.",
        )


def parse(body: bytes, kind: str = "", chosen: dict[str, str] | None = None) -> Parsed:
    """Read a file as `kind`, or as the kind it seems to be. Raises Refused.

    `chosen` says which column of a table each of our fields comes from; without it the names are guessed.
    """
    if kind and kind not in KINDS:
        raise Refused(f"“{kind[:20]}” is no kind of file that is known here.", f"Choose among {', '.join(KINDS)}.")
    check_size(len(body))
    text = decode(body)
    parsed = _json(load(text), kind) if is_json(text) else _table(table.read(text), kind, chosen)
    told = sum(len(item.comments) + len(item.moves) for item in parsed.items)
    if told > MOST_TOLD:
        raise Refused(
            f"The file has {told:,} comments and moves; {MOST_TOLD:,} is the most.", "Split it, or leave some out."
        )
    return parsed


def _json(data: Any, kind: str) -> Parsed:
    found = kind or next((name for name, each in JSON.items() if each.recognises(data)), "")
    if not found:
        raise Refused(
            "This JSON is from no system that is known here.",
            "Bring a Jira search, a Trello board, a Taiga project, GitHub issues, or a table as CSV.",
        )
    if found not in JSON:
        raise Refused("This file is JSON, not a table.", "Choose the system it comes from.")
    items, notes = JSON[found].items(data)
    if len(items) > MOST_ITEMS:
        raise Refused(f"The file has {len(items):,} items; {MOST_ITEMS:,} is the most.", "Split it.")
    if not items:
        raise Refused(f"There is nothing of {KINDS[found]} in this file.", "Choose another kind, or export it again.")
    return Parsed(found, items, notes=notes)


def _table(found: table.Table, kind: str, chosen: dict[str, str] | None) -> Parsed:
    kind = kind or ("rodeo" if rodeo.recognises_table(found) else "jira" if found.is_jira else "csv")
    if kind not in TABLES:
        raise Refused(f"This file is a table, and {KINDS[kind]} exports JSON.", "Choose “a table (CSV)”.")
    if kind == "rodeo":
        chosen = {ours: theirs for ours, theirs in rodeo.TAKEN.items() if theirs in found.headers}
    elif chosen is None:
        chosen = table.guess(found.headers)
    items = table.items(found, chosen)
    if kind == "rodeo":
        for item in items:
            item.cells = {name: rodeo.unguarded(cell) for name, cell in item.cells.items()}
    if not items and not found.problems:
        raise Refused("The file has a first line and no rows.", "Export it again, with at least one row.")
    return Parsed(kind, items, found.problems, headers=list(dict.fromkeys(found.headers)), chosen=chosen)
