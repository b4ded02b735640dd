"""The lines of a timeline: from headings, lists, tables and paragraphs that begin with a time."""

import datetime as dt
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace

from squads.retrospective_imports import moments, zones
from squads.retrospective_imports.blocks import Block, split_row, without_marker
from squads.retrospective_imports.calendar import Calendar, Placed
from squads.retrospective_imports.imported import Precision, TimelineEntry
from squads.retrospective_imports.moments import Written

JUNK = " \t\n*_`~[](){}<>|:;,-–—→»="
TIME_COLUMN = re.compile(
    r"\b(?:time|when|date|hour|start(?:ed)?|clock|timestamp|day)\b|\b(?:UTC|GMT|CES?T|P[SD]T|E[SD]T)\b", re.IGNORECASE
)
WHAT_COLUMN = re.compile(r"\b(?:event|what|description|happened|details?|summary|action|entry|note)\b", re.IGNORECASE)
LABELLED = re.compile(
    r"^[\s*_`]*(?P<label>[A-Za-z][A-Za-z0-9 /&()'-]{1,50}?)[\s*_`]*[:=–—-]?[\s*_`]*(?=\d|[A-Z][a-z]{2,8}\.? \d|\d)"
)
PREPOSITION = re.compile(r"\b(?:at|on|by|from|since|until|till|around|about|before|after)$", re.IGNORECASE)
BOX = re.compile(r"^\s*(\[[ xX]\])\s+")
LINKED = re.compile(r"^[\s*_]*\[[^\]]*\]\(")
# Lines of a code block are a timeline if most of them begin with a time.
MOSTLY = 0.6


def accepted(written: Written | None, text: str, *, listed: bool = False) -> bool:
    """Whether a line that begins so is a line of a timeline, and not a sentence, a version or an amount."""
    if written is None:
        return False
    if written.has_day and written.clock is not None:
        return True
    if written.clock is None:
        bare = text[: written.end].lstrip(JUNK).lower()
        led = bare.startswith(
            ("on ", "at ", "from ", "since ", "by ", "before ", "after ", "until ", "between ", "around ", "about ")
        )
        zone_only = len(text) < 80 and bool(zones.stated(text[written.end :]))
        return moments.separated(text, written) or zone_only or (listed and not led)
    if written.dotted:
        return bool(re.match(r"\D*\d\d", text)) or moments.separated(text, written)
    return True


def parted(text: str, written: Written) -> tuple[str, str]:
    """The time as written, and what happened then."""
    box = BOX.match(text)
    if box:
        when, rest = parted(text[box.end() :], replace(written, end=written.end - box.end()))
        return when, f"{box[1]} {rest}"
    if LINKED.match(text) and written.end <= text.find("]"):
        return text[: written.end].strip(JUNK), text.strip()
    begins = moments.after(text, written)
    rest = text[begins:].strip()
    for mark in ("**", "__", "`"):
        if rest.count(mark) % 2 and text[:begins].count(mark) % 2:
            rest = mark + rest
    return text[:begins].strip(JUNK), rest


def labelled(text: str) -> tuple[Written, str, str] | None:
    """A label with a moment after it: “First detected 2020-10-06 08:33”."""
    found = LABELLED.match(text)
    written = moments.moment(text, found.end()) if found else None
    if not found or not written or not (written.has_day and written.clock is not None):
        return None
    label = found["label"].strip()
    when = text[found.end() : written.end].strip(JUNK)
    rest = text[written.end :].strip().strip("*_ ")
    if PREPOSITION.search(label) or (rest and rest[0].isalnum()):
        return written, when, text.strip()
    return written, when, f"{label} {rest}".strip()


