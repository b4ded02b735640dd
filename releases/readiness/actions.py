"""What people say about the readiness of a release: needed flags, and lines of the checklist. Who may is asked at the door."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction

from portal.kernel import audit, clock
from portal.kernel.actors import Actor, Anyone
from portal.kernel.models import StateChange
from portal.kernel.policy import check_manager
from portal.kernel.text_input import plain
from portal.kernel.transitions import AlreadyMoved, signed
from releases.planning.models import Release
from releases.readiness.gate_templates import LONGEST_LINE, said_line
from releases.readiness.models import ChecklistItem, ChecklistTick, FlagNeed
from squads.teams.permissions import answers_for, check_person

CHOOSE = "choose what is on the checklist of every release"
NEED, DO_TICK = "say what a flag must be", "tick a checklist"
FLAG, ITEM, TICK = "needed flag", "checklist item", "checklist tick"
LONGEST_FLAG, LONGEST_AUDIENCE, LONGEST_TEXT, LONGEST_WHO = 120, 60, 300, 80
MOST_FLAGS, MOST_ITEMS = 100, 50
EVERYONE = "everyone"


@transaction.atomic
def need_flag(release: Release, *, by: Actor, flag: str, on: bool, audience: str = EVERYONE) -> FlagNeed:
    """Say what a flag must be when a release goes out; the newest word counts. Raises ValidationError naming the field."""
    check_person(by, NEED)
    flag, audience = plain(flag), plain(audience) or EVERYONE
    errors = {}
    if not flag or len(flag) > LONGEST_FLAG:
        errors["flag"] = f"Enter a flag’s name, of {LONGEST_FLAG} characters or fewer."
    if len(audience) > LONGEST_AUDIENCE:
        errors["audience"] = f"Use {LONGEST_AUDIENCE} characters or fewer."
    if errors:
        raise ValidationError(errors)
    Release.objects.select_for_update(no_key=True).get(pk=release.pk)
    before = FlagNeed.objects.filter(release=release, flag=flag).first()
    if before is None and FlagNeed.objects.filter(release=release).count() >= MOST_FLAGS:
        raise ValidationError({"flag": f"A release can need up to {MOST_FLAGS} flags. Remove one first."})
    if before is not None and (before.on, before.audience) == (on, audience):
        return before
    if before is not None:
        _check_own(before, release, by, f"change what {flag} must be")
    said = {"on": on, "audience": audience, "by": by, "at": clock.now()}
    row, _ = FlagNeed.objects.update_or_create(release=release, flag=flag, defaults=said)
    _note_flag(row, _state(before), _state(row), by)
    return row


@transaction.atomic
def drop_flag(need: FlagNeed, *, by: Actor) -> None:
    """Say no longer what a flag must be: whoever said it, or who answers for the release. Saying it twice changes nothing."""
    check_person(by, NEED)
    _check_own(need, need.release, by, f"remove {need.flag}")
    deleted, _ = FlagNeed.objects.filter(pk=need.pk).delete()
    if deleted:
        _note_flag(need, _state(need), "", by)


def may_take_back(said: FlagNeed | ChecklistItem, release: Release, user: Anyone) -> bool:
    """Say whether this person may take back what was said of a release: whoever said it, and who answers for the release."""
    return said.by_id == user.pk or answers_for(release, user)


def _check_own(said: FlagNeed | ChecklistItem, release: Release, by: Actor, doing: str) -> None:
    if not may_take_back(said, release, by):
        who = f"{said.by.name}, who added it, the release’s owner, project managers and administrators"
        raise PermissionDenied(f"Only {who} can {doing}.")


def _state(need: FlagNeed | None) -> str:
    return "" if need is None else "on" if need.on else "off"


def _note_flag(need: FlagNeed, before: str, after: str, by: Actor) -> None:
    said = f"{need.flag} must be {after} for {need.audience}" if after else f"{need.flag} may be anything"
    _note(FLAG, need.release.slug, before, after, by, said)
    audit.record(by=by, did=f"said that {said} in {need.release}", kind="release", key=need.release.slug)


def _note(kind: str, key: str, before: str, after: str, by: Actor, because: str) -> None:
    StateChange.objects.create(
        kind=kind, key=key[:200], from_state=before, to_state=after, by=by, because=signed(by, because), at=clock.now()
    )


# The checklist


@transaction.atomic
def add_item(*, by: Actor, text: str, who: str = "", release: Release | None = None, line: str = "") -> ChecklistItem:
    """Add a line to the checklist of a release, or of every release of a line ("": of every line).

    Raises ValidationError naming the field; PermissionDenied for whoever may not choose what holds for a line.
    """
    text, who, line = plain(text), plain(who), plain(line)
    if release is None:
        check_manager(by, CHOOSE)
    errors = {}
    if not text or len(text) > LONGEST_TEXT:
        errors["text"] = f"Say what is to be done, in {LONGEST_TEXT} characters or fewer."
    if len(who) > LONGEST_WHO:
        errors["who"] = f"Use {LONGEST_WHO} characters or fewer."
    if len(line) > LONGEST_LINE:
        errors["line"] = f"A line can have up to {LONGEST_LINE} characters."
    same = ChecklistItem.objects.filter(release=release, line="" if release else line, removed_at=None)
    if not errors and same.count() >= MOST_ITEMS:
        errors["text"] = f"A checklist can have up to {MOST_ITEMS} lines. Remove one first."
    if errors:
        raise ValidationError(errors)
    row = ChecklistItem.objects.create(release=release, line="" if release else line, text=text, who=who, by=by)
    _note_item(row, "", "there", by)
    return row


@transaction.atomic
def remove_item(item: ChecklistItem, *, by: Actor) -> None:
    """Remove a line of a checklist: whoever added it, or who answers for the release. Its ticks are kept.

    Saying it twice changes nothing. Of every release of a line, project managers and administrators do.
    """
    check_person(by, "remove lines of a checklist")
    if item.release is None:
        check_manager(by, CHOOSE)
    else:
        _check_own(item, item.release, by, f"remove “{item.text}”")
    gone = {"removed_at": clock.now(), "removed_by": by}
    if ChecklistItem.objects.filter(pk=item.pk, removed_at=None).update(**gone):
        _note_item(item, "there", "removed", by)


def _note_item(item: ChecklistItem, before: str, after: str, by: Actor) -> None:
    where = str(item.release) if item.release else said_line(item.line)
    key = item.release.slug if item.release else item.line
    _note(ITEM, key, before, after, by, item.text)
    verb = "added to" if after == "there" else "removed from"
    audit.record(by=by, did=f"{verb} the checklist of {where}: {item.text}", kind="release", key=key)


@transaction.atomic
def tick(item: ChecklistItem, release: Release, *, by: Actor) -> ChecklistTick:
    """Say that a line of a release's checklist is done. Raises AlreadyMoved if somebody said so already, or removed it."""
    check_person(by, DO_TICK)
    _check_of(item, release)
    if ChecklistItem.objects.filter(pk=item.pk, removed_at__isnull=False).exists():
        raise AlreadyMoved(f"“{item.text}”", "ticked", "removed")
    try:
        with transaction.atomic():
            row = ChecklistTick.objects.create(item=item, release=release, by=by)
    except IntegrityError:
        raise AlreadyMoved(f"“{item.text}”", "ticked", "ticked") from None
    _note_tick(item, release, "", "ticked", by)
    return row


@transaction.atomic
def untick(item: ChecklistItem, release: Release, *, by: Actor) -> None:
    """Say that a line isn't done after all. Raises AlreadyMoved if it isn't ticked."""
    check_person(by, DO_TICK)
    _check_of(item, release)
    rows = ChecklistTick.objects.filter(item=item, release=release, unticked_at=None)
    if not rows.update(unticked_at=clock.now(), unticked_by=by):
        raise AlreadyMoved(f"“{item.text}”", "not ticked", "not ticked")
    _note_tick(item, release, "ticked", "", by)


def _check_of(item: ChecklistItem, release: Release) -> None:
    if item.release_id not in (None, release.pk) or item.line not in ("", release.line):
        raise ValidationError(f"“{item.text}” isn’t on the checklist of {release}.")


def _note_tick(item: ChecklistItem, release: Release, before: str, after: str, by: Actor) -> None:
    _note(TICK, release.slug, before, after, by, item.text)
    did = f"{'ticked' if after else 'unticked'} “{item.text}” for {release}"
    audit.record(by=by, did=did, kind="release", key=release.slug)
