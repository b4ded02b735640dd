"""Validating a parsed file, row by row: pure functions, which preview and import share.

A row that cannot be imported has a problem with its place, its column and a remedy; nothing is repaired silently.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from squads.imports.formats.dates import moment, order_of, readings
from squads.imports.formats.meanings import ENDINGS, LEAVE_OUT, normalised, progress_of, type_of, word
from squads.imports.formats.raw import Item, Parsed, Problem
from squads.imports.formats.text import fault

LONGEST_TITLE, LONGEST_KEY, LONGEST_TEXT, LONGEST_TERM = 200, 120, 100_000, 200
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
MILESTONES = {"sprint", "milestone", "iteration"}
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
    # Since when it has its status, where the file says so.
    since: datetime | None = None
    # How it ended, where nobody will do it, and why.
    ending: str = ""
    ended_because: str = ""
    # Whether its release is a sprint or milestone there.
    is_milestone: bool = False
    moves: list[ImportedMove] = field(default_factory=list)
    comments: list[ImportedComment] = field(default_factory=list)
    # Who works on it, as the file names them; None where it does not say.
    assignees: list[str] | None = None


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
    # Columns whose dates could be two, each with one of them.
    open_dates: dict[str, str] = field(default_factory=dict)
    # Columns that say when work ended or moved, and how many of their values are no moment.
    unknown_times: Counter[str] = field(default_factory=Counter)
    milestones: Counter[str] = field(default_factory=Counter)

    @property
    def questions(self) -> list[str]:
        """What only a person can say, each once."""
        asked = [
            f"What does the {name} “{term.text}” mean? Used in {term.count} row{'s' if term.count > 1 else ''}."
            for name, terms in (("status", self.statuses), ("type", self.types))
            for term in terms
            if not term.meaning
        ]
        return [*asked, *self.open_dates_asked]

    @property
    def open_dates_asked(self) -> list[str]:
        """Which columns' dates could be two, as questions."""
        asked = []
        for column, example in self.open_dates.items():
            meant = " or ".join(f"{at.day} {at:%B %Y}" for at in dict.fromkeys(readings(example).values()))
            asked.append(f"Is the day or the month first in “{column}”? {example} is {meant}.")
        return asked


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person said of a file: meanings of words by their `meanings.word`, the order of dates (one of ORDERS), the zone
    of times that name none, and whether sprints and milestones are releases."""

    types: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    dates: str = ""
    zone: str = ""
    milestones: bool = False


@dataclass(slots=True)
class _Meanings:
    """The meanings of the file's terms, as a person said, else as its system or the word does; and of its dates."""

    answers: Answers
    categories: dict[str, str]
    orders: dict[str, str]
    zone: tzinfo

    def type_of(self, term: str) -> str:
        return self.answers.types.get(word(term)) or type_of(term)

    def progress_of(self, term: str, category: str = "") -> str:
        known = word(term)
        return self.answers.statuses.get(known) or progress_of(term, category or self.categories.get(known, ""))

    def moment(self, column: str, text: str) -> datetime | None:
        return moment(text, self.orders.get(column, ""), self.zone)


def validate(
    parsed: Parsed,
    now: datetime,
    types: dict[str, str] | None = None,
    statuses: dict[str, str] | None = None,
    **answers: Any,
) -> ValidatedFile:
    """Validate a parsed file. `types` and `statuses` give the meanings of terms, by their `meanings.word`; the other answers
    are those of `Answers`."""
    result = ValidatedFile(problems=list(parsed.problems))
    meanings = _meanings(parsed, Answers(types or {}, statuses or {}, **answers), result)
    result.types, result.statuses = _terms_used(parsed, meanings)
    seen: dict[str, str] = {}
    for item in parsed.items:
        if meanings.progress_of(item.cells.get("status", ""), item.category) == LEAVE_OUT:
            result.left_out += 1
            continue
        if item.milestone:
            result.milestones[item.milestone] += 1
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


def _meanings(parsed: Parsed, answers: Answers, result: ValidatedFile) -> _Meanings:
    """Find out what the file itself says of its words and dates. What it leaves open is noted in the result."""
    categories: dict[str, str] = {}
    for item in parsed.items:
        known = word(item.cells.get("status", ""))
        if item.category and categories.setdefault(known, item.category) != item.category:
            categories[known] = ""
    orders = {}
    for column, texts in _dates(parsed).items():
        orders[column], is_open = order_of(texts, answers.dates)
        if is_open:
            name = parsed.chosen.get(column, column)
            result.open_dates[name] = next(each for each in texts if len(set(readings(each).values())) > 1)
    return _Meanings(answers, categories, orders, ZoneInfo(answers.zone) if answers.zone else UTC)


def _dates(parsed: Parsed) -> dict[str, list[str]]:
    """Return the dates of each of our fields that has some."""
    return {
        "created": [item.cells.get("created", "") for item in parsed.items],
        "ended": [item.ended for item in parsed.items],
        "moved": [item.moved for item in parsed.items],
        "comment": [each.at for item in parsed.items for each in item.comments],
        "history": [each.at for item in parsed.items for each in item.moves],
    }


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
                if (name := word(term)) and len(term) <= LONGEST_TERM:
                    counter[name] += 1
                    shown.setdefault(name, term.strip())
    return (
        [Term(shown[name], count, meanings.type_of(shown[name])) for name, count in types.most_common()],
        [Term(shown[name], count, meanings.progress_of(shown[name])) for name, count in statuses.most_common()],
    )


