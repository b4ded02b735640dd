"""Moving a story to another squad: it gets a key there, and every key it ever had leads to it for good."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.kernel.actors import Actor, Anyone
from portal.kernel.live import touch
from portal.kernel.models import StateChange
from portal.kernel.outbox import publish
from portal.kernel.transitions import AlreadyMoved
from squads.events import StoryMoved
from squads.labels.actions import labels_named
from squads.stories.actions import RANK_GAP, last_rank
from squads.stories.editing import note
from squads.stories.history import PLANNED
from squads.stories.models import HEARD_OF, Renamed, Story, StoryAlias
from squads.stories.queries import KEY_BEFORE
from squads.teams.models import Squad, SquadQuerySet
from squads.teams.permissions import check_member

NOT_BOTH = (
    "You’re not in {squad}, so you can’t move {key} there. Ask someone who is in both squads, a project manager "
    "or an administrator."
)


def moves_any(user: Anyone) -> bool:
    """Say whether this person may move any story to any squad: project managers and administrators."""
    return bool(user.is_authenticated and (user.is_staff or user.is_project_manager))


def squads_for(story: Story, user: Anyone) -> SquadQuerySet:
    """Return the other squads that this person may move the story to, if they may take it out of its own."""
    others = Squad.objects.active().exclude(pk=story.squad_id)
    return others if moves_any(user) else others.writable_by(user)


def check_may_move(story: Story, squad: Squad, user: Anyone) -> None:
    """Refuse to move a story for somebody who is not in both squads, unless they plan for all."""
    if moves_any(user):
        return
    check_member(story.squad, user, story.key)
    if not squad.is_writable_by(user):
        raise PermissionDenied(NOT_BOTH.format(squad=squad, key=story.key))


@transaction.atomic
def move_to_squad(story: Story, squad: Squad, *, by: Actor) -> Story:
    """Give a story to another squad, and bring `story` up to date. What people and evidence said of it stays.

    It becomes the last of that squad's stories, under that squad's next key; one that comes back gets the key it had there.
    Raises AlreadyMoved when it is there already or went elsewhere meanwhile, ValidationError naming the field when the
    squad has a story of the same origin.
    """
    squad.check_active()
    _hold(story, squad)
    left = story.squad
    _check_origin(story, squad)
    before, key = story.key, _key_in(story, squad)
    number = int(key.rpartition("-")[2])
    squad.keep_numbers(number)
    Story.objects.filter(pk=story.pk).update(squad=squad, key=key, number=number, rank=last_rank(squad) + RANK_GAP)
    StoryAlias.objects.filter(story=story, key=key).delete()
    story.refresh_from_db()
    # Labels are the squad's own: the other squad's of the same names, made where it has none.
    story.labels.set(labels_named(squad, list(story.labels.all())))
    if (alias := StoryAlias.of(story, before)) is not None:
        alias.save()
    # Moves are kept by key.
    StateChange.objects.filter(kind__in=("story", HEARD_OF, PLANNED), key=before).update(key=key)
    note(story, "squad", f"{left}{KEY_BEFORE}{before}", f"{squad}{KEY_BEFORE}{key}", by=by)
    Story.objects.filter(pk=story.pk).judge()
    story.refresh_from_db(fields=["stage", "standing"])
    publish(StoryMoved(ids=[story.pk], key=key, former=before))
    touch([story.pk])
    return story


def _hold(story: Story, squad: Squad) -> None:
    """Hold both squads' rows, in one order for all, and then the story's, as everybody does who places one."""
    list(Squad.objects.select_for_update(no_key=True).filter(pk__in=(story.squad_id, squad.pk)).order_by("pk"))
    row = Story.objects.select_for_update(of=("self",), no_key=True).filter(pk=story.pk).order_by().first()
    if row is None:
        raise AlreadyMoved(story.key, "moved", "deleted")
    if row.key != story.key:
        raise Renamed(story.key, row.key)
    if row.squad_id == squad.pk:
        raise AlreadyThere(story.key, squad)


class AlreadyThere(AlreadyMoved):
    """The story is one of that squad's already."""

    def __init__(self, key: str, squad: Squad) -> None:
        super().__init__(key, str(squad), str(squad))
        self.args = (f"{key} is already in {squad}.",)


def _check_origin(story: Story, squad: Squad) -> None:
    same = Story.objects.filter(squad=squad, external=story.external).exclude(external="").first()
    if same is not None:
        raise ValidationError(
            {
                "squad": f"{squad} already has {same.key}, which also came from {story.external}. "
                "Close one as a duplicate of the other."
            }
        )


def _key_in(story: Story, squad: Squad) -> str:
    """Return the key of this squad's that leads to the story already, from before or from where it came; else the next."""
    mine = story.aliases.filter(prefix=squad.key_prefix).order_by("-pk").values_list("key", flat=True)
    named = Story.objects.named(mine)
    for key in mine:
        if named.get(key) == story.pk:
            return key
    return f"{squad.key_prefix}-{squad.take_number()}"
