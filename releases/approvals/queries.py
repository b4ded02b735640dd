"""Which approvals a release has, in which state, and what waits for whom."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from portal.kernel.actors import Actor, Anyone
from releases.approvals import content
from releases.approvals.models import Approval
from releases.contents.queries import Contents, contents_of
from releases.planning.models import Release
from squads.models import Story

BESIDE = ("release", "person", "squad", "asked_by", "answered_by")
MOST_READ = 500
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ApprovalNow:
    """Where one approval that was asked for stands: the newest of those asked of the same person or role.

    key: of whom, as it is kept. asked_of: the same in words. state: given, declined, waiting or void. by, at, note: who
    answered, when, and what they wrote; of one that waits, `by` is empty and `at` when it was asked. why_void: what changed
    since it was given, as sentences; only of a void one. url: where it stands.
    """

    approval: int
    key: str
    asked_of: str
    state: str
    by: str
    at: datetime
    note: str
    why_void: tuple[str, ...]
    url: str


def approvals_of(contents: Mapping[UUID, Contents]) -> dict[UUID, tuple[ApprovalNow, ...]]:
    """Return the approvals of releases with these contents, by whom was asked; one query, however many there are.

    An approval that was given for other content is void, also before the schedule has noted so, and also of a release that is
    out. Every release has an entry.
    """
    rows = Approval.objects.filter(release__in=list(contents)).exclude(state=Approval.State.WITHDRAWN)
    newest: dict[UUID, dict[str, Approval]] = {release: {} for release in contents}
    for row in rows.select_related(*BESIDE).order_by("asked_at", "pk"):
        newest[row.release_id][row.asked_of] = row
    found = {}
    for release, each in newest.items():
        now = content.content_of(contents[release]) if each else content.NOTHING
        found[release] = tuple(sorted((_now(row, now) for row in each.values()), key=lambda one: one.asked_of))
    return found


def _now(row: Approval, now: Mapping[str, Any]) -> ApprovalNow:
    state, why = compared(row, now)
    waits = row.state == Approval.State.WAITING
    return ApprovalNow(
        approval=row.pk,
        key=row.asked_of,
        asked_of=row.whom,
        state=state,
        by=row.answered_by.name if row.answered_by else "",
        at=row.asked_at if waits or row.answered_at is None else row.answered_at,
        note=row.note if waits else row.answer,
        why_void=tuple(why),
        url=row.get_absolute_url(),
    )


def standing(row: Approval, now: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the state of an approval as it is told to people, and why it is void. What is out keeps what was approved."""
    if row.release.is_out:
        return str(row.state), list(row.why_void)
    return compared(row, now)


def compared(row: Approval, now: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the state of an approval for the content that there is now, and why it is void."""
    if row.state == Approval.State.GIVEN and row.content_digest != content.digest_of(now):
        return str(Approval.State.VOID), content.differences(row.content or content.NOTHING, now)
    return str(row.state), list(row.why_void)


def waiting_for(person: Actor) -> "QuerySet[Approval]":
    """Return what waits for this person to approve, the longest waiting first."""
    return Approval.objects.waiting_for(person).select_related(*BESIDE).order_by("asked_at", "pk")


def listed(release: Release) -> "QuerySet[Approval]":
    """Return everything that was asked about a release, the newest first."""
    return Approval.objects.filter(release=release).select_related(*BESIDE)


@dataclass(frozen=True, slots=True)
class Row:
    """An approval as its page lists it: its state now, why it is void, why this person can't answer, and whether
    they can withdraw it."""

    approval: Approval
    state: str
    why_void: list[str]
    why_not: str
    may_withdraw: bool


@dataclass(frozen=True, slots=True)
class Content:
    """What a release ships, as the page of its approvals shows it."""

    contents: Contents
    digest: str
    unknown: list[str]
    kept: Mapping[str, Any]


def content_now(release: Release) -> Content:
    """Return what a release ships now, and what of it isn't known."""
    contents = contents_of([release], with_history=False)[release.pk]
    kept = content.content_of(contents)
    return Content(contents, content.digest_of(kept), content.unknown_in(kept), kept)


def rows_of(approvals: Iterable[Approval], now: Content, person: Anyone) -> list[Row]:
    """Return approvals as their page lists them. Only of those that wait it is asked who may answer."""
    may = set(Approval.objects.waiting_for(person).values_list("pk", flat=True)) if person.is_authenticated else set()
    found = []
    for each in approvals:
        state, why = standing(each, now.kept)
        waits = state == Approval.State.WAITING and each.pk not in may
        found.append(Row(each, state, why, _why_not(each, person) if waits else "", each.may_be_withdrawn_by(person)))
    return found


def _why_not(approval: Approval, person: Anyone) -> str:
    if approval.asked_by_id == person.pk:
        return "You asked for this, so someone else has to answer."
    return f"This was asked of {approval.whom}."


def stories_to_accept(release: Release) -> "QuerySet[Story]":
    """Return the stories that are planned for a release and have something to accept: not ended, and not rodeo done."""
    return _planned(release).exclude(stage=Story.Stage.RODEO_DONE)


def accepted(release: Release) -> int:
    """Return how many of the stories that are planned for a release are rodeo done."""
    return _planned(release).filter(stage=Story.Stage.RODEO_DONE).count()


def _planned(release: Release) -> "QuerySet[Story]":
    found = Story.objects.filter(release=release).not_ended().select_related("squad")
    return found.order_by("squad__name", "number")


def stories_called(release: Release, keys: Iterable[str]) -> "list[Story]":
    """Return the stories of a release with these keys. Raises ValidationError for none, too many, and those of others."""
    wanted = list(dict.fromkeys(keys))[: MOST_READ + 1]
    if not wanted or len(wanted) > MOST_READ:
        raise ValidationError(f"Choose 1 to {MOST_READ} stories.")
    found = list(_planned(release).filter(key__in=wanted))
    missing = set(wanted) - {each.key for each in found}
    if missing:
        raise ValidationError(f"{sorted(missing)[0][:40]} isn’t planned for {release}. Reload the page.")
    return found
