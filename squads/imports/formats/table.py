"""Tables: CSV with commas, semicolons or tabs, quoted newlines, and columns that come more than once."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from squads.imports.formats.dates import is_moment
from squads.imports.formats.jira import with_resolution
from squads.imports.formats.meanings import GIVEN_UP, normalised, progress_of
from squads.imports.formats.raw import (
    MOST_CHARACTERS,
    MOST_ITEMS,
    Item,
    Problem,
    RawComment,
    Refused,
    listed,
    people_in,
)

DELIMITERS = (",", ";", "\t")
# Rows times columns, empty ones included: what a table takes in memory.
MOST_COLUMNS, MOST_CELLS = 1000, 4_000_000
# As many empty rows as a worksheet may have below its last cell.
MOST_BLANK = 1_048_576
# Our fields, and the names that other systems give them, the likeliest first.
NAMES = {
    "key": "issue_key key ticket_key ticket story_id external_id id number ref issue_id",
    "title": "title summary subject name story issue headline",
    "type": "type issue_type issuetype kind tracker category",
    "status": "progress status state list column stage",
    "description": "description body details desc text notes",
    "acceptance_criteria": "acceptance_criteria custom_field_acceptance_criteria criteria definition_of_done acceptance",
    "release": "release fix_version_s fix_versions fix_version version target_version",
    "milestone": "sprint milestone iteration",
    "assignees": "assignees assignee_email assignee assigned_to owner_email",
    "created": "created created_at creation_date created_date date_created opened opened_at",
    "ended": "resolved resolution_date resolutiondate resolved_at closed closed_at date_closed completed completed_at "
    "completed_date date_completed finished finished_at done_at end_date",
    "moved": "status_category_changed status_changed status_changed_at statuscategorychangedate",
    "category": "status_category",
    "resolution": "resolution",
    "comment": "comment comments",
}
# Fields of which a row may have several, each kept.
SEVERAL = ("description", "acceptance_criteria", "comment", "assignees")
# What a first line says for Excel, which shows no such line: "sep=;".
SEPARATOR = re.compile(r'[\r\n]*"?sep=([^\r\n"])"?[ \t,;]*(?:\r\n|\r|\n|$)', re.IGNORECASE)
# What Jira numbers its issues by, beside their keys.
SAME_AS_KEYS = {"issue_id"}
# As many values that are not kept are remembered of one column.
MOST_LOST = 1000
JIRA = {"issue_key", "summary", "issue_type"}
# For the whole process, in which nothing else reads CSV. A quote left open ends here, not in one enormous cell.
csv.field_size_limit(MOST_CHARACTERS)


@dataclass(slots=True)
class Table:
    """The cells of a table, each record with the true line of the file it begins in."""

    headers: list[str]
    records: list[tuple[int, list[str]]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cells: int = 0

    @property
    def is_jira(self) -> bool:
        """Whether the columns are called as Jira's export calls them."""
        return {normalised(header) for header in self.headers} >= JIRA


def delimiter_of(text: str) -> str:
    """Return the delimiter of the first line: whichever occurs most outside of quotes."""
    first = text.lstrip("\r\n").split("\n", 1)[0][:20_000]
    outside = "".join(first.split('"')[::2])
    return max(DELIMITERS, key=outside.count)


def read(text: str) -> Table:
    """Read a table. A record with too many cells is a problem of its own; broken quotes refuse the file."""
    notes, skipped, delimiter = [], 0, ""
    if match := SEPARATOR.match(text):
        notes.append(f"The first line sets “{match[1]}” as the column separator.")
        skipped, text, delimiter = len(match[0].splitlines()), text[match.end() :], match[1]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or delimiter_of(text), strict=True)
    table: Table | None = None
    line, blank = 1 + skipped, 0
    try:
        for cells in reader:
            start, line = line, reader.line_num + 1 + skipped
            if not any(cell.strip() for cell in cells):
                blank += 1
                if blank > MOST_BLANK:
                    raise Refused(f"The file has more than {MOST_BLANK:,} empty rows.", "Remove them.")
                continue
            if table is None:
                table = Table(_headers(cells), notes=notes)
                continue
            _add(table, start, cells)
    except csv.Error as error:
        raise Refused(
            f"The record starting in line {line} can’t be read: {_reason_of(error)}.",
            "Look for an unclosed quotation mark. Inside a quoted cell, write it twice.",
        ) from None
    if table is None:
        raise Refused("The file is empty.", "Export it again, with at least one row.")
    return table


