"""Finding the story an address names, for every page below it."""

from django.db.models import Exists, OuterRef
from django.http import Http404

from portal.kernel.actors import Anyone
from portal.kernel.text_input import plain
from squads.stories import queries
from squads.stories.models import Story
from squads.teams.models import Squad
from squads.teams.permissions import only_members

BESIDE = ("squad", "release", "created_by", "ticket")


def story_at(key: str) -> Story:
    """Return the story with this key; a page that says what there is, if there is none."""
    key = plain(key).upper()
    story = Story.objects.select_related(*BESIDE).filter(key=key).first()
    if story is None:
        raise Http404(queries.why_unknown(key))
    return story


def own_story(key: str, user: Anyone) -> Story:
    """Return the story with this key if this person may change it; refuse, naming the squad, if not. One query."""
    key = plain(key).upper()
    own = Exists(Squad.objects.writable_by(user).filter(pk=OuterRef("squad")).order_by())
    story = Story.objects.select_related(*BESIDE).filter(key=key).annotate(own=own).order_by().first()
    return owned(key, story, story is not None and story.own)


def owned(key: str, story: Story | None, own: bool) -> Story:
    """Return a story that was asked for to be changed, or refuse: there is none, or it is another squad's."""
    if story is None:
        raise Http404(queries.why_unknown(key))
    if not own:
        raise only_members(story.squad, story.key)
    return story
