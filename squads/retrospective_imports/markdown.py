"""A postmortem in Markdown as a retrospective. No word is lost: what isn't understood stays as text."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from squads.retrospective_imports import details, moments, zones
from squads.retrospective_imports.blocks import Block, blocks
from squads.retrospective_imports.calendar import Calendar, long_date
from squads.retrospective_imports.headings import role_of
from squads.retrospective_imports.imported import ImportedRetrospective, Section, TimelineEntry, Unreadable
from squads.retrospective_imports.timeline import Timeline, accepted, labelled

LONGEST = 500_000
DEFINITION = re.compile(r"^ {0,3}\[([^\]\n]{1,100})\]:\s*\S.*$", re.MULTILINE)
REFERENCE = re.compile(r"\[([^\]\n]{1,100})\]")
# “At 10:25 power was lost” is a sentence of a text, where no heading says that it's a timeline.
SENTENCE = re.compile(r"\W*(?:at|on|from|since|by|between|before|after|until|around|about)\b", re.IGNORECASE)
# In a section of one of these roles, lines with a time stay where they are; the timeline gets a copy.
COPIED_FROM = ("summary", "impact")
UNTOUCHED = (
    "actions",
    "learnings",
    "what went well",
    "where we were lucky",
    "what surprised us",
    "contributing factors",
)


@dataclass
class Part:
    """A heading with the blocks below it, while the file is read."""

    heading: str
    role: str
    level: int
    blocks: list[Block] = field(default_factory=list)


def decoded(content: bytes) -> tuple[str, str]:
    """The text of a file, and a sentence if it isn't UTF-8."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            try:
                return content.decode(encoding), "The file is UTF-16."
            except UnicodeDecodeError:
                break
    try:
        return content.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
        return text, "The file isn't UTF-8. It was read as Windows-1252: check letters with accents."


def text_of(content: bytes | str) -> tuple[str, str]:
    """The text of a file with one kind of line ends, and a sentence if it isn't UTF-8. Raises Unreadable."""
    text, note = decoded(content) if isinstance(content, bytes) else (content.removeprefix("\ufeff"), "")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise Unreadable("The file is empty. Choose a file with text.")
    if "\0" in text:
        raise Unreadable("The file isn't text. Choose a Markdown file (.md).")
    if len(text) > LONGEST:
        raise Unreadable(
            f"The file has {len(text):,} characters. {LONGEST:,} is the most: split it into several files."
        )
    return text, note


def read(content: bytes | str, *, name: str = "", zone: dt.tzinfo = dt.UTC) -> ImportedRetrospective:
    """A retrospective from the content of a Markdown file.

    `name` is the file's, which may have a date. Times that name no zone are in `zone`. Raises Unreadable, which says what to do.
    """
    text, note = text_of(content)
    front, left, body = details.front_matter(text)
    lines = body.split("\n")
    title, parts = parts_of(list(blocks(lines)))
    found = list(front)
    preamble, parts = parts[0], parts[1:]
    more, rest = details.details_of(preamble.blocks)
    found += more
    title = title or details.value(found, "title")
    day, doubt = details.date_of(found, title, name, text)
    calendar = Calendar(text, name=name, zone=zone)
    calendar.begin(day or (calendar.known[0] if len(calendar.known) == 1 else None))
    preamble.blocks = rest
    stated = zones.stated(text)
    timeline = Timeline(calendar)
    timeline.zone = stated
    for each in found:
        timeline.copy_of(f"{each.label} {each.value}", f"{each.label}: {each.value}")
    sections = sections_of([preamble, *parts], timeline, stated)
    sections = with_definitions(sections, text)
    notes = [note, doubt, *notes_of(timeline, calendar, stated)]
    return ImportedRetrospective(
        title=title,
        date=day or day_of(timeline.entries),
        severity=details.severity(found, sections),
        affected=details.affected(found, sections),
        zone=stated,
        details=tuple(found),
        sections=tuple(sections),
        timeline=entries_with_definitions(timeline.entries, text),
        table_headings=tuple(timeline.table_headings),
        left=tuple(left),
        notes=tuple(each for each in notes if each),
    )


def day_of(entries: Sequence[TimelineEntry]) -> dt.date | None:
    """The day of the first entry that says its date."""
    return next((entry.at.date() for entry in entries if entry.at), None)


