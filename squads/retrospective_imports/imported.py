"""What a file becomes: its parts, each word of it in one of them."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

# How exactly the time of an entry is known. "clock" is a time of day whose date isn't known; "none" is no time at all.
Precision = Literal["second", "minute", "day", "clock", "none"]


class Unreadable(ValueError):
    """The file can't be read as Markdown. The text says why, and what to do."""


@dataclass(frozen=True)
class Detail:
    """A line such as “Severity: P1” at the top of a file, or of its front matter."""

    label: str
    value: str


@dataclass(frozen=True)
class Section:
    """A heading and the text below it. `role` is one of `headings.ROLES`, or "" for a section that Rodeo doesn't have."""

    heading: str
    role: str
    markdown: str


@dataclass(frozen=True)
class TimelineEntry:
    """A line of the timeline.

    `at` is known only if the file says the day and the time, or the day alone (`precision` "day": midnight). `clock` is the
    time of day as written. `zone` is as written, "" if the file names none. `when` and `text` hold every word of `original`,
    the lines as they stand in the file. `doubt` is a sentence about what isn't certain. The lines of a `copied` entry stand
    in a section or a detail too.
    """

    at: dt.datetime | None
    precision: Precision
    zone: str
    when: str
    text: str
    original: str
    clock: dt.time | None = None
    until: dt.datetime | None = None
    doubt: str = ""
    copied: bool = False


@dataclass(frozen=True)
class ImportedRetrospective:
    """A postmortem as read from a file.

    `severity` and `affected` are in the file's own words. `zone` is what the file says of all its times. `table_headings` are
    the heads of tables whose rows became timeline entries. `left` is text that belongs nowhere. `notes` are sentences for the
    person who imports.
    """

    title: str
    date: dt.date | None
    severity: str
    affected: str
    zone: str
    details: tuple[Detail, ...]
    sections: tuple[Section, ...]
    timeline: tuple[TimelineEntry, ...]
    table_headings: tuple[str, ...]
    left: tuple[str, ...]
    notes: tuple[str, ...]
