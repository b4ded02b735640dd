"""Evidence by hand: what a person saw, kept with their name; and taken back, if it was a mistake."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.live import touch
from squads.judge.case import ANY, BEFORE_PRODUCTION
from squads.stories.authorship import own_change_reason
from squads.stories.models import Evidence, Story
from squads.teams.models import Service

BY_HAND_KINDS = ("run", "test", "deployment", "acceptance")
# People's clocks are not ours: this much "later than now" is a clock, more is a mistake.
CLOCK_SLACK = timedelta(minutes=5)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_REASON = 2000
# The tiers of environments in which each kind is seen; integration has no place.
TIERS = {"test": BEFORE_PRODUCTION, "deployment": ("production",), "acceptance": ("production",)}


def misplaced(kind: str, place: Any) -> str:
    """Say why this kind of evidence cannot come from an environment; "" when it can."""
    tiers = TIERS.get(kind, ())
    if place is None or not tiers or place.tier in tiers:
        return ""
    return f"{place.name} is {place.tier}. This evidence needs {' or '.join(tiers)}."


def seen_in(place: Any) -> dict[str, str]:
    """Return what `record_by_hand` wants to know of an environment, or of none."""
    return {"environment": place.key, "tier": place.tier} if place is not None else {"environment": "", "tier": ""}


@transaction.atomic
def record_by_hand(
    story: Story,
    *,
    by: Actor,
    kind: str,
    verdict: str = "success",
    at: datetime | None = None,
    note: str = "",
    link: str = "",
    service: str = "",
    environment: str = "",
    tier: str = "",
) -> Evidence:
    """Keep evidence that a person supplies, with their name, the time, and a note or link that others can check.

    `kind` is run (integrated), test (tested before production), deployment (to production) or acceptance (in
    production; that a story passed is for somebody else to say than who made it, unless the squad allows it). Raises
    ValidationError naming the field. The story is judged again at once.
    """
    at = at or clock.now()
    errors = {**_wrong(kind, verdict, at, note, link), **_not_theirs(story, by, kind, verdict)}
    if errors:
        raise ValidationError(errors)
    known = Service.objects.find(service) if service else None
    service = known.name if known is not None else service
    if kind != "run":
        tier = "production" if kind in ("deployment", "acceptance") else tier or "staging"
    evidence = Evidence.objects.create(
        story=story,
        kind=kind,
        verdict=verdict,
        at=at,
        started_at=at if kind == "acceptance" else None,
        service=service,
        environment=environment,
        tier=tier,
        shas=[ANY],
        label=f"{by.name[:200]}, by hand",
        note=note.strip(),
        link=link.strip(),
        by_hand=True,
        person=by,
    )
    _judge(story)
    return evidence


@transaction.atomic
def take_back(evidence: Evidence, *, by: Actor, because: str) -> Evidence:
    """Take evidence by hand back that should not have been recorded: it stays, struck out, and proves nothing.

    Who recorded it may, and who leads the squad; what failed, only who recorded it. Raises PermissionDenied, or
    ValidationError naming the field: for a missing reason, what no hand recorded, and what was taken back already. The
    story is judged again at once.
    """
    story, because = evidence.story, because.strip()
    if not evidence.by_hand:
        raise ValidationError(
            "Only evidence added by hand can be withdrawn. A system’s evidence is corrected by its later events."
        )
    if evidence.person_id != by.pk:
        if evidence.verdict == "failure":
            raise PermissionDenied(
                "Only the person who reported a failure can withdraw it. Add what you see as evidence instead."
            )
        if not story.squad.is_led_by(by):
            raise PermissionDenied(f"Only the person who added this and leads of {story.squad} can withdraw it.")
    if not because:
        raise ValidationError({"because": "Enter a reason, because others relied on it."})
    if len(because) > LONGEST_REASON:
        raise ValidationError({"because": f"This is over {LONGEST_REASON} characters. Shorten it."})
    mine = {"taken_back_at": clock.now(), "taken_back_by": by, "taken_back_because": because}
    if Evidence.objects.filter(pk=evidence.pk, taken_back_at=None).update(**mine) != 1:
        raise ValidationError("This is already withdrawn.")
    for name, value in mine.items():
        setattr(evidence, name, value)
    _judge(story)
    return evidence


def _judge(story: Story) -> None:
    Story.objects.filter(pk=story.pk).judge()
    touch([story.pk])
    story.refresh_from_db(fields=["stage", "standing"])


def _wrong(kind: str, verdict: str, at: datetime, note: str, link: str) -> dict[str, str]:
    errors: dict[str, str] = {}
    if kind not in BY_HAND_KINDS:
        errors["kind"] = f"Choose one of {', '.join(BY_HAND_KINDS)}."
    if verdict not in ("success", "failure"):
        errors["verdict"] = "Choose success or failure."
    elif verdict == "failure" and kind in ("run", "deployment"):
        errors["verdict"] = "Only checks can be added as failed."
    if not note.strip() and not link.strip():
        errors["note"] = "Add a note or a link, so others can check it."
    if link and not link.startswith(("https://", "http://")):
        errors["link"] = "Enter a full address starting with https:// or http://."
    if at > clock.now() + CLOCK_SLACK:
        errors["at"] = "This is in the future. Enter when you saw it."
    elif at < EARLIEST:
        errors["at"] = "This is before 1970. Correct the year."
    return errors


def _not_theirs(story: Story, by: Actor, kind: str, verdict: str) -> dict[str, str]:
    """Why this person cannot vouch for it."""
    if kind != "acceptance":
        return {}
    if by.program_of_id is not None:
        return {"kind": "Tokens can’t add evidence by hand. Report an acceptance run instead, with a report token."}
    own = "" if verdict != "success" or story.squad.accepts_own else own_change_reason(story, by)
    return {"kind": own} if own else {}
