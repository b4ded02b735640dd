"""From facts about alerts to signals, and from the signals that a rule calls incidents to incidents.

Facts about one alert are read in the order of their own times and fall into episodes: one opens, and is resolved. Each
episode is a Signal. The episodes of a group that overlap in time are one Incident, from the first that opened to the last
that was resolved. Both follow from the facts alone, so order and repetition of events change nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from portal.kernel import clock
from portal.kernel.stable_ids import identity
from releases.environments.actions import environment_named
from releases.inbox.affected import Touched
from releases.inbox.models import Fact, InboundEvent
from releases.incidents.models import Incident, Signal
from releases.providers.words import cut, key_of
from squads.teams.actions import service_named

OPEN, RESOLVED = Signal.State.OPEN.value, Signal.State.RESOLVED.value
WRITTEN = ("title", "environment_id", "service_id", "detected_at", "resolved_at", "url", "event_id", "key")


@dataclass(slots=True)
class Episode:
    """One time that an alert was on: its facts in their order, and the moments between which it was."""

    facts: list[Fact]
    opened_at: datetime
    resolved_at: datetime | None = None

    def said(self) -> dict[str, Any]:
        """Return what its facts say together; the later word counts. An incident once is one for good."""
        said: dict[str, Any] = {}
        for fact in self.facts:
            said.update(fact.data)
        return said | {"incident": any(fact.data.get("incident") is True for fact in self.facts)}


@dataclass(slots=True)
class Cluster:
    """Signals of a group that overlap in time: what becomes one incident."""

    signals: list[Signal] = field(default_factory=list)
    until: datetime | None = None  # None: one of them is open

    def takes(self, signal: Signal) -> bool:
        """Say whether a signal that opened no earlier than these began before they were over."""
        return not self.signals or self.until is None or _opened(signal) <= self.until

    def add(self, signal: Signal) -> None:
        """Take one more in."""
        ends = None if signal.resolved_at is None or (self.signals and self.until is None) else signal.resolved_at
        self.until = max(ends, self.until) if ends is not None and self.until is not None else ends
        self.signals.append(signal)


def episodes(facts: Iterable[Fact]) -> list[Episode]:
    """Return the episodes of one alert, first to last.

    A state that nobody knows (no `state`) belongs to the episode that is on, and ends none; only where nothing else is
    known of the alert does it open one, so that it is seen. That an alert is over, said when none was on, is an episode
    only if the same event says when it began.
    """
    ordered = sorted(facts, key=lambda fact: (fact.at, fact.data.get("state") == RESOLVED, fact.id.hex))
    found: list[Episode] = []
    for fact in ordered:
        state, began = fact.data.get("state"), clock.parse(fact.data.get("opened_at"))
        if began is not None and began > fact.at:
            began = fact.at  # an alert that is told of has begun
        last = found[-1] if found else None
        if last is not None and last.resolved_at is None:
            last.facts.append(fact)
            last.opened_at = min(last.opened_at, _within(found[:-1], began) or last.opened_at)
            last.resolved_at = _end(fact, last.opened_at) if state == RESOLVED else None
        elif state != RESOLVED:
            if state == OPEN or last is None:
                found.append(Episode([fact], _within(found, began) or fact.at))
        elif began is not None and (last is None or last.resolved_at is None or began > last.resolved_at):
            found.append(Episode([fact], began, _end(fact, began)))
        elif last is not None and began is not None:
            # It is told again that it is over, by now later: an alert that came back meanwhile under the same name.
            last.facts.append(fact)
            last.resolved_at = max(last.resolved_at or began, clock.parse(fact.data.get("resolved_at")) or began)
    return found


def _within(before: list[Episode], began: datetime | None) -> datetime | None:
    """Return when an episode began, unless that lies in an earlier one: an alert that was reopened began again."""
    return began if began is not None and not (before and began <= (before[-1].resolved_at or began)) else None


def _end(fact: Fact, opened: datetime) -> datetime:
    """Return when an alert was over: as its system says, else when we were told."""
    told = clock.parse(fact.data.get("resolved_at"))
    if told is None:
        told = InboundEvent.objects.values_list("received_at", flat=True).get(pk=fact.event_id)
    return max(told, opened)


def signal(key: str, facts: list[Fact], touched: Touched) -> None:
    """An alert was raised or cleared: a row for each of its episodes. The incidents follow at the end of the batch."""
    before = {row.pk: row for row in Signal.objects.filter(key=key[:300]).select_related("event")}
    for row in before.values():
        _note(row, row.event.source_id, touched)
    kept: set[UUID] = set()
    sources = dict(InboundEvent.objects.filter(pk__in={fact.event_id for fact in facts}).values_list("pk", "source_id"))
    for each in episodes(facts):
        pk = identity("signal", key, each.opened_at.isoformat())
        values = _values(key, each)
        row = Signal(pk=pk, incident_id=before[pk].incident_id if pk in before else None, **values)
        row.save(force_insert=pk not in before, force_update=pk in before)
        kept.add(pk)
        _note(row, sources[row.event_id], touched)
    if stale := before.keys() - kept:
        Signal.objects.filter(pk__in=stale).delete()


def _values(key: str, episode: Episode) -> dict[str, Any]:
    said = episode.said()
    return {
        "key": key[:300],
        "group": said.get("group", "")[:300],
        "title": cut(said.get("title", ""), 300),
        "state": OPEN if episode.resolved_at is None else RESOLVED,
        "severity": said.get("severity", "")[:60],
        "words": said.get("words", "")[:250],
        "is_incident": said["incident"],
        "environment": environment_named(said["environment"]) if said.get("environment") else None,
        "service": service_named(said["service"]) if said.get("service") else None,
        "opened_at": episode.opened_at,
        "resolved_at": episode.resolved_at,
        "labels": dict(said.get("labels", ())),
        "url": said.get("url", "")[:1000],
        "event_id": episode.facts[-1].event_id,
    }


def _note(row: Signal, source_id: int, touched: Touched) -> None:
    """Note the group of a signal that is an incident, or was part of one."""
    if row.is_incident or row.incident_id is not None:
        touched.groups.add((source_id, row.group, "" if row.group else row.key))
    if row.incident_id is not None:
        touched.lost.add(row.incident_id)


def settle(touched: Touched) -> None:
    """Make the incidents of all groups of signals that moved, and drop those whose signals are gone."""
    for source_id, group, key in sorted(touched.groups):
        rows = Signal.objects.filter(event__source=source_id, group=group, is_incident=True)
        if not group:
            rows = rows.filter(key=key)
        touched.lost |= _incidents(list(rows.select_related("event__source").order_by("opened_at", "pk")))
    Signal.objects.filter(incident__in=touched.lost, is_incident=False).update(incident=None)
    Incident.objects.filter(pk__in=touched.lost, signals=None).delete()
    touched.groups.clear()
    touched.lost.clear()


def _incidents(signals: list[Signal]) -> set[UUID]:
    """Write the incidents that the signals of one group make; return those that they made before and make no more."""
    clusters: list[Cluster] = []
    for one in signals:
        if not clusters or not clusters[-1].takes(one):
            clusters.append(Cluster())
        clusters[-1].add(one)
    wanted = {row.pk: (row, each) for each in clusters for row in [_incident(each)]}
    known = Incident.objects.in_bulk(list(wanted))
    Incident.objects.bulk_create(row for pk, (row, _) in wanted.items() if pk not in known)
    for pk, (row, each) in wanted.items():
        if pk in known and any(getattr(row, name) != getattr(known[pk], name) for name in WRITTEN):
            row.save(force_update=True)
        moved = [one.pk for one in each.signals if one.incident_id != pk]
        if moved:
            Signal.objects.filter(pk__in=moved).update(incident=pk)
    return {one.incident_id for one in signals if one.incident_id is not None} - wanted.keys()


def _opened(signal: Signal) -> datetime:
    """Return when a signal opened, which every signal of ours knows."""
    assert signal.opened_at is not None
    return signal.opened_at


def _incident(cluster: Cluster) -> Incident:
    first = cluster.signals[0]
    opened = _opened(first).isoformat()
    source = first.event.source.key
    more = len(cluster.signals) - 1
    return Incident(
        pk=identity("incident", "signals", source, first.group or first.key, opened),
        key=key_of("signals", source, first.group or first.key, opened),
        title=cut(first.title, 270) + (f" and {more} more" if more else ""),
        service_id=next((each.service_id for each in cluster.signals if each.service_id), None),
        environment_id=next((each.environment_id for each in cluster.signals if each.environment_id), None),
        detected_at=first.opened_at,
        resolved_at=cluster.until,
        url=first.url,
        event_id=first.event_id,
    )
