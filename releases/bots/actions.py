"""Saying who is a bot: a key in the notes that a bot writes is a mention, and no part of a story.

Pages and API call these. `by` is always an administrator.
"""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.models import StateChange
from portal.kernel.outbox import publish
from portal.kernel.policy import check_administrator
from portal.kernel.transitions import signed
from releases.bots.models import BotRule
from releases.events import BotsChanged

KIND = "botrule"
UNSAID = "unsaid"
SHORTEST_FIXED = 3


def _check_administrator(by: Actor) -> None:
    check_administrator(by, "manage bots")


def say(*, name: str, is_bot: bool = True, by: Actor) -> BotRule:
    """Say that whoever is called so is a bot, or is none. Changes that they wrote are judged again a moment later."""
    _check_administrator(by)
    name = " ".join(name.split()).lower()
    if len(name.replace("*", "")) < SHORTEST_FIXED:
        raise ValidationError(
            {"name": f"Use at least {SHORTEST_FIXED} letters besides the *: acme-ci, *@ci.example.org."}
        )
    if len(name) > 200 or any(ord(sign) < 32 for sign in name):
        raise ValidationError({"name": "Use at most 200 characters, without line breaks."})
    try:
        with transaction.atomic():
            row = BotRule.objects.create(name=name, is_bot=is_bot, by=by)
            _record(row, UNSAID, _word(row), by)
    except IntegrityError:
        raise ValidationError({"name": f"{name} is already listed. Remove it first to change it."}) from None
    return row


def remove(row: BotRule, *, by: Actor) -> None:
    """Leave it to Rodeo again whether somebody is a bot."""
    _check_administrator(by)
    with transaction.atomic():
        if BotRule.objects.filter(pk=row.pk).delete()[0]:
            _record(row, _word(row), UNSAID, by)


def _word(row: BotRule) -> str:
    return "bot" if row.is_bot else "person"


def _record(row: BotRule, before: str, after: str, by: Actor) -> None:
    StateChange.objects.create(
        kind=KIND, key=row.name, from_state=before, to_state=after, by=by, because=signed(by, ""), at=clock.now()
    )
    said = {UNSAID: f"no longer lists {row.name}"}.get(after, f"listed {row.name} as a {after}")
    audit.record(by=by, did=said, kind="mapping", key=row.name)
    publish(BotsChanged(name=row.name))
