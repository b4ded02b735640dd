"""Saying that one read a retrospective for a release, and taking that back. Pages and the API call these same verbs."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction

from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.models import StateChange
from portal.kernel.outbox import publish
from portal.kernel.sentences import listed
from portal.kernel.transitions import AlreadyMoved, signed
from releases.events import LearningsRead
from releases.gates.facts import LearningFact
from releases.gates.learnings import readers, what
from releases.learnings.queries import Wanted, retrospective_among, squads_of, wanted_for
from releases.planning.models import Release
from releases.readiness.models import LearningRead
from squads.models import Retrospective
from squads.teams.permissions import check_answers_for, check_person

KIND, READ = "retrospective for a release", "read"
SAY = "say that they read a retrospective"


@transaction.atomic
def say_read(release: Release, slug: str, *, by: Actor, version: int) -> tuple[Retrospective, LearningRead]:
    """Say that one read a retrospective for a release, as its text was at `version`.

    Raises Http404 for one that needn't be read for it, PermissionDenied for somebody of another squad, ValidationError naming
    `version` if the text changed since, and AlreadyMoved if this person said so already.
    """
    wanted = wanted_for(release)
    retrospective, learning = retrospective_among(wanted, slug)
    _check_reader(wanted, learning, release, by)
    if version != learning.version:
        raise ValidationError({"version": "Its text is another by now. Read it again, then say that you read it."})
    try:
        with transaction.atomic():
            row = LearningRead.objects.create(release=release, retrospective=retrospective, version=version, by=by)
    except IntegrityError:
        raise AlreadyMoved("This retrospective", READ, READ) from None
    _note(release, retrospective, learning, "", READ, by)
    return retrospective, row


@transaction.atomic
def take_back(release: Release, slug: str, *, by: Actor) -> Retrospective:
    """Say that one didn't read a retrospective after all: only one's own word can be taken back.

    Raises Http404 as `say_read`, and AlreadyMoved if there's nothing to take back.
    """
    wanted = wanted_for(release)
    retrospective, learning = retrospective_among(wanted, slug)
    _check_reader(wanted, learning, release, by)
    rows = LearningRead.objects.filter(release=release, retrospective=retrospective, by=by, withdrawn_at=None)
    if not rows.update(withdrawn_at=clock.now()):
        raise AlreadyMoved("This retrospective", "not read by you", "not read by you")
    _note(release, retrospective, learning, READ, "", by)
    return retrospective


def _check_reader(wanted: Wanted, learning: LearningFact, release: Release, by: Actor) -> None:
    check_person(by, SAY)
    squads = readers(wanted.facts, learning)
    if not squads:
        check_answers_for(release, by, "read what no squad of the release works on")
    elif not wanted.may_read(learning, squads_of(by), release, by):
        names = listed(list(squads.values()), "or")
        raise PermissionDenied(
            f"Only members of {names} can say that they read this: they own or change {listed(learning.services)}."
        )


def _note(
    release: Release, retrospective: Retrospective, learning: LearningFact, before: str, after: str, by: Actor
) -> None:
    """Write the history. It names no title: that may be restricted later."""
    StateChange.objects.create(
        kind=KIND,
        key=release.slug[:200],
        from_state=before,
        to_state=after,
        by=by,
        because=signed(by, what(learning)),
        at=clock.now(),
    )
    did = f"{'read' if after else 'took back having read'} {what(learning)} for {release}"
    audit.record(by=by, did=did, kind="release", key=release.slug)
    publish(LearningsRead(release=str(release.pk), retrospective=str(retrospective.pk), was_read=bool(after)))