def _duplicate(item: Item, first: str) -> Problem:
    if item.cells.get("key", "").strip():
        return Problem(
            item.place,
            item.column("key"),
            f"{first} already has the key “{item.cells['key'].strip()[:60]}”.",
            "Give each row its own key, or remove the row.",
        )
    return Problem(
        item.place,
        item.column("title"),
        f"{first} already has this title, and neither has a key.",
        "Choose a key column, or change one title.",
    )


def _problems(item: Item, meanings: _Meanings, now: datetime) -> list[Problem]:
    found = [
        Problem(item.place, item.column(name), reason, remedy)
        for name, (reason, remedy) in (*_text_problems(item), *_term_problems(item, meanings))
    ]
    for name, text in (("created", item.cells.get("created", "")), ("ended", item.ended), ("moved", item.moved)):
        if wrong := _date_problem(name, text.strip(), meanings, now):
            found.append(Problem(item.place, item.column(name), *wrong))
    return found


def _date_problem(name: str, text: str, meanings: _Meanings, now: datetime) -> tuple[str, str] | None:
    """Return the reason and the remedy for a date that cannot be read. Nobody is kept out by when work ended: that is told."""
    at = meanings.moment(name, text) if text else now
    if at is None and readings(text):
        return (
            f"“{text[:40]}” could be two dates.",
            "Choose whether the day or the month is first, or write 2026-03-14 15:09.",
        )
    if name != "created":
        return None
    if at is None:
        return f"“{text[:40]}” isn’t a date.", "Write it as 2026-03-14 15:09."
    if at > now + CLOCK_SLACK:
        return f"“{text[:40]}” is in the future.", "Fix the date."
    return None


def _text_problems(item: Item) -> list[tuple[str, tuple[str, str]]]:
    found = [
        (name, (f"The cell {wrong}.", "Remove it and export again."))
        for name in TEXTS
        if (wrong := fault(item.cells.get(name, "")))
    ]
    if any(fault(comment.text) or fault(comment.by) for comment in item.comments):
        found.append(("comment", ("A comment has an invalid character.", "Remove it and export again.")))
    title, key = item.cells.get("title", "").strip(), item.cells.get("key", "").strip()
    if not title:
        found.append(("title", ("There is no title.", "Add one, or choose another title column.")))
    elif len(title) > LONGEST_TITLE:
        found.append(
            (
                "title",
                (
                    f"The title has {len(title):,} characters; {LONGEST_TITLE} is the most.",
                    "Shorten it, and move the rest to the description.",
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
                    "Choose another column, or split it into several stories.",
                ),
            )
        )
    return found


def _term_problems(item: Item, meanings: _Meanings) -> list[tuple[str, tuple[str, str]]]:
    found = []

    def progress(term: str) -> str:
        return meanings.progress_of(term, item.category)

    for name, meaning, allowed in (
        ("type", meanings.type_of, "user story, defect or chore"),
        ("status", progress, "to do, in progress, dev done, cancelled, a duplicate, or skipped"),
    ):
        term = item.cells.get(name, "").strip()
        if term and (len(term) > LONGEST_TERM or not meaning(term)):
            found.append(
                (
                    name,
                    (
                        f"We don’t know what “{term[:40]}” means.",
                        f"Choose a meaning ({allowed}), or change the cell.",
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
    if cells.get("status", "").strip() or item.category in PROGRESSES:
        values["progress"] = meanings.progress_of(cells.get("status", ""), item.category)
    meant = values.get("progress", "todo")
    # How far it came before it was given up, nobody says.
    ending = values.pop("progress") if meant in ENDINGS else cells.get("ended_as", "").strip()
    row = ValidRow(
        item.place,
        external,
        cells.get("key", "").strip(),
        values,
        cells["release"].strip() if "release" in cells else None,
        item.column("release"),
        cells.get("status", "").strip(),
        meanings.moment("created", cells.get("created", "")),
        _since(item, meant, meanings, result, now),
        ending=ending if ending in ENDINGS else "",
        ended_because=cells.get("ended_because", ""),
    )
    row.assignees = None if item.assignees is None else [name for name in item.assignees if not fault(name)]
    # Whoever reads releases from a column of sprints says the same.
    row.is_milestone = bool(row.release) and normalised(item.column("release")) in MILESTONES
    if meanings.answers.milestones and item.milestone and not row.release:
        row.release, row.release_column, row.is_milestone = item.milestone, item.column("milestone"), True
    _add_history(row, item, kind, meanings, result, now)
    return row


def _since(item: Item, progress: str, meanings: _Meanings, result: ValidatedFile, now: datetime) -> datetime | None:
    """Return since when a row has its progress, as the file says: when work ended, or its status changed. None: unknown."""
    ends = dict.fromkeys(("dev_done", *ENDINGS), ("ended", "moved"))
    named = {**ends, "in_progress": ("moved",)}.get(progress, ())
    for name in named:
        text = str(getattr(item, name)).strip()
        at = meanings.moment(name, text) if text else None
        if at is not None and at <= now + CLOCK_SLACK:
            return min(at, now)
        if text:
            result.unknown_times[item.column(name)] += 1
    return None


def _add_history(
    row: ValidRow, item: Item, kind: str, meanings: _Meanings, result: ValidatedFile, now: datetime
) -> None:
    """Add the item's moves and comments to a row; moves in the future or without a meaning are left out."""
    system = SYSTEMS[kind]
    for move in item.moves:
        at = meanings.moment("history", move.at)
        before, after = meanings.progress_of(move.before), meanings.progress_of(move.after)
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
            who, at = comment.by.replace("\n", " ").strip()[:80] or "Someone", meanings.moment("comment", comment.at)
            at = at if at is None or at <= now + CLOCK_SLACK else None
            row.comments.append(ImportedComment(at, f"{who} wrote in {place}:\n\n{comment.text.strip()}"))
