"""Finding the story an address names, for every page below it."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404

from portal.kernel.text_input import plain
from squads.stories import queries
from squads.stories.models import Story


def story_at(key: str) -> Story:
    """Return the story with this key; a page that says what there is, if there is none."""
    key = plain(key).upper()
    story = Story.objects.select_related("squad", "release", "created_by", "ticket").filter(key=key).first()
    if story is None:
        raise Http404(queries.why_unknown(key))
    return story


def own_story(key: str, user: Any) -> Story:
    """Return the story with this key if this person may change it; refuse, naming the squad, if not."""
    story = story_at(key)
    if not story.squad.is_writable_by(user):
        raise PermissionDenied(f"Only members of squad {story.squad} may change {story.key}.")
    return story
