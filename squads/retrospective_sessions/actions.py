"""Opening a session, its phases, its timer and its rules, and adding what was discussed to the retrospective."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.transitions import AlreadyMoved, move_held
from squads.retrospective_sessions.changes import hold, tell
from squads.retrospective_sessions.columns import LEAVING
from squads.retrospective_sessions.contributing import Hidden, read, reveal, save
from squads.retrospective_sessions.models import CardGroup, RetrospectiveSession, SessionCard
from squads.retrospective_sessions.permissions import check_steering
from squads.retrospective_sessions.queries import columns_of
from squads.retrospective_sessions.voting import count_votes, delete_ballots
from squads.retrospectives import editing
from squads.retrospectives.models import Retrospective
from squads.retrospectives.permissions import check_writer
from squads.teams.permissions import check_person

LONGEST_MINUTES, LONGEST_DAYS = 240, 60
MOST_VOTES = 20
Phase = RetrospectiveSession.Phase
RULES = ("anonymous", "for_readers", "votes_each", "votes_on_one")


@transaction.atomic
def open_session(
    row: Retrospective, *, by: Actor, facilitator: User | None = None, anonymous: bool = True, for_readers: bool = False
) -> RetrospectiveSession:
    """Open the session of a retrospective, with the facilitator who was asked. There is one; a second try returns it.

    Raises ValidationError naming `facilitator` where there is none, and for a locked retrospective.
    """
    check_person(by, "open a session")
    check_writer(row, by)
    held = editing.hold(row)
    known = RetrospectiveSession.objects.filter(retrospective=held).first()
    if known is not None:
        return known
    if held.is_locked():
        raise ValidationError(editing.LOCKED)
    if not columns_of(held):
        raise ValidationError("This retrospective has no section that takes cards. Add one to its squad’s template.")
    if facilitator is None and held.facilitator_id is None:
        raise ValidationError({"facilitator": "Choose who facilitates: best somebody who wasn’t involved."})
    if facilitator is not None and facilitator.pk != held.facilitator_id:
        editing.edit(held, by=by, facilitator=facilitator)
    session = RetrospectiveSession.objects.create(
        retrospective=held, anonymous=anonymous, for_readers=for_readers, opened_by=by
    )
    save(session, Hidden())
    return session


@transaction.atomic
def change_rules(session: RetrospectiveSession, *, by: Actor, **rules: Any) -> RetrospectiveSession:
    """Change RULES of a session. Raises ValidationError naming the field.

    Whether it is anonymous can't be changed once there is a card. Limits of votes can be lowered while people vote: votes
    over the limit stay until they are taken back, but aren't counted, and none can be added.
    """
    check_steering(session, by)
    held = hold(session)
    unknown = set(rules) - set(RULES)
    if unknown:
        raise TypeError(f"not for people to set: {', '.join(sorted(unknown))}")
    changed = {name: value for name, value in rules.items() if getattr(held, name) != value}
    if "anonymous" in changed:
        hidden = read(held) if held.phase == Phase.REFLECT else None
        if hidden is None or hidden.begun:
            raise ValidationError({"anonymous": "There are cards already, so this can’t be changed."})
    for name, value in changed.items():
        setattr(held, name, value)
    if not 1 <= held.votes_each <= MOST_VOTES:
        raise ValidationError({"votes_each": f"Choose 1 to {MOST_VOTES} votes."})
    if not 1 <= held.votes_on_one <= held.votes_each:
        raise ValidationError({"votes_on_one": f"Choose 1 to {held.votes_each}: as many as a person has, or fewer."})
    if {"votes_each", "votes_on_one"} & changed.keys() and held.phase in (Phase.DISCUSS, Phase.CLOSED):
        raise ValidationError({"votes_each": "Voting is over. Go back to it first."})
    if changed:
        held.save(update_fields=list(changed))
        tell(held)
    session.refresh_from_db()
    return session


@transaction.atomic
def move_phase(session: RetrospectiveSession, to: str, *, by: Actor, even_so: bool = False) -> RetrospectiveSession:
    """Go to the next phase, or one back; never back to hidden cards. Ends the timer.

    Leaving *reflect* reveals the cards: raises FewContributors with fewer than three contributors, unless `even_so`.
    Raises AlreadyMoved where somebody was first.
    """
    check_steering(session, by)
    held = hold(session)
    if to not in LEAVING:
        wanted = ", ".join(LEAVING)
        raise ValidationError({"phase": f"Choose one of {wanted}. Cards that were revealed can’t be hidden again."})
    before = held.phase
    if before not in LEAVING[to]:
        raise AlreadyMoved(str(held), to, before)
    if before == Phase.REFLECT:
        reveal(held, even_so=even_so)
    if (before, to) == (Phase.VOTE, Phase.DISCUSS):
        count_votes(held)
    if to == Phase.CLOSED:
        delete_ballots(held)
    if (before, to) == (Phase.CLOSED, Phase.DISCUSS) and held.retrospective.is_locked():
        raise ValidationError(editing.LOCKED)
    if (before, to) == (Phase.DISCUSS, Phase.VOTE) and was_closed(held):
        raise ValidationError({"phase": "The votes were counted and deleted when the session closed."})
    also = {"salt": ""} if to == Phase.CLOSED else {}
    move_held(held, "phase", to, before=before, leaving=LEAVING[to], by=by, ends_at=None, **also)
    tell(held)
    session.refresh_from_db()
    return session


def was_closed(session: RetrospectiveSession) -> bool:
    """Say whether a session was closed before, so that its votes are only sums."""
    return not session.salt


@transaction.atomic
def start_timer(
    session: RetrospectiveSession, *, by: Actor, minutes: int | None = None, until: datetime | None = None
) -> RetrospectiveSession:
    """Start the timer of a phase, for some minutes or until a moment; it may be days away. Raises ValidationError by field."""
    check_steering(session, by)
    now = clock.now()
    if (minutes is None) == (until is None):
        raise ValidationError({"minutes": "Choose minutes, or until when."})
    if minutes is not None:
        if not 1 <= minutes <= LONGEST_MINUTES:
            raise ValidationError({"minutes": f"Choose 1 to {LONGEST_MINUTES} minutes, or until when."})
        until = now + timedelta(minutes=minutes)
    assert until is not None
    if not now < until <= now + timedelta(days=LONGEST_DAYS):
        raise ValidationError({"until": f"Choose a time within the next {LONGEST_DAYS} days."})
    return _set_timer(session, until)


@transaction.atomic
def extend_timer(session: RetrospectiveSession, *, by: Actor, minutes: int) -> RetrospectiveSession:
    """Give a timer more minutes: from its end, or from now where it is over. Raises ValidationError where there is none."""
    check_steering(session, by)
    if not 1 <= minutes <= LONGEST_MINUTES:
        raise ValidationError({"minutes": f"Choose 1 to {LONGEST_MINUTES} minutes."})
    held = hold(session)
    if held.ends_at is None:
        raise ValidationError({"minutes": "No timer is running. Start one."})
    return _set_timer(session, max(held.ends_at, clock.now()) + timedelta(minutes=minutes))


@transaction.atomic
def stop_timer(session: RetrospectiveSession, *, by: Actor) -> RetrospectiveSession:
    """Stop the timer. Without one, nothing changes."""
    check_steering(session, by)
    return _set_timer(session, None)


def _set_timer(session: RetrospectiveSession, until: datetime | None) -> RetrospectiveSession:
    held = hold(session)
    if held.phase == Phase.CLOSED and until is not None:
        raise ValidationError("This session is closed.")
    if held.ends_at != until:
        held.ends_at = until
        held.save(update_fields=["ends_at"])
        tell(held)
    session.refresh_from_db()
    return session


@transaction.atomic
def add_to_section(session: RetrospectiveSession, group_id: UUID, *, by: Actor, section: str) -> CardGroup:
    """Add the cards of a group to a section of the retrospective, as a list below what is there.

    Raises AlreadyMoved where that was done, ValidationError naming the field, and what editing raises.
    """
    row = session.retrospective
    check_writer(row, by)
    whole = editing.hold(row)
    held = hold(session)
    if held.phase != Phase.DISCUSS:
        raise ValidationError("Cards can be added to the retrospective while you discuss. Ask the facilitator.")
    group = CardGroup.objects.filter(pk=group_id, session=held).first()
    if group is None:
        raise ValidationError({"group": "That group is gone. Look again."})
    if group.added_to:
        done = AlreadyMoved("group", "added", group.added_to)
        done.args = ("These cards were added to the retrospective already. You can edit them there.",)
        raise done
    present = whole.sections.filter(key=section).first()
    if present is None:
        raise ValidationError({"section": "This retrospective has no such section. Choose one of the list."})
    cards = SessionCard.objects.filter(group=group).values_list("text", flat=True)
    text = "\n".join(part for part in (present.source("text").rstrip(), _as_list(group.name, list(cards))) if part)
    wanted: dict[str, Any] = {f"{editing.TEXT}{section}": text}
    editing.edit(whole, by=by, because="from the session", **wanted)
    CardGroup.objects.filter(pk=group.pk).update(added_to=section)
    group.added_to = section
    tell(held)
    return group


def _as_list(name: str, cards: list[str]) -> str:
    """Return cards as a Markdown list: under the name of their group, where it has one."""
    lines = [" ".join(card.split()) for card in cards]
    if not name:
        return "\n".join(f"- {line}" for line in lines)
    return "\n".join([f"- {name}", *(f"  - {line}" for line in lines)])
