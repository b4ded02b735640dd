"""What people do to a squad's board: write several stories at once, keep views, and say how the squad works."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.kernel import audit, clock, live
from portal.kernel.actors import Actor
from portal.kernel.locks import hold
from portal.kernel.models import StateChange
from squads.boards.filters import read_query
from squads.boards.models import SavedView
from squads.boards.queries import BATCH_LIMIT, LIMITED, NO_LIMIT
from squads.judge import judgement
from squads.stories.actions import create_story
from squads.stories.models import Story
from squads.stories.ranking import place
from squads.teams.models import Membership, Squad
from squads.teams.permissions import check_member

MOST_LINES, LONGEST_TITLE = 50, 200
HIGHEST_LIMIT = 999
MOST_VIEWS = 30
ADDABLE = "to do, in progress and dev done"
ONE_MOMENT = timedelta(seconds=10)


def add_stories(squad: Squad, text: str, *, by: Actor, to: str = "todo") -> list[Story]:
    """Write a story for each line that is not empty, and move it to the column `to`; all of them or, when a line is wrong,
    none. Nothing is added where evidence decides.

    The same lines a moment later are a second click: their stories are there already.
    """
    if to not in Story.Progress.values:
        raise ValidationError({"to": f"You can add stories in {ADDABLE}. Later stages follow from evidence."})
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise ValidationError({"lines": "Enter at least one title, one per line."})
    if len(lines) > MOST_LINES:
        raise ValidationError(
            {
                "lines": f"That’s {len(lines)} lines; {MOST_LINES} is the most at once. Add them in parts, or import a CSV."
            }
        )
    long = [
        f"Line {number} has {len(title)} characters; {LONGEST_TITLE} is the most. Shorten it."
        for number, title in lines
        if len(title) > LONGEST_TITLE
    ]
    if long:
        raise ValidationError({"lines": long})
    with transaction.atomic():
        hold(f"lines of {by.pk} for {squad.pk}")
        if there := _just_made(squad, [title for _, title in lines], by):
            return there
        made = [create_story(squad, by=by, title=title) for _, title in lines]
        if to != "todo":
            for story in made:
                place(story, by=by, to=to)
        live.touch([story.pk for story in made])
    return made


def _just_made(squad: Squad, titles: list[str], by: Actor) -> list[Story]:
    """Return the stories this person wrote last for the squad, if they are these, and were written a moment ago."""
    recent = squad.stories.filter(created_by=by, external="", created_at__gt=clock.now() - ONE_MOMENT)
    last = list(recent.order_by("-number")[: len(titles)])[::-1]
    return last if [story.title for story in last] == titles else []


@transaction.atomic
def set_rules(
    squad: Squad,
    *,
    by: Actor,
    limits: Mapping[str, int | None],
    accepts_own: bool,
    accepters: Iterable[str],
    batch_limit: int | None = None,
    estimates: bool | None = None,
) -> Squad:
    """Say how many stories the squad wants on a stage at a time and in one release, who accepts, whether one may accept
    one's own, and whether stories are estimated. Estimates that there are stay."""
    errors = {}
    for stage, limit in limits.items():
        if stage not in LIMITED:
            raise TypeError(f"no limit for {stage}")
        if limit is not None and not 1 <= limit <= HIGHEST_LIMIT:
            errors[stage] = f"Enter 1 to {HIGHEST_LIMIT}, or leave {judgement.STAGE_NAMES[stage]} empty for no limit."
    if batch_limit is not None and not 1 <= batch_limit <= HIGHEST_LIMIT:
        errors["batch_limit"] = f"Enter 1 to {HIGHEST_LIMIT}, or leave it empty for no limit."
    if errors:
        raise ValidationError(errors)
    _note_batch_limit(squad, batch_limit, by)
    squad.wip_limits = {stage: limits[stage] for stage in LIMITED if limits.get(stage)}
    squad.accepts_own = accepts_own
    squad.estimates = squad.estimates if estimates is None else estimates
    squad.save(update_fields=["wip_limits", "batch_limit", "accepts_own", "estimates"])
    members, named = Membership.objects.filter(squad=squad), set(accepters)
    members.filter(user__username__in=named, accepts=False).update(accepts=True)
    members.exclude(user__username__in=named).filter(accepts=True).update(accepts=False)
    who = ", ".join(sorted(named)) or "nobody"
    did = f"changed the board settings of {squad}; its stories are accepted by {who}"
    audit.record(by=by, did=did, kind="squad", key=squad.slug)
    return squad


def _note_batch_limit(squad: Squad, limit: int | None, by: Actor) -> None:
    """Set how many stories the squad wants in one release, and keep what it was before."""
    present = Squad.objects.select_for_update(no_key=True).values_list("batch_limit", flat=True).get(pk=squad.pk)
    squad.batch_limit = limit
    if limit != present:
        StateChange.objects.create(
            kind=BATCH_LIMIT,
            key=str(squad.pk),
            from_state=str(present or NO_LIMIT),
            to_state=str(limit or NO_LIMIT),
            by=by,
            at=clock.now(),
        )


def save_view(squad: Squad, *, by: Actor, name: str, query: str, shared: bool = False) -> SavedView:
    """Keep a filter of the board under a name: one's own, or shared by a member. The same name again replaces it."""
    name = name.strip()
    if not name or len(name) > 60:
        raise ValidationError({"name": "Give the view a name of 1 to 60 characters."})
    if shared:
        check_member(squad, by, "its views")
    asked = read_query(query)
    if not asked.kept:
        raise ValidationError({"query": "Set a filter or lanes first, then save the view."})
    if len(asked.kept) > 500:
        raise ValidationError({"query": "This filter is too long to save. Shorten its text."})
    kept = SavedView.objects.filter(squad=squad, owner=by)
    if not kept.filter(name=name).exists() and kept.count() >= MOST_VIEWS:
        raise ValidationError({"name": f"You already have {MOST_VIEWS} views of this board. Delete one first."})
    view, _ = SavedView.objects.update_or_create(
        squad=squad, owner=by, name=name, defaults={"query": asked.kept, "shared": shared}
    )
    return view


def remove_view(view: SavedView, *, by: Actor) -> None:
    """Forget a view: one's own, or, of the squad's shared ones, as its lead."""
    if view.owner_id != by.pk and not (view.shared and view.squad.is_led_by(by)):
        raise PermissionDenied(f"Only {view.owner.name} and leads of the squad can delete “{view}”.")
    view.delete()
