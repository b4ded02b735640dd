"""Issues as stories: turning a source's facts about issues into stories of the squad that the source names.

Facts about issues are stored whether or not they become stories. Stories are made through the outbox, so that neither
reading events nor editing a source waits for it, and so that past issues are handled a piece at a time.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from portal.kernel import clock
from portal.kernel.locks import hold
from portal.kernel.outbox import publish
from releases.events import IssuesSeen
from releases.inbox.affected import Affected
from releases.inbox.models import Fact, InboundEvent, Source
from releases.providers import PROVIDERS
from releases.sources.issues_as_stories import LONGEST_KEY
from squads.imports.formats.meanings import type_of
from squads.imports.models import Ticket
from squads.imports.tracker_issues import Issue, import_issues

KIND = "ticket"
# Issues handled per message, in one transaction during which the inbox waits.
ISSUES_PER_MESSAGE = 200


def note_issues(event: InboundEvent, subjects: Iterable[tuple[str, str]], affected: Affected) -> None:
    """Note the issues that an event is about, if the source's issues become stories."""
    if event.source.stories_for_id is not None:
        affected.tickets |= {(event.source_id, key) for kind, key in subjects if kind == KIND}


def publish_issues(affected: Affected) -> None:
    """Publish the issues that a batch of events is about, in one message per source and piece."""
    by_source: dict[int, list[str]] = {}
    for source, key in sorted(affected.tickets):
        by_source.setdefault(source, []).append(key)
    for source, keys in by_source.items():
        for start in range(0, len(keys), ISSUES_PER_MESSAGE):
            publish(IssuesSeen(source=source, keys=keys[start : start + ISSUES_PER_MESSAGE]))


def make_stories_of_issues(event: IssuesSeen) -> None:
    """Make stories of issues: of those in `keys`, or of all of the source's, piece by piece (from `after` on).

    The lock of the inbox is held, so that a batch under way, which may not know yet that stories are wanted, has ended.
    """
    hold("inbox")
    source = Source.objects.select_related("stories_for").filter(pk=event.source).first()
    if source is None or source.stories_for is None:
        return
    keys = event.keys
    if keys is None:
        facts = Fact.objects.filter(kind=KIND, event__source=source, key__gt=event.after)
        keys = list(facts.order_by("key").values_list("key", flat=True).distinct()[:ISSUES_PER_MESSAGE])
        if len(keys) == ISSUES_PER_MESSAGE:
            publish(IssuesSeen(source=source.pk, after=keys[-1]))
    import_issues(source.stories_for, issues_of(source, keys))


class IssueFact(NamedTuple):
    """One fact about an issue: its place in the order of facts, and the issue's state by it."""

    gone: str
    at: datetime
    received_at: datetime
    pk: UUID
    closed: bool
    closed_at: datetime | None


def issues_of(source: Source, keys: Sequence[str]) -> list[Issue]:
    """Return these issues by a source's newest facts. Two queries, however many there are."""
    rows = Fact.objects.filter(kind=KIND, key__in=keys, event__source=source).values_list(
        "key", "data__gone", "at", "event__received_at", "pk", "data__closed", "data__closed_at"
    )
    facts_of_issue: dict[str, list[IssueFact]] = {}
    for key, gone, at, received_at, pk, closed, closed_at in rows:
        # Some systems give whole seconds in one place and fractions in another: within one second, the last received wins.
        at = at.replace(microsecond=0)
        facts_of_issue.setdefault(key, []).append(
            IssueFact(gone or "", at, received_at, pk, closed is True, clock.parse(closed_at))
        )
    ordered = {
        key: sorted(each, key=lambda fact: (fact.at, fact.received_at, fact.pk.hex))
        for key, each in facts_of_issue.items()
    }
    wanted = {fact.pk for each in ordered.values() for fact in (each[-1], _newest_gone(each)) if fact is not None}
    data = {pk: fact.data for pk, fact in Fact.objects.in_bulk(wanted).items()}
    return [_issue(source, key, each, data) for key, each in ordered.items()]


def _newest_gone(facts_of_issue: Sequence[IssueFact]) -> IssueFact | None:
    """Return the newest fact that an issue is gone, or None. It stays gone, whatever later facts say."""
    return next((fact for fact in reversed(facts_of_issue) if fact.gone), None)


def _issue(
    source: Source, key: str, facts_of_issue: Sequence[IssueFact], facts: Mapping[UUID, dict[str, Any]]
) -> Issue:
    data, gone = facts[facts_of_issue[-1].pk], _newest_gone(facts_of_issue)
    state, since = state_of(facts_of_issue)
    labels = data.get("labels", [])
    types = (type_of(word) for word in (data.get("type_name", ""), *labels) if word)
    return Issue(
        key=external_key(source.kind, key),
        system=PROVIDERS[source.kind].name,
        title=data.get("title", ""),
        body=data.get("body", ""),
        type=next(filter(None, types), data.get("type", "")),
        url=data.get("url", ""),
        author=data.get("author", ""),
        created_at=clock.parse(data.get("created_at")),
        state=state,
        since=since,
        moved_to=facts[gone.pk].get("moved_to", "") if gone else "",
        seen_at=facts_of_issue[-1].at,
        may_create=_becomes_story(source, state, since) and _has_label(source, data),
    )


def _becomes_story(source: Source, state: str, since: datetime | None) -> bool:
    """Say whether an issue without a story gets one: not if it was closed before this was switched on."""
    if state != Ticket.State.CLOSED:
        return state == Ticket.State.OPEN
    return since is None or source.stories_since is None or since >= source.stories_since


def _has_label(source: Source, data: dict[str, Any]) -> bool:
    wanted = source.stories_label.casefold()
    return not wanted or wanted in {label.casefold() for label in data.get("labels", [])}


def state_of(facts_of_issue: Sequence[IssueFact]) -> tuple[str, datetime | None]:
    """Return an issue's state and since when, from its facts in order; None while it was only ever seen open."""
    gone = _newest_gone(facts_of_issue)
    if gone is not None:
        return gone.gone, gone.received_at
    since, closed = None, False
    for each in facts_of_issue:
        if each.closed:
            since = each.closed_at or (since if closed else each.at)
        elif closed:
            since = each.at
        closed = each.closed
    return (Ticket.State.CLOSED if closed else Ticket.State.OPEN), since


def external_key(kind: str, key: str) -> str:
    """Return the external key of a story from this issue, the same as the file importer gives it."""
    whole = f"{kind}:{key}"
    return whole if len(whole) <= LONGEST_KEY else f"{kind}:sha256:{hashlib.sha256(key.encode()).hexdigest()}"
