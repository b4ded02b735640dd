"""Doing one thing to many stories: each by its own verb, in its own transaction, with the permission that it needs.

A story is changed wholly or not at all, and what became of it is kept beside it, so that it can be undone (undoing.py).
A story costs about as many queries as it does on its own page.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.form_errors import refusal
from portal.kernel.names import fold_name
from portal.kernel.text_input import plain
from portal.kernel.transitions import AlreadyMoved
from squads.endings.actions import WHY, cancel
from squads.handovers.actions import check_may_move, move_to_squad
from squads.labels.queries import unknown_labels
from squads.stories.editing import edit_story, said, same, value_of
from squads.stories.models import Renamed, Story, check_progress, check_reason
from squads.story_lists.models import ManyChange, ManyRow
from squads.teams.models import Squad
from squads.teams.permissions import check_planner, may_plan_for, only_members

MOST_AT_ONCE = 200
# Of the changes a person made to many, so many are kept: the last ones can be undone.
KEPT = 20
NOBODY = "Choose who: a member of the stories’ squad."


class Done(NamedTuple):
    """What a verb made of a story: the values before and after, as the story's history keeps them."""

    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing to do to stories: what, with which value, and the words for what became of them."""

    act: str
    value: Any
    words: str
    # A program that misspells a label makes no new one.
    makes_labels: bool = True


def change_many(keys: Iterable[str], wanted: Wanted, *, by: Actor) -> ManyChange:
    """Do it to each of these stories; return what became of them.

    Raises PermissionDenied for somebody who may change no story at all, ValidationError for no stories and for more than
    MOST_AT_ONCE. A story that refuses is named, with the reason; the others are changed all the same.
    """
    check_planner(by, "Only members of a squad and project managers can change stories.")
    keys = list(dict.fromkeys(name.upper() for key in keys if (name := plain(key))))
    if not keys:
        raise ValidationError({"keys": "Select at least one story first."})
    if len(keys) > MOST_AT_ONCE:
        raise ValidationError({"keys": f"That’s {len(keys)} stories; {MOST_AT_ONCE} is the most at once."})
    stories = Story.objects.select_related("squad", "release").in_bulk(keys, field_name="key")
    writable = set(Squad.objects.writable_by(by).values_list("pk", flat=True))
    change = ManyChange.objects.create(by=by, act=wanted.act, words=wanted.words[:400])
    for key in keys:
        story = stories.get(key) or Story.objects.select_related("squad", "release").called(key)
        _change_one(change, key, story, wanted, by=by, writable=writable)
    _forget(by)
    return change


def check_may_change(story: Story, act: str, *, by: Actor, writable: set[int], squad: Squad | None = None) -> None:
    """Refuse to do this to a story for somebody who may not: planning is for project managers too."""
    if act == ManyChange.Act.SQUAD and squad is not None:
        check_may_move(story, squad, by)
    elif story.squad_id not in writable and not (act == ManyChange.Act.PLAN and may_plan_for(story.squad, by)):
        raise only_members(story.squad, story.key)


def _change_one(
    change: ManyChange, key: str, story: Story | None, wanted: Wanted, *, by: Actor, writable: set[int]
) -> None:
    """Do it to one story and keep what became of it, both or neither."""
    row = ManyRow(change=change, story=story, key=key[:40], outcome=ManyRow.Outcome.REFUSED)
    if story is None:
        row.why = "There’s no such story."
        row.save()
        return
    row.key = story.key
    try:
        with transaction.atomic():
            check_may_change(
                story, wanted.act, by=by, writable=writable, squad=wanted.value if wanted.act == "squad" else None
            )
            done = VERBS[wanted.act](story, wanted, by)
            row.outcome = ManyRow.Outcome.CHANGED if done else ManyRow.Outcome.SAME
            if done:
                row.before, row.after, row.version = done.before, done.after, story.version
            row.save()
    except (AlreadyMoved, ValidationError, PermissionDenied) as error:
        words = str(error) if isinstance(error, PermissionDenied) else refusal(error)[0]
        ManyRow.objects.create(change=change, story=story, key=row.key, outcome=ManyRow.Outcome.REFUSED, why=words)


def _forget(by: Actor) -> None:
    """Forget what a person did to many stories before the last times."""
    old = ManyChange.objects.filter(by=by).order_by("-at").values_list("pk", flat=True)[KEPT : KEPT + 100]
    ManyChange.objects.filter(pk__in=list(old)).delete()


# What each act does to a story that the person may change. None: it was so already.


def _held(story: Story) -> Story:
    """Return the story's row, held until the transaction ends."""
    row = Story.objects.select_for_update(of=("self",)).select_related("squad", "release").filter(pk=story.pk).first()
    if row is None:
        raise AlreadyMoved(story.key, "changed", "deleted")
    if row.key != story.key:
        raise Renamed(story.key, row.key)
    return row


def _edited(story: Story, name: str, change: Callable[[Story], Any], by: Actor) -> Done | None:
    """Write one field, whose new value follows from the present one."""
    row = _held(story)
    before = said(name, value_of(row, name))
    edit_story(row, by=by, **{name: change(row)})
    after = said(name, value_of(row, name))
    story.version = row.version
    return None if same(name, before, after) else Done(before, after)


def _plan(story: Story, wanted: Wanted, by: Actor) -> Done | None:
    return _edited(story, "release", lambda row: wanted.value, by)


def _set_priority(story: Story, wanted: Wanted, by: Actor) -> Done | None:
    return _edited(story, "priority", lambda row: wanted.value, by)


