"""Issues as stories: whose stories a source's issues become, and how what was said of an issue is told to squads.

Facts about issues are kept whether or not anybody wants stories of them. News of some goes through the outbox, so that
neither reading events nor whoever changes a source waits for it, and so that the past is gone through piece by piece.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from portal.kernel import clock
from portal.kernel.locks import hold
from portal.kernel.outbox import publish
from releases.events import TicketsSeen
from releases.inbox.affected import Affected
from releases.inbox.models import Fact, InboundEvent, Source
from releases.providers import PROVIDERS
from releases.sources.issue_settings import LONGEST_KEY
from squads.imports.formats.meanings import type_of
from squads.imports.models import Ticket
from squads.imports.tracker_issues import Issue, take

KIND = "ticket"
# Issues that are looked at in one transaction, during which the inbox waits.
AT_ONCE = 200


# Telling squads


def note(event: InboundEvent, subjects: Iterable[tuple[str, str]], affected: Affected) -> None:
    """Note the issues that an event spoke about, if anybody wants stories of them."""
    if event.source.stories_for_id is not None:
        affected.tickets |= {(event.source_id, key) for kind, key in subjects if kind == KIND}


def settle(affected: Affected) -> None:
    """Tell of the issues that a batch of events spoke about, in one message for each source."""
    by_source: dict[int, list[str]] = {}
    for source, key in sorted(affected.tickets):
        by_source.setdefault(source, []).append(key)
    for source, keys in by_source.items():
        for start in range(0, len(keys), AT_ONCE):
            publish(TicketsSeen(source=source, keys=keys[start : start + AT_ONCE]))


def seen(event: TicketsSeen) -> None:
    """Make stories of issues: of those named (`keys`), or of all that the source told of, in pieces (from `after` on).

    The lane of the inbox is held, so that a batch under way, which may not know yet that stories are wanted, is seen.
    """
    hold("inbox")
    source = Source.objects.select_related("stories_for").filter(pk=event.source).first()
    if source is None or source.stories_for is None:
        return
    keys = event.keys
    if keys is None:
        facts = Fact.objects.filter(kind=KIND, event__source=source, key__gt=event.after)
        keys = list(facts.order_by("key").values_list("key", flat=True).distinct()[:AT_ONCE])
        if len(keys) == AT_ONCE:
            publish(TicketsSeen(source=source.pk, after=keys[-1]))
    take(source.stories_for, issues_of(source, keys))


class Sighting(NamedTuple):
    """One fact about an issue, as far as it says in which order it belongs and where the issue stands."""

    gone: str
    at: datetime
    received_at: datetime
    pk: UUID
    closed: bool
    closed_at: datetime | None


def issues_of(source: Source, keys: Sequence[str]) -> list[Issue]:
    """Return these issues as a source's newest facts tell them. Two queries, however many there are."""
    rows = Fact.objects.filter(kind=KIND, key__in=keys, event__source=source).values_list(
        "key", "data__gone", "at", "event__received_at", "pk", "data__closed", "data__closed_at"
    )
    sightings: dict[str, list[Sighting]] = {}
    for key, gone, at, received_at, pk, closed, closed_at in rows:
        # Some systems say seconds in one place and parts of them in another: within one, what came last is newest.
        at = at.replace(microsecond=0)
        sightings.setdefault(key, []).append(
            Sighting(gone or "", at, received_at, pk, closed is True, clock.parse(closed_at))
        )
    ordered = {
        key: sorted(each, key=lambda seen: (seen.at, seen.received_at, seen.pk.hex)) for key, each in sightings.items()
    }
    wanted = {seen.pk for each in ordered.values() for seen in (each[-1], _end(each)) if seen is not None}
    said = {pk: fact.data for pk, fact in Fact.objects.in_bulk(wanted).items()}
    return [_issue(source, key, each, said) for key, each in ordered.items()]


def _end(sightings: Sequence[Sighting]) -> Sighting | None:
    """Return the last time that an issue was said to be gone. What is gone is gone, whatever is told of it later."""
    return next((seen for seen in reversed(sightings) if seen.gone), None)


def _issue(source: Source, key: str, sightings: Sequence[Sighting], facts: Mapping[UUID, dict[str, Any]]) -> Issue:
    said, end = facts[sightings[-1].pk], _end(sightings)
    state, since = standing(sightings)
    labels = said.get("labels", [])
    types = (type_of(word) for word in (said.get("type_name", ""), *labels) if word)
    return Issue(
        key=external_of(source.kind, key),
        system=PROVIDERS[source.kind].name,
        title=said.get("title", ""),
        body=said.get("body", ""),
        type=next(filter(None, types), said.get("type", "")),
        url=said.get("url", ""),
        author=said.get("author", ""),
        created_at=clock.parse(said.get("created_at")),
        state=state,
        since=since,
        moved_to=facts[end.pk].get("moved_to", "") if end else "",
        seen_at=sightings[-1].at,
        begins=_begins(source, state, since) and _has_label(source, said),
    )


def _begins(source: Source, state: str, since: datetime | None) -> bool:
    """Say whether an issue that is no story yet becomes one: what was over before anybody asked for stories does not."""
    if state != Ticket.State.CLOSED:
        return state == Ticket.State.OPEN
    return since is None or source.stories_since is None or since >= source.stories_since


def _has_label(source: Source, said: dict[str, Any]) -> bool:
    wanted = source.stories_label.casefold()
    return not wanted or wanted in {label.casefold() for label in said.get("labels", [])}


def standing(sightings: Sequence[Sighting]) -> tuple[str, datetime | None]:
    """Return where an issue stands and since when, from its facts in their order; None while it was only seen open."""
    end = _end(sightings)
    if end is not None:
        return end.gone, end.received_at
    since, closed = None, False
    for each in sightings:
        if each.closed:
            since = each.closed_at or (since if closed else each.at)
        elif closed:
            since = each.at
        closed = each.closed
    return (Ticket.State.CLOSED if closed else Ticket.State.OPEN), since


def external_of(kind: str, key: str) -> str:
    """Return what a story from this issue is known by: what the file importer writes for the same issue."""
    whole = f"{kind}:{key}"
    return whole if len(whole) <= LONGEST_KEY else f"{kind}:sha256:{hashlib.sha256(key.encode()).hexdigest()}"
