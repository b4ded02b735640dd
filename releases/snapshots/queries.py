"""Snapshots of releases, and why there is none."""

import json
from typing import Any

from django.db.models import QuerySet

from releases.planning.members import shipments_of
from releases.planning.models import Release
from releases.readiness.documents import document
from releases.readiness.inputs import inputs_of
from releases.readiness.queries import judged
from releases.snapshots.documents import FORMAT, VERSION, Difference, canonical, differences
from releases.snapshots.models import Shipping, Snapshot


def snapshots_of(release: Release) -> "QuerySet[Snapshot]":
    """Return the snapshots of a release, newest first, without their documents."""
    return Snapshot.objects.filter(release=release.pk).select_related("by").defer("document")


def why_none(release: Release) -> str:
    """Say why there is no snapshot of the moment at which a release went out last; "" if there is one, or it isn't out."""
    shipping = Shipping.objects.filter(release=release).order_by("-pk").first()
    if shipping is not None:
        return shipping.why_not
    if release.is_out:
        return "Its snapshot is taken within a minute or two. If what held then can’t be judged any more, this page says so."
    if release.tagged_at is None:
        return ""
    if not shipments_of([release.pk])[release.pk]:
        return (
            "It has a tag, but no stories, so nothing shows when it goes out. Its snapshot is taken when somebody says that it’s "
            "out."
        )
    return (
        "It has a tag, but no deployment of its stories to production is known. Its snapshot is taken within a minute or two "
        "of the first one."
    )


def present(release: Release) -> dict[str, Any]:
    """Return all that is known and judged of a release now, as a snapshot has it."""
    inputs = inputs_of([release])[release.pk]
    return {
        "format": FORMAT,
        "version": VERSION,
        "release": {
            "id": release.pk,
            "name": str(release),
            "slug": release.slug,
            "line": release.line,
            "version": release.version,
            "goal": release.goal,
            "owner": release.owner.username if release.owner else None,
            "planned_for": release.planned_for,
            "released_at": release.released_at,
        },
        "readiness": document(judged(inputs)),
        "facts": inputs.facts,
        "template": [{"gate": each.gate, "values": each.values} for each in inputs.template],
        "overrides": inputs.overrides,
        "contents": inputs.contents,
    }


def difference_to_now(snapshot: Snapshot) -> list[Difference] | None:
    """Return what is different now; None if the release is gone."""
    release = Release.objects.select_related("owner").filter(pk=snapshot.release).first()
    if release is None:
        return None
    return differences(json.loads(snapshot.document), json.loads(canonical(present(release))))
