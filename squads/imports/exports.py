"""Exporting stories as CSV or JSON, streamed one at a time so that memory stays small."""

import csv
import json
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from portal.kernel import clock
from squads.imports.formats.rodeo import COLUMNS, escape_formula
from squads.stories.models import Story

BATCH = 1000
# Spreadsheets read a file as UTF-8 only when it begins with a byte order mark.
BOM = "\ufeff"


class _EchoWriter:
    """A file for the CSV writer that returns each line instead of storing it."""

    def write(self, line: str) -> str:
        return line


def _rows(stories: QuerySet[Story]) -> Iterator[dict[str, Any]]:
    selected = stories.select_related("squad", "release", "duplicate_of").prefetch_related("assignees")
    selected = selected.defer("standing", "criteria_met", "checks_met")
    for story in selected.iterator(chunk_size=BATCH):
        yield {
            "key": story.key,
            "title": story.title,
            "type": story.type,
            "progress": story.progress,
            # The slug, which no two releases share.
            "release": story.release.slug if story.release else "",
            "description": story.description,
            "acceptance_criteria": story.acceptance_criteria,
            "created_at": clock.iso(story.created_at),
            "squad": story.squad.slug,
            "stage": story.stage,
            "rodeo_done": story.stage == Story.Stage.RODEO_DONE,
            "assignees": ", ".join(person.username for person in story.assignees.all()),
            "url": f"{settings.RODEO_BASE_URL}{story.get_absolute_url()}",
            "ended_as": story.ending,
            "ended_because": story.ended_because,
            "duplicate_of": story.duplicate_of.key if story.duplicate_of else "",
        }


def as_csv(stories: QuerySet[Story]) -> Iterator[str]:
    """Yield the lines of a CSV table, its cells escaped so that no spreadsheet runs one as a formula."""
    writer = csv.writer(_EchoWriter())
    yield BOM + str(writer.writerow(COLUMNS))
    for row in _rows(stories):
        cells = {**row, "rodeo_done": "yes" if row["rodeo_done"] else "no"}
        yield str(writer.writerow([escape_formula(cells[name]) for name in COLUMNS]))


def as_json(stories: QuerySet[Story]) -> Iterator[str]:
    """Yield one JSON object, a story a line."""
    yield '{"rodeo": 1, "stories": ['
    for number, row in enumerate(_rows(stories)):
        yield f"{',' if number else ''}\n{json.dumps(row, ensure_ascii=False)}"
    yield "\n]}\n"
