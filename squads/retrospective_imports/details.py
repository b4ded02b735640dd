"""What stands at the top of a postmortem: front matter, lines like “Severity: P1”, and what they say."""

import datetime as dt
import re
from collections.abc import Sequence

from squads.retrospective_imports import moments
from squads.retrospective_imports.blocks import Block, split_row
from squads.retrospective_imports.calendar import Calendar, long_date
from squads.retrospective_imports.imported import Detail, Section

LABELS = re.compile(
    r"(?:(?:incident|outage|event|issue|postmortem|post-mortem|report|retrospective|review)\s+)?(?:"
    + "|".join(
        (
            r"title|name|id|number|ticket|jira|version|type|category|tags?|labels?|status|state|duration|published",
            r"date(?:s|/time| and time| of incident)?|day|when|time(?:s| zone|zone| frame| of incident)?",
            r"severity|sev|priority|impact level|level",
            r"authors?|written by|owners?|owned by|leads?|incident (?:commander|manager|lead)|commander|manager|scribe|liaison",
            r"responders?|participants?|attendees?|atendees|reviewers?|team|squad",
            r"(?:affected |impacted )?(?:services?|systems?|components?|products?|environments?)(?: affected| impacted)?",
            r"affected|start(?:ed)?(?: time| at)?|end(?:ed)?(?: time| at)?|resolution time",
            r"(?:detected|declared|mitigated|resolved|fixed|reported|created|updated)(?: at| by)?|(?:first )?detection(?: time)?",
            r"time to (?:detect(?:ion)?|recover(?:y)?|repair|resolve|resolution|mitigate|mitigation|respond)|ttd|ttr|mttr",
            r"regions?|links?|slack(?: channel| thread)?|channel",
        )
    )
    + ")",
    re.IGNORECASE,
)
LINE = re.compile(
    r"^\s*(?:>\s*)*(?:[-*+]\s+)?(?P<b>\*\*|__|\*)?\s*(?P<label>[A-Za-z][A-Za-z /()-]{1,40}?)\s*(?P<in>:)?\s*"
    r"(?(b)(?P=b))\s*(?(in)|:)\s*(?P<value>.*?)\s*$"
)
FRONT = re.compile(r"\A---[ \t]*\n(?P<inside>.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
PAIR = re.compile(r"^(?P<label>[A-Za-z][\w -]{0,40}):[ \t]+(?P<value>\S.*)$")
SEVERITY = re.compile(r"(?:incident |impact )?(?:severity|sev|priority)(?: level)?|impact level", re.IGNORECASE)
IN_TITLE = re.compile(r"\b(?:SEV|Sev)[- ]?[0-5]\b|\bP[0-5]\b")
AFFECTED = re.compile(
    r"affected|(?:affected |impacted )?(?:services?|systems?|components?|products?)(?: affected| impacted)?",
    re.IGNORECASE,
)
DATES = re.compile(
    r"(?:incident |outage |event )?(?:date(?:s|/time| and time| of incident)?|day|when|start(?:ed)?(?: time| at)?)",
    re.IGNORECASE,
)


def is_label(text: str) -> bool:
    """Whether a text is a label that postmortems have at the top."""
    return bool(LABELS.fullmatch(re.sub(r"\s+", " ", text.strip(" *_:"))))


def front_matter(text: str) -> tuple[list[Detail], list[str], str]:
    """The front matter of a file: details, lines that are none, and the text below it."""
    found = FRONT.match(text)
    if not found or not any(PAIR.match(line) for line in (found["inside"] or "").split("\n")):
        return [], [], text
    pairs: list[Detail] = []
    left: list[str] = []
    for line in (found["inside"] or "").split("\n"):
        pair = PAIR.match(line)
        if pair:
            pairs.append(Detail(pair["label"], unquoted(pair["value"])))
        elif line.strip():
            left.append(line)
    return pairs, ["\n".join(left)] if left else [], text[found.end() :]


def unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def detail_of(line: str) -> Detail | None:
    """The detail that a line is: “**Severity:** P1”, “- Date: 4 March”, “| Status | final |”."""
    if line.strip().startswith("|"):
        cells = split_row(line)
        return Detail(cells[0].strip("*_ "), cells[1]) if len(cells) == 2 and is_label(cells[0]) else None
    found = LINE.match(line)
    if not found or not is_label(found["label"]):
        return None
    return Detail(found["label"], found["value"])


def details_of(found: Sequence[Block]) -> tuple[list[Detail], list[Block]]:
    """The details among the blocks before the first heading, and the other blocks: those with a line that is no detail."""
    details: list[Detail] = []
    rest: list[Block] = []
    for block in found:
        read = (
            [detail_of(line) for line in block.lines if line.strip()]
            if block.kind in ("paragraph", "list", "table", "quote", "other")
            else []
        )
        if block.kind == "table":
            read = [detail_of(line) for line in block.lines[2:]]
        if read and all(read) and not (block.kind == "table" and any(split_row(block.lines[0]))):
            details += [each for each in read if each]
        else:
            rest.append(block)
    return details, rest


def value(details: Sequence[Detail], label: str) -> str:
    return next((each.value for each in details if each.label.lower() == label), "")


def pairs_in(sections: Sequence[Section]) -> list[Detail]:
    """The details that sections hold as lines: these stay where they are."""
    lines = [line for section in sections for line in section.markdown.split("\n")]
    return [each for each in map(detail_of, lines) if each]


def _named(details: Sequence[Detail], sections: Sequence[Section], pattern: re.Pattern[str]) -> str:
    for each in [*details, *pairs_in(sections)]:
        if pattern.fullmatch(each.label.strip()) and each.value.strip():
            return each.value.strip("*_` ")
    for section in sections:
        first = section.markdown.strip().split("\n\n")[0]
        if pattern.fullmatch(section.heading.strip(" :")) and 0 < len(first) <= 200:
            return first.strip("*_` ")
    return ""


def severity(details: Sequence[Detail], sections: Sequence[Section]) -> str:
    """The severity in the file's own words, "" if it names none."""
    return _named(details, sections, SEVERITY)


def affected(details: Sequence[Detail], sections: Sequence[Section]) -> str:
    """What was affected, in the file's own words, "" if it doesn't say."""
    return _named(details, sections, AFFECTED)


def date_of(details: Sequence[Detail], title: str, name: str, text: str) -> tuple[dt.date | None, str]:
    """The day of a postmortem: of a detail, its title or the name of its file; and a sentence if it can be several."""
    calendar = Calendar(text, name=name, zone=dt.UTC)
    doubt = ""
    for source in [*(each.value for each in details if DATES.fullmatch(each.label.strip())), title, name]:
        found = moments.DATE.search(source)
        if found is None or not (days := moments.readings(found)):
            continue
        numbers = (int(found["n1"]), int(found["n2"])) if found["n1"] and len(found["n3"]) == 4 else None
        day, _ = calendar.pick(days, numbers)
        if day:
            return day, ""
        doubt = f"The date of the retrospective can be {' or '.join(long_date(each) for each in days)}. Choose it."
    return None, doubt
