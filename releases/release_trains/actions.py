"""Setting up trains, and creating the releases of their next departures. The pages and the API call these same verbs."""

from collections.abc import Iterable
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.locks import hold
from portal.kernel.outages import each_apart, named
from portal.kernel.transitions import ChangedMeanwhile, move
from releases.planning.actions import create_release, plan_stories
from releases.planning.models import Release
from releases.release_trains import queries, timetable
from releases.release_trains.models import LONGEST_PATTERN, Departure, ReleaseTrain, TrainEdit
from squads.models import Story
from squads.teams.permissions import check_planner

State = ReleaseTrain.State
# Whoever names the line of a train waits for whoever is just doing so: the second is told that the line has one.
LINES = "lines of release trains"
EDITABLE = ("line", "pattern", "weekday", "weeks", "starts_on", "zone", "ahead", "next_number")
MOST_WEEKS, MOST_AHEAD, MOST_NUMBER = 26, 10, 1_000_000
WHERE = "Choose one of the list, such as Europe/Amsterdam."


# Setting up


@transaction.atomic
def create_train(*, by: Actor, **fields: Any) -> ReleaseTrain:
    """Have releases of a line created every so many weeks; the first ones are created at once.

    Raises ValidationError naming the field, also if the line has a train already.
    """
    check_planner(by)
    hold(LINES)
    train = ReleaseTrain(created_by=by, **_plain(fields))
    _check(train)
    train.save(force_insert=True)
    audit.record(by=by, did=f"set up the {train}", kind="release", key=train.line)
    _depart(train, by)
    return train


@transaction.atomic
def edit_train(train: ReleaseTrain, *, by: Actor, version: int | None = None, **fields: Any) -> ReleaseTrain:
    """Change a train. Releases that were created already stay as they are; the next ones follow the new timetable.

    `version` is what the person began from; None doesn't look. Raises ChangedMeanwhile if somebody changed it since.
    """
    check_planner(by)
    hold(LINES)
    row = _held(train)
    if version is not None and version != row.version:
        raise ChangedMeanwhile(f"the {row}")
    if row.state == State.ENDED:
        raise ValidationError("This train has ended. Set up a new one.")
    wanted = {name: value for name, value in _plain(fields).items() if getattr(row, name) != value}
    if not wanted:
        return row
    before = {name: str(getattr(row, name)) for name in wanted}
    for name, value in wanted.items():
        setattr(row, name, value)
    _check(row)
    row.version, row.problem = row.version + 1, ""
    row.save()
    changes = {name: [before[name], str(value)] for name, value in wanted.items()}
    TrainEdit.objects.create(train=row, version=row.version, changes=changes, by=by, at=clock.now())
    audit.record(by=by, did=f"changed the {row}: {', '.join(sorted(changes))}", kind="release", key=row.line)
    _depart(row, by)
    return row


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    if strange := fields.keys() - set(EDITABLE):
        raise TypeError(f"not for people to set: {', '.join(sorted(strange))}")
    return {name: value.strip() if isinstance(value, str) else value for name, value in fields.items()}


def _check(train: ReleaseTrain) -> None:
    errors: dict[str, str] = {}
    if not train.pattern or len(train.pattern) > LONGEST_PATTERN:
        errors["pattern"] = f"Enter a pattern of at most {LONGEST_PATTERN} characters, such as 2026.{{n}}."
    for name, value, least, most in (
        ("weeks", train.weeks, 1, MOST_WEEKS),
        ("ahead", train.ahead, 1, MOST_AHEAD),
        ("next_number", train.next_number, 0, MOST_NUMBER),
        ("weekday", train.weekday, 0, 6),
    ):
        if not least <= value <= most:
            errors[name] = f"Enter a number from {least} to {most:,}."
    if train.zone not in available_timezones():
        errors["zone"] = f"There’s no time zone {train.zone[:40]}. {WHERE}"
    if not date(2000, 1, 1) <= train.starts_on <= date(2200, 1, 1):
        errors["starts_on"] = "Enter a day from 2000-01-01 to 2200-01-01."
    if not errors:
        try:
            timetable.check(train.pattern, train.starts_on, train.weekday, train.weeks, train.next_number)
        except timetable.WrongPattern as error:
            errors["pattern"] = str(error)
    same = ReleaseTrain.objects.filter(line=train.line).exclude(state=State.ENDED).exclude(pk=train.pk)
    if "line" not in errors and same.exists():
        errors["line"] = f"{train.line or 'The whole company'} has a train already. Edit that one, or end it first."
    if errors:
        raise ValidationError(errors)
    train.clean_fields(exclude=["created_by"])


@transaction.atomic
def pause(train: ReleaseTrain, *, by: Actor) -> None:
    """Create no further releases until the train is resumed. Raises AlreadyMoved if it isn't running."""
    _move(train, State.PAUSED, [State.RUNNING], by, "paused")