class Timeline:
    """Collects entries in the order of the file. `rest` are the lines that are none and stay in their section."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.entries: list[TimelineEntry] = []
        self.table_headings: list[str] = []
        self.rest: list[str] = []
        self.zone = ""
        self._day_line = ""
        self._open = False

    def read(self, blocks: Sequence[Block], zone: str) -> str:
        """Read the blocks of a timeline. Return what isn't an entry, as Markdown."""
        self.rest, self.zone, self._open = [], zone, False
        self.calendar.begin_section()
        for block in blocks:
            reader = {
                "heading": self._heading,
                "paragraph": self._paragraph,
                "list": self._list,
                "table": self._table,
                "fence": self._fence,
                "quote": self._quote,
            }.get(block.kind, self._other)
            reader(block)
        self._keep_day_line()
        return "\n\n".join(part for part in self.rest if part.strip())

    def copy_of(self, text: str, original: str) -> None:
        """Add an entry for a line that also stays where it is."""
        found = labelled(text)
        written = found[0] if found else moments.at_start(text)
        if written is None or not (written.has_day and written.clock is not None):
            return
        when, what = (found[1], found[2]) if found else parted(text, written)
        before = self.calendar.above
        self._add(self.calendar.place(written, self.zone), when, what, original)
        self.calendar.above = before
        self.entries[-1] = replace(self.entries[-1], copied=True)

    def _add(self, placed: Placed, when: str, text: str, original: str) -> None:
        if self._day_line:
            when, self._day_line = f"{self._day_line} {when}".strip(), ""
        self.entries.append(
            TimelineEntry(
                placed.at, placed.precision, placed.zone, when, text, original, placed.clock, placed.until, placed.doubt
            )
        )

    def _append(self, markdown: str) -> None:
        last = self.entries[-1]
        self.entries[-1] = replace(
            last, text=f"{last.text}\n\n{markdown}".strip(), original=f"{last.original}\n\n{markdown}"
        )

    def _keep_day_line(self) -> None:
        """A date with nothing below it stays in the section."""
        if self._day_line:
            self.rest.append(self._day_line)
            self._day_line = ""

    def _other(self, block: Block) -> None:
        if self._open and self.entries:
            self._append(block.text)
        else:
            self.rest.append(block.text)

    def _timed(self, text: str, original: str, *, listed: bool = False) -> bool:
        """Add what a line that begins with a time says, or remember its date for the lines below. False if it's neither."""
        written = moments.at_start(text)
        if written is None or not accepted(written, text, listed=listed):
            found = labelled(text) if listed else None
            if found:
                self._add(self.calendar.place(found[0], self.zone), found[1], found[2], original)
            return bool(found)
        when, what = parted(text, written)
        placed = self.calendar.place(written, self.zone)
        if written.clock is None and not re.search(r"\w", what):
            self._keep_day_line()
            self._day_line = text.strip().strip("#*_ ").strip()
        elif written.clock is None and zones.stated(what) and len(what) < 60:
            self.zone = zones.stated(what)
            self._day_line = text.strip()
        else:
            self._add(placed, when, what, original)
        return True

    def _heading(self, block: Block) -> None:
        self._open = self._timed(block.heading, block.text, listed=True)
        if not self._open:
            self.rest.append(block.text)

    def _paragraph(self, block: Block) -> None:
        self._lines(block.lines, block)

    def _lines(self, lines: Sequence[str], block: Block) -> None:
        groups = list(timed_groups(lines))
        if not groups[0][0]:
            text = "\n".join(groups.pop(0)[1])
            self._other(replace(block, lines=tuple(text.split("\n"))))
        for _, group in groups:
            original = "\n".join(group)
            self._open = self._timed(original.strip().lstrip("|").strip(), original)
            if not self._open:
                self.rest.append(original)

    def _list(self, block: Block) -> None:
        if not self._has_times(block):
            self._other(block)
            return
        self._open = False
        for item in block.items:
            self._item(item)

    def _has_times(self, block: Block) -> bool:
        return any(
            accepted(moments.at_start(first := without_marker(item.lines[0])), first, listed=True)
            or labelled(first)
            or any(self._has_times(each) for each in item.nested)
            for item in block.items
        )

    def _item(self, item: Block) -> None:
        timed = [each for each in item.nested if self._has_times(each)]
        own = [
            line
            for at, line in enumerate(item.lines)
            if not any(each.start <= item.start + at < each.end for each in timed)
        ]
        first, rest = without_marker(own[0]), textwrap.dedent("\n".join(own[1:]))
        text = f"{first}\n{rest}".strip()
        original = "\n".join(own)
        if not self._timed(text, original, listed=True) and text:
            if timed:
                self._keep_day_line()
                self.rest.append(original.strip())
            else:
                self._add(Placed(None, "none", None, ""), "", text, original)
        for each in timed:
            for nested in each.items:
                self._item(nested)

    def _fence(self, block: Block) -> None:
        closed = len(block.lines) > 2 and block.lines[-1].strip()[:3] in ("```", "~~~")
        inner = [line for line in block.lines[1:-1] if line.strip()] if closed else []
        firsts = [accepted(moments.at_start(line), line) for line in map(without_marker, inner)]
        if self._open or sum(firsts) < 2 or sum(firsts) < MOSTLY * len(inner) or not firsts[0] or block.info:
            self._other(block)
            return
        for line in inner:
            if not self._timed(without_marker(line).strip(), line, listed=True):
                self._append(line.strip())

    def _quote(self, block: Block) -> None:
        """A quotation whose lines begin with times is a timeline; another is text."""
        inner = [re.sub(r"^\s*>\s?", "", line) for line in block.lines]
        groups = list(timed_groups(inner))
        if groups and groups[0][0] and not self._open:
            self._lines(inner, block)
        else:
            self._other(block)

    def _table(self, block: Block) -> None:
        (heads, first), *body = [(split_row(line), line) for at, line in enumerate(block.lines) if at != 1]
        columns = time_columns(heads, [row for row, _ in body])
        if not columns:
            self._other(block)
            return
        self._open = False
        if any(accepted(moments.at_start(heads[at]), heads[at], listed=True) for at in columns if at < len(heads)):
            body, heads = [(heads, first), *body], [""] * len(heads)
        elif any(heads):
            self.table_headings.append(" | ".join(heads))
        named = (zones.stated(heads[at]) for at in columns if at < len(heads))
        zone = next((each for each in named if each), self.zone)
        for row, line in body:
            self._row(row, heads, columns, zone, line)

    def _row(self, row: list[str], heads: list[str], columns: list[int], zone: str, line: str) -> None:
        when = " ".join(row[at] for at in columns if at < len(row) and row[at]).strip()
        others = [
            (heads[at] if at < len(heads) else "", cell) for at, cell in enumerate(row) if at not in columns and cell
        ]
        if not when and not others:
            return
        main = max(others, key=lambda each: (bool(WHAT_COLUMN.search(each[0])), len(each[1])), default=("", ""))
        what = event_text(others, main)
        self._add(self._cell(when, zone), when.strip("*_` "), what, line.strip())

    def _cell(self, when: str, zone: str) -> Placed:
        """The moment in a cell of times."""
        written = moments.at_start(when)
        if written is not None:
            return self.calendar.place(written, zone)
        if not re.search(r"\w", when):
            return Placed(None, "none", None, zone)
        clock = moments.CLOCK.search(when)
        time = moments.time_of(clock) if clock else None
        self.calendar.lose_day()
        precision: Precision = "clock" if time is not None else "none"
        return Placed(None, precision, time, zone, None, f"“{when}” is no date that can be read.")