def notes_of(timeline: Timeline, calendar: Calendar, stated: str) -> list[str]:
    """What the person who imports should check."""
    entries = timeline.entries
    found = []
    dateless = [entry for entry in entries if entry.precision == "clock"]
    doubtful = [entry for entry in entries if entry.doubt]
    if calendar.without_zone and any(entry.clock for entry in entries):
        found.append(f"Some times name no time zone. They were read as {calendar.name_of_default()}.")
    if calendar.inherited:
        found.append("Some times have no date. They are on the day of the line above or of the file.")
    if dateless:
        found.append(f"Times without a known date: {len(dateless)}. Add it in the timeline.")
    if doubtful:
        found.append(f"Times to check: {len(doubtful)}. What isn't certain is written beside each.")
    for entry in entries:
        summer = zones.winter_name_in_summer(entry.zone, entry.at.date()) if entry.at else ""
        if entry.at and summer:
            day = long_date(entry.at.date())
            found.append(
                f"The file says {entry.zone} on {day}, when {summer} is in use. Times were read as {entry.zone}."
            )
            break
    return found


def parts_of(found: Sequence[Block]) -> tuple[str, list[Part]]:
    """The title of a file, and its parts: the first is what stands before any heading."""
    title, found = title_of(found)
    pseudo = pseudo_headings_allowed(found)
    parts = [Part("", "", 0)]
    for block in found:
        if block.kind == "heading" and not begins_entry(block, parts[-1]):
            begin(parts, block)
            continue
        if block.kind == "heading" and not any(part.role == "timeline" for part in parts[-1:]):
            # Headings that are times, in a file without a heading for its timeline.
            parts.append(Part("", "timeline", block.level - 1))
        if block.kind in ("paragraph", "list"):
            for heading, piece in divided(block, pseudo, parts):
                if heading:
                    parts.append(Part(heading, role_of(heading), 7))
                if piece:
                    parts[-1].blocks.append(piece)
            continue
        parts[-1].blocks.append(block)
    return title, parts


def title_of(found: Sequence[Block]) -> tuple[str, list[Block]]:
    """The title: the first heading, if it is of the first level or begins the file, and is that of no section of ours."""
    headings = [block for block in found if block.kind == "heading"]
    first = headings[0] if headings else None
    if first is None or role_of(first.heading) or not (first.level == 1 or first is found[0]):
        return "", list(found)
    return first.heading, [block for block in found if block is not first]


def begins_entry(block: Block, part: Part) -> bool:
    """Whether a heading is a time in the timeline and not the heading of a section."""
    written = moments.at_start(block.heading)
    if written is None or not accepted(written, block.heading, listed=True):
        return False
    if part.role == "timeline" and block.level > part.level:
        return True
    return written.clock is not None


def begin(parts: list[Part], block: Block) -> None:
    """Begin a section, or leave a heading inside the section it belongs to: one below it that means no section of ours."""
    last, role = parts[-1], role_of(block.heading)
    if last.heading and block.level > last.level and (not role or role == last.role):
        last.blocks.append(block)
    else:
        parts.append(Part(block.heading, role, block.level))


def pseudo_headings_allowed(found: Sequence[Block]) -> bool:
    """Whether labels in bold are the headings of a file: it has no headings of ours."""
    return not any(role_of(block.heading) for block in found if block.kind == "heading")


BOLD = re.compile(
    r"^\s{0,3}(?:\*\*|__)\s*(?P<label>[^*_\n]{2,60}?)\s*(?P<colon>:?)\s*(?:\*\*|__)\s*(?P<after>:?)\s*(?P<rest>.*)$"
)


def bold_label(line: str) -> tuple[str, str] | None:
    """The label in bold at the beginning of a line, and what follows it."""
    found = BOLD.match(line)
    if not found or not (found["colon"] or found["after"] or not found["rest"]):
        return None
    return found["label"], found["rest"]


