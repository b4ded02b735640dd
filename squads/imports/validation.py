"""Validating a parsed file, row by row: pure functions, which preview and import share.

A row that cannot be imported has a problem with its place, its column and a remedy; nothing is repaired silently.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from squads.imports.formats.meanings import LEAVE_OUT, moment, normalised, progress_of, type_of
from squads.imports.formats.raw import Item, Parsed, Problem
from squads.imports.formats.text import fault

LONGEST_TITLE, LONGEST_KEY, LONGEST_TEXT, LONGEST_TERM = 200, 120, 100_000, 80
# The same as in squads/stories/editing.py, which needs Django and cannot be imported here.
MOST_LINES = 500
CLOCK_SLACK = timedelta(days=1)
TYPES = {"user_story": "user story", "defect": "defect", "chore": "chore"}
PROGRESSES = {"todo": "to do", "in_progress": "in progress", "dev_done": "dev done"}
SYSTEMS = {
    "csv": "The table",
    "jira": "Jira",
    "trello": "Trello",
    "taiga": "Taiga",
    "github": "GitHub",
    "rodeo": "Rodeo",
}
TEXTS = ("title", "description", "acceptance_criteria", "release", "key")


@dataclass(frozen=True, slots=True)
class ImportedMove:
    """A change of progress as it will be written to the history."""

    at: datetime
    before: str
    after: str
    because: str


@dataclass(frozen=True, slots=True)
class ImportedComment:
    """A comment as it will be written, and when it was made, if the file says."""

    at: datetime | None
    body: str


@dataclass(slots=True)
class ValidRow:
    """A row that can be imported. `values` holds only the fields that the file has."""

    place: str
    external: str
    key: str
    values: dict[str, str]
    release: str | None
    release_column: str
    status: str
    created: datetime | None
    moved_at: datetime | None
    moves: list[ImportedMove] = field(default_factory=list)
    comments: list[ImportedComment] = field(default_factory=list)


@dataclass(slots=True)
class Term:
    """A type or status of the other system, how often the file uses it, and its meaning ("" while it has none)."""

    text: str
    count: int
    meaning: str


@dataclass(slots=True)
class ValidatedFile:
    """A file's valid rows, and the problems of the others."""

    rows: list[ValidRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    # Place, release and column of the refused rows, so that problems of their releases are reported at once too.
    releases_of_refused: list[tuple[str, str, str]] = field(default_factory=list)
    types: list[Term] = field(default_factory=list)
    statuses: list[Term] = field(default_factory=list)
    left_out: int = 0
    moves_without_meaning: int = 0


@dataclass(slots=True)
class _Meanings:
    """The meanings of the file's terms: as a person chose, else as guessed."""

    types: dict[str, str]
    statuses: dict[str, str]

    def type_of(self, word: str) -> str:
        return self.types.get(normalised(word)) or type_of(word)

    def progress_of(self, word: str) -> str:
        return self.statuses.get(normalised(word)) or progress_of(word)


def validate(
    parsed: Parsed, now: datetime, types: dict[str, str] | None = None, statuses: dict[str, str] | None = None
) -> ValidatedFile:
    """Validate a parsed file. `types` and `statuses` give the meanings of terms, by their `normalised` spelling."""
    meanings = _Meanings(types or {}, statuses or {})
    result = ValidatedFile(problems=list(parsed.problems))
    result.types, result.statuses = _terms_used(parsed, meanings)
    seen: dict[str, str] = {}
    for item in parsed.items:
        if meanings.progress_of(item.cells.get("status", "")) == LEAVE_OUT:
            result.left_out += 1
            continue
        problems = list(_problems(item, meanings, now))
        external = external_key(parsed.kind, item)
        if external in seen and not problems:
            problems.append(_duplicate(item, seen[external]))
        if problems:
            result.problems += problems
            if (release := item.cells.get("release", "").strip()) and not fault(release):
                result.releases_of_refused.append((item.place, release, item.column("release")))
            continue
        seen[external] = item.place
        result.rows.append(_valid_row(item, external, parsed.kind, meanings, result, now))
    return result


def external_key(kind: str, item: Item) -> str:
    """Return the external key, by which a later import finds the row's story: its key there, else its title."""
    key = item.cells.get("key", "").strip()
    if key:
        return f"{kind}:{key}"
    title = " ".join(item.cells.get("title", "").lower().split())
    return f"{kind}:title:{hashlib.sha256(title.encode('utf-8', 'replace')).hexdigest()[:32]}"


def _terms_used(parsed: Parsed, meanings: _Meanings) -> tuple[list[Term], list[Term]]:
    types, statuses, shown = Counter[str](), Counter[str](), dict[str, str]()
    for item in parsed.items:
        used = [item.cells.get("status", ""), *(status for move in item.moves for status in (move.before, move.after))]
        for counter, terms in ((types, [item.cells.get("type", "")]), (statuses, used)):
            for term in terms:
                if (name := normalised(term)) and len(term) <= LONGEST_TERM:
                    counter[name] += 1
                    shown.setdefault(name, term.strip())
    return (
        [Term(shown[name], count, meanings.type_of(name)) for name, count in types.most_common()],
        [Term(shown[name], count, meanings.progress_of(name)) for name, count in statuses.most_common()],
    )


def _duplicate(item: Item, first: str) -> Problem:
    if item.cells.get("key", "").strip():
        return Problem(
            item.place,
            item.column("key"),
            f"{first} has the key “{item.cells['key'].strip()[:60]}” already.",
            "Give each row a key of its own, or take the row out.",
        )
    return Problem(
        item.place,
        item.column("title"),
        f"{first} has this title already, and neither has a key.",
        "Choose a column with keys, or change one title.",
    )


def _problems(item: Item, meanings: _Meanings, now: datetime) -> list[Problem]:
    found = [
        Problem(item.place, item.column(name), reason, remedy)
        for name, (reason, remedy) in (*_text_problems(item), *_term_problems(item, meanings))
    ]
    created = item.cells.get("created", "").strip()
    if created:
        at = moment(created)
        if at is None:
            found.append(
                Problem(
                    item.place,
                    item.column("created"),
                    f"“{created[:40]}” is no moment, or could be two.",
                    "Write it as 2026-03-14 15:09.",
                )
            )
        elif at > now + CLOCK_SLACK:
            found.append(
                Problem(
                    item.place, item.column("created"), f"“{created[:40]}” lies in the future.", "Correct the date."
                )
            )
    return found


def _text_problems(item: Item) -> list[tuple[str, tuple[str, str]]]:
    found = [
        (name, (f"The cell {wrong}.", "Take it out there, and export again."))
        for name in TEXTS
        if (wrong := fault(item.cells.get(name, "")))
    ]
    if any(fault(comment.text) or fault(comment.by) for comment in item.comments):
        found.append(("comment", ("A comment holds a character that no database keeps.", "Take it out there.")))
    title, key = item.cells.get("title", "").strip(), item.cells.get("key", "").strip()
    if not title:
        found.append(("title", ("There is no title.", "Write one, or choose another column for titles.")))
    elif len(title) > LONGEST_TITLE:
        found.append(
            (
                "title",
                (
                    f"The title has {len(title):,} characters; {LONGEST_TITLE} is the most.",
                    "Shorten it, and put the rest into the description.",
                ),
            )
        )
    if len(key) > LONGEST_KEY:
        found.append(
            ("key", (f"The key has {len(key):,} characters; {LONGEST_KEY} is the most.", "Choose another column."))
        )
    found += [
        (name, (f"The text has more than {LONGEST_TEXT:,} characters.", "Shorten it."))
        for name in ("description", "acceptance_criteria")
        if len(item.cells.get(name, "")) > LONGEST_TEXT
    ]
    if (count := len(item.cells.get("acceptance_criteria", "").splitlines())) > MOST_LINES:
        found.append(
            (
                "acceptance_criteria",
                (
                    f"There are {count:,} lines; {MOST_LINES} is the most.",
                    "Choose another column, or make several stories of it.",
                ),
            )
        )
    return found


def _term_problems(item: Item, meanings: _Meanings) -> list[tuple[str, tuple[str, str]]]:
    found = []
    for name, meaning, allowed in (
        ("type", meanings.type_of, "user story, defect or chore"),
        ("status", meanings.progress_of, "to do, in progress, dev done, or left out"),
    ):
        word = item.cells.get(name, "").strip()
        if word and (len(word) > LONGEST_TERM or not meaning(word)):
            found.append(
                (
                    name,
                    (
                        f"Nobody said what “{word[:40]}” means.",
                        f"Choose what it is here ({allowed}), or change the cell.",
                    ),
                )
            )
    return found


def _valid_row(
    item: Item, external: str, kind: str, meanings: _Meanings, result: ValidatedFile, now: datetime
) -> ValidRow:
    cells, exact = item.cells, kind == "rodeo"
    values: dict[str, str] = {
        name: cells[name] if exact else cells[name].strip()
        for name in ("title", "description", "acceptance_criteria")
        if name in cells
    }
    if not exact:
        values["title"] = " ".join(values["title"].split())
    if cells.get("type", "").strip():
        values["type"] = meanings.type_of(cells["type"])
    if cells.get("status", "").strip():
        values["progress"] = meanings.progress_of(cells["status"])
    row = ValidRow(
        item.place,
        external,
        cells.get("key", "").strip(),
        values,
        cells["release"].strip() if "release" in cells else None,
        item.column("release"),
        cells.get("status", "").strip(),
        moment(cells.get("created", "")),
        moment(item.moved_at),
    )
    _add_history(row, item, kind, meanings, result, now)
    return row


def _add_history(
    row: ValidRow, item: Item, kind: str, meanings: _Meanings, result: ValidatedFile, now: datetime
) -> None:
    """Add the item's moves and comments to a row; moves in the future or without a meaning are left out."""
    system = SYSTEMS[kind]
    for move in item.moves:
        at, before, after = moment(move.at), meanings.progress_of(move.before), meanings.progress_of(move.after)
        if (
            at is None
            or at > now + CLOCK_SLACK
            or before not in PROGRESSES
            or after not in PROGRESSES
            or fault(move.by)
        ):
            result.moves_without_meaning += 1
            continue
        by = f", by {move.by[:80]}" if move.by else ""
        row.moves.append(ImportedMove(at, before, after, f"{system}: {move.before.strip()} → {move.after.strip()}{by}"))
    place = "the table" if kind == "csv" else system
    for comment in item.comments:
        if comment.text.strip():
            who, at = comment.by.replace("\n", " ").strip()[:80] or "Somebody", moment(comment.at)
            at = at if at is None or at <= now + CLOCK_SLACK else None
            row.comments.append(ImportedComment(at, f"{who} wrote in {place}:\n\n{comment.text.strip()}"))
