"""Importing stories from a file: it is uploaded, previewed as often as needed, and imported once, all or nothing."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from portal.kernel import clock, live
from portal.kernel.actors import Actor
from portal.kernel.bulk_update import write
from portal.kernel.models import StateChange
from portal.kernel.outbox import publish
from portal.kernel.transitions import AlreadyMoved
from squads.assignments.actions import assign_many
from squads.discussions.models import Comment
from squads.events import CommentSaved, StoriesImported, StoryEdited
from squads.imports import foreign_keys, formats, queries, release_hook
from squads.imports.foreign_keys import KeyPlan
from squads.imports.formats.dates import ORDERS
from squads.imports.formats.meanings import ENDINGS, LEAVE_OUT, word
from squads.imports.models import Import
from squads.imports.named_releases import own_lines
from squads.imports.queries import Plan, RowPlan
from squads.imports.validation import PROGRESSES, SYSTEMS, TYPES
from squads.scope_history.actions import Move as ScopeMove
from squads.scope_history.actions import record_moves
from squads.scope_history.models import ScopeChange
from squads.stories.actions import RANK_GAP, judge, last_rank
from squads.stories.editing import said
from squads.stories.models import MOST_SAID, Move, Story, StoryAlias, StoryEdit, move_many, moved_elsewhere
from squads.teams.models import Squad

MOST_PREVIEWS = 20
# What is said of each of a file's columns and words, and changed one by one.
BY_NAME = ("columns", "types", "statuses")
MOST_PROBLEMS_SAVED = 1000
BATCH = 500
IMPORTED = ScopeChange.How.IMPORTED


def upload(squad: Squad, *, by: Actor, name: str, body: bytes, kind: str = "") -> Import:
    """Store a file for its preview. Raises ValidationError, naming the field, for one that cannot be read."""
    waiting = squad.imports.filter(state=Import.State.PREVIEW).count()
    if waiting >= MOST_PREVIEWS:
        raise ValidationError({"file": f"{waiting} files are waiting. Import or discard one first."})
    try:
        parsed = formats.parse(body, kind)
    except formats.Refused as refused:
        raise ValidationError({"file": str(refused)}) from None
    name = name.replace("\0", "").strip()[-200:] or "file"
    return Import.objects.create(squad=squad, by=by, kind=parsed.kind, name=name, body=body)


def set_mapping(imported: Import, *, by: Actor, kind: str, mapping: dict[str, Any]) -> Import:
    """Set the meaning of the file's columns and terms. `mapping` holds columns, types, statuses, dates, zone, milestones, line
    and plan_releases; what it leaves out is guessed.

    Raises ValidationError for a kind the file is not, and AlreadyMoved once it was imported.
    """
    _check_not_imported(imported, "previewed")
    try:
        parsed = formats.parse(bytes(imported.body), kind)
    except formats.Refused as refused:
        raise ValidationError({"kind": str(refused)}) from None
    known = _validate_mapping(mapping, parsed.headers if parsed.kind in ("csv", "jira") else [], imported.squad)
    if not Import.objects.filter(pk=imported.pk, state=Import.State.PREVIEW).update(kind=parsed.kind, mapping=known):
        raise AlreadyMoved(str(imported), "previewed", imported.State.DONE)
    imported.kind, imported.mapping = parsed.kind, known
    return imported


def change_mapping(imported: Import, *, by: Actor, kind: str = "", changes: dict[str, Any]) -> Import:
    """Change some of what was said or guessed of the file, and keep the rest. Raises what `set_mapping` does."""
    _check_not_imported(imported, "previewed")
    kind = kind or imported.kind
    mapping = {**imported.mapping, **{name: value for name, value in changes.items() if name not in BY_NAME}}
    for name in ("types", "statuses"):
        said = {word(term): meaning for term, meaning in changes.get(name, {}).items()}
        mapping[name] = {**imported.mapping.get(name, {}), **said}
    if kind != imported.kind:
        # Another kind has other columns: they are guessed anew.
        mapping.pop("columns", None)
    if "columns" in changes:
        mapping["columns"] = {**_columns(imported, kind, mapping.get("columns")), **changes["columns"]}
    return set_mapping(imported, by=by, kind=kind, mapping=mapping)


def _columns(imported: Import, kind: str, said: dict[str, str] | None) -> dict[str, str]:
    """Return the columns that fields are read from: as somebody said, else as they are guessed."""
    try:
        return said if said is not None else formats.parse(bytes(imported.body), kind).chosen
    except formats.Refused as refused:
        raise ValidationError({"kind": str(refused)}) from None


def _check_not_imported(imported: Import, change: str) -> None:
    """Raise AlreadyMoved for an import that was run: its file is no longer stored."""
    if imported.state != Import.State.PREVIEW:
        raise AlreadyMoved(str(imported), change, imported.state)


def _validate_mapping(mapping: dict[str, Any], headers: list[str], squad: Squad) -> dict[str, Any]:
    known: dict[str, Any] = {name: bool(mapping.get(name)) for name in ("plan_releases", "milestones")}
    if headers and mapping.get("columns") is not None:
        columns = {name: header for name, header in mapping["columns"].items() if header}
        for name, header in columns.items():
            if name not in queries.FIELDS or header not in headers:
                raise ValidationError(
                    {"columns": f"“{header}” isn’t a column in this file. Choose another for {name}."}
                )
        known["columns"] = columns
    for name, allowed in (("types", {*TYPES}), ("statuses", {*PROGRESSES, *ENDINGS, LEAVE_OUT})):
        meant = {word(term): meaning for term, meaning in (mapping.get(name) or {}).items() if meaning}
        if unknown := {str(meaning) for meaning in meant.values()} - allowed:
            raise ValidationError(
                {name: f"Choose from {', '.join(sorted(allowed))}, not {', '.join(sorted(unknown))}."}
            )
        known[name] = meant
    for name, choices in (("dates", [*ORDERS]), ("zone", [*available_timezones()]), ("line", own_lines(squad))):
        if (said := str(mapping.get(name) or "")) and said not in choices:
            raise ValidationError({name: f"“{said[:60]}” isn’t one of {_some(choices)}."})
        known[name] = said
    return known


def _some(choices: list[str]) -> str:
    return ", ".join(choices) if len(choices) <= 20 else "the known time zones, such as Europe/Berlin"


def discard(imported: Import, *, by: Actor) -> None:
    """Delete a file that was not imported; one that was stays as history."""
    if not Import.objects.filter(pk=imported.pk, state=Import.State.PREVIEW).delete()[0]:
        raise AlreadyMoved(str(imported), "discarded", imported.State.DONE)


def run_import(imported: Import, *, by: Actor, leave_out_bad: bool = False, seen: str = "") -> dict[str, Any]:
    """Import the valid rows in one transaction and return the report.

    `seen` is the `reading` of the preview that the person saw. Raises ValidationError, with nothing written, when the
    mapping has changed since, or when rows are bad and `leave_out_bad` is not set, and AlreadyMoved when the file was
    imported before.
    """
    _check_not_imported(imported, "imported")
    if seen and seen != imported.reading:
        raise ValidationError(
            {"file": "Someone changed the mapping meanwhile, so nothing was imported. Check the preview again."}
        )
    try:
        parsed, validated = queries.read_file(imported)
    except formats.Refused as refused:
        raise ValidationError({"file": str(refused)}) from None
    with transaction.atomic():
        # The squad's row is locked first, as by everybody who creates a story of it or imports another file.
        # So are those whose numbers the file's keys are of, in one order, so that two imports never wait for each other.
        used = foreign_keys.highest_numbers(parsed.kind, parsed.items)
        squads = Squad.objects.filter(Q(pk=imported.squad_id) | Q(key_prefix__in=used)).order_by("pk")
        locked = {squad.pk: squad for squad in squads.select_for_update()}
        imported.squad = locked[imported.squad_id]
        now = clock.now()
        if not Import.objects.filter(pk=imported.pk, state="preview").update(state="done", done_at=now, body=b""):
            raise AlreadyMoved(str(imported), "imported", "done")
        plan = queries.plan_import(imported, parsed, validated)
        if _lock_stories(plan):
            plan = queries.plan_import(imported, parsed, validated)
        _check_importable(plan, leave_out_bad)
        for squad in locked.values():
            squad.keep_numbers(plan.keys.highest.get(squad.key_prefix, 0))
        report = _write_plan(imported, plan, by, now)
        Import.objects.filter(pk=imported.pk).update(report=report)
    imported.state, imported.report, imported.done_at, imported.body = Import.State.DONE, report, now, b""
    return report


def _lock_stories(plan: Plan) -> int:
    """Lock the existing stories in the order of their ids, so that nobody edits one between plan and write."""
    ids = sorted(row_plan.story.pk for row_plan in plan.steps if row_plan.story)
    for start in range(0, len(ids), BATCH):
        chunk = Story.objects.select_for_update().filter(pk__in=ids[start : start + BATCH]).order_by("pk")
        list(chunk.values_list("pk", flat=True))
    return len(ids)


def _check_importable(plan: Plan, leave_out_bad: bool) -> None:
    bad = plan.counts["refused"]
    if bad and not leave_out_bad:
        rows = "row is" if bad == 1 else "rows are"
        raise ValidationError(
            {"leave_out": f"{bad} {rows} invalid. Fix the file or the mapping, or tick to skip them."}
        )
    if not plan.good:
        raise ValidationError({"file": "No rows can be imported. Fix the file or the mapping."})


def _write_plan(imported: Import, plan: Plan, by: Actor, now: datetime) -> dict[str, Any]:
    releases, by_name = plan.releases, dict[tuple[str, bool], Any]()
    for names, line in ((releases.missing, ""), (releases.milestones, releases.line)):
        planned = release_hook.plan_releases(list(names), by=by, line=line) if names else {}
        by_name.update(((name, names is releases.milestones), release) for name, release in planned.items())
    for row_plan in plan.steps:
        row = row_plan.row
        row_plan.release = row_plan.release or by_name.get((row.release or "", row.is_milestone))
    created = _create(imported.squad, plan.created, plan.keys, by, now, SYSTEMS[plan.kind])
    updated = _update(plan.updated, by, now, SYSTEMS[plan.kind])
    stories = {id(row_plan): story for row_plan, story in zip(plan.created, created, strict=True)}
    planned_stories = [(row_plan, row_plan.story or stories[id(row_plan)]) for row_plan in plan.steps]
    moves, comments = _write_history(planned_stories), _write_comments(planned_stories, by, now)
    judge(story.pk for _, story in planned_stories)
    ids = [story.pk for story in created]
    if ids or updated:
        publish(StoriesImported(ids=ids, updated=updated))
    if updated:
        publish(StoryEdited(ids=updated))
    live.touch([*ids, *updated, *comments])
    return {
        **plan.counts,
        "moves": moves,
        "comments": len(comments),
        "releases": sorted(str(release) for release in by_name.values()),
        "notes": plan.notes,
        "first": created[0].key if created else "",
        "last": created[-1].key if created else "",
        "problems": [list(problem) for problem in plan.problems[:MOST_PROBLEMS_SAVED]],
    }


def _create(squad: Squad, steps: list[RowPlan], keys: KeyPlan, by: Actor, now: datetime, system: str) -> list[Story]:
    """Create the stories, below the squad's last one and in the file's order, with the keys that were planned for them."""
    if not steps:
        return []
    numbers, rank = _numbers(squad, steps, keys), last_rank(squad)
    stories = [
        Story(
            squad=squad,
            number=number,
            key=f"{squad.key_prefix}-{number}",
            created_by=by,
            rank=rank + RANK_GAP * (index + 1),
            external=row_plan.row.external,
            release=row_plan.release,
            progress_at=_progress_at(row_plan, now),
            **row_plan.row.values,
        )
        for index, (row_plan, number) in enumerate(zip(steps, numbers, strict=True))
    ]
    _end_new(stories, steps, by, now, system)
    Story.objects.bulk_create(stories, batch_size=BATCH)
    called = ((story, keys.aliases.get(story.external)) for story in stories)
    aliases = [StoryAlias.of(story, key.text) for story, key in called if key]
    StoryAlias.objects.bulk_create([each for each in aliases if each], batch_size=BATCH)
    assign_many({story.pk: row_plan.people for story, row_plan in zip(stories, steps, strict=True)}, by=by)
    # created_at sets itself when a row is created; the date of the other system is written over it.
    dates = [
        (story.pk, row_plan.row.created) for story, row_plan in zip(stories, steps, strict=True) if row_plan.row.created
    ]
    write(Story, ("created_at",), dates)
    _note_ends(stories, by, now)
    scope = (ScopeMove(each.pk, None, each.release_id, IMPORTED) for each in stories if not each.ending)
    record_moves(scope, by=by, at=now)
    because = f"Imported by {by.name}: {system} says"
    StateChange.objects.bulk_create(
        (
            moved_elsewhere(story.key, "todo", story.progress, f"{because} “{row_plan.row.status}”", story.progress_at)
            for story, row_plan in zip(stories, steps, strict=True)
            if story.progress != "todo" and not _history_ends_at(row_plan, story.progress)
        ),
        batch_size=BATCH,
    )
    return stories


def _end_new(stories: list[Story], steps: list[RowPlan], by: Actor, now: datetime, system: str) -> None:
    """Close the stories, not saved yet, that nobody will do by the file's word."""
    for story, row_plan in zip(stories, steps, strict=True):
        if row_plan.row.ending:
            story.ending, story.ended_at = row_plan.row.ending, row_plan.row.since
            story.ended_because = _ended_because(row_plan, by, system)


