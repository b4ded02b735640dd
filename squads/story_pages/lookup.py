"""Finding the story an address names, for every page below it."""

from django.apps import apps
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest

from portal.kernel.actors import Anyone
from portal.kernel.addresses import same_address
from portal.kernel.text_input import plain
from squads.stories import queries
from squads.stories.models import Story, StoryAlias
from squads.stories.querysets import StoryQuerySet
from squads.teams.models import Squad
from squads.teams.permissions import only_members

BESIDE = ("squad", "release", "created_by", "ended_by", "duplicate_of", "ticket", "acceptance_plan__person")


def _stories() -> StoryQuerySet:
    """Stories with what their pages show: whether another key may be one of theirs, or theirs one of another's, and whether
    they are actions of retrospectives."""
    other = Exists(StoryAlias.objects.filter(story=OuterRef("pk"))) | Exists(
        StoryAlias.objects.filter(key=OuterRef("key"))
    )
    action = Exists(apps.get_model("squads", "RetrospectiveAction")._default_manager.filter(story=OuterRef("pk")))
    return Story.objects.select_related(*BESIDE).annotate(has_aliases=other, is_action=action)


def story_at(key: str) -> Story:
    """Return the story with this key; a page that says what there is, if there is none."""
    key = plain(key).upper()
    story = _stories().called(key)
    if story is None:
        raise Http404(queries.why_unknown(key))
    return story


def own_story(key: str, user: Anyone) -> Story:
    """Return the story with this key if this person may change it; refuse, naming the squad, if not. One query,
    where the key is the story’s own."""
    key = plain(key).upper()
    own = Exists(Squad.objects.writable_by(user).filter(pk=OuterRef("squad")).order_by())
    story = _stories().annotate(own=own).order_by().called(key)
    return owned(key, story, bool(getattr(story, "own", False)))


def address_now(request: HttpRequest, story: Story, key: str) -> str:
    """Return where this page is now when the key in its address is not the story’s own any more; else ""."""
    return "" if plain(key).upper() == story.key else same_address(request, key=story.key)


def owned(key: str, story: Story | None, own: bool) -> Story:
    """Return a story that was asked for to be changed, or refuse: there is none, or it is another squad's."""
    if story is None:
        raise Http404(queries.why_unknown(key))
    if not own:
        raise only_members(story.squad, story.key)
    return story
