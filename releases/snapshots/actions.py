"""Taking snapshots: whenever a release goes out to production; and by hand. A tag proves no deployment."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import BooleanField, Exists, ExpressionWrapper, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.locks import hold
from portal.kernel.outages import each_apart, named
from portal.kernel.transitions import signed
from releases.pipelines.models import StoryLink
from releases.planning.members import shipments_of, states_of
from releases.planning.models import Release
from releases.planning.state import (
    CANDIDATE,
    DEPLOYED,
    IN_PRODUCTION,
    IN_PROGRESS,
    PLANNED,
    RODEO_DONE,
    SHIPPING,
    UNKNOWN,
)
from releases.snapshots.documents import canonical, digest
from releases.snapshots.models import Shipping, Snapshot
from releases.snapshots.queries import present
from squads.models import StageChange
from squads.teams.permissions import check_planner

Reason, Moment = Snapshot.Reason, Shipping.Moment
# What is judged later than this after a release went out says nothing about that moment any more.
IN_TIME = timedelta(hours=1)
AT_ONCE = 50
MOST_BY_HAND = 100
REASONS = {Moment.BEGAN: Reason.BEGAN, Moment.OUT: Reason.SHIPPED, Moment.SAID: Reason.SAID}
OUT, NOT_OUT = (IN_PRODUCTION, RODEO_DONE), (UNKNOWN, PLANNED, IN_PROGRESS, CANDIDATE)


@transaction.atomic
def take_snapshot(release: Release, *, by: Actor, note: str = "") -> Snapshot:
    """Keep the whole judgement of this moment. Raises ValidationError, or PermissionDenied for those who plan nothing."""
    check_planner(by)
    hold("snapshots")
    note = " ".join(note.split())
    if len(note) > 300:
        raise ValidationError({"note": "Enter at most 300 characters."})
    if Snapshot.objects.filter(release=release.pk, reason=Reason.BY_HAND).count() >= MOST_BY_HAND:
        raise ValidationError(f"{release} already has {MOST_BY_HAND} snapshots by hand, which is the most.")
    taken = _take(release, Reason.BY_HAND, by=by, note=note)
    did = signed(by, f"took a snapshot of {release} ({taken.sha256[:12]}…)")
    audit.record(by=by, did=did, kind="release", key=release.slug)
    return taken


def _take(
    release: Release, reason: str, *, by: Actor | None, note: str = "", shipped: Shipping | None = None
) -> Snapshot:
    at = clock.now()
    taken = {
        "at": at,
        "why": reason,
        "by": by.username if by is not None else None,
        "note": note,
        "shipped_at": shipped.shipped_at if shipped else None,
        "because": f"{shipped.get_moment_display().capitalize()}." if shipped else "",
    }
    found = present(release)
    text = canonical({**found, "taken": taken})
    return Snapshot.objects.create(
        release=release.pk,
        release_name=str(release)[:340],
        release_slug=release.slug,
        reason=reason,
        note=note,
        by=by,
        at=at,
        verdict=found["readiness"]["verdict"],
        sentence=found["readiness"]["sentence"],
        document=text,
        sha256=digest(text),
    )


def notice_shipped() -> int:
    """Notice releases that went out to production or back, and take the snapshots; return of how many releases.

    Any number of processes may do so. One release that can't be judged stops no other, and its page says so.
    """
    now = clock.now()
    moves = _moves()

    def notice(move: Move) -> None:
        _notice(move, now, _why_not(move, now))

    for move, error in each_apart("the snapshot of", moves, notice):
        _notice(move, now, f"No snapshot: judging it failed ({named(error)}).")
    return len(moves)


class Move(NamedTuple):
    """A release that went out or back: since when, by what deployments say, and its newest row before.

    `is_anew` is whether all of it was never out before, or a story of it was deployed since.
    """

    release: Release
    moment: Shipping.Moment
    at: datetime | None
    before: Shipping | None
    is_anew: bool = True

    @property
    def is_taken(self) -> bool:
        """Whether a snapshot is kept of it: not when it went back, nor when only stories came in or were taken out."""
        moment = str(self.moment)
        if moment == Moment.BEGAN:
            return self.before is None or self.before.moment != Moment.OUT
        return self.is_anew if moment == Moment.OUT else moment != Moment.BACK

    def __str__(self) -> str:
        return str(self.release)


def _moves() -> list[Move]:
    """Return some releases that are further out, or less far, than was noticed last; those of each kind in a few queries."""
    rows = Shipping.objects.filter(release=OuterRef("pk")).order_by("-pk")
    out = rows.filter(moment=Moment.OUT)
    known = Release.objects.annotate(
        last=Coalesce(Subquery(rows.values("moment")[:1]), Value("")),
        last_noticed_at=Subquery(rows.values("noticed_at")[:1]),
        last_but_one=Subquery(rows.values("moment")[1:2]),
        out_at=Subquery(out.values(known_at=Coalesce("shipped_at", "noticed_at"))[:1]),
        is_anew=ExpressionWrapper(Q(out_at=None) | _deployed_since("out_at"), BooleanField()),
    )
    gone, unsaid = known.filter(last__in=[Moment.BEGAN, Moment.OUT]), known.filter(last=Moment.SAID, is_out=False)
    again = known.filter(last=Moment.OUT, is_anew=True)
    said_anew = Q(last_but_one=Moment.SAID) | Q(released_at__gt=F("last_noticed_at"))
    said = known.filter(Q(last="") | Q(last=Moment.BACK) & said_anew, is_out=True)
    found: dict[Shipping.Moment, list[Any]] = {
        Moment.OUT: [some.in_state(state) for state in OUT for some in (known.exclude(last=Moment.OUT), again)],
        Moment.BEGAN: [known.exclude(last=Moment.BEGAN).in_state(SHIPPING)],
        Moment.BACK: [was.in_state(state) for state in NOT_OUT for was in (gone, unsaid)],
        # Deployments say more than people: of one that came back, only what somebody says afterwards counts.
        Moment.SAID: [said.in_state(state) for state in NOT_OUT],
    }
    moves = [
        (release, moment)
        for moment, several in found.items()
        for some in several
        for release in some.select_related("owner", "abandoned_by").order_by("pk")[:AT_ONCE]
    ]
    since = _since(release for release, _ in moves)
    before = {
        row.release_id: row
        for row in Shipping.objects.filter(release__in=[release.pk for release, _ in moves]).order_by("pk")
    }
    return [
        Move(release, moment, _when(release, moment, since[release.pk]), before.get(release.pk), release.is_anew)
        for release, moment in moves
    ]


def _when(release: Release, moment: Shipping.Moment, since: datetime | None) -> datetime | None:
    if moment == Moment.SAID:
        return release.released_at
    return None if moment == Moment.BACK else since


def _deployed_since(moment: str) -> Q:
    """Say whether a story that a release ships came to production after a moment (a column of the release)."""
    # What was cancelled or is a duplicate is judged too, but shipped by none.
    crossed = StageChange.objects.filter(story__ending="", to_stage__in=DEPLOYED, at__gt=OuterRef(moment)).exclude(
        from_stage__in=DEPLOYED
    )
    named = StoryLink.objects.asking().filter(change__release=OuterRef(OuterRef("pk"))).values("story")
    return Q(Exists(crossed.filter(story__release=OuterRef("pk")))) | Q(Exists(crossed.filter(story__in=named)))


def _since(releases: Iterable[Release]) -> dict[UUID, datetime | None]:
    """Return since when releases are as far in production as they are: an acceptance makes no difference to that."""
    asked = list(releases)
    shipped = {
        pk: {story: each._replace(stage="deployed") if each.stage in DEPLOYED else each for story, each in some.items()}
        for pk, some in shipments_of(release.pk for release in asked).items()
    }
    return {pk: state.since for pk, state in states_of(asked, shipped).items()}


@transaction.atomic
def _notice(move: Move, now: datetime, why_not: str) -> None:
    hold(f"shipping of {move.release.pk}")
    newest = Shipping.objects.filter(release=move.release).order_by("-pk").values_list("pk", flat=True).first()
    if newest != (move.before.pk if move.before else None):
        # Another process was first.
        return
    shipping = Shipping.objects.create(
        release=move.release, moment=move.moment, shipped_at=move.at, noticed_at=now, why_not=why_not
    )
    if move.is_taken and not why_not:
        _take(move.release, REASONS[move.moment], by=None, shipped=shipping)


def _why_not(move: Move, now: datetime) -> str:
    """Say why what is judged now tells nothing about the moment at which a release went out; "" if it does."""
    if not move.is_taken:
        # Where nothing was deployed, what was said of the last time holds.
        return move.before.why_not if move.before and str(move.moment) != Moment.BACK else ""
    if move.at is None:
        return "No snapshot: nothing tells when it went out."
    if now - move.at <= IN_TIME:
        return ""
    if move.at < move.release.created_at - IN_TIME:
        return f"No snapshot: it went out {clock.ago(move.at, move.release.created_at)}, before Rodeo knew of it."
    late = clock.duration(now - move.at)
    if move.before and move.before.moment == Moment.SAID:
        return f"No snapshot of its deployment: Rodeo noticed that {late} later, when what held then could no longer be judged."
    return f"No snapshot: Rodeo noticed {late} after it went out, when what held then could no longer be judged."