def _note_ends(stories: list[Story], by: Actor, now: datetime) -> None:
    """Keep in the history of new stories how they ended."""
    StoryEdit.objects.bulk_create(
        (
            StoryEdit(
                story=each,
                version=each.version,
                field="ending",
                after={"ending": each.ending, "because": each.ended_because},
                by=by,
                at=each.ended_at or now,
            )
            for each in stories
            if each.ending
        ),
        batch_size=BATCH,
    )


def _ended_because(row_plan: RowPlan, by: Actor, system: str) -> str:
    """Say why an imported story is closed: as Rodeo's own export says, else by the word of the other system."""
    row = row_plan.row
    return row.ended_because[:MOST_SAID] or f"Imported by {by.name}: {system} says “{row.status}”"


def _numbers(squad: Squad, steps: list[RowPlan], keys: KeyPlan) -> Iterator[int]:
    """Yield the number of each new story: its own where it keeps its key, else the next of the squad's."""
    count = sum(row_plan.row.external not in keys.kept for row_plan in steps)
    following = squad.take_numbers(count) if count else 0
    for row_plan in steps:
        if kept := keys.kept.get(row_plan.row.external):
            yield kept.number
        else:
            yield following
            following += 1


def _history_ends_at(row_plan: RowPlan, progress: str) -> bool:
    """Say whether the file's own history ends at the progress that it gives."""
    return bool(row_plan.row.moves) and row_plan.row.moves[-1].after == progress


