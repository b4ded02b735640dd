"""Editing what people wrote about a story, without overwriting anybody.

An editor says from which version they began. What they did not touch keeps what somebody else made of it since; what
both touched is told with both values, and nothing is written.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.live import touch
from portal.kernel.outbox import publish
from squads.assignments.actions import set_assignees
from squads.events import StoryEdited, StoryFlagged
from squads.labels.actions import labels_named, set_labels
from squads.scope_history.actions import Move, record_moves
from squads.stories.models import Story, StoryEdit

EDITABLE = (
    "title",
    "type",
    "assignees",
    "priority",
    "labels",
    "due",
    "estimate",
    "description",
    "acceptance_criteria",
    "production_checks",
    "release",
    "flag",
    "audience",
)
LABELS = {
    "title": "title",
    "type": "type",
    "assignees": "assignees",
    "priority": "priority",
    "labels": "labels",
    "due": "due date",
    "estimate": "estimate",
    "description": "description",
    "acceptance_criteria": "acceptance criteria",
    "production_checks": "production checks",
    "release": "release",
    "flag": "flag",
    "audience": "audience",
}
# The lines of a checklist, and where its ticks are kept.
CHECKLISTS = {"acceptance_criteria": "criteria_met", "production_checks": "checks_met"}
# Fields that hold several things, each a row of its own, and the verb that writes the rows.
SEVERAL: dict[str, Callable[..., None]] = {"assignees": set_assignees, "labels": set_labels}
LONGEST_TEXT = 50_000
MOST_LINES = 500
SHOWN = [*(name for name in EDITABLE if name not in SEVERAL), *CHECKLISTS.values(), "version", "stage", "standing"]


class Clash(NamedTuple):
    """One field that two people changed: what the second wants, what the first made of it, who that was, and when."""

    field: str
    mine: Any
    theirs: Any
    by: Actor | None
    at: datetime

    @property
    def label(self) -> str:
        """The field in words."""
        return LABELS[self.field]

    @property
    def who(self) -> str:
        """Who changed it first, by name."""
        return self.by.name if self.by else "Someone"

    @property
    def sides(self) -> tuple[str, str]:
        """Their value and mine, as text."""
        theirs, mine = (self._words(value) for value in (self.theirs, self.mine))
        return theirs, mine

    def _words(self, value: Any) -> str:
        if self.field == "type":
            return str(Story.Type(value).label)
        if self.field == "priority":
            return str(Story.Priority(value).label)
        if self.field in SEVERAL:
            return ", ".join(each["name"] for each in said(self.field, value))
        return "" if value is None else str(value)


class Conflict(Exception):
    """Somebody changed the same fields since; nothing was written.

    `version` is what the story is at now; `mine` is all this person wanted to change.
    """

    def __init__(self, story: Story, clashes: list[Clash], mine: Mapping[str, Any]) -> None:
        self.version, self.clashes, self.mine = story.version, clashes, mine
        fields = " and ".join(dict.fromkeys(each.label for each in clashes))
        names = " and ".join(dict.fromkeys(each.who for each in clashes))
        super().__init__(
            f"{names} changed the {fields} of {story.key} while you were editing. Nothing is saved yet: compare both versions."
        )


@transaction.atomic
def edit_story(story: Story, *, by: Actor, base_version: int | None = None, **fields: Any) -> Story:
    """Change what people wrote about a story; its key, progress and stage are not among it.

    With `base_version`, the version the person began from, fields they left as they were keep what others wrote since;
    raises Conflict when somebody else changed a field they changed too. Without it, exactly `fields` are written.
    Every changed field leaves a StoryEdit. `story` is brought up to date.
    """
    if strange := fields.keys() - set(EDITABLE):
        raise TypeError(f"not for people to set: {', '.join(sorted(strange))}")
    row = Story.objects.select_for_update(of=("self",)).select_related("release", "squad").get(pk=story.pk)
    fields = {name: _plain(row, name, value) for name, value in fields.items()}
    if base_version is not None:
        fields = _merged(row, fields, base_version)
    changed = {name: value for name, value in fields.items() if not same(name, said(name, value), _present(row, name))}
    if changed:
        lists = [name for name in changed if name in CHECKLISTS]
        before = {name: _present(row, name) for name in (*changed, *(CHECKLISTS[name] for name in lists))}
        planned = row.release_id
        for name, value in changed.items():
            if name in SEVERAL:
                SEVERAL[name](row, value, by=by)
            else:
                setattr(row, name, value)
        for name in lists:
            kept = set(lines(getattr(row, name)))
            setattr(row, CHECKLISTS[name], [line for line in getattr(row, CHECKLISTS[name]) if line in kept])
        check_texts(row, changed)
        _write(row, before, by)
        if not row.ending:
            record_moves([Move(row.pk, planned, row.release_id)], by=by)
        if changed.keys() & {"flag", "audience"}:
            Story.objects.filter(pk=row.pk).judge()
            publish(StoryFlagged(key=row.key, id=row.pk))
    getattr(story, "_prefetched_objects_cache", {}).clear()
    story.refresh_from_db(fields=SHOWN)
    return story


@transaction.atomic
def put(story: Story, name: str, thing: Any, on: bool, *, by: Actor) -> Story:
    """Add one thing to a field that holds several (an assignee), or take it out. What others put there stays."""
    row = Story.objects.select_for_update(of=("self",)).get(pk=story.pk)
    others = [each for each in value_of(row, name) if each.pk != thing.pk]
    fields: dict[str, Any] = {name: [*others, thing] if on else others}
    return edit_story(story, by=by, **fields)


@transaction.atomic
def tick(story: Story, checklist: str, line: str, on: bool, *, by: Actor) -> Story:
    """Tick a line of the acceptance criteria or the production checks, or take the tick away.

    Raises ValidationError when the list has no such line (any more): somebody rewrote it.
    """
    if checklist not in CHECKLISTS:
        raise ValidationError(f"A story has no list called {checklist}. Choose one of {', '.join(CHECKLISTS)}.")
    row = Story.objects.select_for_update().get(pk=story.pk)
    there = lines(getattr(row, checklist))
    if line not in there:
        raise ValidationError(f"“{line[:80]}” is no longer in the {LABELS[checklist]}. Check the list again.")
    column = CHECKLISTS[checklist]
    before = list(getattr(row, column))
    met = {*before, line} if on else {each for each in before if each != line}
    setattr(row, column, [each for each in dict.fromkeys(there) if each in met])
    if getattr(row, column) != before:
        _write(row, {column: before}, by)
    story.refresh_from_db(fields=SHOWN)
    return story


def note(story: Story, field: str, before: Any, after: Any, *, by: Actor) -> None:
    """Keep in the history what a person did to a story beside its own fields: relations, linked changes.

    The caller has a transaction open.
    """
    Story.objects.filter(pk=story.pk).update(version=F("version") + 1)
    version = Story.objects.values_list("version", flat=True).get(pk=story.pk)
    StoryEdit.objects.create(
        story=story, version=version, field=field, before=before, after=after, by=by, at=clock.now()
    )
    story.version = version
    touch([story.pk])


def lines(text: str) -> list[str]:
    """Return the lines of a checklist, without the signs that lists are written with."""
    found = (
        line.strip().removeprefix("- ").removeprefix("* ").removeprefix("[ ] ").strip() for line in text.splitlines()
    )
    return [line for line in found if line]


def value_of(story: Story, name: str) -> Any:
    """Return what a field of a story holds; several things as a list."""
    value = getattr(story, name)
    return list(value.all()) if name in SEVERAL else value


def said(name: str, value: Any) -> Any:
    """Return a field's value as the history keeps it; a release, a person and a label as their ids and names."""
    if name in SEVERAL:
        each_said = ({"id": each.pk, "name": getattr(each, "name", str(each))} for each in value)
        return sorted(each_said, key=lambda each: (str(each["name"]).lower(), each["id"]))
    if name == "release":
        return {"id": str(value.pk), "name": str(value)} if value else None
    if isinstance(value, date):
        return value.isoformat()
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


