"""Requests for acceptance in production: asking, answering, withdrawing. Called by the pages and the API."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import prefetch_related_objects

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.live import touch
from portal.kernel.models import StateChange
from portal.kernel.outbox import publish
from portal.kernel.transitions import AlreadyMoved, move, signed
from squads.acceptance import queries
from squads.acceptance.models import AcceptancePlan, AcceptanceRequest
from squads.discussions.actions import watch
from squads.events import AcceptanceAnswered, AcceptanceAsked
from squads.stories.actions import record_by_hand
from squads.stories.authorship import made_by, own_change_reason
from squads.stories.history import PLANNED
from squads.stories.models import Story
from squads.teams.models import Squad

State = AcceptanceRequest.State
LONGEST_NOTE = 10_000
# One more than the longest user name. SQLite cannot compare texts of any length.
LONGEST_USERNAME = 151


class AlreadyAnswered(AlreadyMoved):
    """Somebody answered or withdrew the request first."""

    def __init__(self, request: AcceptanceRequest) -> None:
        super().__init__(f"the request to accept {request.story.key}", "answered", request.state)
        who = request.answered_by.name if request.answered_by else "Someone"
        self.args = (
            f"{who} already answered: {request.story.key} was {request.state} {clock.ago(request.answered_at)}.",
        )


@transaction.atomic
def ask(story: Story, *, by: Actor, accepter: Actor | None = None, note: str = "") -> AcceptanceRequest:
    """Ask for a story to be accepted in production: by `accepter`, or by any accepter of its squad.

    Raises ValidationError while it is not deployed, naming what is missing; when it was asked already; and when nobody
    asked could answer.
    """
    if missing := queries.why_not_deployed_yet(story):
        raise ValidationError(missing)
    _check_length(note)
    if accepter is not None:
        if not accepter.is_active:
            raise ValidationError({"accepter": f"{accepter.name} can no longer sign in. Choose someone else."})
        if not story.squad.accepts_own and (own := _own_change_reason(story, accepter, by)):
            raise ValidationError({"accepter": own})
    elif not queries.accepters(story, asked_by=by):
        raise ValidationError(
            {
                "accepter": f"{story.squad} has no accepter who didn’t make this change. Choose a person, "
                "or ask a lead to add an accepter."
            }
        )
    try:
        with transaction.atomic():
            request = AcceptanceRequest.objects.create(
                story=story, asked_by=by, asked_at=clock.now(), accepter=accepter, note=note.strip()
            )
    except IntegrityError:
        existing = AcceptanceRequest.objects.open().select_related("asked_by").filter(story=story).first()
        if existing is None:
            raise ValidationError(f"A request for {story.key} was withdrawn just now. Try again.") from None
        raise ValidationError(
            f"{existing.asked_by.name} already asked {clock.ago(existing.asked_at)}. Withdraw that request to ask again."
        ) from None
    for person in (by, accepter):
        if person is not None:
            watch(story, person)
    publish(AcceptanceAsked(key=story.key, id=story.pk, request=request.pk))
    touch([story.pk])
    return request


@transaction.atomic
def answer(
    request: AcceptanceRequest, *, by: Actor, accepted: bool, note: str = "", link: str = ""
) -> AcceptanceRequest:
    """Accept the story in production, or decline it; the answer is stored as manual evidence with the accepter's name.

    Raises PermissionDenied for somebody who may not answer, ValidationError naming a field, and AlreadyAnswered when
    somebody was first; nothing is written then.
    """
    if request.state == State.OPEN and (refusal := request.why_may_not_accept(by)):
        raise PermissionDenied(refusal)
    if not accepted and not note.strip():
        raise ValidationError({"note": "Say what failed, so the squad can fix it."})
    _check_length(note)
    to, now = (State.ACCEPTED if accepted else State.DECLINED), clock.now()
    _close_request(request, to, by=by, now=now, because=note.strip() or link.strip())
    story = Story.objects.select_for_update(of=("self",)).select_related("squad").get(pk=request.story_id)
    if accepted and not queries.is_deployed(story):
        raise ValidationError(f"{story.key} is no longer in production: {queries.rung(story, 'deployed')['why']}.")
    places = [place.environment for place in queries.places([story]).get(story.pk, ())]
    evidence = record_by_hand(
        story,
        by=by,
        kind="acceptance",
        verdict="success" if accepted else "failure",
        at=now,
        note=note,
        link=link,
        environment=", ".join(dict.fromkeys(places))[:120],
    )
    AcceptanceRequest.objects.filter(pk=request.pk).update(evidence=evidence)
    request.evidence, request.story = evidence, story
    watch(story, by)
    publish(AcceptanceAnswered(key=story.key, id=story.pk, request=request.pk, state=str(to)))
    touch([story.pk])
    return request


@transaction.atomic
def withdraw(request: AcceptanceRequest, *, by: Actor) -> AcceptanceRequest:
    """Withdraw a request. Raises AlreadyAnswered when somebody answered first."""
    _close_request(request, State.WITHDRAWN, by=by, now=clock.now(), because="")
    publish(AcceptanceAnswered(key=request.story.key, id=request.story_id, request=request.pk, state="withdrawn"))
    touch([request.story_id])
    return request


def find_accepter(username: str) -> Any:
    """Return the person with this user name; raise ValidationError naming the field if nobody has it."""
    username = username.strip()[:LONGEST_USERNAME]
    person = get_user_model().objects.filter(username__iexact=username, is_active=True).first()
    if person is None:
        raise ValidationError(
            {"accepter": f"There’s no account “{username}”. Check the spelling, or leave it empty to ask any accepter."}
        )
    return person


def plan_accepter(story: Story, person: Actor | None, *, by: Actor) -> None:
    """Say who is to accept a story once it is in production; None says nobody. Saying the same twice changes nothing.

    Raises PermissionDenied, or ValidationError naming the field, also for somebody who couldn't accept it as things are. If that
    becomes so later, nobody counts as planned.
    """
    plan_accepters([story], person, by=by)


@transaction.atomic
def plan_accepters(stories: Iterable[Story], person: Actor | None, *, by: Actor) -> None:
    """Say who is to accept these stories, all of them or none, as `plan_accepter` does for one.

    It takes as many queries for any number of stories, but for what the database takes at a time.
    """
    asked = list({story.pk: story for story in stories}.values())
    prefetch_related_objects(asked, "squad")
    _check_plannable(asked, person, by)
    rows = AcceptancePlan.objects.select_for_update(of=("self",)).select_related("person").order_by("pk")
    plans = {plan.story_id: plan for plan in rows.filter(story__in=asked)}
    wanted, now = person.pk if person else None, clock.now()
    before = {story.pk: plans[story.pk].person if story.pk in plans else None for story in asked}
    changed = [story for story in asked if getattr(before[story.pk], "pk", None) != wanted]
    if person is None:
        AcceptancePlan.objects.filter(story__in=changed).delete()
    else:
        AcceptancePlan.objects.bulk_create(
            [AcceptancePlan(story=story, person=person, by=by, at=now) for story in changed],
            update_conflicts=True,
            unique_fields=["story"],
            update_fields=["person", "by", "at"],
        )
    StateChange.objects.bulk_create(
        StateChange(
            kind=PLANNED,
            key=story.key,
            from_state=getattr(before[story.pk], "name", "")[:40],
            to_state=(person.name if person else "")[:40],
            by=by,
            because=signed(by, ""),
            at=now,
        )
        for story in changed
    )
    touch([story.pk for story in changed])


def _check_plannable(stories: list[Story], person: Actor | None, by: Actor) -> None:
    """Refuse to plan, naming the first story of which somebody may not say so, or which this person couldn't accept."""
    writable = set(Squad.objects.filter(pk__in={story.squad_id for story in stories}).writable_by(by))
    for story in stories:
        if not by.is_project_manager and story.squad not in writable:
            raise PermissionDenied(f"Only project managers and members of {story.squad} can plan {story.key}.")
    if person is None:
        return
    if not person.is_active or person.program_of_id:
        raise ValidationError({"person": f"{person.name} can’t sign in. Choose someone else."})
    for story in stories:
        if story.ending or story.stage == Story.Stage.RODEO_DONE:
            raise ValidationError(f"{story.key} is closed or rodeo done, so there’s nothing left to accept.")
    guarded = [story for story in stories if not story.squad.accepts_own]
    made = made_by(person, (story.pk for story in guarded)) if guarded else set()
    if own := next((story for story in guarded if story.pk in made), None):
        raise ValidationError({"person": own_change_reason(own, person)})


def _check_length(note: str) -> None:
    if len(note) > LONGEST_NOTE:
        raise ValidationError({"note": f"This is over {LONGEST_NOTE} characters. Shorten it, or link to the rest."})


def _own_change_reason(story: Story, accepter: Actor, by: Actor) -> str:
    if accepter.pk == by.pk:
        return f"Choose someone else. {story.squad} doesn’t let people accept their own changes."
    return own_change_reason(story, accepter)


def _close_request(request: AcceptanceRequest, to: str, *, by: Actor, now: Any, because: str) -> None:
    """Close an open request with one guarded UPDATE; raise AlreadyAnswered when it is not open any more."""
    try:
        move(
            request,
            "state",
            to,
            leaving=[State.OPEN],
            by=by,
            because=because,
            answered_by=by,
            answered_at=now,
            answer=because,
        )
    except AlreadyMoved:
        current = AcceptanceRequest.objects.select_related("story", "answered_by").filter(pk=request.pk).first()
        if current is None:
            raise
        raise AlreadyAnswered(current) from None
