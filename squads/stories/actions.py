"""What people do to stories. The HTML pages and the API call these same verbs."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max

from portal.kernel import clock
from portal.kernel.live import touch
from portal.kernel.outbox import tell
from squads.discussions.actions import watch
from squads.stories.case import ANY
from squads.stories.editing import EDITABLE
from squads.stories.editing import edit_story as edit_story
from squads.stories.makers import why_own
from squads.stories.models import Evidence, Story
from squads.teams.models import Squad

BY_HAND_KINDS = ("run", "test", "deployment", "acceptance")
# Between the places of two neighbours; a move takes the middle, so about forty fit between any two.
RANK_GAP = 1 << 40
# People's clocks are not ours: this much "later than now" is a clock, more is a mistake.
CLOCK_SLACK = timedelta(minutes=5)


def judge(story_ids: Iterable[int]) -> int:
    """Judge these stories again by the evidence there is; return how many changed."""
    return Story.objects.filter(pk__in=list(story_ids)).judge()


def last_rank(squad: Squad) -> int:
    """Return the place of the squad's last story. The caller holds the squad's row, so nobody else places one."""
    return Story.objects.filter(squad=squad).aggregate(last=Max("rank"))["last"] or 0


@transaction.atomic
def create_story(squad: Squad, *, by: Any, title: str, **fields: Any) -> Story:
    """Create a story with the squad's next key. Changes that already name the key are linked after the commit."""
    number = squad.take_number()
    story = Story(
        squad=squad, number=number, key=f"{squad.key_prefix}-{number}", title=title, created_by=by,
        rank=last_rank(squad) + RANK_GAP, **_known(fields),
    )  # fmt: skip
    _checked(story)
    story.save(force_insert=True)
    if by is not None:
        watch(story, by)
    judge([story.pk])
    tell("story.created", key=story.key, id=story.pk)
    touch([story.pk])
    story.refresh_from_db(fields=["stage", "standing"])
    return story


@transaction.atomic
def record_by_hand(
    story: Story, *, by: Any, kind: str, verdict: str = "success", at: datetime | None = None, note: str = "",
    link: str = "", service: str = "", environment: str = "", tier: str = "",
) -> Evidence:  # fmt: skip
    """Keep evidence that a person supplies, with their name, the time, and a note or link that others can check.

    `kind` is run (integrated), test (tested before production), deployment (to production) or acceptance (in
    production; that a story passed is for somebody else to say than who made it, unless the squad allows it). Raises
    ValidationError naming the field. The story is judged again at once.
    """
    at = at or clock.now()
    errors: dict[str, str] = {}
    if kind not in BY_HAND_KINDS:
        errors["kind"] = f"Choose one of {', '.join(BY_HAND_KINDS)}."
    if verdict not in ("success", "failure"):
        errors["verdict"] = "Choose success or failure."
    elif verdict == "failure" and kind in ("run", "deployment"):
        errors["verdict"] = "Only a check can fail by hand; a failed run or deployment proves nothing to withdraw."
    if not note.strip() and not link.strip():
        errors["note"] = "Write a note or give a link: somebody else must be able to check it."
    if link and not link.startswith(("https://", "http://")):
        errors["link"] = "Give a full address that starts with https:// or http://."
    if at > clock.now() + CLOCK_SLACK:
        errors["at"] = "This lies in the future. Record evidence after the fact."
    if kind == "acceptance" and verdict == "success" and not story.squad.accepts_own and (own := why_own(story, by)):
        errors["kind"] = own
    if kind == "acceptance" and by.program_of_id is not None:
        errors["kind"] = (
            "A program vouches for nothing by hand. Let it report an acceptance run, with a token to report."
        )
    if errors:
        raise ValidationError(errors)
    if kind != "run":
        tier = "production" if kind in ("deployment", "acceptance") else tier or "staging"
    evidence = Evidence.objects.create(
        story=story, kind=kind, verdict=verdict, at=at, started_at=at if kind == "acceptance" else None,
        service=service, environment=environment, tier=tier, shas=[ANY],
        label=f"{by.name}, by hand", note=note.strip(), link=link.strip(), by_hand=True, person=by,
    )  # fmt: skip
    judge([story.pk])
    touch([story.pk])
    story.refresh_from_db(fields=["stage", "standing"])
    return evidence


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    if strange := fields.keys() - set(EDITABLE):
        raise TypeError(f"not for people to set: {', '.join(sorted(strange))}")
    return fields


def _checked(story: Story) -> None:
    story.audience = story.audience.strip() or "everyone"
    story.flag = story.flag.strip()
    # The squad and the release came from the database; checking them again would only cost queries.
    story.clean_fields(exclude=["squad", "release", "created_by", "standing"])
