"""Bringing work in: a file is kept, looked at as often as needed, and then imported once, whole or not at all."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import clock, live
from portal.kernel.bulk_update import write
from portal.kernel.models import StateChange
from portal.kernel.outbox import publish
from portal.kernel.transitions import AlreadyMoved
from squads.discussions.models import Comment
from squads.imports import formats, queries, release_hook
from squads.imports.checking import PROGRESSES, SYSTEMS, TYPES
from squads.imports.formats.meanings import LEAVE_OUT, plain
from squads.imports.models import Import
from squads.imports.queries import Plan, Step
from squads.stories.actions import RANK_GAP, judge, last_rank
from squads.stories.models import Story, StoryEdit
from squads.teams.models import Squad

MOST_WAITING = 20
MOST_KEPT = 1000
AT_ONCE = 500


def bring(squad: Squad, *, by: Any, name: str, body: bytes, kind: str = "") -> Import:
    """Keep a file for its preview. Raises ValidationError, naming the field, for one that cannot be read."""
    waiting = squad.imports.filter(state=Import.State.PREVIEW).count()
    if waiting >= MOST_WAITING:
        raise ValidationError({"file": f"{waiting} files wait to be imported: import or discard one of them first."})
    try:
        parsed = formats.parse(body, kind)
    except formats.Refused as refused:
        raise ValidationError({"file": str(refused)}) from None
    name = name.replace("\0", "").strip()[-200:] or "file"
    return Import.objects.create(squad=squad, by=by, kind=parsed.kind, name=name, body=body)


def read_as(imported: Import, *, by: Any, kind: str, mapping: dict[str, Any]) -> Import:
    """Say what the file's columns and words mean. `mapping` holds columns, types, statuses and plan_releases.

    Raises ValidationError for a kind the file is not, and AlreadyMoved once it was imported.
    """
    _still_waits(imported, "read anew")
    try:
        parsed = formats.parse(bytes(imported.body), kind)
    except formats.Refused as refused:
        raise ValidationError({"kind": str(refused)}) from None
    known = _known(mapping, parsed.headers if parsed.kind in ("csv", "jira") else [])
    if not Import.objects.filter(pk=imported.pk, state=Import.State.PREVIEW).update(kind=parsed.kind, mapping=known):
        raise AlreadyMoved(str(imported), "read anew", imported.State.DONE)
    imported.kind, imported.mapping = parsed.kind, known
    return imported


def _still_waits(imported: Import, wanted: str) -> None:
    """Once imported, the file itself is no longer kept."""
    if imported.state != Import.State.PREVIEW:
        raise AlreadyMoved(str(imported), wanted, imported.state)


def _known(mapping: dict[str, Any], headers: list[str]) -> dict[str, Any]:
    known: dict[str, Any] = {"plan_releases": bool(mapping.get("plan_releases"))}
    if headers and mapping.get("columns") is not None:
        columns = {name: header for name, header in mapping["columns"].items() if header}
        for name, header in columns.items():
            if name not in (*queries.FIELDS, "comment") or header not in headers:
                raise ValidationError(
                    {"columns": f"“{header}” is no column of the file for {name}: choose one of its own."}
                )
        known["columns"] = columns
    for name, allowed in (("types", {*TYPES}), ("statuses", {*PROGRESSES, LEAVE_OUT})):
        meant = {plain(word): meaning for word, meaning in (mapping.get(name) or {}).items() if meaning}
        if strange := {str(meaning) for meaning in meant.values()} - allowed:
            raise ValidationError(
                {name: f"Choose among {', '.join(sorted(allowed))}, not {', '.join(sorted(strange))}."}
            )
        known[name] = meant
    return known


def discard(imported: Import, *, by: Any) -> None:
    """Forget a file that was not imported; one that was stays as history."""
    if not Import.objects.filter(pk=imported.pk, state=Import.State.PREVIEW).delete()[0]:
        raise AlreadyMoved(str(imported), "discarded", imported.State.DONE)


def run(imported: Import, *, by: Any, leave_out_bad: bool = False, seen: str = "") -> dict[str, Any]:
    """Import the good rows in one transaction and return what came of it.

    `seen` is the `reading` of the preview that the person looked at. Raises ValidationError, with nothing written, when
    the file means something else since, or rows are bad and nobody said to leave them out, and AlreadyMoved when the file
    was imported before.
    """
    _still_waits(imported, "imported")
    if seen and seen != imported.reading:
        raise ValidationError(
            {"file": "Somebody said meanwhile what columns or words mean. Nothing was written: look at it again."}
        )
    try:
        parsed, checked = queries.read(imported)
    except formats.Refused as refused:
        raise ValidationError({"file": str(refused)}) from None
    with transaction.atomic():
        # The squad's row first: whoever creates a story of it, or imports another file, waits here.
        imported.squad = Squad.objects.select_for_update().get(pk=imported.squad_id)
        now = clock.now()
        if not Import.objects.filter(pk=imported.pk, state="preview").update(state="done", done_at=now, body=b""):
            raise AlreadyMoved(str(imported), "imported", "done")
        plan = queries.plan_of(imported, parsed, checked)
        if _lock(plan):
            plan = queries.plan_of(imported, parsed, checked)
        _refuse(plan, leave_out_bad)
        report = _write(imported, plan, by, now)
        Import.objects.filter(pk=imported.pk).update(report=report)
    imported.state, imported.report, imported.done_at, imported.body = Import.State.DONE, report, now, b""
    return report


def _lock(plan: Plan) -> int:
    """Hold the stories there are, in the order everybody takes them in, so that nobody edits one between look and write."""
    ids = sorted(step.story.pk for step in plan.steps if step.story)
    for start in range(0, len(ids), AT_ONCE):
        some = Story.objects.select_for_update().filter(pk__in=ids[start : start + AT_ONCE]).order_by("pk")
        list(some.values_list("pk", flat=True))
    return len(ids)


def _refuse(plan: Plan, leave_out_bad: bool) -> None:
    bad = plan.counts["refused"]
    if bad and not leave_out_bad:
        rows = "row is" if bad == 1 else "rows are"
        raise ValidationError(
            {"leave_out": f"{bad} {rows} bad. Correct the file or the mapping, or tick that bad rows are left out."}
        )
    if not plan.good:
        raise ValidationError({"file": "No row can be imported. Correct the file or the mapping."})


def _write(imported: Import, plan: Plan, by: Any, now: datetime) -> dict[str, Any]:
    planned = release_hook.plan(plan.missing_releases, by=by) if plan.missing_releases else {}
    for step in plan.steps:
        step.release = step.release or planned.get(step.row.release or "")
    created = _create(imported.squad, plan.created, by, now, SYSTEMS[plan.kind])
    updated = _update(plan.updated, by, now, SYSTEMS[plan.kind])
    stories = {id(step): story for step, story in zip(plan.created, created, strict=True)}
    told = [(step, step.story or stories[id(step)]) for step in plan.steps]
    moves, remarks = _keep_history(told), _keep_remarks(told, by, now)
    judge(story.pk for _, story in told)
    ids = [story.pk for story in created]
    if ids or updated:
        publish("stories.imported", ids=ids, updated=updated)
    if updated:
        publish("story.edited", ids=updated)
    live.touch([*ids, *updated, *remarks])
    return {
        **plan.counts,
        "moves": moves,
        "comments": len(remarks),
        "releases": sorted(planned),
        "notes": plan.parsed.notes,
        "first": created[0].key if created else "",
        "last": created[-1].key if created else "",
        "problems": [list(problem) for problem in plan.problems[:MOST_KEPT]],
    }


def _create(squad: Squad, steps: list[Step], by: Any, now: datetime, system: str) -> list[Story]:
    """Create the stories with a block of the squad's numbers, below its last story, in the file's order."""
    if not steps:
        return []
    first, rank = squad.take_numbers(len(steps)), last_rank(squad)
    made = [
        Story(
            squad=squad,
            number=first + index,
            key=f"{squad.key_prefix}-{first + index}",
            created_by=by,
            rank=rank + RANK_GAP * (index + 1),
            external=step.row.external,
            release=step.release,
            progress_at=_progress_at(step, now),
            **step.row.values,
        )
        for index, step in enumerate(steps)
    ]
    Story.objects.bulk_create(made, batch_size=AT_ONCE)
    # The column fills itself when a row is created; the date it had elsewhere is written over it.
    dated = [(story.pk, step.row.created) for story, step in zip(made, steps, strict=True) if step.row.created]
    write(Story, ("created_at",), dated)
    said = f"Imported by {by.name}: {system} says"
    StateChange.objects.bulk_create(
        (
            _moved(story.key, "todo", story.progress, f"{said} “{step.row.status}”", story.progress_at)
            for story, step in zip(made, steps, strict=True)
            if story.progress != "todo" and not _told(step, story.progress)
        ),
        batch_size=AT_ONCE,
    )
    return made


def _told(step: Step, progress: str) -> bool:
    """Whether the file's own history leads to where it says the story stands."""
    return bool(step.row.moves) and step.row.moves[-1].after == progress


