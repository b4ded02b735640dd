"""Logs of incidents as CSV: which column means what, and the times and lengths in them. Pure: text in, rows out."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

LARGEST, MOST_ROWS = 2_000_000, 5000
TIMES = ("impact_started_at", "detected_at", "declared_at", "mitigated_at", "resolved_at")
STATED = {
    "stated_time_to_detect": "time_to_detect",
    "stated_time_to_mitigate": "time_to_mitigate",
    "stated_time_to_resolve": "time_to_resolve",
    "stated_duration": "duration",
}
# What a column can mean, and what it is called on the page.
MEANINGS = {
    "": "kept as text",
    "key": "what tells rows apart",
    "title": "title",
    "impact_started_at": "impact started",
    "detected_at": "detected",
    "declared_at": "declared",
    "mitigated_at": "mitigated",
    "resolved_at": "resolved",
    "is_resolved": "whether it’s resolved",
    "severity": "severity",
    "services": "services",
    "maintenance": "whether it’s maintenance",
    "stated_time_to_detect": "time to detect, as written down",
    "stated_time_to_mitigate": "time to mitigate, as written down",
    "stated_time_to_resolve": "time to resolve, as written down",
    "stated_duration": "duration, as written down",
}
HEADERS = {
    "key": "file|id|key|number|incident id|incident number|incident|reference|ref|ticket|slug",
    "title": "title|summary|name|subject|headline|description",
    "impact_started_at": "date|start|started|started at|start time|start date|begin|began|impact start|impact started"
    "|impact started at|outage start|from|created|created at",
    "detected_at": "detected|first detected|detected at|detection|detection time|noticed|discovered|alerted",
    "declared_at": "declared|declared at|incident declared|reported|reported at|opened|opened at|acknowledged",
    "mitigated_at": "mitigated|mitigated at|repaired|repaired at|recovered|fixed|restored|service restored|impact end",
    "resolved_at": "resolved when|resolved|resolved at|resolution|end|ended|ended at|end time|end date|closed|closed at|to",
    "severity": "severity|sev|priority|impact|level",
    "services": "affected|services|service|components|component|systems|system|affected services|affected systems",
    "maintenance": "maintenance|is maintenance|planned|is planned",
    "stated_time_to_detect": "time to detect|stated time to detect|ttd",
    "stated_time_to_mitigate": "time to repair|stated time to repair|time to mitigate|stated time to mitigate|time to restore",
    "stated_time_to_resolve": "time to resolve|stated time to resolve|ttr|time to resolution",
    "stated_duration": "duration|stated duration|length|downtime|outage duration",
}
TRUE, FALSE = ("true", "yes", "y", "1"), ("false", "no", "n", "0")
AUTO, DAY_FIRST, MONTH_FIRST = "auto", "day", "month"
SLASHED = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?:[ ,T]+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*(am|pm)?)?", re.I)
NAMED = ("%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%d-%b-%Y", "%Y/%m/%d")
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M%p")
LENGTH = re.compile(
    r"(\d{1,9}(?:\.\d{1,9})?)\s*(d(?:ays?)?|h(?:ours?|rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)\b", re.I
)
COLONS = re.compile(r"(\d{1,4}):(\d{2})(?::\d{2})?")
MINUTES = {"d": 1440.0, "h": 60.0, "m": 1.0, "s": 1 / 60}
PLANNED = re.compile(r"(?<![a-z])(?:maintenance|planned|scheduled)(?![a-z])", re.I)
# What was planned and went wrong is an incident.
WENT_WRONG = re.compile(
    r"(?<![a-z])(?:fail(?:s|ed|ing|ures?)?|broke|broken|breaks|crash(?:ed|es)?|errors?|overran|stuck|lost|caused?|after|during"
    r"|due to|following)(?![a-z])",
    re.I,
)
# A day without a time of day.
DAY = re.compile(r"(?!.*(?:\d:\d|\d\s*[ap]m\b|\dT\d))", re.I | re.S)
LONGEST_TITLE, LONGEST_LENGTH = 300, 200


class BadLog(Exception):
    """The file can't be read as a log at all; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Table:
    """The file as it is: its headers, and each row with its line."""

    headers: list[str]
    rows: list[tuple[int, list[str]]]

    def values(self, column: int) -> list[str]:
        """Return what stands in a column, without empty cells."""
        return [cells[column] for _, cells in self.rows if cells[column]]


@dataclass(slots=True)
class Row:
    """One incident of the log. `rest` is what no field takes, or not whole: text by header. `days` are the times of which only
    the day is written."""

    line: int
    key: str = ""
    title: str = ""
    times: dict[str, datetime] = field(default_factory=dict)
    severity: str = ""
    services: list[str] = field(default_factory=list)
    is_maintenance: bool = False
    stated: dict[str, dict[str, object]] = field(default_factory=dict)
    rest: dict[str, str] = field(default_factory=dict)
    days: list[str] = field(default_factory=list)

    def keep(self, header: str, value: str) -> None:
        """Keep what no field takes. Several columns may have one header."""
        name, number = header, 1
        while name in self.rest:
            number += 1
            name = f"{header} ({number})"
        self.rest[name] = value


