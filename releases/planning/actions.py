"""What people do to releases. The HTML pages and the API call these same verbs."""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.kernel.actors import Actor
from portal.kernel.locks import hold
from portal.kernel.outbox import publish
from portal.kernel.versions import same_version, version_key
from releases.events import ReleaseSaved
from releases.planning.models import FormerName, Release
from releases.planning.slugs import free_slug
from squads.models import Story
from squads.stories.editing import edit_story
from squads.stories.ranking import place
from squads.teams.permissions import check_member, may_plan_for

# Whoever names a release waits for whoever is just naming one: the second is told that it is there.
NAMES = "names of releases"
EDITABLE = ("version", "line", "notes", "planned_for", "released_at")


@transaction.atomic
def create_release(
    *, by: Actor, version: str, line: str = "", notes: str = "", planned_for: Any = None, released_at: Any = None
) -> Release:
    """Plan a release. Its version is kept as written; ValidationError names the field when line and version exist."""
    hold(NAMES)
    release = Release(
        version=version.strip(), line=line.strip(), notes=notes, planned_for=planned_for, released_at=released_at
    )
    release.slug = free_slug(release.line, release.version)
    _checked(release)
    release.save(force_insert=True)
    publish(ReleaseSaved(ids=[str(release.pk)]))
    return release


@transaction.atomic
def edit_release(release: Release, *, by: Actor, **fields: Any) -> Release:
    """Change what people say about a release. One found as a tag keeps the tag's version, line and date.

    One that is called something else has another address; its old address leads there.
    """
    hold(NAMES)
    own = ("notes", "planned_for") if release.origin == Release.Origin.TAG else EDITABLE
    changed = [name for name in own if name in fields]
    before = Release.objects.get(pk=release.pk)
    for name in changed:
        setattr(release, name, fields[name])
    _checked(release)
    if (before.line, before.version) != (release.line, release.version):
        _rename(before, release)
        changed += ["slug", "version_key"]
    release.save(update_fields=changed)
    publish(ReleaseSaved(ids=[str(release.pk)]))
    return release


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
    others = Release.objects.filter(line=release.line, version_key=version_key(release.version)).exclude(pk=release.pk)
    same = next((each for each in others if same_version(each.version) == same_version(release.version)), None)
    if same is not None:
        line = f" of {release.line}" if release.line else ""
        raise ValidationError({"version": f"There’s already a release {same.version}{line}. Choose another version."})


def plan_missing(names: list[str], *, by: Actor, line: str = "") -> dict[str, Release]:
    """Plan releases of a line that an import names, without a date; return them by name. v5.10 and 5.10 are one."""
    known = {same_version(each.version): each for each in Release.objects.filter(line=line)}
    found = {}
    for name in names:
        same = same_version(name)
        found[name] = known[same] = known.get(same) or create_release(by=by, version=name, line=line)
    return found


@transaction.atomic
def put_story(
    story: Story, release: Release, *, by: Actor, planned: bool | None = None, after: str = "", before: str = ""
) -> Story:
    """Plan a story for a release, or for none, and put it behind or before another story of its squad; both or neither.

    Stories of a release stand in the order of their squad. Raises PermissionDenied: members of the squad do both, project
    managers plan; ValidationError for a story that meanwhile is planned for another release.
    """
    if not may_plan_for(story.squad, by):
        raise PermissionDenied(f"Only project managers and members of {story.squad} can plan {story.key}.")
    if after or before:
        check_member(story.squad, by, "the order of its stories")
        place(story, by=by, after=after or None, before=before or None)
    if planned and story.ending:
        raise ValidationError(f"{story.key} is closed, so it can’t be planned. Reopen it first.")
    if planned is not None:
        story.refresh_from_db(fields=["release"])
        if story.release not in (None, release):
            raise ValidationError(f"{story.key} is now planned for {story.release}. Reload the page.")
        edit_story(story, by=by, release=release if planned else None)
    return story
