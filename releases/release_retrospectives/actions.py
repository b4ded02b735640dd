"""Beginning a retrospective about a release: of how it went, or of what went well."""

from datetime import datetime
from typing import NamedTuple

from django.core.exceptions import ValidationError

from portal.kernel.actors import Actor
from releases.contents.queries import contents_of
from releases.planning.models import Release
from releases.release_retrospectives.queries import RETROSPECTIVES, SUBJECT
from releases.snapshots.models import Shipping
from squads.models import Service
from squads.retrospectives.actions import Subject, create
from squads.retrospectives.models import Retrospective
from squads.teams.models import Squad


class Went(NamedTuple):
    """When a release began to go out, and when it was out; None where nothing tells."""

    began_at: datetime | None
    ended_at: datetime | None


def review_release(release: Release, squad: Squad, *, by: Actor, kind: str) -> Retrospective:
    """Begin a squad's retrospective about a release: a draft whose timeline holds what Rodeo knows of its services.

    If the squad has one of this kind about it, that is returned. Raises ValidationError naming the field, PermissionDenied.
    """
    if kind not in RETROSPECTIVES:
        raise ValidationError({"kind": f"Choose one of {', '.join(RETROSPECTIVES)}."})
    went = when_it_went(release)
    shipped = [each.service for each in contents_of([release], with_history=False)[release.pk].services]
    subject = Subject(
        kind=SUBJECT,
        key=str(release.pk),
        title=str(release),
        url=release.get_absolute_url(),
        began_at=went.began_at,
        ended_at=went.ended_at,
        services=list(Service.objects.filter(pk__in=shipped)),
    )
    title = f"What went well in {release}" if kind == "success" else f"Release {release}"
    return create(squad, by=by, kind=kind, title=title[:200], subject=subject)


def when_it_went(release: Release) -> Went:
    """Return when a release went out: from its tag, or the first part of it in production, to when all of it was there.

    One that was never out is told from its beginning until now, or until it was abandoned.
    """
    rows = list(Shipping.objects.filter(release=release).order_by("pk"))
    began = [each.shipped_at for each in rows if each.moment in (Shipping.Moment.BEGAN, Shipping.Moment.OUT)]
    out = [each.shipped_at for each in rows if each.moment == Shipping.Moment.OUT]
    said = release.released_at if release.is_out else None
    starts = [at for at in (*began, release.tagged_at, said) if at is not None]
    # Whoever came back from production went out again: the last time counts.
    ended = max((at for at in (*out, said) if at is not None), default=None)
    if not starts:
        by_hand = release.origin == Release.Origin.PERSON
        return Went(release.created_at if by_hand else None, release.abandoned_at if by_hand else None)
    return Went(min(starts), ended)