@dataclass(slots=True)
class Log:
    """What is in a log: its incidents, and a sentence for each row that can't be read, by line."""

    rows: list[Row]
    bad: list[tuple[int, str]]


def read_table(body: bytes) -> Table:
    """Return the cells of a CSV file. Raises BadLog."""
    if len(body) > LARGEST:
        raise BadLog(f"This file is larger than {LARGEST // 1_000_000} MB. Split it.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadLog("This isn’t UTF-8 text. Save it as CSV in UTF-8.") from None
    if "\0" in text:
        raise BadLog("This isn’t a CSV file. Save it as CSV in UTF-8.")
    first = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                found.append((reader.line_num, [_plain(cell) for cell in cells]))
    except csv.Error as error:
        raise BadLog(f"Line {reader.line_num}: {error}. Save it as CSV again.") from None
    if len(found) < 2:
        raise BadLog("This file has no rows. The first line names the columns, each other line is an incident.")
    if len(found) - 1 > MOST_ROWS:
        raise BadLog(f"This file has over {MOST_ROWS} rows. Split it.")
    headers = found[0][1]
    width = len(headers)
    return Table(headers, [(line, (cells + [""] * width)[: max(width, len(cells))]) for line, cells in found[1:]])


def _plain(cell: str) -> str:
    """Return a cell without spaces around it; its lines end the same way whatever wrote or sent the file."""
    return cell.replace("\r\n", "\n").replace("\r", "\n").strip()


def plain_header(header: str) -> str:
    """Return a header in small letters and spaces: resolvedWhen and resolved_when are both “resolved when”."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header)
    return " ".join(re.sub(r"[^a-z0-9]+", " ", spaced.lower()).removesuffix(" utc").split())


def guess(table: Table) -> list[str]:
    """Return what each column probably means; "" where its header or its values don't tell. No meaning is given twice."""
    meanings = {name: meaning for meaning, names in HEADERS.items() for name in names.split("|")}
    found: list[str] = []
    wanted = [(number, meanings.get(plain_header(header), "")) for number, header in enumerate(table.headers)]
    for number, meaning in wanted:
        values = table.values(number)
        if meaning == "resolved_at" and values and all(each.lower() in TRUE + FALSE for each in values):
            meaning = "is_resolved"
        if meaning in TIMES and 2 * sum(looks_like_time(each) for each in values) < len(values):
            meaning = ""
        found.append("" if meaning in found else meaning)
    return found


def looks_like_time(text: str) -> bool:
    """Say whether a cell may be a moment, whichever way round its day and month stand."""
    return bool(SLASHED.fullmatch(text)) or _plain_moment(text) is not None


def order_of_days(table: Table, meanings: Sequence[str]) -> str | None:
    """Return whether days such as 3/4/2020 begin with the day or the month, as the file's own values tell; None if they don't."""
    found = [
        match
        for number, meaning in enumerate(meanings)
        if meaning in TIMES
        for value in table.values(number)
        if (match := SLASHED.fullmatch(value))
    ]
    day = any(int(each[1]) > 12 for each in found)
    month = any(int(each[2]) > 12 for each in found)
    if not found or day != month:
        return DAY_FIRST if day or not found else MONTH_FIRST
    return None


def _plain_moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    words = re.sub(r"\s+(?:UTC|GMT|Z)$", "+0000", text.replace(",", " "))
    words = " ".join(words.split())
    for days in NAMED:
        for hours in CLOCKS:
            for zone in ("", "%z"):
                try:
                    return datetime.strptime(words, f"{days}{hours}{zone}")
                except ValueError:
                    continue
    return None


def moment(text: str, zone: str, order: str) -> datetime | None:
    """Return the moment in a cell, in UTC; None where it is none. One without a zone is of `zone`."""
    match = SLASHED.fullmatch(text)
    found: datetime | None
    if match:
        one, two, year, hour, minute, second, half = match.groups(default="0")
        day, month = (one, two) if order == DAY_FIRST else (two, one)
        hours = int(hour) % 12 + (12 if half.lower() == "pm" else 0) if half != "0" else int(hour)
        try:
            found = datetime(int(year), int(month), int(day), hours, int(minute), int(second), tzinfo=ZoneInfo(zone))
        except ValueError:
            return None
    else:
        found = _plain_moment(text)
    if found is None or not 1970 <= found.year < 9999:
        return None
    found = (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    return found if found.year >= 1970 else None


def minutes(text: str) -> int | None:
    """Return the minutes of a length such as “4h 9m” or “1:30”, without a remark in brackets; None for anything else."""
    words = text.split("(", 1)[0].strip()
    if match := COLONS.fullmatch(words):
        return int(match[1]) * 60 + int(match[2])
    parts = LENGTH.findall(words)
    left = LENGTH.sub("", words).replace(",", " ").replace("and", " ").strip()
    if not parts or left:
        return None
    return round(sum(float(number) * MINUTES[unit[0].lower()] for number, unit in parts))


@dataclass(frozen=True, slots=True)
class Reading:
    """How the cells of a log are read: what each column is and means, the zone and order of its times, and the last moment that
    can have come by now. `by_words` makes maintenance of rows whose key or title says so where no column does."""

    headers: Sequence[str]
    meanings: Sequence[str]
    zone: str
    order: str
    by_words: bool
    latest: datetime


def read_log(table: Table, how: Reading) -> Log:
    """Return the incidents of a log."""
    rows: list[Row] = []
    bad: list[tuple[int, str]] = []
    seen: dict[tuple[str, str], int] = {}
    for line, cells in table.rows:
        if len(cells) > len(table.headers):
            bad.append(
                (line, f"It has {len(cells)} cells, and there are {len(table.headers)} columns. Put texts in quotes.")
            )
            continue
        row, wrong = _row(line, dict(zip(range(len(cells)), cells, strict=True)), how)
        if not wrong and (twin := seen.setdefault(identity(row), line)) != line:
            wrong = f"It is the same incident as line {twin}. Remove one of them."
        if wrong:
            bad.append((line, wrong))
        else:
            rows.append(row)
    return Log(rows, bad)


def _row(line: int, cells: Mapping[int, str], how: Reading) -> tuple[Row, str]:
    row, wrong = Row(line), ""
    written: dict[str, tuple[str, str]] = {}
    for number, meaning in enumerate(how.meanings):
        value, header = cells.get(number, ""), how.headers[number] or f"column {number + 1}"
        if not value:
            continue
        written[meaning] = header, value
        if meaning in TIMES:
            wrong = wrong or _read_time(row, meaning, header, value, how)
        elif meaning in STATED:
            row.stated[STATED[meaning]] = {"minutes": minutes(value), "words": value[:LONGEST_LENGTH]}
            if len(value) > LONGEST_LENGTH:
                row.keep(header, value)
        elif meaning in ("is_resolved", "maintenance"):
            if value.lower() not in TRUE + FALSE:
                wrong = wrong or f"{header}: “{value[:40]}” isn’t yes or no. Write true or false."
        elif meaning == "services":
            row.services = [each.strip() for each in re.split(r"[;,|]", value) if each.strip()]
        elif meaning in ("key", "title", "severity"):
            setattr(row, meaning, value)
        else:
            row.keep(header, value)
    row.is_maintenance = _is_maintenance(row, written.get("maintenance", ("", ""))[1], how.by_words)
    wrong = wrong or _lacks(row) or _contradicts(row, written, how.latest)
    if len(row.title) > LONGEST_TITLE:
        row.keep(written.get("title", written.get("key", ("title", "")))[0], row.title)
        row.title = row.title[:LONGEST_TITLE].rstrip()
    return row, wrong


def _read_time(row: Row, meaning: str, header: str, value: str, how: Reading) -> str:
    at = moment(value, how.zone, how.order)
    if at is None:
        match, plain = SLASHED.fullmatch(value), _plain_moment(value)
        if (plain is not None and plain.year <= 1970) or (match and int(match[3]) < 1970):
            return f"{header}: “{value[:40]}” is before 1970. Check the year."
        return f"{header}: “{value[:40]}” isn’t a time. Write it as 2020-02-12 11:51."
    row.times[meaning] = at
    if DAY.match(value):
        row.days.append(meaning)
    return ""


def _is_maintenance(row: Row, said: str, by_words: bool) -> bool:
    """Say whether a row is maintenance: its column says so, or else its key or title, which tell of nothing that went wrong."""
    if said:
        return said.lower() in TRUE
    words = f"{row.key} {row.title}"
    return by_words and bool(PLANNED.search(words)) and not WENT_WRONG.search(words)


def _contradicts(row: Row, written: Mapping[str, tuple[str, str]], latest: datetime) -> str:
    header, resolved = written.get("is_resolved", ("", ""))
    if resolved.lower() in FALSE and "resolved_at" in row.times:
        return "It says that it isn’t resolved, and when it was. Correct one of them."
    if resolved.lower() in TRUE and "resolved_at" not in row.times:
        return f"{header}: It says that it’s resolved, and not when. Write when, or keep this column as text."
    for name, at in row.times.items():
        if at > latest and not row.is_maintenance:
            header, value = written[name]
            return f"{header}: “{value[:40]}” is in the future. Check the day and the time zone."
    return ""


def _lacks(row: Row) -> str:
    if not row.title and not row.key:
        return "It has no title. Choose the column of titles, or write one."
    row.title = row.title or row.key
    if not row.times:
        return "It has no time. Choose the columns of times, or write one."
    return ""


def identity(row: Row) -> tuple[str, str]:
    """Return what tells a row from all others: its key and title, or its title and first time where it has no key."""
    if row.key:
        return row.key, row.title
    return row.title, min(row.times.values()).isoformat() if row.times else ""


def names_of(rows: Iterable[Row]) -> set[str]:
    """Return the names of services in these rows."""
    return {name for row in rows for name in row.services}
