"""Importing postmortems: each file becomes a draft, or is published at once. The page and the command call the same verb."""

import hashlib
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import outbox
from portal.kernel.actors import Actor
from portal.kernel.days import zone as company_zone
from squads.events import RetrospectiveSaved
from squads.retrospective_imports.headings import ROLES
from squads.retrospective_imports.imported import ImportedRetrospective, TimelineEntry, Unreadable
from squads.retrospective_imports.markdown import read
from squads.retrospectives import actions
from squads.retrospectives.editing import EARLIEST, LATEST, LONGEST_TEXT, summarise
from squads.retrospectives.models import LONGEST_ENTRY, Retrospective, RetrospectiveSection
from squads.retrospectives.models import TimelineEntry as EntryRow
from squads.retrospectives.sections import LONGEST_TITLE, PLANS
from squads.teams.models import Service, Squad

MOST_FILES = 500
LARGEST = 1024 * 1024
MOST_BYTES = 50 * LARGEST
TOO_MUCH = (
    f"These are over {MOST_FILES} files or {MOST_BYTES // 1024 // 1024} MB, counted unpacked. Import them in parts."
)
ENDINGS = (".md", ".markdown")
MOST_NAMED, LONGEST_SHOWN = 20, 200
# The bit of a file in an archive that says it is encrypted.
ENCRYPTED = 0x1
# What Python raises for an archive that is damaged, encrypted, or packed by a method it lacks.
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    RuntimeError,
    NotImplementedError,
    OSError,
    EOFError,
    ValueError,
)
OURS = ("summary", "impact", "timeline", "factors", "went_well", "lucky", "surprised", "learnings", "actions")
KEYS = dict(zip(ROLES, OURS, strict=True))
TITLES = {plan.key: plan.title for plan in PLANS["incident"]}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: a retrospective, new or there before, or the reason why not; and what to check."""

    name: str
    row: Retrospective | None = None
    is_new: bool = False
    problem: str = ""
    notes: tuple[str, ...] = ()
    entries: int = 0


def import_files(
    squad: Squad, files: Iterable[tuple[str, bytes]], *, by: Actor, publish: bool = False
) -> list[Outcome]:
    """Import Markdown files as incident reviews of a squad, each in its own transaction.

    A file that was imported before is found again and left as it is. One that can't be read is named with the reason, and the
    others go on.
    """
    return [_import(squad, name, content, by=by, publish=publish) for name, content in files]


def _import(squad: Squad, name: str, content: bytes, *, by: Actor, publish: bool) -> Outcome:
    name = name.replace("\0", "")[:200]
    mark = f"{name} {hashlib.sha256(content).hexdigest()[:16]}"
    known = Retrospective.objects.filter(squad=squad, imported_from=mark).first()
    if known is not None:
        return Outcome(name, known, notes=("It was imported before, so nothing changed.",))
    if len(content) > LARGEST:
        return Outcome(name, problem="It’s over 1 MB. Split it, or leave out what isn’t text.")
    try:
        found = read(content, name=name, zone=company_zone())
    except Unreadable as error:
        return Outcome(name, problem=str(error))
    try:
        with transaction.atomic():
            row, count = _write(squad, name, mark, found, by)
            if publish:
                actions.publish(row, by=by)
    except ValidationError as error:
        return Outcome(name, problem=" ".join(error.messages))
    return Outcome(name, row, True, notes=found.notes, entries=count)


def _write(squad: Squad, name: str, mark: str, found: ImportedRetrospective, by: Actor) -> tuple[Retrospective, int]:
    title = " ".join(found.title.split()) or name.rpartition(".")[0].strip() or name
    parts = list(_sections(found))
    if len(title) > 200:
        parts.append(("", "Title", title))
        title = f"{title[:199]}…"
    known = (each.at for each in found.timeline if each.precision != "day")
    times = [at for each in known if (at := _sensible(each)) is not None]
    began = min(times, default=None)
    if began is None and found.date is not None and EARLIEST < found.date.year < LATEST:
        # Midnight is shown as the day alone.
        began = datetime.combine(found.date, time(), UTC)
    about = actions.Subject(
        began_at=began,
        ended_at=max(times) if len(times) > 1 else None,
        severity=" ".join(found.severity.split())[:60],
        services=_services(found.affected),
    )
    row = actions.create(squad, by=by, kind="incident", title=title, subject=about, fill=False)
    row.imported_from = mark
    late = _entries(row, found.timeline)
    if late:
        parts.append(("", "More of the timeline", "\n".join(late)))
    _put_sections(row, parts)
    summarise(row)
    row.save()
    outbox.publish(RetrospectiveSaved(ids=[str(row.pk)]))
    return row, len(found.timeline)


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _services(affected: str) -> list[Service]:
    """Return the services that a file names by their whole names, between commas or line ends; a word in a sentence is none."""
    names = {part.strip(" -*`").lower() for line in affected.splitlines() for part in line.replace(";", ",").split(",")}
    rows = Service.objects.unmerged().filter(name__in=names - {""}) | Service.objects.unmerged().filter(
        slug__in=names - {""}
    )
    return list(rows.distinct()[:50])


def _sections(found: ImportedRetrospective) -> Iterator[tuple[str, str, str]]:
    """Yield (our key or "", heading, text) of everything that isn't in the timeline, in the file's order."""
    if found.details:
        # Below the summary, which is what everyone reads first.
        yield "details", "Details", "\n".join(f"- {each.label}: {each.value}".rstrip() for each in found.details)
    for each in found.sections:
        yield KEYS.get(each.role, ""), each.heading, each.markdown
    if found.table_headings:
        yield "", "Headings of tables", "\n".join(f"- {each}" for each in found.table_headings)
    if found.left:
        yield "", "Not understood", "\n\n".join(found.left)


def _entries(row: Retrospective, entries: Iterable[TimelineEntry]) -> list[str]:
    """Write the timeline; return what was too long for an entry."""
    late: list[str] = []
    rows = []
    for place, each in enumerate(entries):
        text = each.text.strip() or each.when.strip()
        if len(text) > LONGEST_ENTRY:
            text, rest = _cut(text, LONGEST_ENTRY - 1)
            late.append(rest)
            text = f"{text}…"
        said = " ".join(each.when.split())
        if len(said) > 60:
            late.append(said)
        rows.append(
            EntryRow(
                retrospective=row,
                key=f"file:{place}",
                since_version=row.version,
                at=_sensible(each.at),
                until=_sensible(each.until) if _sensible(each.at) is not None else None,
                said_at=said[:60],
                position=place,
                text=text,
                note=_cut(each.doubt, LONGEST_ENTRY)[0],
            )
        )
    EntryRow.objects.bulk_create(rows)
    return late


def _put_sections(row: Retrospective, parts: Iterable[tuple[str, str, str]]) -> None:
    """Put texts into the sections they belong to. What Rodeo has no section for becomes one of its own, where it stood."""
    own = {section.key: section for section in row.sections.all()}
    order = list(own.values())
    after: RetrospectiveSection | None = order[0] if order else None
    for key, heading, text in parts:
        for piece_number, piece in enumerate(_pieces(text)):
            name = heading if not piece_number else f"{heading} (continued)"
            section = own.get(key) if key and not piece_number else None
            if section is None:
                section = _new_section(row, key, name, own)
                own[section.key] = section
                order.insert(order.index(after) + 1 if after in order else len(order), section)
                # A heading that is too long for one is the first line of its text.
                section.text = f"{name}\n\n{piece}" if len(name) > LONGEST_TITLE else piece
            elif section.text:
                section.text = f"{section.text.rstrip()}\n\n### {name}\n\n{piece}"
            else:
                # The file's own heading is kept where it says more than ours.
                section.title = (name or section.title)[:LONGEST_TITLE]
                section.text = f"{name}\n\n{piece}" if len(name) > LONGEST_TITLE else piece
            after = section
    for place, section in enumerate(order):
        section.position = place
        section.save()


def _new_section(
    row: Retrospective, key: str, heading: str, own: dict[str, RetrospectiveSection]
) -> RetrospectiveSection:
    title = heading or TITLES.get(key, "Notes")
    stem = key or "file"
    number = 1
    while (name := stem if stem not in own and key else f"{stem}_{number}") in own:
        number += 1
    return RetrospectiveSection(retrospective=row, key=name, title=title[:LONGEST_TITLE], position=0)


def _pieces(text: str) -> list[str]:
    """Return a text in pieces that fit into a section each."""
    whole = text.rstrip() + "\n" if text.strip() else ""
    pieces = []
    while len(whole) > LONGEST_TEXT:
        piece, whole = _cut(whole, LONGEST_TEXT)
        pieces.append(piece)
    return [*pieces, whole]


def _cut(text: str, most: int) -> tuple[str, str]:
    """Return the beginning of a text, and the rest; no word is cut in two, unless it is longer than that itself."""
    if len(text) <= most:
        return text, ""
    end = max(text.rfind(" ", 0, most), text.rfind("\n", 0, most))
    end = end if end > 0 else most
    return text[:end], text[end:].lstrip(" ")


def _sensible(at: datetime | None) -> datetime | None:
    """Return a moment of a file in UTC; None for a year that nobody means. What was written stays beside it."""
    return _utc(at) if at is not None and EARLIEST < at.year < LATEST else None


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The Markdown files of an upload, as (name, content), and the names of files in archives that aren't Markdown."""

    files: list[tuple[str, bytes]]
    left_out: list[str]