def event_text(cells: Sequence[tuple[str, str]], main: tuple[str, str]) -> str:
    """What the other cells of a row say: what happened as it is, the others with the heads of their columns."""
    if len(cells) == 1:
        return cells[0][1]
    return " · ".join(cell if (head, cell) == main or not head else f"{head}: {cell}" for head, cell in cells)


def time_columns(heads: Sequence[str], body: Sequence[Sequence[str]]) -> list[int]:
    """The columns of a table that hold times: one, or a date and a time beside each other. None if it's another kind of table."""

    def share(column: int) -> float:
        cells = [row[column] for row in body if column < len(row) and row[column]]
        good = [
            cell for cell in cells if (found := moments.at_start(cell)) and not re.search(r"\w{4}", cell[found.end :])
        ]
        return len(good) / len(cells) if cells else 0

    named = [at for at, head in enumerate(heads) if TIME_COLUMN.search(head)]
    likely = [at for at in range(min(len(heads), 3)) if share(at) > 0.5 or (at in named and share(at) > 0)]
    if not likely and named[:1] == [0] and body and any(re.search(r"\d", row[0]) for row in body if row):
        likely = [0]
    if not likely:
        return []
    first = likely[0]
    if first + 1 in likely and all_days(body, first) and not all_days(body, first + 1):
        return [first, first + 1]
    return [first]


def all_days(body: Sequence[Sequence[str]], column: int) -> bool:
    """Whether every cell of a column holds a date without a time."""
    found = [moments.at_start(row[column]) for row in body if column < len(row) and row[column]]
    return bool(found) and all(each is not None and each.has_day and each.clock is None for each in found)


def timed_groups(lines: Sequence[str]) -> Iterator[tuple[bool, list[str]]]:
    """The lines of a paragraph, grouped: each group but the first begins with a time. True if it does."""
    group: list[str] = []
    timed = False
    for at, line in enumerate(lines):
        bare = line.strip().lstrip("|").strip()
        written = moments.at_start(bare)
        begins = accepted(written, bare) and (at == 0 or follows(bare, written, lines[at - 1]))
        if begins and group:
            yield timed, group
            group = []
        timed = timed if group and not begins else begins
        group.append(line)
    if group:
        yield timed, group


def follows(line: str, written: Written | None, above: str) -> bool:
    """Whether a line in the middle of a paragraph is one of a timeline, and not the rest of a sentence with a time in it."""
    if written is None:
        return False
    begins = line[moments.after(line, written) :][:1]
    ended = above.rstrip().endswith((".", "!", "?", "  ", "\\", ":", ")", "|")) or above.endswith("  ")
    return moments.separated(line, written) or begins.isupper() or (ended and bool(begins)) or not begins


def earliest(entries: Sequence[TimelineEntry]) -> dt.datetime | None:
    """The first known moment of a timeline."""
    return min((entry.at for entry in entries if entry.at), default=None)
