"""Many rows, quickly: written straight into the database, as no page would."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from portal.kernel.stable_ids import stable_id
from releases.planning.models import Release
from squads.models import Evidence, Squad, Story

T0 = datetime(2026, 1, 5, 9, tzinfo=UTC)
STAGES = Story.Stage.values
AT_ONCE = 5000


def squads(count: int, prefix: str = "S") -> list[Squad]:
    """Return squads, made where missing."""
    return [
        Squad.objects.get_or_create(
            key_prefix=f"{prefix}{number}",
            defaults={"name": f"Squad {prefix}{number}", "slug": f"{prefix}{number}".lower()},
        )[0]
        for number in range(count)
    ]


def evidence_of(story: Story, count: int) -> list[Evidence]:
    """Return a story's way through the ladder, and re-checks until there are `count` rows."""
    sha = stable_id("sha", story.key).hex + "00000000"
    at = T0 + timedelta(hours=(story.pk or 0) % 500)

    def row(number: int, kind: str, **values: Any) -> Evidence:
        return Evidence(
            id=stable_id("bench", story.key, number),
            story=story,
            kind=kind,
            **{
                "verdict": "success",
                "at": at + timedelta(hours=number),
                "service": "checkout",
                "shas": [sha],
                "label": f"{kind} {number}",
                **values,
            },
        )

    production = {"environment": "production", "tier": "production"}
    rows = [
        row(1, "change", label=sha[:7]),
        row(2, "run"),
        row(3, "test", environment="staging", tier="staging"),
        row(4, "deployment", **production),
    ]
    rows += [
        row(number, "acceptance", started_at=at + timedelta(hours=number), shas=[], **production)
        for number in range(5, count + 1)
    ]
    return rows[:count]


def stories(squad: Squad, count: int, *, release: Release | None = None, evidence: int = 0, start: int = 1) -> None:
    """Make stories of a squad, each with as many rows of evidence; not yet judged."""
    for first in range(start, start + count, AT_ONCE // max(evidence, 1)):
        numbers = range(first, min(first + AT_ONCE // max(evidence, 1), start + count))
        made = Story.objects.bulk_create(
            Story(
                squad=squad,
                number=number,
                rank=number,
                key=f"{squad.key_prefix}-{number}",
                release=release,
                progress="dev_done",
                progress_at=T0,
                title=f"As a rider I want saddle number {number} to fit",
                type="defect" if number % 3 else "user_story",
            )
            for number in numbers
        )
        if evidence:
            # Different ways through the ladder, so that every column of a board has cards.
            Evidence.objects.bulk_create(
                each for story in made for each in evidence_of(story, evidence if story.number % 5 else 2)
            )


def crowd(like: Story) -> None:
    """Give every story that has no evidence the same rows as `like`, in one statement of the database."""
    table, own = Evidence._meta.db_table, Story._meta.db_table
    columns = [field.column for field in Evidence._meta.local_fields if field.column not in ("id", "story_id")]
    fresh = "gen_random_uuid()" if connection.vendor == "postgresql" else "lower(hex(randomblob(16)))"
    named = ", ".join(columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (id, story_id, {named}) SELECT {fresh}, s.id, "  # noqa: S608
            f"{', '.join(f'e.{column}' for column in columns)} FROM {own} s CROSS JOIN {table} e "
            f"WHERE e.story_id = %s AND NOT EXISTS (SELECT 1 FROM {table} o WHERE o.story_id = s.id)",
            [like.pk],
        )


def as_json(value: Any) -> bytes:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def analyze() -> None:
    """Have the database look at its new rows, as it does by itself in use."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
