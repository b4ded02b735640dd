"""What people do to stories. The HTML pages and the API call these same verbs."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Max

from portal.kernel.actors import Actor
from portal.kernel.live import touch
from portal.kernel.outbox import publish
from squads.discussions.actions import watch
from squads.events import StoryCreated
from squads.scope_history.actions import Move, record_moves
from squads.scope_history.models import ScopeChange
from squads.stories.editing import EDITABLE, SEVERAL, check_texts
from squads.stories.editing import edit_story as edit_story
from squads.stories.manual_evidence import BY_HAND_KINDS as BY_HAND_KINDS
from squads.stories.manual_evidence import record_by_hand as record_by_hand
from squads.stories.manual_evidence import take_back as take_back
from squads.stories.models import Story
from squads.teams.models import Squad

# Between the places of two neighbours; a move takes the middle, so about forty fit between any two.
RANK_GAP = 1 << 40


def judge(story_ids: Iterable[int]) -> int:
    """Judge these stories again by the evidence there is; return how many changed."""
    return Story.objects.filter(pk__in=list(story_ids)).judge()


def last_rank(squad: Squad) -> int:
    """Return the place of the squad's last story. The caller holds the squad's row, so nobody else places one."""
    return Story.objects.filter(squad=squad).aggregate(last=Max("rank"))["last"] or 0


@transaction.atomic
def create_story(squad: Squad, *, by: Actor, title: str, **fields: Any) -> Story:
    """Create a story with the squad's next key. Changes that already name the key are linked after the commit."""
    number = squad.take_number()
    story = Story(
        squad=squad,
        number=number,
        key=f"{squad.key_prefix}-{number}",
        title=title,
        created_by=by,
        rank=last_rank(squad) + RANK_GAP,
        **{name: value for name, value in _known(fields).items() if name not in SEVERAL},
    )
    _checked(story)
    story.save(force_insert=True)
    for name in SEVERAL.keys() & fields.keys():
        SEVERAL[name](story, fields[name], by=by)
    if by is not None:
        watch(story, by)
    if story.release_id:
        record_moves([Move(story.pk, None, story.release_id, ScopeChange.How.CREATED)], by=by)
    judge([story.pk])
    publish(StoryCreated(ids=[story.pk]))
    touch([story.pk])
    story.refresh_from_db(fields=["stage", "standing"])
    return story


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    if strange := fields.keys() - set(EDITABLE):
        raise TypeError(f"not for people to set: {', '.join(sorted(strange))}")
    return fields


def _checked(story: Story) -> None:
    story.audience = story.audience.strip() or "everyone"
    story.flag = story.flag.strip()
    check_texts(story)
