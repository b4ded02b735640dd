"""Stories on their way out, one at a time: as many as there are, in the memory of one."""

import csv
import json
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from portal.kernel import clock
from squads.imports.formats.rodeo import COLUMNS, guarded
from squads.stories.models import Story

AT_ONCE = 1000
# Spreadsheets read UTF-8 as such only when it begins so.
MARK = "\ufeff"


class _Line:
    """What a CSV writer writes to: it hands the line back."""

    def write(self, line: str) -> str:
        return line


def _rows(stories: QuerySet[Story]) -> Iterator[dict[str, Any]]:
    chosen = stories.select_related("squad", "release").defer("standing", "criteria_met", "checks_met")
    for story in chosen.iterator(chunk_size=AT_ONCE):
        yield {
            "key": story.key,
            "title": story.title,
            "type": story.type,
            "progress": story.progress,
            # Its place in addresses, which no two releases share.
            "release": story.release.slug if story.release else "",
            "description": story.description,
            "acceptance_criteria": story.acceptance_criteria,
            "created_at": clock.iso(story.created_at),
            "squad": story.squad.slug,
            "stage": story.stage,
            "rodeo_done": story.stage == Story.Stage.RODEO_DONE,
            "url": f"{settings.RODEO_BASE_URL}{story.get_absolute_url()}",
        }


def as_csv(stories: QuerySet[Story]) -> Iterator[str]:
    """Yield the lines of a table. No cell of it is a formula to a spreadsheet."""
    writer = csv.writer(_Line())
    yield MARK + str(writer.writerow(COLUMNS))
    for row in _rows(stories):
        cells = {**row, "rodeo_done": "yes" if row["rodeo_done"] else "no"}
        yield str(writer.writerow([guarded(cells[name]) for name in COLUMNS]))


def as_json(stories: QuerySet[Story]) -> Iterator[str]:
    """Yield one JSON object, a story a line."""
    yield '{"rodeo": 1, "stories": ['
    for number, row in enumerate(_rows(stories)):
        yield f"{',' if number else ''}\n{json.dumps(row, ensure_ascii=False)}"
    yield "\n]}\n"