def unpacked(uploads: Iterable[tuple[str, bytes]]) -> Unpacked:
    """Return the Markdown files among uploads, also those in archives. Raises ValidationError naming `uploads`."""
    found = Unpacked([], [])
    size = 0
    for name, content in uploads:
        for each in _in_archive(name, content, found.left_out) if name.lower().endswith(".zip") else [(name, content)]:
            found.files.append(each)
            size += len(each[1])
            if len(found.files) > MOST_FILES or size > MOST_BYTES:
                raise ValidationError({"uploads": TOO_MUCH})
    if not found.files:
        raise ValidationError({"uploads": "There’s no Markdown file in it. Choose files that end in .md."})
    return found


def is_markdown(name: str) -> bool:
    """Say whether a file is Markdown by its name."""
    return name.lower().endswith(ENDINGS)


def left_out_words(names: Sequence[str]) -> str:
    """Return a sentence about files that were left out because they aren't Markdown; nothing where there are none."""
    if not names:
        return ""
    more = f", and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    shown = ", ".join(name[:LONGEST_SHOWN] for name in names[:MOST_NAMED])
    return f"Left out, because {'it doesn’t' if len(names) == 1 else 'they don’t'} end in .md: {shown}{more}."


def _in_archive(name: str, content: bytes, left_out: list[str]) -> Iterator[tuple[str, bytes]]:
    why = "it’s damaged, or packed in a way that Rodeo can’t read"
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [each for each in archive.infolist() if not each.is_dir()]
            left_out += [each.filename for each in files if not is_markdown(each.filename)]
            for each in [each for each in files if is_markdown(each.filename)][: MOST_FILES + 1]:
                if each.flag_bits & ENCRYPTED:
                    why = "it has a password"
                # What an archive says of a size may be wrong: no more than a little over the limit is unpacked.
                with archive.open(each) as file:
                    yield each.filename.rpartition("/")[2], file.read(LARGEST + 1)
    except DAMAGED as error:
        raise ValidationError({"uploads": f"{name} can’t be unpacked: {why}. Choose the files themselves."}) from error
