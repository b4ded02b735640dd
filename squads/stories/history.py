"""What happened to a story, in one list: what people did (moves, edits, evidence by hand, questions for acceptance), and
how evidence moved it from stage to stage."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import CharField, F, QuerySet, Value
from django.db.models.functions import Cast

from portal.kernel.actors import Actor
from portal.kernel.models import StateChange
from squads.judge.stages import PROGRESS, STAGE_NAMES, STAGES
from squads.stage_history.models import StageChange
from squads.stories.editing import LABELS, SEVERAL
from squads.stories.models import HEARD_OF, Story, StoryEdit

BESIDE = {
    "attachments": "files",
    "related": "related stories",
    "change": "linked changes",
    "criteria_met": "ticks",
    "checks_met": "ticks",
}
SHORT = 80
# The kind of the rows that say who was to accept a story in production (squads/acceptance).
PLANNED = "planned accepter"


class Entry(NamedTuple):
    """One thing somebody did: what in words, and, for a text that changed, what it said before and after.

    Of what evidence did, `by` is empty and `event` is the inbound event that proves it.
    """

    at: datetime
    by: str
    what: str
    because: str
    before: str
    after: str
    event: UUID | None = None


def rows(story: Story) -> "QuerySet[Any, Any]":
    """Return (moment, kind, id) of everything that happened to a story, newest first; to be paged through."""
    asked = story.acceptance_requests.all()
    answers = asked.filter(evidence__isnull=False).values("evidence")
    parts = [
        _part(StateChange.objects.filter(kind__in=("story", HEARD_OF, PLANNED), key=story.key), "move", "at"),
        # What people move is listed as their move.
        _part(story.stage_changes.exclude(from_stage__in=PROGRESS, to_stage__in=PROGRESS), "stage", "at"),
        _part(story.edits.all(), "edit", "at"),
        _part(story.evidence.filter(by_hand=True).exclude(pk__in=answers), "evidence", "at"),
        _part(story.evidence.exclude(taken_back_at=None), "back", "taken_back_at"),
        _part(asked, "asked", "asked_at"),
        _part(asked.filter(answered_at__isnull=False), "answered", "answered_at"),
    ]
    return parts[0].union(*parts[1:], all=True).order_by("-when_", "-what_", "-which_")


def entries(story: Story, found: "QuerySet[Any, Any] | list[Any]") -> list[Entry]:
    """Return what `rows` found as people read it; five queries, however many there are."""
    wanted: dict[str, list[str]] = {}
    keys = [(kind, str(pk)) for _, kind, pk in found]
    for kind, pk in keys:
        wanted.setdefault({"answered": "asked", "back": "evidence"}.get(kind, kind), []).append(pk)
    asked = _fetched(
        story.acceptance_requests.select_related("asked_by", "accepter", "answered_by"), wanted.get("asked")
    )
    moves = _fetched(StateChange.objects.select_related("by"), wanted.get("move"))
    stages = _fetched(story.stage_changes.all(), [str(UUID(pk)) for pk in wanted.get("stage", ())])
    edits = _fetched(StoryEdit.objects.select_related("by"), wanted.get("edit"))
    both = story.evidence.select_related("person", "taken_back_by")
    hand = _fetched(both, [str(UUID(pk)) for pk in wanted.get("evidence", ())])
    # What nobody here wrote came from where the issue is (squads/imports/tracker_issues.py), reached through its relation.
    elsewhere = story.ticket.system if hasattr(story, "ticket") else ""
    said = {
        "move": lambda pk: _move(moves[pk]),
        "stage": lambda pk: _stage(stages[str(UUID(pk))]),
        "edit": lambda pk: _edit(edits[pk], elsewhere),
        "evidence": lambda pk: _evidence(hand[str(UUID(pk))]),
        "back": lambda pk: _back(hand[str(UUID(pk))]),
        "asked": lambda pk: _asked(asked[pk]),
        "answered": lambda pk: _answered(asked[pk]),
    }
    return [said[kind](pk) for kind, pk in keys]


def _part(found: "QuerySet[Any]", kind: str, moment: str) -> "QuerySet[Any, Any]":
    plain = found.order_by().annotate(
        when_=F(moment), what_=Value(kind, CharField()), which_=Cast("pk", CharField(max_length=40))
    )
    listed: QuerySet[Any, Any] = plain.values_list("when_", "what_", "which_")
    return listed


def _fetched(found: "QuerySet[Any]", ids: list[str] | None) -> dict[str, Any]:
    return {str(row.pk): row for row in found.filter(pk__in=ids)} if ids else {}


def _name(person: Actor | None) -> str:
    return person.name if person else "Rodeo"


def _move(row: StateChange) -> Entry:
    if row.kind == PLANNED:
        what = f"planned accepter: {row.from_state or 'nobody'} → {row.to_state or 'nobody'}"
        return Entry(row.at, _name(row.by), what, row.because, "", "")
    states = [{"todo": "to do"}.get(state, state.replace("_", " ")) for state in (row.from_state, row.to_state)]
    return Entry(row.at, _name(row.by), f"{states[0]} → {states[1]}", row.because, "", "")


def _stage(row: StageChange) -> Entry:
    if STAGES.index(row.to_stage) > STAGES.index(row.from_stage):
        what = f"{STAGE_NAMES[row.to_stage].capitalize()}: {row.why}"
    else:
        what = f"No longer {STAGE_NAMES[row.from_stage]}: {row.why}"
    return Entry(row.at, "", what, "", "", "", row.event_id)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("name", ""))
    return "" if value is None else str(value)


def _edit(row: StoryEdit, elsewhere: str) -> Entry:
    who = row.by.name if row.by else elsewhere or _name(None)
    if row.field == "ending":
        return _ending(row, who)
    label = LABELS.get(row.field) or BESIDE.get(row.field, row.field.replace("_", " "))
    if row.field in SEVERAL:
        return Entry(row.at, who, _put(row, label), "", "", "")
    if isinstance(row.before, list) and isinstance(row.after, list):
        return Entry(row.at, who, _ticked(row), "", "", "")
    before, after = _words(row.before), _words(row.after)
    if row.field == "blocked_because":
        return Entry(row.at, who, "blocked this" if after else "unblocked this", after, "", "")
    if row.field in ("type", "priority"):
        before, after = before.replace("_", " "), after.replace("_", " ")
    if row.field in BESIDE:
        what = f"added to {label}: {after}" if after else f"removed from {label}: {before}"
        return Entry(row.at, who, what, "", "", "")
    if max(len(before), len(after)) <= SHORT and "\n" not in before + after:
        what = f"{label}: {before or 'nothing'} → {after or 'nothing'}"
        return Entry(row.at, who, what, "", "", "")
    return Entry(row.at, who, f"edited the {label}", "", before, after)


def _ending(row: StoryEdit, who: str) -> Entry:
    after = row.after or {}
    key = after.get("key", "")
    what = {
        "cancelled": "cancelled it",
        "duplicate": f"closed it as a duplicate of {key}" if key else "closed it as a duplicate",
    }.get(after.get("ending", ""), "reopened it")
    return Entry(row.at, who, what, after.get("because", ""), "", "")


def _put(row: StoryEdit, label: str) -> str:
    """Say what was put into a field that holds several things, and what was taken out."""
    before, after = ({each["id"]: each["name"] for each in value or ()} for value in (row.before, row.after))
    on = ", ".join(name for pk, name in after.items() if pk not in before)
    off = ", ".join(name for pk, name in before.items() if pk not in after)
    added, removed = {"assignees": ("assigned", "unassigned")}.get(row.field, ("added the label", "removed the label"))
    return "; ".join(f"{word} {names}" for word, names in ((added, on), (removed, off)) if names)


def _ticked(row: StoryEdit) -> str:
    before, after = list(row.before or ()), list(row.after or ())
    on = [line for line in after if line not in before]
    off = [line for line in before if line not in after]
    said = [
        f"{word} “{lines[0][:SHORT]}”" + (f" and {len(lines) - 1} more" if len(lines) > 1 else "")
        for word, lines in (("ticked", on), ("unticked", off))
        if lines
    ]
    return "; ".join(said) or "reordered the list"


def _evidence(row: Any) -> Entry:
    return Entry(row.at, _name(row.person), f"added evidence by hand: {_seen(row)}", row.note or row.link, "", "")


def _back(row: Any) -> Entry:
    whose = "their" if row.person_id == row.taken_back_by_id else f"{_name(row.person)}’s"
    what = f"withdrew {whose} evidence by hand: {_seen(row)}"
    return Entry(row.taken_back_at, _name(row.taken_back_by), what, row.taken_back_because, "", "")


def _seen(row: Any) -> str:
    return f"{row.get_kind_display()}, {'passed' if row.verdict == 'success' else 'failed'}"


def _asked(row: Any) -> Entry:
    whom = row.accepter.name if row.accepter else "any accepter of the squad"
    return Entry(row.asked_at, _name(row.asked_by), f"asked {whom} to accept this", row.note, "", "")


def _answered(row: Any) -> Entry:
    what = {
        "accepted": "accepted this in production",
        "declined": "declined this in production",
        "withdrawn": "withdrew the acceptance request",
    }[row.state]
    return Entry(row.answered_at, _name(row.answered_by), what, row.answer, "", "")
