"""Retrospectives as files: Markdown, which the import reads again, and JSON with everything."""

import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

from django.conf import settings
from django.db.models import QuerySet

from portal.kernel import clock
from squads.retrospectives.models import Retrospective, TimelineEntry

AT_ONCE = 200


def as_markdown(row: Retrospective) -> str:
    """Return a retrospective as Markdown: front matter, its sections, its timeline."""
    front = {
        "title": row.title,
        "kind": row.kind,
        "squad": row.squad.name,
        "severity": row.severity,
        "began": clock.iso(row.began_at) or "",
        "ended": clock.iso(row.ended_at) or "",
        "published": clock.iso(row.published_at) or "",
        "services": ", ".join(sorted(each.name for each in row.services.all())),
        "themes": ", ".join(sorted(each.name for each in row.themes.all())),
        "id": f"urn:uuid:{row.pk}",
    }
    lines = [
        "---",
        *(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in front.items() if value),
        "---",
        "",
    ]
    lines += [f"# {row.title}", ""]
    entries = [_line(each) for each in row.timeline.all() if each.state != TimelineEntry.State.DROPPED]
    told = False
    for section in row.sections.all():
        is_timeline = section.key == "timeline"
        if section.text or (is_timeline and entries):
            lines += (
                [f"## {section.title}", "", section.text.rstrip(), ""] if section.text else [f"## {section.title}", ""]
            )
        if is_timeline and entries:
            told = True
            lines += [*entries, ""]
    if entries and not told:
        lines += ["## Timeline", "", *entries, ""]
    return "\n".join(lines).rstrip() + "\n"


def _line(entry: TimelineEntry) -> str:
    at = f"{entry.at:%Y-%m-%d %H:%M:%S} UTC" if entry.at else entry.said_at
    until = f" to {entry.until:%Y-%m-%d %H:%M:%S} UTC" if entry.until else ""
    said = " ".join(f"{entry.text} ({entry.note})".split()) if entry.note else " ".join(entry.text.split())
    link = f" <{_whole(entry.url)}>" if entry.url else ""
    return f"- {at}{until}: {said}{link}" if at else f"- {said}{link}"


def _whole(url: str) -> str:
    return f"{settings.RODEO_BASE_URL}{url}" if url.startswith("/") else url


def as_dict(row: Retrospective) -> dict[str, Any]:
    """Return everything that can be read of a retrospective, as JSON values."""
    return {
        "id": f"urn:uuid:{row.pk}",
        "url": _whole(row.get_absolute_url()),
        "title": row.title,
        "kind": row.kind,
        "state": row.state,
        "squad": row.squad.slug,
        "severity": row.severity,
        "about": {"kind": row.subject_kind, "title": row.subject_title, "url": row.subject_url},
        "began_at": clock.iso(row.began_at),
        "ended_at": clock.iso(row.ended_at),
        "services": sorted(each.name for each in row.services.all()),
        "themes": sorted(each.name for each in row.themes.all()),
        "created_at": clock.iso(row.created_at),
        "changed_at": clock.iso(row.changed_at),
        "published_at": clock.iso(row.published_at),
        "reopened_at": clock.iso(row.reopened_at),
        "version": row.version,
        "sections": [{"key": each.key, "title": each.title, "text": each.text} for each in row.sections.all()],
        "timeline": [_entry(each) for each in row.timeline.all() if each.state != TimelineEntry.State.DROPPED],
    }


def _entry(each: TimelineEntry) -> dict[str, Any]:
    return {
        "at": clock.iso(each.at),
        "until": clock.iso(each.until),
        "said_at": each.said_at,
        "kind": each.kind,
        "pinned": each.state == TimelineEntry.State.PINNED,
        "text": each.text,
        "note": each.note,
        "url": _whole(each.url) if each.url else "",
    }


def as_json_text(row: Retrospective) -> str:
    """Return a retrospective as JSON."""
    return json.dumps(as_dict(row), ensure_ascii=False, indent=1) + "\n"


def whole(rows: "QuerySet[Retrospective]") -> Iterator[Retrospective]:
    """Yield retrospectives with what belongs to them, some hundreds at a time."""
    with_all = rows.prefetch_related("sections", "timeline", "themes", "services")
    yield from with_all.iterator(chunk_size=AT_ONCE)


def all_as_json(rows: "QuerySet[Retrospective]") -> Iterator[str]:
    """Yield a JSON array of retrospectives, one after the other."""
    yield "["
    between = "\n"
    for row in whole(rows):
        yield between + json.dumps(as_dict(row), ensure_ascii=False)
        between = ",\n"
    yield "\n]\n"


def all_as_archive(rows: "QuerySet[Retrospective]") -> IO[bytes]:
    """Return an archive with one Markdown file for each retrospective."""
    file = tempfile.TemporaryFile()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _files(whole(rows)):
            archive.writestr(name, text)
    file.seek(0)
    return file


def _files(rows: Iterable[Retrospective]) -> Iterator[tuple[str, str]]:
    for row in rows:
        yield f"{row.slug}.md", as_markdown(row)
