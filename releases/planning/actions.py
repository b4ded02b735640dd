"""What people do to releases. The HTML pages and the API call these same verbs."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.kernel import audit, clock
from portal.kernel.actors import Actor, Anyone
from portal.kernel.locks import hold
from portal.kernel.models import StateChange
from portal.kernel.outbox import publish
from portal.kernel.transitions import AlreadyMoved, ChangedMeanwhile
from portal.kernel.versions import same_version, version_key
from releases.events import ReleaseSaved
from releases.planning.members import state_now
from releases.planning.models import LONGEST_GOAL, FormerName, Release
from releases.planning.slugs import free_slug
from releases.planning.state import ABANDONED, IN_PRODUCTION, RODEO_DONE
from squads.models import Story
from squads.stories.editing import edit_story
from squads.stories.ranking import place
from squads.teams.permissions import check_answers_for, check_member, check_person, may_plan_for

# Whoever names a release waits for whoever is just naming one: the second is told that it is there.
NAMES = "names of releases"
EDITABLE = ("version", "line", "owner", "goal", "notes", "planned_for", "released_at")
# What people say about one that was found as a tag: its version and line are the tag's.
OF_A_TAG = ("owner", "goal", "notes", "planned_for", "released_at")
# What only those who answer for a release may change.
OF_OWNERS = ("owner", "line", "released_at")
WORDS = {"planned_for": "target date", "released_at": "release date"}
LONGEST_REASON = 2000
SAY_OUT = "say when a release went out"


@transaction.atomic
def create_release(
    *,
    by: Actor | None,
    version: str,
    line: str = "",
    owner: Any = None,
    goal: str = "",
    notes: str = "",
    planned_for: Any = None,
    released_at: Any = None,
    is_out: bool | None = None,
) -> Release:
    """Plan a release. Its version is kept as written; ValidationError names the field when line and version exist.

    One with a release date is out; `is_out` may say so too, and nothing else.
    """
    hold(NAMES)
    if owner is not None:
        _check_may_say(None, by, "owner")
    if released_at is not None:
        _check_may_say(None, by, "released_at")
    release = Release(
        version=version.strip(),
        line=line.strip(),
        owner=owner,
        goal=goal,
        notes=notes,
        planned_for=planned_for,
        released_at=released_at,
    )
    _say_when_out(release, Release(), is_out)
    release.slug = free_slug(release.line, release.version)
    _checked(release)
    release.save(force_insert=True)
    audit.record(by=by, did=f"created the release {release}", kind="release", key=release.slug)
    publish(ReleaseSaved(ids=[str(release.pk)]))
    return release


@transaction.atomic
def edit_release(
    release: Release, *, by: Actor, revision: int | None = None, is_out: bool | None = None, **fields: Any
) -> Release:
    """Change what people say about a release. One found as a tag keeps the tag's version and line.

    Whoever says when it went out says that it is out; without that, it has the date of its tag again. `is_out` says it also
    where that date is the tag's, or isn't given; None says nothing. One that is called something else has another address;
    its old address leads there. `revision` is what the person began from; None doesn't look. Raises ChangedMeanwhile if
    somebody changed it since.
    """
    hold(NAMES)
    own = OF_A_TAG if release.origin == Release.Origin.TAG else EDITABLE
    before = Release.objects.select_for_update(of=("self",)).get(pk=release.pk)
    if revision is not None and revision != before.revision:
        raise ChangedMeanwhile(str(before))
    for name in own:
        if name in fields and not _says_nothing(before, name, fields[name]):
            _check_may_say(before, by, name)
    if is_out not in (None, before.is_out):
        _check_may_say(before, by, "released_at")
    # What isn't said is as it is now, not as it was when the release was read.
    for name in (*EDITABLE, "is_out", "slug"):
        setattr(release, name, fields[name] if name in own and name in fields else getattr(before, name))
    if "released_at" in fields or is_out is not None:
        _say_when_out(release, before, is_out)
    changed = [name for name in (*own, "is_out") if getattr(release, name) != getattr(before, name)]
    _checked(release)
    if (before.line, before.version) != (release.line, release.version):
        _rename(before, release)
        changed += ["slug", "version_key"]
    release.revision = before.revision + bool(changed)
    release.save(update_fields=[*changed, "revision"])
    _note_changes(before, release, own, by)
    publish(ReleaseSaved(ids=[str(release.pk)]))
    return release


def _check_may_say(release: Release | None, by: Actor | None, name: str) -> None:
    """Refuse to change what the gates of a release depend on: its owner may override them, its line chooses them, and nobody
    is asked any more about one that is out."""
    if by is None or name not in OF_OWNERS:
        return
    if name == "released_at":
        check_person(by, SAY_OUT)
        check_answers_for(release, by, SAY_OUT)
    else:
        check_answers_for(release, by, f"change the {name} of a release")


def _says_nothing(before: Release, name: str, value: Any) -> bool:
    """Say whether a field is as it is, or is the date that only a tag gave, sent back or left empty."""
    tagged = name == "released_at" and not before.is_out
    return value == getattr(before, name) or (tagged and value is None)


def _say_when_out(release: Release, before: Release, is_out: bool | None) -> None:
    """Take a person's word on whether and when a release went out. Who only sends back the date of a tag has said nothing."""
    at, said = release.released_at, not _says_nothing(before, "released_at", release.released_at)
    if is_out is False and said and at is not None:
        raise ValidationError({"is_out": "With a release date, it’s out. Send one of both."})
    if is_out is None:
        is_out = at is not None if said else before.is_out
    release.is_out = is_out
    release.released_at = at or before.tagged_at if is_out else before.tagged_at
    if is_out and release.released_at is None:
        raise ValidationError({"released_at": "It has no tag, so say when it went out."})