def _assign(story: Story, wanted: Wanted, by: Actor) -> Done | None:
    def people(row: Story) -> list[Any]:
        others = [each for each in value_of(row, "assignees") if each.pk != wanted.value.pk]
        return [*others, wanted.value] if wanted.act == ManyChange.Act.ASSIGN else others

    return _edited(story, "assignees", people, by)


def _label(story: Story, wanted: Wanted, by: Actor) -> Done | None:
    adds = wanted.act == ManyChange.Act.LABEL
    if adds and not wanted.makes_labels and unknown_labels(story.squad, [wanted.value]):
        raise ValidationError({"labels": f"Squad {story.squad} has no label “{wanted.value}”."})

    def labels(row: Story) -> list[Any]:
        others = [each for each in value_of(row, "labels") if each.folded != fold_name(wanted.value)]
        return [*others, wanted.value] if adds else others

    return _edited(story, "labels", labels, by)


def _move(story: Story, wanted: Wanted, by: Actor) -> Done | None:
    story.hold()
    before = story.progress
    if before == wanted.value and not story.ending:
        return None
    story.move_progress_held(wanted.value, by=by)
    return Done(before, {"to": wanted.value, "at": clock.iso(story.progress_at)})


def _hand_over(story: Story, wanted: Wanted, by: Actor) -> Done | None:
    if story.squad_id == wanted.value.pk:
        return None
    before, key = story.squad_id, story.key
    move_to_squad(story, wanted.value, by=by)
    return Done({"squad": before, "key": key}, {"squad": wanted.value.pk, "key": story.key})


def _cancel(story: Story, wanted: Wanted, by: Actor) -> Done | None:
    cancel(story, by=by, because=wanted.value)
    return Done("", clock.iso(story.ended_at))


VERBS: dict[str, Callable[[Story, Wanted, Actor], Done | None]] = {
    "plan": _plan,
    "assign": _assign,
    "unassign": _assign,
    "label": _label,
    "unlabel": _label,
    "priority": _set_priority,
    "move": _move,
    "squad": _hand_over,
    "cancel": _cancel,
}


# What people and programs say they want, by the act; each raises ValidationError naming the field.


def wanted_of(act: str, value: str, *, by: Actor, makes_labels: bool = True) -> Wanted:
    """Return what is to be done: `value` is the slug of a release ("" for none) or squad, a user name ("me" for oneself), a
    label's name, a priority, a stage, or why a story is cancelled."""
    if act not in READERS:
        raise ValidationError({"act": "Choose what to do with the selected stories."})
    read, words = READERS[act](value.strip(), by)
    return Wanted(act, read, words, makes_labels)


def _release(value: str, by: Actor) -> tuple[Any, str]:
    # A story names its release; squads imports no code of releases (docs/adr/0002).
    releases: Any = Story._meta.get_field("release").related_model
    if not value:
        return None, "no longer planned for a release"
    release = releases._default_manager.filter(slug=value).first()
    if release is None:
        raise ValidationError({"release": f"There’s no release “{value[:60]}”."})
    return release, f"planned for {release}"


def _person(value: str, by: Actor) -> Any:
    people = get_user_model().objects.filter(program_of=None)
    person = people.filter(pk=by.pk).first() if value == "me" else people.filter(username=value).first()
    if person is None:
        raise ValidationError({"person": f"There’s no account “{value[:60]}”." if value else NOBODY})
    return person


def _assignee(value: str, by: Actor) -> tuple[Any, str]:
    person = _person(value, by)
    return person, f"assigned to {person.name}"


def _former_assignee(value: str, by: Actor) -> tuple[Any, str]:
    person = _person(value, by)
    return person, f"no longer assigned to {person.name}"


def _label_name(value: str, by: Actor) -> tuple[Any, str]:
    if not value:
        raise ValidationError({"label": "Enter a label."})
    return value, f"labelled “{value[:60]}”"


def _former_label(value: str, by: Actor) -> tuple[Any, str]:
    name, words = _label_name(value, by)
    return name, f"no longer {words}"


def _priority(value: str, by: Actor) -> tuple[Any, str]:
    if value not in Story.Priority.values:
        raise ValidationError({"priority": "Choose a priority."})
    return value, f"set to {Story.Priority(value).label} priority"


def _stage(value: str, by: Actor) -> tuple[Any, str]:
    if not value:
        raise ValidationError({"to": "Choose a stage."})
    check_progress(value)
    return value, f"moved to {Story.Progress(value).label}"


def _squad(value: str, by: Actor) -> tuple[Any, str]:
    squad = Squad.objects.filter(slug=value).first() if value else None
    if squad is None:
        raise ValidationError({"squad": "Choose a squad."})
    squad.check_active()
    return squad, f"moved to {squad}"


def _reason(value: str, by: Actor) -> tuple[Any, str]:
    if not value:
        raise ValidationError({"because": WHY})
    check_reason(value)
    return value, "cancelled"


READERS: dict[str, Callable[[str, Actor], tuple[Any, str]]] = {
    "plan": _release,
    "assign": _assignee,
    "unassign": _former_assignee,
    "label": _label_name,
    "unlabel": _former_label,
    "priority": _priority,
    "move": _stage,
    "squad": _squad,
    "cancel": _reason,
}
# The field of a form or a body that has the value.
FIELD = {
    "plan": "release",
    "assign": "person",
    "unassign": "person",
    "label": "label",
    "unlabel": "label",
    "priority": "priority",
    "move": "to",
    "squad": "squad",
    "cancel": "because",
}