def _progress_at(step: Step, now: datetime) -> datetime | None:
    """Since when it stands there: its last move, else what the file says, else now; nobody moved what is to do."""
    progress = step.row.values.get("progress", "todo")
    if _told(step, progress):
        return min(step.row.moves[-1].at, now)
    return None if progress == "todo" else min(step.row.moved_at or now, now)


def _moved(key: str, before: str, after: str, because: str, at: datetime | None) -> StateChange:
    """A move that nobody made here: `because` says who did, or who brought it in. So it makes no story theirs."""
    return StateChange(kind="story", key=key, from_state=before, to_state=after, because=because, at=at or clock.now())


def _update(steps: list[Step], by: Any, now: datetime, system: str) -> list[int]:
    """Write what differs, with what it said before in the story's history. Return the ids of the stories."""
    edits, moves, columns = [], [], dict[str, list[tuple[Any, ...]]]()
    versions = []
    for step in steps:
        story = step.story
        assert story is not None, "only rows of stories that are there differ"
        for name, before, after in step.differences:
            if name == "progress":
                because = f"Imported again by {by.name}: {system} says “{step.row.status}”"
                moves.append(_moved(story.key, before, after, because, now))
                columns.setdefault("progress", []).append((story.pk, after, now))
                continue
            if name == "release":
                before, after = (str(each) if each else None for each in (story.release, step.release))
                columns.setdefault("release", []).append((story.pk, step.release.pk if step.release else None))
            else:
                columns.setdefault(name, []).append((story.pk, after))
            edits.append(
                StoryEdit(story=story, version=story.version + 1, field=name, before=before, after=after, by=by, at=now)
            )
        if any(each.name != "progress" for each in step.differences):
            versions.append((story.pk, story.version + 1))
    for name, rows in columns.items():
        write(Story, ("progress", "progress_at") if name == "progress" else (name,), rows)
    write(Story, ("version",), versions)
    StoryEdit.objects.bulk_create(edits, batch_size=AT_ONCE)
    StateChange.objects.bulk_create(moves, batch_size=AT_ONCE)
    return [step.story.pk for step in steps if step.story]


