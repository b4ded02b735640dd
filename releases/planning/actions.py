"""What people do to releases. The HTML pages and the API call these same verbs."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel.actors import Actor
from portal.kernel.locks import hold
from portal.kernel.outbox import publish
from releases.events import ReleaseSaved
from releases.planning.models import Release
from releases.planning.slugs import free_slug

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
    """Change what people say about a release. One found as a tag keeps the tag's version, line and date."""
    hold(NAMES)
    own = ("notes", "planned_for") if release.origin == Release.Origin.TAG else EDITABLE
    changed = [name for name in own if name in fields]
    for name in changed:
        setattr(release, name, fields[name])
    _checked(release)
    release.save(update_fields=changed)
    publish(ReleaseSaved(ids=[str(release.pk)]))
    return release


def _checked(release: Release) -> None:
    release.clean_fields()
    others = Release.objects.filter(line=release.line, version=release.version).exclude(pk=release.pk)
    if others.exists():
        line = f" of {release.line}" if release.line else ""
        raise ValidationError(
            {"version": f"There is a release {release.version}{line} already. Choose another version."}
        )


def plan_missing(names: list[str], *, by: Actor) -> dict[str, Release]:
    """Plan releases that an import names, without a line or a date; return them by name."""
    return {name: create_release(by=by, version=name) for name in names}
