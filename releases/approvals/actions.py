"""Asking for approval of a release, answering, withdrawing, and voiding what was given for other content."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction

from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.models import StateChange
from portal.kernel.outages import at_once_or_apart
from portal.kernel.outbox import publish
from portal.kernel.transitions import AlreadyMoved, move, signed
from releases.approvals import content
from releases.approvals.models import Approval
from releases.contents.queries import contents_of
from releases.events import ApprovalAnswered, ApprovalAsked, ApprovalVoided
from releases.planning.models import Release
from squads.models import Squad
from squads.teams.permissions import check_planner

State, Kind = Approval.State, Approval.Kind
LONGEST_NOTE = 2000
# Whoever asks compares anyway; after this long, nobody has to be told.
WATCHED = timedelta(days=180)
# As many waiting ones as anybody reads.
MOST_WAITING = 50
WHO = "Only project managers and squad members can ask for approval. Join or create a squad first."
OF_SQUADS = (Kind.MEMBERS, Kind.LEADS, Kind.ACCEPTERS)


@transaction.atomic
def ask(
    release: Release, *, by: Actor, kind: str, person: Actor | None = None, squad: Squad | None = None, note: str = ""
) -> Approval:
    """Ask a person, or whoever has a role, to approve what a release ships. What isn't known yet can be asked about.

    Raises ValidationError naming the field, or PermissionDenied.
    """
    check_planner(by, WHO)
    _check_asked(release, kind, person, squad, by)
    _check_length(note)
    if Approval.objects.filter(release=release, state=State.WAITING).count() >= MOST_WAITING:
        raise ValidationError(f"{MOST_WAITING} approvals already wait for an answer. Withdraw one first.")
    number = person.pk if person is not None else squad.pk if squad is not None else ""
    try:
        with transaction.atomic():
            approval = Approval.objects.create(
                release=release,
                kind=kind,
                person=person,
                squad=squad,
                asked_of=f"{kind}:{number}",
                asked_by=by,
                asked_at=clock.now(),
                note=note.strip(),
            )
    except IntegrityError:
        raise ValidationError("This was already asked and waits for an answer. Withdraw it to ask again.") from None
    _record(approval, "", State.WAITING, by, approval.note)
    audit.record(by=by, did=f"asked {approval.whom} to approve {release}", kind="release", key=release.slug)
    publish(ApprovalAsked(release=str(release.pk), approval=approval.pk))
    return approval


def _check_asked(release: Release, kind: str, person: Actor | None, squad: Squad | None, by: Actor) -> None:
    if release.is_out:
        raise ValidationError(f"{release} is already out, so there’s nothing left to approve.")
    if kind not in Kind.values:
        raise ValidationError({"kind": f"Choose one of {', '.join(Kind.values)}."})
    if (kind == Kind.PERSON) != (person is not None):
        raise ValidationError(
            {"person": "Choose a person." if person is None else "Leave this empty, or ask a person."}
        )
    if (kind in OF_SQUADS) != (squad is not None):
        raise ValidationError(
            {"squad": "Choose a squad." if squad is None else "Leave this empty, or ask a role in a squad."}
        )
    if person is not None and (not person.is_active or person.program_of_id):
        raise ValidationError({"person": f"{person.name} can’t sign in. Choose someone else."})
    if person is not None and person.pk == by.pk:
        raise ValidationError({"person": "You can’t ask yourself. Choose someone else."})
    if squad is not None and squad.archived_at is not None:
        raise ValidationError({"squad": f"{squad} is archived. Choose another squad."})


def find_person(username: str) -> Any:
    """Return the person with this user name. Raises ValidationError naming the field."""
    person = get_user_model().objects.filter(username__iexact=username.strip()[:151], is_active=True).first()
    if person is None:
        raise ValidationError({"person": f"There’s no account “{username[:60]}”. Check the spelling."})
    return person


@transaction.atomic
def answer(approval: Approval, *, by: Actor, given: bool, note: str = "", seen: str = "") -> Approval:
    """Give an approval or decline it. It is given for what the release ships now, all of which has to be known.

    `seen` is the digest of the content that the person looked at; "" doesn't look. Raises PermissionDenied for somebody who
    wasn't asked, ValidationError, and AlreadyMoved when somebody was first; nothing is written then.
    """
    if refusal := approval.why_may_not_answer(by):
        raise PermissionDenied(refusal)
    if not given and not note.strip():
        raise ValidationError({"note": "Say why you decline, so that others know what to change."})
    _check_length(note)
    release = approval.release
    if release.is_out:
        raise ValidationError(f"{release} is already out, so there’s nothing left to approve.")
    now = content.content_of(contents_of([release], with_history=False)[release.pk])
    digest = content.digest_of(now)
    if given and (unknown := content.unknown_in(now)):
        raise ValidationError(unknown)
    if given and seen and seen != digest:
        raise ValidationError("What ships changed while you looked at it. Read it again, then approve.")
    to = State.GIVEN if given else State.DECLINED
    move(
        approval,
        "state",
        to,
        leaving=[State.WAITING],
        by=by,
        because=note.strip(),
        answered_by=by,
        answered_at=clock.now(),
        answer=note.strip(),
        content=now,
        content_digest=digest,
    )
    did = f"{'approved' if given else 'declined to approve'} {release}, asked of {approval.whom}"
    audit.record(by=by, did=did, kind="release", key=release.slug)
    publish(ApprovalAnswered(release=str(release.pk), approval=approval.pk, given=given))
    return approval


@transaction.atomic
def withdraw(approval: Approval, *, by: Actor) -> Approval:
    """Withdraw a question that waits: whoever asked, or who answers for the release.

    Raises AlreadyMoved when somebody answered first, or PermissionDenied.
    """
    if not approval.may_be_withdrawn_by(by):
        who = f"Only {approval.asked_by.name}, who asked, the release’s owner, project managers and administrators"
        raise PermissionDenied(f"{who} can withdraw this.")
    move(approval, "state", State.WITHDRAWN, leaving=[State.WAITING], by=by, because="")
    did = f"no longer asks {approval.whom} to approve {approval.release}"
    audit.record(by=by, did=did, kind="release", key=approval.release.slug)
    return approval


def void_outdated() -> int:
    """Void what was given for other content than releases ship now, for good; return how many. Run by the schedule.

    Once void, an approval stays so, even if the content becomes again what it was.
    """
    given = Approval.objects.of_open_releases().filter(state=State.GIVEN, answered_at__gt=clock.now() - WATCHED)
    voided: set[int] = set()

    def void(rows: Sequence[Approval]) -> None:
        releases = {each.release_id: each.release for each in rows}.values()
        contents = contents_of(releases, with_history=False) if rows else {}
        now = {pk: content.content_of(each) for pk, each in contents.items()}
        digests = {pk: content.digest_of(each) for pk, each in now.items()}
        outdated = [each for each in rows if digests[each.release_id] != each.content_digest]
        voided.update(each.pk for each in outdated if _void(each, now[each.release_id]))

    at_once_or_apart("comparing the approval", list(given.select_related("release", "person", "squad")), void)
    return len(voided)


@transaction.atomic
def _void(approval: Approval, now: Mapping[str, Any]) -> bool:
    why = content.differences(approval.content or content.NOTHING, now)
    try:
        move(
            approval,
            "state",
            State.VOID,
            leaving=[State.GIVEN],
            by=None,
            because=" ".join(why)[:2000],
            voided_at=clock.now(),
            why_void=why[:50],
        )
    except AlreadyMoved:
        return False
    publish(ApprovalVoided(release=str(approval.release_id), approval=approval.pk))
    return True


def _check_length(note: str) -> None:
    if len(note) > LONGEST_NOTE:
        raise ValidationError({"note": f"This has over {LONGEST_NOTE} characters. Shorten it."})


def _record(approval: Approval, before: str, after: str, by: Actor, because: str) -> None:
    StateChange.objects.create(
        kind="approval",
        key=str(approval),
        from_state=before,
        to_state=after,
        by=by,
        because=signed(by, because),
        at=clock.now(),
    )