def _chunks(told: list[tuple[Step, Story]]) -> Iterable[list[tuple[Step, Story]]]:
    return (told[start : start + AT_ONCE] for start in range(0, len(told), AT_ONCE))


def _keep_history(told: list[tuple[Step, Story]]) -> int:
    """Keep the moves that happened elsewhere, each once. Nobody here made them: `because` says who did, and where."""
    kept = 0
    for some in _chunks([each for each in told if each[0].row.moves]):
        keys = [story.key for _, story in some]
        known = set(StateChange.objects.filter(kind="story", key__in=keys).values_list("key", "at", "because"))
        new = []
        for step, story in some:
            for move in step.row.moves:
                if (story.key, move.at, move.because) not in known:
                    known.add((story.key, move.at, move.because))
                    new.append(_moved(story.key, move.before, move.after, move.because, move.at))
        StateChange.objects.bulk_create(new, batch_size=AT_ONCE)
        kept += len(new)
    return kept


def _keep_remarks(told: list[tuple[Step, Story]], by: Any, now: datetime) -> list[int]:
    """Keep comments, each once, under the name of whoever brings them: a file proves nobody's words.

    Return the stories' ids, one for each comment.
    """
    kept: list[int] = []
    for some in _chunks([each for each in told if each[0].row.remarks]):
        known: set[tuple[int, Any]] = set()
        for pk, at, body in Comment.objects.filter(story__in=[story.pk for _, story in some]).values_list(
            "story_id", "created_at", "body"
        ):
            known |= {(pk, at), (pk, body)}
        new = [
            Comment(story=story, author=by, body=remark.body, created_at=remark.at or step.row.created or now)
            for step, story in some
            for remark in step.row.remarks
            if (story.pk, remark.at) not in known and (story.pk, remark.body) not in known
        ]
        Comment.objects.bulk_create(new, batch_size=AT_ONCE)
        kept += [comment.story_id for comment in new]
    return kept
