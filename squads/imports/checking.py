"""From what a file says to what will be written: pure functions, so that preview and import say the same.

Whatever keeps a row out is a problem with its place, its column and a remedy; nothing is repaired in silence.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from squads.imports.formats.meanings import LEAVE_OUT, moment, plain, progress_of, type_of
from squads.imports.formats.raw import Item, Parsed, Problem
from squads.imports.formats.text import fault

LONGEST_TITLE, LONGEST_KEY, LONGEST_TEXT, LONGEST_WORD = 200, 120, 100_000, 80
# As squads/stories/editing.py has it; nothing here knows Django.
MOST_LINES = 500
SLACK = timedelta(days=1)
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
class Move:
    """A change of progress as it will stand in the history."""

    at: datetime
    before: str
    after: str
    because: str


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment as it will be kept, and when it was made, if the file says."""

    at: datetime | None
    body: str


@dataclass(slots=True)
class Ready:
    """A row that can be written. `values` holds only the fields that the file speaks of."""

    place: str
    external: str
    key: str
    values: dict[str, str]
    release: str | None
    release_column: str
    status: str
    created: datetime | None
    moved_at: datetime | None
    moves: list[Move] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


@dataclass(slots=True)
class Word:
    """A type or status of the other system: how often it comes, and what it is taken to mean ("" while nobody said)."""

    word: str
    count: int
    meaning: str


@dataclass(slots=True)
class Checked:
    """A file that was looked through row by row."""

    rows: list[Ready] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    # Place, release and column of the refused rows, so that what is wrong with their release is said at once too.
    releases_of_refused: list[tuple[str, str, str]] = field(default_factory=list)
    types: list[Word] = field(default_factory=list)
    statuses: list[Word] = field(default_factory=list)
    left_out: int = 0
    moves_without_meaning: int = 0


@dataclass(slots=True)
class _Meanings:
    """What the words of the file mean: as a person said, else as guessed."""

    types: dict[str, str]
    statuses: dict[str, str]

    def type_of(self, word: str) -> str:
        return self.types.get(plain(word)) or type_of(word)

    def progress_of(self, word: str) -> str:
        return self.statuses.get(plain(word)) or progress_of(word)


def check(
    parsed: Parsed, now: datetime, types: dict[str, str] | None = None, statuses: dict[str, str] | None = None
) -> Checked:
    """Look through a file. `types` and `statuses` say what words mean, by the words as `plain` writes them."""
    meanings = _Meanings(types or {}, statuses or {})
    checked = Checked(problems=list(parsed.problems))
    checked.types, checked.statuses = _words(parsed, meanings)
    seen: dict[str, str] = {}
    for item in parsed.items:
        if meanings.progress_of(item.cells.get("status", "")) == LEAVE_OUT:
            checked.left_out += 1
            continue
        problems = list(_problems(item, meanings, now))
        external = external_of(parsed.kind, item)
        if external in seen and not problems:
            problems.append(_twice(item, seen[external]))
        if problems:
            checked.problems += problems
            if (release := item.cells.get("release", "").strip()) and not fault(release):
                checked.releases_of_refused.append((item.place, release, item.column("release")))
            continue
        seen[external] = item.place
        checked.rows.append(_ready(item, external, parsed.kind, meanings, checked, now))
    return checked


def external_of(kind: str, item: Item) -> str:
    """Return what a row is known by when the same file comes again: its key there, else its title."""
    key = item.cells.get("key", "").strip()
    if key:
        return f"{kind}:{key}"
    title = " ".join(item.cells.get("title", "").lower().split())
    return f"{kind}:title:{hashlib.sha256(title.encode('utf-8', 'replace')).hexdigest()[:32]}"


def _words(parsed: Parsed, meanings: _Meanings) -> tuple[list[Word], list[Word]]:
    types, statuses, shown = Counter[str](), Counter[str](), dict[str, str]()
    for item in parsed.items:
        said = [item.cells.get("status", ""), *(word for move in item.moves for word in (move.before, move.after))]
        for counter, words in ((types, [item.cells.get("type", "")]), (statuses, said)):
            for word in words:
                if (name := plain(word)) and len(word) <= LONGEST_WORD:
                    counter[name] += 1
                    shown.setdefault(name, word.strip())
    return (
        [Word(shown[name], count, meanings.type_of(name)) for name, count in types.most_common()],
        [Word(shown[name], count, meanings.progress_of(name)) for name, count in statuses.most_common()],
    )


def _twice(item: Item, first: str) -> Problem:
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
        for name, (reason, remedy) in (*_of_texts(item), *_of_words(item, meanings))
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
        elif at > now + SLACK:
            found.append(
                Problem(
                    item.place, item.column("created"), f"“{created[:40]}” lies in the future.", "Correct the date."
                )
            )
    return found


def _of_texts(item: Item) -> list[tuple[str, tuple[str, str]]]:
    found = [
        (name, (f"The cell {wrong}.", "Take it out there, and export again."))
        for name in TEXTS
        if (wrong := fault(item.cells.get(name, "")))
    ]
    if any(fault(said.text) or fault(said.by) for said in item.comments):
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


def _of_words(item: Item, meanings: _Meanings) -> list[tuple[str, tuple[str, str]]]:
    found = []
    for name, meaning, allowed in (
        ("type", meanings.type_of, "user story, defect or chore"),
        ("status", meanings.progress_of, "to do, in progress, dev done, or left out"),
    ):
        word = item.cells.get(name, "").strip()
        if word and (len(word) > LONGEST_WORD or not meaning(word)):
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


def _ready(item: Item, external: str, kind: str, meanings: _Meanings, checked: Checked, now: datetime) -> Ready:
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
    ready = Ready(
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
    _tell(ready, item, kind, meanings, checked, now)
    return ready


def _tell(ready: Ready, item: Item, kind: str, meanings: _Meanings, checked: Checked, now: datetime) -> None:
    """Add what happened elsewhere and what was said there. Nothing of it happened later than now."""
    system = SYSTEMS[kind]
    for move in item.moves:
        at, before, after = moment(move.at), meanings.progress_of(move.before), meanings.progress_of(move.after)
        if at is None or at > now + SLACK or before not in PROGRESSES or after not in PROGRESSES or fault(move.by):
            checked.moves_without_meaning += 1
            continue
        by = f", by {move.by[:80]}" if move.by else ""
        ready.moves.append(Move(at, before, after, f"{system}: {move.before.strip()} → {move.after.strip()}{by}"))
    place = "the table" if kind == "csv" else system
    for said in item.comments:
        if said.text.strip():
            who, at = said.by.replace("\n", " ").strip()[:80] or "Somebody", moment(said.at)
            at = at if at is None or at <= now + SLACK else None
            ready.remarks.append(Remark(at, f"{who} wrote in {place}:\n\n{said.text.strip()}"))
