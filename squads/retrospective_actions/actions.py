"""Proposing, starting, declining and judging actions. Pages and the API call these same verbs."""

from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.days import today
from portal.kernel.transitions import AlreadyMoved
from squads.retrospective_actions.models import LONGEST_NOTE, LONGEST_TITLE, ActionAnswer, RetrospectiveAction
from squads.retrospective_actions.queries import done_at, due_days
from squads.retrospectives.models import Retrospective
from squads.retrospectives.permissions import check_writer
from squads.stories.actions import create_story
from squads.stories.models import Story
from squads.teams.models import Squad
from squads.teams.permissions import check_member, check_person

# One to three are done; more are a wish list.
SUGGESTED, MOST = 3, 20


@transaction.atomic
def propose(
    row: Retrospective, *, by: Actor, title: str, kind: str, squad: Squad | None = None, due: date | None = None
) -> RetrospectiveAction:
    """Propose an action of a retrospective. Raises ValidationError naming the field.

    Without `due`, it is due as its severity says: 15 days for the worst, 30 for the next, unless the company chose otherwise.
    """
    check_writer(row, by)
    Retrospective.objects.select_for_update(of=("self",)).get(pk=row.pk)
    title = " ".join(title.replace("\0", "").split())
    if not title or len(title) > LONGEST_TITLE:
        raise ValidationError({"title": f"Say what to do, in 1 to {LONGEST_TITLE} characters."})
    if kind not in RetrospectiveAction.Kind.values:
        raise ValidationError({"kind": f"Choose one of {', '.join(RetrospectiveAction.Kind.values)}."})
    if row.actions.count() >= MOST:
        raise ValidationError({"title": f"There are {MOST} actions, which is the most. Decline some first."})
    due = due or today() + timedelta(days=due_days(row.severity))
    if due < today():
        raise ValidationError({"due": "This day is over. Choose one to come."})
    owner = squad or row.squad
    if row.restricted and owner != row.squad:
        raise ValidationError({"squad": f"This is restricted, so only {row.squad} can do its actions."})
    owner.check_active()
    return RetrospectiveAction.objects.create(
        retrospective=row, kind=kind, title=title, squad=owner, due=due, proposed_by=by
    )


@transaction.atomic
def start(action: RetrospectiveAction, *, by: Actor) -> Story:
    """Make the story of an action, in the squad that does it. Its members do this. Doing it twice returns the same story."""
    held = _hold(action)
    check_member(held.squad, by, "its stories")
    if held.story is not None:
        return held.story
    if held.declined_at is not None:
        raise ValidationError("This action was declined. Propose it again first.")
    # A story is read by everyone, and its retrospective may be restricted one day: it doesn't say where it's from.
    held.story = create_story(held.squad, by=by, title=held.title, type=Story.Type.CHORE, due=held.due)
    held.save(update_fields=["story"])
    action.story = held.story
    return held.story


@transaction.atomic
def decline(action: RetrospectiveAction, *, by: Actor, because: str) -> RetrospectiveAction:
    """Decide not to do an action, with the reason. Raises ValidationError for one without, AlreadyMoved for one that is done."""
    held = _hold(action)
    check_decider(held, by)
    because = " ".join(because.replace("\0", "").split())
    if not because or len(because) > 500:
        raise ValidationError({"because": "Say why, in 1 to 500 characters."})
    if not held.is_open:
        raise AlreadyMoved(f"“{held.title}”", "declined", held.state)
    held.declined_at, held.declined_by, held.declined_because = clock.now(), by, because
    held.save(update_fields=["declined_at", "declined_by", "declined_because"])
    action.refresh_from_db()
    return action


@transaction.atomic
def take_up_again(action: RetrospectiveAction, *, by: Actor) -> RetrospectiveAction:
    """Take up an action that was declined."""
    held = _hold(action)
    check_decider(held, by)
    if held.declined_at is None:
        raise AlreadyMoved(f"“{held.title}”", "open", held.state)
    held.declined_at, held.declined_by, held.declined_because = None, None, ""
    held.save(update_fields=["declined_at", "declined_by", "declined_because"])
    action.refresh_from_db()
    return action


@transaction.atomic
def say_whether_it_helped(
    action: RetrospectiveAction, *, by: Actor, helped: str, note: str = ""
) -> RetrospectiveAction:
    """Answer whether a done action helped, or answer otherwise than before. Every answer is kept; the same one twice is one.

    Raises ValidationError naming the field, AlreadyMoved for one that isn't done.
    """
    held = _hold(action)
    check_person(by, "say whether an action helped")
    check_decider(held, by)
    if helped not in RetrospectiveAction.Helped.values:
        raise ValidationError({"helped": f"Choose one of {', '.join(RetrospectiveAction.Helped.values)}."})
    note = " ".join(note.replace("\0", "").split())
    if len(note) > LONGEST_NOTE:
        raise ValidationError({"note": f"This has over {LONGEST_NOTE} characters. Shorten it."})
    if held.state != "done":
        raise AlreadyMoved(f"“{held.title}”", "judged", held.state)
    asked = RetrospectiveAction.objects.filter(pk=held.pk).values_list(done_at(), flat=True).get()
    if held.is_asked(asked) or (held.helped, held.helped_note) != (helped, note):
        answer = ActionAnswer.objects.create(action=held, helped=helped, note=note, by=by, at=clock.now())
        held.helped, held.helped_note, held.helped_at, held.helped_by = helped, note, answer.at, by
        held.save(update_fields=["helped", "helped_note", "helped_at", "helped_by"])
    action.refresh_from_db()
    return action


def _hold(action: RetrospectiveAction) -> RetrospectiveAction:
    rows = RetrospectiveAction.objects.select_for_update(of=("self",))
    return rows.select_related("squad", "story", "retrospective__squad").get(pk=action.pk)


def check_decider(held: RetrospectiveAction, by: Actor) -> None:
    """Those who write the retrospective, and the squad that does the action, decide about it."""
    if not held.squad.is_writable_by(by):
        check_writer(held.retrospective, by)