def _present(story: Story, name: str) -> Any:
    """Return what a field of a story holds, as the history keeps it."""
    return said(name, value_of(story, name))


def same(name: str, one: Any, other: Any) -> bool:
    """Say whether two values, as the history keeps them, mean the same; what was renamed is the same thing."""
    if name in SEVERAL:
        return {each["id"] for each in one or ()} == {each["id"] for each in other or ()}
    if name == "release":
        return bool((one or {}).get("id") == (other or {}).get("id"))
    return bool(one == other)


def _plain(row: Story, name: str, value: Any) -> Any:
    if name == "labels":
        return labels_named(row.squad, value)
    if name in SEVERAL:
        return list(value)
    if not isinstance(value, str):
        return value
    value = value.replace("\r\n", "\n")
    if name in ("title", "flag", "audience"):
        value = value.strip()
    return value or "everyone" if name == "audience" else value


def _merged(row: Story, fields: Mapping[str, Any], base_version: int) -> dict[str, Any]:
    """Return the fields this person changed themselves; raise Conflict where somebody else changed one of them too."""
    if base_version > row.version:
        raise ValidationError(f"{row.key} is at version {row.version}; there’s no version {base_version} yet.")
    since: dict[str, list[StoryEdit]] = {}
    edits = StoryEdit.objects.filter(story=row, version__gt=base_version, field__in=list(fields))
    for edit in edits.select_related("by").order_by("version"):
        since.setdefault(edit.field, []).append(edit)
    mine, clashes = {}, []
    for name, value in fields.items():
        wanted, now = said(name, value), _present(row, name)
        began = since[name][0].before if name in since else now
        if same(name, wanted, began) or same(name, wanted, now):
            continue
        if name in since and not same(name, began, now):
            last = since[name][-1]
            clashes.append(Clash(name, value, value_of(row, name), last.by, last.at))
        mine[name] = value
    if clashes:
        raise Conflict(row, clashes, mine)
    return mine