def _progress_at(row_plan: RowPlan, now: datetime) -> datetime | None:
    """Return since when a story has its progress: its last move, else as the file says; None where nobody knows."""
    progress = row_plan.row.values.get("progress", "todo")
    if _history_ends_at(row_plan, progress):
        return min(row_plan.row.moves[-1].at, now)
    return row_plan.row.since


def _update(steps: list[RowPlan], by: Actor, now: datetime, system: str) -> list[int]:
    """Write what differs, and the old values to the story's history. Return the ids of the stories."""
    edits, moves, columns = list[StoryEdit](), list[Move](), dict[str, list[tuple[Any, ...]]]()
    versions, assigned, ends = [], dict[int, list[Any]](), []
    for row_plan in steps:
        story = row_plan.story
        assert story is not None, "only existing rows differ"
        for name, before, after in row_plan.differences:
            if name == "progress":
                because = f"Imported again by {by.name}: {system} says “{row_plan.row.status}”"
                at = _progress_at(row_plan, now)
                moves.append(Move(story, after, because, at, is_recorded=_history_ends_at(row_plan, after)))
                continue
            if name == "assignees":
                assigned[story.pk] = after
                before, after = said(name, before), said(name, after)
            elif name == "ending":
                because = _ended_because(row_plan, by, system)
                ends.append((story.pk, after, row_plan.row.since or now, because))
                before, after = None, {"ending": after, "because": because}
            elif name == "release":
                before, after = (str(each) if each else None for each in (story.release, row_plan.release))
                columns.setdefault("release", []).append((story.pk, row_plan.release.pk if row_plan.release else None))
            else:
                columns.setdefault(name, []).append((story.pk, after))
            edits.append(
                StoryEdit(story=story, version=story.version + 1, field=name, before=before, after=after, by=by, at=now)
            )
        if any(each.name != "progress" for each in row_plan.differences):
            versions.append((story.pk, story.version + 1))
    for name, rows in columns.items():
        write(Story, (name,), rows)
    assign_many(assigned, by=by)
    write(Story, ("ending", "ended_at", "ended_because"), ends)
    record_moves((_scope_move(each) for each in steps), by=by, at=now)
    write(Story, ("version",), versions)
    StoryEdit.objects.bulk_create(edits, batch_size=BATCH)
    move_many(moves)
    return [row_plan.story.pk for row_plan in steps if row_plan.story]