@transaction.atomic
def resume(train: ReleaseTrain, *, by: Actor) -> None:
    """Go on creating releases, from today on: departures of the pause are left out. Raises AlreadyMoved if not paused."""
    _move(train, State.RUNNING, [State.PAUSED], by, "resumed")
    _depart(_held(train), by)


@transaction.atomic
def end(train: ReleaseTrain, *, by: Actor) -> None:
    """Create no further releases, for good. Those that are there stay. Raises AlreadyMoved if it has ended."""
    _move(train, State.ENDED, [State.RUNNING, State.PAUSED], by, "ended")


def _move(train: ReleaseTrain, to: str, leaving: Iterable[str], by: Actor, did: str) -> None:
    check_planner(by)
    move(train, "state", to, leaving=leaving, by=by, because=str(train), problem="")
    audit.record(by=by, did=f"{did} the {train}", kind="release", key=train.line)


def _held(train: ReleaseTrain) -> ReleaseTrain:
    return ReleaseTrain.objects.select_for_update(of=("self",)).get(pk=train.pk)


# Departures


def depart_all() -> int:
    """Create the releases that trains need next; return how many. Safe to run at any time, by any number, and to kill."""
    made: list[int] = []

    def depart(pk: int) -> None:
        train = ReleaseTrain.objects.select_for_update(of=("self",)).filter(pk=pk, state=State.RUNNING).first()
        made.append(_depart(train, None) if train is not None else 0)

    running = ReleaseTrain.objects.filter(state=State.RUNNING).order_by("pk")
    for pk, error in each_apart("the train", list(running.values_list("pk", flat=True)), depart):
        problem = f"Its next release couldn’t be created ({named(error)}). Rodeo will try again."
        running.filter(pk=pk).update(problem=problem)
    return sum(made)


def _depart(train: ReleaseTrain, by: Actor | None) -> int:
    """Create releases of a train, whose row is held, until it has as many ahead as it wants; None is the machine itself."""
    if train.state != State.RUNNING:
        return 0
    there = Departure.objects.filter(train=train, day__gte=queries.today_of(train)).count()
    made, problem = 0, ""
    for each in queries.coming(train, most=max(0, train.ahead - there)):
        found = queries.same_release(train.line, each.version)
        if found is not None:
            problem = _collision(each, found)
            break
        release = create_release(by=by, version=each.version, line=train.line, planned_for=each.day)
        _note(train, each, release, None)
        made += 1
    if made or train.problem != problem:
        train.problem = problem
        train.save(update_fields=["next_number", "problem"])
    return made


def _collision(coming: queries.Coming, found: Release) -> str:
    called = f"The release of {coming.day} would be called {coming.version}, but {found}"
    if why := queries.why_not_taken(found):
        return f"{called} {why}. Change the pattern or the next number."
    return f"{called} is there already. Take it for that day, or change the pattern or the next number."


def _note(train: ReleaseTrain, coming: queries.Coming, release: Release, by: Actor | None) -> None:
    Departure.objects.create(
        train=train, day=coming.day, number=train.next_number, release=release, by=by, at=clock.now()
    )
    train.next_number += 1


@transaction.atomic
def take_existing(train: ReleaseTrain, *, by: Actor) -> Release:
    """Take the release that is in the next one's way for that departure. It keeps its date. Then go on.

    Raises ValidationError if nothing is in the way, and for a release that was abandoned or is out.
    """
    check_planner(by)
    row = _held(train)
    (coming,) = queries.coming(row, most=1)
    found = queries.same_release(row.line, coming.version)
    if row.state != State.RUNNING or found is None:
        raise ValidationError("No release is in the way any more. Reload the page.")
    if queries.why_not_taken(found):
        raise ValidationError(_collision(coming, found))
    _note(row, coming, found, by)
    row.problem = ""
    row.save(update_fields=["next_number", "problem"])
    audit.record(by=by, did=f"took {found} for the {row} on {coming.day}", kind="release", key=row.line)
    _depart(row, by)
    return found


# Stories that miss their release


@transaction.atomic
def move_missed(release: Release, to: Release, *, by: Actor, keys: Iterable[str]) -> list[Story]:
    """Plan stories of a release for a later one of its line instead: all of them, or none. Return those moved.

    Raises ValidationError as `plan_stories` does, and for stories that aren't planned for the release (any more).
    """
    keys = list(dict.fromkeys(key.strip().upper() for key in keys if key.strip()))
    if not queries.next_releases(release).filter(pk=to.pk).exists():
        raise ValidationError({"to": f"Choose a release of the same line with a target date after that of {release}."})
    there = set(Story.objects.filter(release=release, key__in=keys).values_list("key", flat=True))
    if gone := [key for key in keys if key not in there]:
        some = ", ".join(key[:40] for key in gone[:5])
        raise ValidationError({"stories": f"Not planned for {release} any more: {some}. Reload the page."})
    plan_stories(release, keys, by=by, planned=False)
    return plan_stories(to, keys, by=by, planned=True)