def check_texts(story: Story, names: Iterable[str] = EDITABLE) -> None:
    """Look at what somebody wrote into these fields; raise ValidationError naming those that cannot be kept so.

    The others may hold more than is let in here: what was imported stays as it came.
    """
    # The squad and the release came from the database; checking them again would only cost queries.
    # Rows of their own are checked by what writes them.
    story.clean_fields(exclude=["squad", "release", *SEVERAL, "created_by", "standing", "criteria_met", "checks_met"])
    errors = {}
    if "estimate" in names and story.estimate is not None and not story.squad.estimates:
        errors["estimate"] = (
            f"{story.squad} doesn’t estimate stories. Leave it empty, or ask a lead to turn estimates on in the board settings."
        )
    for name in {"description", *CHECKLISTS}.intersection(names):
        text = getattr(story, name)
        if len(text) > LONGEST_TEXT:
            errors[name] = f"This is over {LONGEST_TEXT} characters. Shorten it, or link to the rest."
        elif name in CHECKLISTS and (count := len(lines(text))) > MOST_LINES:
            errors[name] = f"This has {count} lines; {MOST_LINES} is the most. Split it into several stories."
    if errors:
        raise ValidationError(errors)


def _write(row: Story, before: Mapping[str, Any], by: Actor) -> None:
    """Write what changed of a locked story, with its history, and tell open pages. `before` is as the history keeps it."""
    row.version += 1
    row.save(update_fields=[*(name for name in before if name not in SEVERAL), "version"])
    now = clock.now()
    edits = [
        StoryEdit(story=row, version=row.version, field=name, before=old, after=new, by=by, at=now)
        for name, old, new in ((name, value, _present(row, name)) for name, value in before.items())
        if old != new
    ]
    StoryEdit.objects.bulk_create(edits)
    publish(StoryEdited(ids=[row.pk]))
    touch([row.pk])