def _reason_of(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"one of its cells has more than {MOST_CHARACTERS:,} characters"
    return str(error)


def _headers(cells: list[str]) -> list[str]:
    if len(cells) > MOST_COLUMNS:
        raise Refused(f"The first line has {len(cells):,} columns; {MOST_COLUMNS:,} is the most.", "Export fewer.")
    return [cell.strip() or f"column {number}" for number, cell in enumerate(cells, 1)]


def _add(table: Table, line: int, cells: list[str]) -> None:
    if len(table.records) + len(table.problems) >= MOST_ITEMS:
        raise Refused(f"The file has more than {MOST_ITEMS:,} rows.", "Split it into several files.")
    table.cells += len(cells)
    if table.cells > MOST_CELLS:
        raise Refused(f"The file has more than {MOST_CELLS:,} cells.", "Export fewer columns, or split it.")
    if len(cells) > len(table.headers):
        table.problems.append(
            Problem(
                f"line {line}",
                f"column {len(table.headers) + 1}",
                f"The row has {len(cells)} cells, the first line {len(table.headers)}.",
                "Put cells that contain the separator into quotation marks.",
            )
        )
        return
    table.records.append((line, cells))


def guess(headers: list[str]) -> dict[str, str]:
    """Guess the column of each of our fields by its name; no column is used twice."""
    by_name: dict[str, str] = {}
    for header in headers:
        by_name.setdefault(normalised(header), header)
    found: dict[str, str] = {}
    for name, synonyms in NAMES.items():
        for synonym in synonyms.split():
            if synonym in by_name and by_name[synonym] not in found.values():
                found[name] = by_name[synonym]
                break
    return found


def items(table: Table, chosen: dict[str, str]) -> list[Item]:
    """Return the records as items, by the columns chosen for our fields. What is not kept is told in the table's notes."""
    places: dict[str, list[int]] = {}
    for index, header in enumerate(table.headers):
        places.setdefault(header, []).append(index)
    columns = {name: header for name, header in chosen.items() if header in places}
    wanted = [(name, places[header]) for name, header in columns.items()]
    dropped = {name: dict[str, None]() for name, indexes in wanted if len(indexes) > 1 and name not in SEVERAL}
    found = [_item(line, cells, wanted, columns, dropped) for line, cells in table.records]
    table.notes += [_told(columns[name], len(places[columns[name]]), others) for name, others in dropped.items()]
    if unread := _unread(table, {index for _, indexes in wanted for index in indexes}):
        table.notes.append(f"Columns not imported: {listed(unread)}.")
    return found


def _told(header: str, times: int, others: Iterable[str]) -> str:
    """Say what becomes of a column that comes several times."""
    rest = list(others)
    lost = f" Not imported: {listed(rest)}." if rest else " No row has two values."
    return f"There are {times} columns “{header}”. The last filled one counts.{lost}"


def _unread(table: Table, read_places: set[int]) -> list[str]:
    """Return the columns that hold something and that no field is read from, each once."""
    waiting = [index for index in range(len(table.headers)) if index not in read_places]
    filled: dict[int, None] = {}
    for _, cells in table.records:
        if not waiting:
            break
        for index in [each for each in waiting if each < len(cells) and cells[each].strip()]:
            filled[index] = None
            waiting.remove(index)
    names = dict.fromkeys(table.headers[index] for index in sorted(filled))
    return [name for name in names if normalised(name) not in SAME_AS_KEYS]


def _item(
    line: int,
    cells: list[str],
    wanted: list[tuple[str, list[int]]],
    columns: dict[str, str],
    dropped: dict[str, dict[str, None]],
) -> Item:
    item = Item(f"line {line}", {}, columns)
    for name, indexes in wanted:
        filled = [cells[index] for index in indexes if index < len(cells) and cells[index].strip()]
        if name == "comment":
            item.comments = [_comment(each) for each in filled]
        elif name in SEVERAL:
            item.cells[name] = "\n\n".join(filled)
        else:
            # Of several releases the last is the newest; a key, a title or a type comes once.
            item.cells[name] = filled[-1] if filled else ""
            if name in dropped and len(dropped[name]) <= MOST_LOST:
                dropped[name].update((each.strip(), None) for each in filled[:-1] if each.strip() != filled[-1].strip())
    _meant(item)
    return item


def _meant(item: Item) -> None:
    """Take what says something about a row's status out of its cells."""
    item.ended, item.moved = item.cells.pop("ended", ""), item.cells.pop("moved", "")
    item.milestone = item.cells.pop("milestone", "").strip()
    if "assignees" in item.cells:
        item.assignees = people_in(item.cells.pop("assignees"))
    category = item.cells.pop("category", "")
    meant = progress_of(category) if category.strip() else ""
    item.category = "" if meant in GIVEN_UP else meant
    if resolution := item.cells.pop("resolution", ""):
        item.cells["status"] = with_resolution(item.cells.get("status", "").strip(), resolution.strip())


def _comment(text: str) -> RawComment:
    """Return a comment. Jira writes "05/Jan/26 9:12 AM;ana;What she said"."""
    parts = text.split(";", 2)
    if len(parts) == 3 and is_moment(parts[0]):
        return RawComment(parts[0], parts[1].strip(), parts[2])
    return RawComment("", "", text)
