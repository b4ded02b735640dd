"""Letting a gate pass although it doesn't: who may, for what exactly, and until when."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import audit, clock
from portal.kernel.actors import Actor, Anyone
from portal.kernel.models import StateChange
from portal.kernel.outbox import publish
from portal.kernel.text_input import plain
from portal.kernel.transitions import AlreadyMoved, signed
from releases.events import GateOverridden
from releases.gates.findings import Finding, first_of
from releases.gates.readiness import BY_NAME
from releases.planning.models import Release
from releases.readiness.inputs import inputs_of
from releases.readiness.models import GateOverride
from releases.readiness.queries import judged
from squads.teams.permissions import check_answers_for

KIND, OPEN, WITHDRAWN = "gate override", "overridden", "withdrawn"
MOST_DAYS, LONGEST_REASON, SHOWN = 30, 2000, 50


def check_may_override(release: Release, user: Anyone) -> None:
    """Refuse whoever doesn't answer for a release."""
    check_answers_for(release, user, "override a gate")


@transaction.atomic
def override(
    release: Release, *, by: Actor, gate: str, reason: str, until: datetime, covers: Collection[str], service: str = ""
) -> GateOverride:
    """Let a gate pass for what blocks it now, and for nothing else, until a moment at most 30 days ahead.

    `covers` are the identities of the blockers that the person saw. With `service`, they are what blocks the pipeline of that
    service, which can be more than what blocks the release. Raises PermissionDenied; ValidationError naming the field,
    also for a gate that passes, and for one that something else blocks by now.
    """
    check_may_override(release, by)
    reason, now = plain(reason), clock.now()
    errors = {}
    if gate not in BY_NAME:
        errors["gate"] = f"There’s no gate “{gate[:40]}”. There are: {', '.join(BY_NAME)}."
    if not reason:
        errors["reason"] = "Say why. Everybody who sees the verdict sees the reason."
    elif len(reason) > LONGEST_REASON:
        errors["reason"] = f"Use {LONGEST_REASON} characters or fewer."
    if not now < until <= now + timedelta(days=MOST_DAYS):
        errors["until"] = f"Choose a time within the next {MOST_DAYS} days."
    if errors:
        raise ValidationError(errors)
    found = _found(release, gate, service, now)
    if found is None:
        raise ValidationError({"gate": f"{BY_NAME[gate].title} isn’t a gate of this release."})
    if not found.blockers:
        raise ValidationError({"gate": f"{found.title} passes, so there’s nothing to override."})
    if new := [each.text for each in found.blockers if each.identity not in covers]:
        raise ValidationError({"covers": f"New since you looked: {first_of(new)} Look at it, then override the gate."})
    row = GateOverride.objects.create(
        release=release,
        gate=gate,
        reason=reason,
        until=until,
        covers=sorted({each.identity for each in found.blockers}),
        shown=[each.text for each in found.blockers[:SHOWN]],
        by=by,
        at=now,
    )
    _record(row, "", OPEN, by, reason)
    return row


def _found(release: Release, gate: str, service: str, now: datetime) -> Finding | None:
    inputs = inputs_of([release], at=now)[release.pk]
    if service and service not in {each.name for each in inputs.facts.services}:
        raise ValidationError({"service": f"{service[:80]} isn’t among the services it ships. Check its name."})
    return next((each for each in judged(inputs, service).findings if each.gate == gate), None)


@transaction.atomic
def withdraw(row: GateOverride, *, by: Actor) -> None:
    """Withdraw an override: the gate is judged as before. Raises AlreadyMoved if somebody did already, PermissionDenied."""
    check_may_override(row.release, by)
    changed = GateOverride.objects.filter(pk=row.pk, withdrawn_at=None).update(
        withdrawn_at=clock.now(), withdrawn_by=by
    )
    if not changed:
        raise AlreadyMoved(f"The override of {row.title}", WITHDRAWN, WITHDRAWN)
    _record(row, OPEN, WITHDRAWN, by, "")


def _record(row: GateOverride, before: str, after: str, by: Actor, reason: str) -> None:
    StateChange.objects.create(
        kind=KIND,
        key=f"{row.release.slug[:150]} {row.gate}",
        from_state=before,
        to_state=after,
        by=by,
        because=signed(by, reason),
        at=clock.now(),
    )
    did = "overrode" if after == OPEN else "withdrew the override of"
    why = f": {reason}" if reason else ""
    audit.record(by=by, did=f"{did} the gate {row.title} of {row.release}{why}", kind="release", key=row.release.slug)
    publish(GateOverridden(release=str(row.release_id), gate=row.gate, overridden=after == OPEN))
