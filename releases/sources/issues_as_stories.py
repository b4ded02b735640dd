"""Which squad the issues of a source become stories of: validating, setting and describing that choice."""

from typing import Any

from django.core.exceptions import ValidationError

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.outbox import publish
from releases.events import IssuesSeen
from releases.inbox.models import Source
from releases.providers.base import Provider
from squads.models import Squad

LONGEST_LABEL, LONGEST_KEY = 100, 200
OFF = "off"


def validate_choice(
    provider: Provider, squad: Squad | None, label: str, config: dict[str, Any], *, by: Actor | None
) -> str:
    """Return the label as it is stored; a ValidationError names the field that cannot work, and what to do.

    `by` is None for whoever may run commands on the machine itself.
    """
    label = label.strip()
    if squad is None:
        if label:
            raise ValidationError({"stories_for": "Choose a squad for these issues, or leave the label empty."})
        return ""
    if not provider.tickets:
        raise ValidationError({"stories_for": f"{provider.name} has no issues. Leave this empty."})
    if not may_choose_squad(squad, by):
        raise ValidationError(
            {"stories_for": f"You’re not in {squad}. Choose one of your squads, or ask a project manager."}
        )
    if len(label) > LONGEST_LABEL:
        raise ValidationError({"stories_label": f"Labels can have up to {LONGEST_LABEL} characters."})
    if config.get("url") and config.get("issues") == OFF:
        raise ValidationError({"issues": "Choose “Read” to turn issues into stories, or choose no squad below."})
    return label


def may_choose_squad(squad: Squad, by: Actor | None) -> bool:
    """Say whether a person may have issues become stories of a squad: its writers and project managers may."""
    return by is None or bool(by.is_project_manager) or squad.is_writable_by(by)


def set_squad(source: Source, before: Source | None, squad: Squad | None, label: str) -> list[str]:
    """Set the squad whose stories a source's issues become; return the changed columns.

    The caller saves them, then calls `read_known_issues`.

    Issues that were closed before this was switched on become no stories.
    """
    since = before.stories_since if before is not None and before.stories_for_id is not None else clock.now()
    source.stories_for, source.stories_label = squad, label
    source.stories_since = since if squad is not None else None
    return ["stories_for", "stories_label", "stories_since"]


def read_known_issues(source: Source, before: Source | None) -> None:
    """Have the issues that are known already read, where the squad or the label is new."""
    was = (before.stories_for_id, before.stories_label) if before else (None, "")
    if source.stories_for_id is not None and was != (source.stories_for_id, source.stories_label):
        publish(IssuesSeen(source=source.pk))


def describe(source: Source) -> str:
    """Describe which squad a source's issues become stories of."""
    if source.stories_for is None:
        return "no stories"
    only = f", those labelled “{source.stories_label}”" if source.stories_label else ""
    since = f", except those closed before {source.stories_since:%Y-%m-%d}" if source.stories_since else ""
    return f"stories of squad {source.stories_for}{only}{since}"
