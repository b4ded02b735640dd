"""All that the judge reads about stories: their evidence, the moves people made, and edits of their flags.

Evidence is read as text: turning 200,000 moments and identities into objects one by one in the database driver takes
longer than judging them. Most stories are as they were when they were judged last, which their digest says.
"""

import hashlib
import json
import marshal
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from django.apps import apps
from django.db import connections, models
from django.db.models.functions import Cast

import squads.judge
from portal.kernel.models import StateChange
from squads.judge.case import Facts, FlagEdit, Move, Row, TakenBack
from squads.stage_history import actions

COLUMNS = (
    "story_id",
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
    "event_text",
    "person_id",
    "back_text",
    "taken_back_by_id",
)
AS_TEXT = {
    "at_text": "at",
    "started_at_text": "started_at",
    "shas_text": "shas",
    "id_text": "id",
    "event_text": "event_id",
    "back_text": "taken_back_at",
}
# In the digest of a story that is where its recorded moves lead: another move only adds to its history.
TIDY = "+"
BY_ID = itemgetter(COLUMNS.index("id_text"))


class Known(NamedTuple):
    """The columns of a story that its judgement depends on."""

    pk: int
    key: str
    progress: str
    progress_at: datetime | None
    flag: str
    audience: str
    version: int


@cache
def version() -> str:
    """Return what tells one version of the judge from another: a digest of its code, and of what it reads and leaves."""
    code = hashlib.blake2b(digest_size=4)
    judge = Path(next(iter(squads.judge.__path__)))
    for path in (*sorted(judge.glob("*.py")), Path(__file__), Path(str(actions.__file__))):
        code.update(path.read_bytes())
    return code.hexdigest()


class Inputs:
    """What there is about some stories; a number of queries that does not depend on theirs."""

    def __init__(self, stories: Iterable[Known], using: str) -> None:
        known = list(stories)
        ids, keys = [each.pk for each in known], [each.key for each in known]
        self._zone = "" if connections[using].vendor == "postgresql" else "+00:00"
        self._evidence = _evidence(ids, using)
        self._moves = _grouped(
            StateChange.objects.using(using)
            .filter(kind="story", key__in=keys)
            .order_by("key", "at", "pk")
            .values_list("key", "pk", "from_state", "to_state", "at", "by_id", "because")
        )
        # Every edit counts the version up.
        self._edits = _grouped(_flag_edits([each.pk for each in known if each.version > 1], using))
        self._shas: dict[str, tuple[str, ...]] = {}

    def digest(self, story: Known) -> str:
        """Return what tells whether anything that the judge would read of a story differs from what it read before."""
        moves = self._moves.get(story.key, [])
        # Evidence is text and numbers already. This version of the format says equal things alike.
        rows = marshal.dumps(self._evidence.get(story.pk, ()), 2)
        rest = repr([*story[:-1], moves, self._edits.get(story.pk, ())])
        tidy = story.progress == (moves[-1][3] if moves else "todo")
        return f"{version()}{TIDY if tidy else '-'}{hashlib.blake2b(rows + rest.encode(), digest_size=12).hexdigest()}"

    def facts(self, story: Known) -> Facts:
        """Return all that the judge needs to know of a story."""
        valid: list[Row] = []
        back: list[TakenBack] = []
        for values in self._evidence.get(story.pk, ()):
            row = self._row(values)
            *_, taken_back, by = values
            if taken_back is None:
                valid.append(row)
            else:
                back.append(TakenBack(self._moment(taken_back), f"{row.id}-", row, by))
        moves = [
            Move(at, f"{pk:020}", left, to, by, because)
            for _, pk, left, to, at, by, because in self._moves.get(story.key, ())
        ]
        edits = [
            FlagEdit(at, f"{pk:020}", name, before or "", after or "", by)
            for _, pk, name, before, after, at, by in self._edits.get(story.pk, ())
        ]
        _, key, progress, progress_at, flag, audience, _ = story
        return Facts(key, progress, progress_at, valid, flag, audience, moves, back, edits)

    def _moment(self, text: str) -> datetime:
        return datetime.fromisoformat(text + self._zone)

    def _row(self, values: tuple[Any, ...]) -> Row:
        _, kind, verdict, at, started, service, place, tier, shas, label, detail, hand, pk, event, person, _, _ = values
        named = self._shas.get(shas)
        if named is None:
            named = self._shas[shas] = tuple(json.loads(shas))
        zone = self._zone
        return Row(
            kind,
            verdict,
            datetime.fromisoformat(at + zone),
            None if started is None else datetime.fromisoformat(started + zone),
            service,
            place,
            tier,
            named,
            label,
            detail,
            bool(hand),
            pk,
            event,
            person,
        )


def _evidence(ids: list[int], using: str) -> dict[int, list[tuple[Any, ...]]]:
    """Return each story's evidence as text, in the order of its identities."""
    table = apps.get_model("squads", "Evidence")._default_manager.using(using)
    as_text = {name: Cast(column, models.TextField()) for name, column in AS_TEXT.items()}
    found = table.filter(story_id__in=ids).order_by("story_id").annotate(**as_text).values_list(*COLUMNS)
    with connections[using].cursor() as cursor:
        # Without the ORM's own conversions: there is nothing left to convert.
        cursor.execute(*found.query.sql_with_params())
        rows = cursor.fetchall()
    return {pk: sorted(some, key=BY_ID) for pk, some in groupby(rows, itemgetter(0))}


def _flag_edits(ids: list[int], using: str) -> Iterable[tuple[Any, ...]]:
    if not ids:
        return ()
    table = apps.get_model("squads", "StoryEdit")._default_manager.using(using)
    found = table.filter(story__in=ids, field__in=("flag", "audience")).order_by("story_id", "at", "pk")
    edits: Iterable[tuple[Any, ...]] = found.values_list("story_id", "pk", "field", "before", "after", "at", "by_id")
    return edits


def _grouped(rows: Iterable[tuple[Any, ...]]) -> dict[Any, list[tuple[Any, ...]]]:
    return {first: list(some) for first, some in groupby(rows, itemgetter(0))}