def _scope_move(row_plan: RowPlan) -> ScopeMove:
    """Return which release shipped an imported story before, and which does now."""
    story: Any = row_plan.story
    changed = {each.name: each.after for each in row_plan.differences}
    release = row_plan.release if "release" in changed else story.release
    before = None if story.ending else story.release_id
    after = None if story.ending or changed.get("ending") else release and release.pk
    return ScopeMove(story.pk, before, after, changed.get("ending") or IMPORTED)


def _chunks(planned_stories: list[tuple[RowPlan, Story]]) -> Iterable[list[tuple[RowPlan, Story]]]:
    return (planned_stories[start : start + BATCH] for start in range(0, len(planned_stories), BATCH))


def _write_history(planned_stories: list[tuple[RowPlan, Story]]) -> int:
    """Write moves that happened in the other system, each once, and without a person: `because` says who, and where."""
    written = 0
    for chunk in _chunks([each for each in planned_stories if each[0].row.moves]):
        keys = [story.key for _, story in chunk]
        known = set(StateChange.objects.filter(kind="story", key__in=keys).values_list("key", "at", "because"))
        new = []
        for row_plan, story in chunk:
            for move in row_plan.row.moves:
                if (story.key, move.at, move.because) not in known:
                    known.add((story.key, move.at, move.because))
                    new.append(moved_elsewhere(story.key, move.before, move.after, move.because, move.at))
        StateChange.objects.bulk_create(new, batch_size=BATCH)
        written += len(new)
    return written


def _write_comments(planned_stories: list[tuple[RowPlan, Story]], by: Actor, now: datetime) -> list[int]:
    """Write comments, each once, under the name of whoever imports them: a file proves no authorship.

    Return the stories' ids, one for each comment.
    """
    written: list[int] = []
    for chunk in _chunks([each for each in planned_stories if each[0].row.comments]):
        known: set[tuple[int, Any]] = set()
        for pk, at, body in Comment.objects.filter(story__in=[story.pk for _, story in chunk]).values_list(
            "story_id", "created_at", "body"
        ):
            known |= {(pk, at), (pk, body)}
        new = [
            Comment(story=story, author=by, body=comment.body, created_at=comment.at or row_plan.row.created or now)
            for row_plan, story in chunk
            for comment in row_plan.row.comments
            if (story.pk, comment.at) not in known and (story.pk, comment.body) not in known
        ]
        Comment.objects.bulk_create(new, batch_size=BATCH)
        publish(CommentSaved(ids=[comment.pk for comment in new]))
        written += [comment.story_id for comment in new]
    return written
