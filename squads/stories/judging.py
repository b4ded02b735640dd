"""Judging stories: the one place that writes where a story stands, since when, and how it came there."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.models.functions import Cast

from portal.kernel.bulk_update import write
from portal.kernel.live import touch
from portal.kernel.models import StateChange
from portal.kernel.transitions import signed
from squads.judge.case import Facts, Move
from squads.judge.judgement import judge_with_history
from squads.judge.stage_changes import Transition
from squads.stage_history import actions as stage_history
from squads.stage_history.actions import History, Line
from squads.stories.inputs import TIDY, Inputs, Known, version

if TYPE_CHECKING:
    from squads.stories.models import Story

AT_ONCE = 500
WRITTEN = ("stage", "standing", "stage_at", "judge_digest")
# Sorts behind every move that was recorded.
UNWRITTEN = "9" * 20


class Stored(NamedTuple):
    """What a story's row says of the last judgement; `standing` as text."""

    stage: str
    judge_digest: str
    standing: str

    def differs(self, standing: dict[str, Any]) -> bool:
        """Say whether this is another judgement."""
        return self.stage != standing["stage"] or bool(json.loads(self.standing) != standing)

    def is_news(self, standing: dict[str, Any], transitions: list[Transition]) -> Callable[[Line], bool]:
        """Return which new lines of its history are told. How it came where it was when it was first looked at is none."""
        if self.judge_digest:
            return lambda line: True
        if self.standing == "{}" or self.stage == standing["stage"] or not transitions:
            return lambda line: False
        return lambda line: line.at == transitions[-1].at


def judge_some(ids: Sequence[int], using: str) -> int:
    """Judge these stories by what there is about them, write what changed, and return how many changed.

    Stories are locked in the order of their ids while they are judged, so that two judgements of one story never
    overwrite each other with older evidence. One that nothing new was seen of is left alone.
    """
    ids = sorted(ids)
    return sum(_judge_at_once(ids[start : start + AT_ONCE], using) for start in range(0, len(ids), AT_ONCE))


def _judge_at_once(ids: list[int], using: str) -> int:
    manager: Any = apps.get_model("squads", "Story")._default_manager.using(using)
    with transaction.atomic(using=using):
        rows = manager.select_for_update().filter(pk__in=ids).order_by("pk")
        locked = list(rows.values_list(*Known._fields, "stage", "judge_digest"))
        inputs = Inputs((Known(*row[:-2]) for row in locked), using)
        fresh = [(story, digest) for *row, _, old in locked if (digest := inputs.digest(story := Known(*row))) != old]
        if not fresh:
            return 0
        stored = _stored(manager, [story.pk for story, _ in fresh])
        judged = [(story, digest, *judge_with_history(inputs.facts(story))) for story, digest in fresh]
        moved = stage_history.keep(
            [
                History(story.pk, story.key, transitions, stored[story.pk].is_news(standing, transitions))
                for story, _, standing, transitions in judged
            ]
        )
        written = [
            (story.pk, standing["stage"], standing, transitions[-1].at if transitions else None, digest)
            for story, digest, standing, transitions in judged
        ]
        write(manager.model, WRITTEN, written)
        changed = moved | {row[0] for row in written if stored[row[0]].differs(row[2])}
        touch(changed)
    return len(changed)


def _stored(manager: Any, ids: list[int]) -> dict[int, Stored]:
    as_text = Cast("standing", models.TextField())
    rows = manager.filter(pk__in=ids).annotate(text=as_text).values_list("pk", "stage", "judge_digest", "text")
    return {pk: Stored(*row) for pk, *row in rows}


class JudgedMove(NamedTuple):
    """The judgement of a story that its caller holds and is about to move.

    `columns` belong into the UPDATE that moves it; `keep` writes the history of its stages, once the move is recorded.
    """

    story: "Story"
    columns: dict[str, Any]
    transitions: list[Transition]
    only_adds: bool

    def keep(self, move: StateChange) -> None:
        """Write the history with the move that was made."""
        transitions = [
            each._replace(cause=each.cause._replace(id=f"{move.pk:020}"))
            if isinstance(each.cause, Move) and each.cause.id == UNWRITTEN
            else each
            for each in self.transitions
        ]
        if self.only_adds:
            stage_history.append(self.story.pk, self.story.key, transitions[-1])
        else:
            stage_history.keep([History(self.story.pk, self.story.key, transitions)])


def judge_move(story: "Story", to: str, at: datetime, *, by: Any, because: str) -> JudgedMove:
    """Judge a story as it will be when people moved it, by the evidence there is. The caller holds its row.

    Most stories that people move have no evidence yet; then the move only adds to the history, and little is read.
    """
    using = story._state.db or DEFAULT_DB_ALIAS
    move = Move(at, UNWRITTEN, story.progress, to, by.pk if by else None, signed(by, because))
    only_adds = _has_only_moves(story, at, using)
    if only_adds:
        facts = Facts(story.key, to, at, (), story.flag, story.audience, [move])
    else:
        known = Known(story.pk, story.key, to, at, story.flag, story.audience, story.version)
        facts = Inputs([known], using).facts(known)
        facts = facts._replace(moves=[*facts.moves, move])
    standing, transitions = judge_with_history(facts)
    # Not all that a digest is made of was read: the next judgement looks at everything.
    values = (standing["stage"], standing, transitions[-1].at if transitions else None, f"{version()}{TIDY}")
    return JudgedMove(story, dict(zip(WRITTEN, values, strict=True)), transitions, only_adds)


def _has_only_moves(story: "Story", at: datetime, using: str) -> bool:
    """Say whether a story's history consists of recorded moves alone, all of them before `at`."""
    if not story.judge_digest.startswith(f"{version()}{TIDY}") or (story.stage_at and story.stage_at >= at):
        return False
    seen = getattr(story, "has_evidence", None)
    if seen is None:
        with connections[using].cursor() as cursor:
            cursor.execute("SELECT 1 FROM squads_evidence WHERE story_id = %s LIMIT 1", [story.pk])
            seen = cursor.fetchone()
    return not seen
