"""Reading events: from the raw message to the stories that it changes."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction

from portal.kernel import clock
from portal.kernel.stable_ids import stable_id
from releases.attributions import actions as attributions
from releases.environments.models import Environment
from releases.evidence.actions import derive_affected
from releases.inbox.affected import Affected
from releases.inbox.models import Fact, InboundEvent, Source
from releases.incidents.models import Alert
from releases.issues import actions as issues
from releases.mappings.fact_mapper import FactMapper
from releases.pipelines import actions as pipelines
from releases.providers import PROVIDERS, alerts
from releases.providers.base import Message
from releases.providers.facts import (
    AlertSeen,
    EnvironmentSeen,
    LeftOut,
    MakesNothing,
    Seen,
    SeenInPart,
    Unreadable,
    check_not_in_future,
)
from releases.providers.payloads import clean
from releases.reading import git_history, registry

logger = logging.getLogger(__name__)
State = InboundEvent.State
# A batch ends after this long, so that no transaction keeps others waiting; its last event may overrun it.
BATCH_SECONDS = 0.25
NOTHING = "It has no change, run, deployment, check or alert."
LEFT_OUT = "A mapping rule ignores it."
NO_ALERT = "Nothing is wrong, and no alert was open."


@dataclass(slots=True)
class Batch:
    """What the events of one transaction share."""

    mapper: FactMapper = field(default_factory=FactMapper)
    affected: Affected = field(default_factory=Affected)
    git_sources: dict[int, Source] = field(default_factory=dict)


def read_events(ids: Iterable[UUID]) -> int:
    """Read these events and bring everything that follows from them up to date; return how many were read.

    Runs in the caller's transaction. Each step is one line here: message → facts → facts in our names → rows → the
    stories they may concern → evidence → judgement (stage, answer and stage changes).
    """
    batch = Batch()
    read = 0
    for event in _while_time_lasts(ids):
        read_event(event, batch)
        read += 1
    batch.mapper.save_names()
    for source in batch.git_sources.values():
        git_history.place_commits(source, batch.affected)
    registry.finish(batch.affected)
    attributions.follow(batch.affected)
    issues.publish_issues(batch.affected)
    derive_affected(batch.affected)
    pipelines.delete_unused_repositories(batch.affected.repositories)
    return read


def read_event(event: InboundEvent, batch: Batch) -> None:
    """Read one event: its facts, then the row of each thing they are about. An error fails this event alone."""
    if event.contents_deleted_at is not None:
        _read_kept_facts(event, batch)
        return
    batch.mapper.begin(event)
    with _failing_alone(event, batch):
        translation = translate(event, event.source.config)
        facts = batch.mapper.map_facts(event, translation.facts)
        things = record_facts(event, facts)
        issues.note_issues(event, things, batch.affected)
        if git_history.apply(event, facts, batch.affected):
            batch.git_sources[event.source_id] = event.source
        registry.project(things, batch.affected)
        nothing = _why_nothing([(fact.kind, fact.key, getattr(fact, "state", "")) for fact in facts])
        close(event, State.IGNORED if nothing else State.PROCESSED, reason=translation.reason or nothing)


def _read_kept_facts(event: InboundEvent, batch: Batch) -> None:
    """Read an event without contents: its facts are those of before, and only the rows are made anew."""
    with _failing_alone(event, batch):
        facts = list(event.facts.order_by("id"))
        things = [thing for fact in facts for thing in _respelled(fact)]
        issues.note_issues(event, things, batch.affected)
        registry.project(list(dict.fromkeys(things)), batch.affected)
        nothing = _why_nothing([(fact.kind, fact.key, fact.data.get("state", "")) for fact in facts])
        # What the event itself gave as a reason can't be told again, so it was kept.
        own = "" if event.reason in (LEFT_OUT, NO_ALERT) else event.reason
        close(event, State.IGNORED if nothing else State.PROCESSED, reason=own or nothing)


def _respelled(fact: Fact) -> list[tuple[str, str]]:
    """Put a fact about an environment under the spelling by which it is known now; return the things it was and is about."""
    told = (fact.kind, fact.key)
    known = Environment.objects.find(fact.key) if fact.kind == EnvironmentSeen.kind else None
    if known is None or known.key == fact.key:
        return [told]
    fact.data = {"said": {"environment": fact.key}, **fact.data}
    fact.key = known.key
    fact.save(update_fields=["key", "data"])
    return [told, (fact.kind, fact.key)]


@contextmanager
def _failing_alone(event: InboundEvent, batch: Batch) -> Iterator[None]:
    """Undo what an unreadable event wrote and mark it failed, with the error. A database that is away is not its fault."""
    try:
        with transaction.atomic():
            yield
    except Unreadable as error:
        if event.contents_deleted_at is None:
            # What it said when it was read before no longer holds.
            registry.project(record_facts(event, []), batch.affected)
        close(event, State.FAILED, str(error))
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("event %s could not be read", event.pk)
        close(event, State.FAILED, f"{type(error).__name__}: {error}")


def _while_time_lasts(ids: Iterable[UUID]) -> Iterator[InboundEvent]:
    until = time.monotonic() + BATCH_SECONDS
    for pk in ids:
        yield InboundEvent.objects.select_related("source__repository__service").get(pk=pk)
        if time.monotonic() > until:
            return


@dataclass(frozen=True, slots=True)
class Translation:
    """The facts that an event states, and why it, or a part of it, states none."""

    facts: list[Seen]
    reason: str = ""


def translate(event: InboundEvent, config: Mapping[str, Any]) -> Translation:
    """Return what an event states when its source is configured like this. Raises Unreadable."""
    provider = PROVIDERS.get(event.source.kind)
    if provider is None:
        raise Unreadable(f"There’s no provider “{event.source.kind}” any more. Change the source’s kind.")
    # A message that names no time of its own was so when it came; an id that is no system's own is its source's.
    headers = {"received-at": event.received_at.isoformat(), "source": event.source.key, **event.headers}
    message = Message(headers=headers, body=bytes(event.body), content_type=event.content_type)
    kind = event.kind or (provider.label(message).kind if provider.label else "")
    try:
        facts = provider.translate(kind, message, config)
    except MakesNothing as nothing:
        return Translation([], str(nothing))
    if facts is None:
        return Translation([], f"Rodeo doesn’t use this kind of {provider.name} event.")
    check_not_in_future(facts, event.received_at)
    if not facts:
        return Translation([], provider.nothing.get(kind.removeprefix("pull.").partition(".")[0], NOTHING))
    return Translation(facts, facts.reason if isinstance(facts, SeenInPart) else "")


def _why_nothing(facts: Sequence[tuple[str, str, str]]) -> str:
    """Return why no row came of these facts, as (kind, key, state of an alert); "" where one did."""
    if all(kind == LeftOut.kind for kind, _, _ in facts):
        return LEFT_OUT if facts else NOTHING
    ends = [key for kind, key, state in facts if kind == AlertSeen.kind and state == alerts.RESOLVED]
    if len(ends) == len(facts) and not Alert.objects.filter(key__in=ends).exists():
        return NO_ALERT
    return ""


def record_facts(event: InboundEvent, facts: list[Seen]) -> list[tuple[str, str]]:
    """Replace the facts an event stated before by these; return every thing that either is about, as (kind, key), once.

    With the things of before are the rows that they made, which facts may make no more. The facts of an event without
    contents are all that is left of it: they are never replaced.
    """
    if event.contents_deleted_at is not None:
        raise ValueError(f"event {event.pk} has no contents, so its facts can’t be replaced")
    before = list(event.facts.values_list("kind", "key"))
    if before:
        before += registry.rows_written(event.facts.filter(data__has_key="numbered_at").values_list("kind", "key"))
        event.facts.all().delete()
    Fact.objects.bulk_create(
        Fact(
            id=stable_id("fact", event.pk, number),
            event=event,
            kind=fact.kind,
            key=fact.key[:500],
            at=fact.at,
            data=fact.data(),
        )
        for number, fact in enumerate(facts)
    )
    return list(dict.fromkeys([*before, *((fact.kind, fact.key[:500]) for fact in facts)]))


def close(event: InboundEvent, state: str, error: str = "", reason: str = "") -> None:
    """Write down what became of an event."""
    event.state, event.error, event.reason = state, clean(error[:10_000]), clean(reason[:10_000])
    event.processed_at = clock.now()
    event.attempts += 1
    event.save(update_fields=["state", "error", "reason", "processed_at", "attempts"])