def divided(block: Block, pseudo: bool, parts: Sequence[Part]) -> list[tuple[str, Block | None]]:
    """A paragraph or list at the labels that are headings: pairs of heading and what follows it."""
    if not pseudo:
        return [("", block)]
    units = [unit.lines for unit in block.items] if block.kind == "list" else [(line,) for line in block.lines]
    pieces: list[tuple[str, list[str]]] = [("", [])]
    for unit in units:
        first = re.sub(r"^\s*[-*+]\s+", "", unit[0]) if block.kind == "list" else unit[0]
        label = bold_label(first)
        if label and (role_of(label[0]) or (started(parts, pieces) and not details.is_label(label[0]))):
            pieces.append((label[0], [label[1], *dedented(unit[1:])]))
        else:
            pieces[-1][1].extend(unit)
    if len(pieces) == 1:
        return [("", block)]
    return [pair for heading, lines in pieces for pair in reparsed(heading, lines)]


def started(parts: Sequence[Part], pieces: Sequence[tuple[str, list[str]]]) -> bool:
    """Whether a label in bold was a heading before."""
    return parts[-1].level == 7 or any(heading for heading, _ in pieces)


def dedented(lines: Sequence[str]) -> list[str]:
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    least = min(indents, default=0)
    return [line[least:] for line in lines]


def reparsed(heading: str, lines: Sequence[str]) -> list[tuple[str, Block | None]]:
    inner = list(blocks(lines))
    found: list[tuple[str, Block | None]] = [("", each) for each in inner]
    return [(heading, None), *found] if heading else found


def sections_of(parts: Sequence[Part], timeline: Timeline, stated: str) -> list[Section]:
    """The sections of a file; lines with times go to the timeline."""
    sections = []
    for part in parts:
        source = "\n\n".join(block.text for block in part.blocks)
        zone = zones.stated(part.heading) or zones.stated(source) or stated
        if part.role == "timeline":
            markdown = timeline.read(part.blocks, zone)
        elif part.role in UNTOUCHED:
            markdown = source
        elif part.role in COPIED_FROM:
            timeline.zone = zone
            copy_lines(part.blocks, timeline)
            markdown = source
        else:
            markdown = read_if_timeline(part.blocks, timeline, zone)
        if markdown.strip() or part.heading:
            sections.append(Section(plain_heading(part.heading), part.role, markdown))
    return sections


def plain_heading(heading: str) -> str:
    """A heading on one line, without the marks around all of it."""
    return re.sub(r"\s+", " ", heading).strip().strip("*_` ")


def copy_lines(found: Sequence[Block], timeline: Timeline) -> None:
    """Give the timeline a copy of each line of a list that names a moment."""
    for block in found:
        for item in block.items:
            line = re.sub(r"^\s*(?:[-*+]|\d{1,9}[.)])\s+", "", item.lines[0])
            written = moments.at_start(line)
            if labelled(line) or (written and written.has_day and written.clock):
                timeline.copy_of(line, item.lines[0])


def read_if_timeline(found: Sequence[Block], timeline: Timeline, zone: str) -> str:
    """Read a section of another name as a timeline if at least two of its lines begin with a time; else leave it as it is."""
    starts = 0
    for block in found:
        for line in block.lines:
            bare = re.sub(r"^\s*(?:[-*+]|\d{1,9}[.)])\s+", "", line).strip().lstrip("|").strip()
            written = moments.at_start(bare)
            clocked = written is not None and written.clock is not None and not written.dotted
            starts += clocked and block.kind != "fence" and not SENTENCE.match(bare)
    if starts < 2:
        timeline.zone = zone
        copy_lines(found, timeline)
        return "\n\n".join(block.text for block in found)
    return timeline.read(found, zone)


def definitions(text: str) -> dict[str, str]:
    return {found[1].lower(): found[0].strip() for found in DEFINITION.finditer(text)}


def completed(markdown: str, defined: dict[str, str]) -> str:
    """A text with the definitions of the links it uses, which the file may have elsewhere."""
    own = definitions(markdown)
    used = dict.fromkeys(name.lower() for name in REFERENCE.findall(markdown))
    missing = [defined[name] for name in used if name in defined and name not in own]
    return f"{markdown}\n\n" + "\n".join(missing) if missing else markdown


def with_definitions(sections: Sequence[Section], text: str) -> list[Section]:
    defined = definitions(text)
    return (
        [replace(each, markdown=completed(each.markdown, defined)) for each in sections] if defined else list(sections)
    )


def entries_with_definitions(entries: Sequence[TimelineEntry], text: str) -> tuple[TimelineEntry, ...]:
    defined = definitions(text)
    return tuple(replace(each, text=completed(each.text, defined)) for each in entries) if defined else tuple(entries)