def _note_changes(before: Release, release: Release, names: Iterable[str], by: Actor) -> None:
    """Keep in the audit log what changed about a release: short values as they were and are, long ones by name."""
    said = []
    for name in names:
        old, new = (getattr(each, name) for each in (before, release))
        if old == new:
            continue
        label = WORDS.get(name, name)
        long = name in ("goal", "notes")
        said.append(label if long else f"{label} from {_said(old)} to {_said(new)}")
    if before.is_out != release.is_out and before.released_at == release.released_at:
        said.append("state from tagged to out" if release.is_out else "state from out to tagged")
    if said:
        audit.record(by=by, did=f"changed the {', the '.join(said)} of {before}", kind="release", key=release.slug)


def _said(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    return str(getattr(value, "name", value))


def _rename(before: Release, release: Release) -> None:
    """Give a release the address of its new name, and keep the old one for it."""
    back = FormerName.objects.filter(release=release, line=release.line, version=release.version).first()
    if back is not None:
        back.delete()
    slug = back.slug if back is not None else free_slug(release.line, release.version, beside=release)
    if slug != before.slug:
        remember_name(before, release)
        release.slug = slug


def remember_name(before: Release, release: Release) -> None:
    """Have the address of a release that is called otherwise, or is one with another now, lead to where it is found."""
    said = {"release": release, "line": before.line, "version": before.version}
    FormerName.objects.update_or_create(slug=before.slug, defaults=said)


def _checked(release: Release) -> None:
    release.clean_fields()
    if len(release.goal) > LONGEST_GOAL:
        raise ValidationError({"goal": f"Use {LONGEST_GOAL} characters or fewer."})
    if release.is_out and release.released_at is not None and release.released_at > clock.now():
        raise ValidationError({"released_at": "This is in the future. For a plan, set the target date instead."})
    others = Release.objects.filter(line=release.line, version_key=version_key(release.version)).exclude(pk=release.pk)
    same = next((each for each in others if same_version(each.version) == same_version(release.version)), None)
    if same is not None:
        line = f" of {release.line}" if release.line else ""
        raise ValidationError({"version": f"There’s already a release {same.version}{line}. Choose another version."})


def check_may_abandon(release: Release, user: Anyone) -> None:
    """Refuse whoever doesn't answer for a release: its gates are asked nothing any more."""
    check_answers_for(release, user, "abandon a release")


@transaction.atomic
def abandon_release(release: Release, *, by: Actor, because: str) -> Release:
    """Say that a release won't go out, and why. Its stories stay planned for it until someone plans them elsewhere.

    For who answers for it. Raises PermissionDenied; ValidationError without a reason, and for a release that is out;
    AlreadyMoved if it was abandoned before.
    """
    row = Release.objects.select_for_update(of=("self",)).select_related("abandoned_by").get(pk=release.pk)
    check_may_abandon(row, by)
    because = because.strip()
    if not because:
        raise ValidationError({"because": "Enter a reason, so people know why."})
    if len(because) > LONGEST_REASON:
        raise ValidationError({"because": f"Use {LONGEST_REASON} characters or fewer."})
    if row.abandoned_at is not None:
        raise AlreadyMoved(str(row), "abandoned", "abandoned")
    if row.is_out:
        raise ValidationError(f"{row} is out, so it can’t be abandoned.")
    state = state_now(row)
    if state.state in (IN_PRODUCTION, RODEO_DONE):
        raise ValidationError(f"{row} is out, so it can’t be abandoned. {state.reason}")
    release.abandoned_at, release.abandoned_by, release.abandoned_because = clock.now(), by, because
    _move(release, state.state, ABANDONED, by, because)
    return release


@transaction.atomic
def resume_release(release: Release, *, by: Actor) -> Release:
    """Go on with a release that was abandoned, for who answers for it.

    Raises PermissionDenied; AlreadyMoved if it is not abandoned (any more).
    """
    row = Release.objects.select_for_update(of=("self",)).get(pk=release.pk)
    check_answers_for(row, by, "resume a release")
    if row.abandoned_at is None:
        raise AlreadyMoved(str(row), "resumed", "not abandoned")
    release.abandoned_at, release.abandoned_by, release.abandoned_because = None, None, ""
    _move(release, ABANDONED, state_now(release).state, by, "")
    return release


def _move(release: Release, before: str, after: str, by: Actor, because: str) -> None:
    """Write that a release was abandoned or resumed, with its history and the entry of the audit log."""
    release.save(update_fields=["abandoned_at", "abandoned_by", "abandoned_because"])
    StateChange.objects.create(
        kind="release", key=str(release.pk), from_state=before, to_state=after, by=by, because=because, at=clock.now()
    )
    did = f"abandoned {release}: {because}" if after == ABANDONED else f"resumed {release}"
    audit.record(by=by, did=did, kind="release", key=release.slug)
    publish(ReleaseSaved(ids=[str(release.pk)]))


def plan_missing(names: list[str], *, by: Actor, line: str = "") -> dict[str, Release]:
    """Plan releases of a line that an import names, without a date; return them by name. v5.10 and 5.10 are one."""
    known = {same_version(each.version): each for each in Release.objects.filter(line=line)}
    found = {}
    for name in names:
        same = same_version(name)
        found[name] = known[same] = known.get(same) or create_release(by=by, version=name, line=line)
    return found


MOST_AT_ONCE = 200


@transaction.atomic
def plan_stories(release: Release, keys: Iterable[str], *, by: Actor, planned: bool) -> list[Story]:
    """Plan these stories for a release, or for none: all of them, or none. Return those that changed, in the order given.

    Raises ValidationError that names each story that can't be, with the reason, under “stories”; PermissionDenied if none can
    be because they are other squads’.
    """
    keys = list(dict.fromkeys(key.strip().upper() for key in keys if key.strip()))
    if not keys:
        raise ValidationError({"stories": "Select at least one story first."})
    if len(keys) > MOST_AT_ONCE:
        raise ValidationError({"stories": f"That’s {len(keys)} stories; {MOST_AT_ONCE} is the most at once."})
    found = _held(keys)
    refused, denied = [], 0
    for key in keys:
        story = found.get(key)
        why = f"There’s no story {key[:40]}." if story is None else _why_not(story, release, by, planned)
        if why:
            refused.append(why)
            denied += story is not None and not may_plan_for(story.squad, by)
    if denied == len(keys):
        raise PermissionDenied(refused[0] if denied == 1 else " ".join(refused))
    if refused:
        raise ValidationError({"stories": refused})
    wanted = release if planned else None
    changed = [story for story in (found[key] for key in keys) if (story.release_id == release.pk) != planned]
    for story in changed:
        edit_story(story, by=by, release=wanted)
    return changed


def _held(keys: list[str]) -> dict[str, Story]:
    """Return the stories that these keys mean, their rows held in one order for all until the transaction ends."""
    named = Story.objects.in_bulk(keys, field_name="key")
    ids = {key: named[key].pk if key in named else _called(key) for key in keys}
    rows = Story.objects.select_for_update(of=("self",)).select_related("squad", "release").order_by("pk")
    held = rows.in_bulk([pk for pk in ids.values() if pk])
    return {key: held[pk] for key, pk in ids.items() if pk in held}


def _called(key: str) -> int | None:
    story = Story.objects.called(key)
    return story.pk if story else None


def _why_not(story: Story, release: Release, by: Actor, planned: bool) -> str:
    """Say why a story can’t be planned for a release, or taken out of it; "" if it can."""
    if not may_plan_for(story.squad, by):
        return f"Only project managers and members of {story.squad} can plan {story.key}."
    if planned and story.ending:
        return f"{story.key} is closed, so it can’t be planned. Reopen it first."
    if story.release_id is not None and story.release_id != release.pk:
        return f"{story.key} is planned for {story.release}. Remove it from there first."
    return ""


@transaction.atomic
def put_story(
    story: Story, release: Release, *, by: Actor, planned: bool | None = None, after: str = "", before: str = ""
) -> Story:
    """Plan a story for a release, or for none, and put it behind or before another story of its squad; both or neither.

    Stories of a release stand in the order of their squad. Raises PermissionDenied: members of the squad do both, project
    managers plan; ValidationError for a story that meanwhile is planned for another release.
    """
    if after or before:
        # It holds the squad's row before the story's, as whoever puts stories in order does.
        place(story, by=by, after=after or None, before=before or None)
    row = Story.objects.select_for_update(of=("self",)).select_related("squad", "release").get(pk=story.pk)
    if not may_plan_for(row.squad, by):
        raise PermissionDenied(_why_not(row, release, by, planned=False))
    if after or before:
        check_member(row.squad, by, "the order of its stories")
    if planned is not None:
        if row.release not in (None, release):
            raise ValidationError(f"{row.key} is now planned for {row.release}. Reload the page.")
        if why := _why_not(row, release, by, planned):
            raise ValidationError(why)
        edit_story(row, by=by, release=release if planned else None)
    return row
