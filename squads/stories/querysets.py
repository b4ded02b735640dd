"""Questions about stories and evidence, in the words of the pages; and the judging of many stories at once."""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import connections, models, transaction
from django.db.models.functions import Cast

from portal.kernel import clock
from portal.kernel.bulk_update import write
from portal.kernel.live import touch
from squads.judge import judgement

if TYPE_CHECKING:
    from squads.stories.models import Evidence, Story  # noqa: F401 - named in quotes below

AT_ONCE = 1000
ROW = (
    "kind",
    "verdict",
    "at_text",
    "started_at_text",
    "service",
    "environment",
    "tier",
    "shas_text",
    "label",
    "detail",
    "by_hand",
    "id_text",
)


class StoryQuerySet(models.QuerySet["Story"]):
    """Questions about stories."""

    def unfinished(self) -> "StoryQuerySet":
        """Stories that are not rodeo done."""
        return self.exclude(stage="rodeo_done")

    def judge(self) -> int:
        """Judge these stories by the evidence there is, write what changed, and return how many changed.

        Stories are locked in the order of their ids while they are judged, so that two judgements of one story never
        overwrite each other with older evidence.
        """
        ids = sorted(self.values_list("pk", flat=True))
        return sum(self._judge_some(ids[start : start + AT_ONCE]) for start in range(0, len(ids), AT_ONCE))

    def _judge_some(self, ids: list[int]) -> int:
        with transaction.atomic(using=self.db):
            stories = list(
                self.model._default_manager.using(self.db)
                .select_for_update()
                .filter(pk__in=ids)
                .order_by("pk")
                .values_list("pk", "key", "progress", "progress_at", "flag", "audience", "stage", "standing")
            )
            rows = dict(self._evidence(ids))
            changed = []
            for pk, key, progress, progress_at, flag, audience, stage, standing in stories:
                judged = judgement.judge(judgement.Facts(key, progress, progress_at, rows.get(pk, ()), flag, audience))
                if judged["stage"] != stage or judged != standing:
                    changed.append((pk, judged["stage"], judged, clock.parse(judged["since"])))
            write(self.model, ("stage", "standing", "stage_at"), changed)
            touch(each[0] for each in changed)
        return len(changed)

    def standing_of(self, story: "Story", progress: str, progress_at: datetime) -> dict[str, Any]:
        """Return the standing a story has with this progress, by the evidence there is. The caller holds its row."""
        rows: list[judgement.Row] = []
        with connections[self.db].cursor() as cursor:
            # Most stories that people move have none yet, and asking for one is cheaper than reading all.
            cursor.execute("SELECT 1 FROM squads_evidence WHERE story_id = %s LIMIT 1", [story.pk])
            some = cursor.fetchone()
        if some:
            rows = next((rows for _, rows in self._evidence([story.pk])), rows)
        return judgement.judge(judgement.Facts(story.key, progress, progress_at, rows, story.flag, story.audience))

    def _evidence(self, ids: list[int]) -> Iterator[tuple[int, list[judgement.Row]]]:
        """Yield each story's evidence. Moments and JSON are read as text: turning 200,000 of each into objects one by
        one in the database driver takes longer than judging them."""
        table = apps.get_model("squads", "Evidence")._default_manager.using(self.db)
        as_text = {f"{name}_text": Cast(name, models.TextField()) for name in ("at", "started_at", "shas", "id")}
        found = (
            table.filter(story_id__in=ids, taken_back_at=None)
            .order_by("story_id")
            .annotate(**as_text)
            .values_list("story_id", *ROW)
        )
        zone = "" if connections[self.db].vendor == "postgresql" else "+00:00"
        shas: dict[str, tuple[str, ...]] = {}

        def moment(text: str | None) -> datetime | None:
            return None if text is None else datetime.fromisoformat(text + zone)

        def row(values: tuple[Any, ...]) -> judgement.Row:
            _, kind, verdict, at, started_at, service, environment, tier, named, label, words, by_hand, pk = values
            if named not in shas:
                shas[named] = tuple(json.loads(named))
            return judgement.Row(
                kind,
                verdict,
                datetime.fromisoformat(at + zone),
                moment(started_at),
                service,
                environment,
                tier,
                shas[named],
                label,
                words,
                by_hand,
                pk,
            )

        for pk, rows in groupby(found, itemgetter(0)):
            yield pk, [row(each) for each in rows]


class EvidenceQuerySet(models.QuerySet["Evidence"]):
    """Questions about evidence."""

    def derived(self) -> "EvidenceQuerySet":
        """Rows that follow from events and can be made again by replaying them."""
        return self.filter(by_hand=False)

    def valid(self) -> "EvidenceQuerySet":
        """Rows that nobody took back."""
        return self.filter(taken_back_at=None)
