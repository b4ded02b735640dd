"""From facts to alerts, and from the alerts that a rule calls incidents to reports of incidents.

Facts about one alert are read in the order of their own times and fall into episodes: one opens, and is resolved. Each
episode is an Alert row. The episodes of a group that overlap in time are one IncidentReport, from the first that opened to the
last that was resolved. Both follow from the facts alone, so order and repetition of events change nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from portal.kernel import clock
from portal.kernel.stable_ids import stable_id
from releases.environments.actions import environment_named
from releases.inbox.affected import Affected
from releases.inbox.models import Fact, InboundEvent, Source
from releases.incidents.models import Alert, IncidentReport
from releases.providers.parse import cut, key_of
from squads.teams.actions import service_named

OPEN, RESOLVED = Alert.State.OPEN.value, Alert.State.RESOLVED.value
WRITTEN = ("thread", "title", "environment_id", "service_id", "detected_at", "resolved_at", "url", "event_id", "key")


@dataclass(slots=True)
class Episode:
    """One time that an alert was on: its facts in their order, and the moments between which it was."""

    facts: list[Fact]
    opened_at: datetime
    resolved_at: datetime | None = None

    def merged(self) -> dict[str, Any]:
        """Return the merged data of its facts; the later fact counts. What was an incident once stays one."""
        merged: dict[str, Any] = {}
        for fact in self.facts:
            merged.update(fact.data)
        return merged | {"incident": any(fact.data.get("incident") is True for fact in self.facts)}


@dataclass(slots=True)
class Cluster:
    """Alerts of a group that overlap in time: what becomes one report."""

    alerts: list[Alert] = field(default_factory=list)
    until: datetime | None = None  # None: one of them is open

    def takes(self, alert: Alert) -> bool:
        """Say whether an alert that opened no earlier than these began before they were over."""
        return not self.alerts or self.until is None or _opened(alert) <= self.until

    def add(self, alert: Alert) -> None:
        """Take one more in."""
        ends = None if alert.resolved_at is None or (self.alerts and self.until is None) else alert.resolved_at
        self.until = max(ends, self.until) if ends is not None and self.until is not None else ends
        self.alerts.append(alert)


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


def project(key: str, facts: list[Fact], affected: Affected) -> None:
    """An alert was raised or cleared: a row for each of its episodes. The incidents follow at the end of the batch."""
    before = {row.pk: row for row in Alert.objects.filter(key=key[:300]).select_related("event")}
    for row in before.values():
        _note(row, row.event.source_id, affected)
    kept: set[UUID] = set()
    sources = dict(InboundEvent.objects.filter(pk__in={fact.event_id for fact in facts}).values_list("pk", "source_id"))
    for each in episodes(facts):
        pk = stable_id("signal", key, each.opened_at.isoformat())
        values = _values(key, each)
        row = Alert(pk=pk, report_id=before[pk].report_id if pk in before else None, **values)
        row.save(force_insert=pk not in before, force_update=pk in before)
        kept.add(pk)
        _note(row, sources[row.event_id], affected)
    if stale := before.keys() - kept:
        Alert.objects.filter(pk__in=stale).delete()


def withdraw(key: str, affected: Affected) -> None:
    """Nothing tells of the alert any more."""
    project(key, [], affected)


def _values(key: str, episode: Episode) -> dict[str, Any]:
    merged = episode.merged()
    return {
        "key": key[:300],
        "group": merged.get("group", "")[:300],
        "title": cut(merged.get("title", ""), 300),
        "state": OPEN if episode.resolved_at is None else RESOLVED,
        "severity": merged.get("severity", "")[:60],
        "raw_status": merged.get("words", "")[:250],
        "is_incident": merged["incident"],
        "environment": environment_named(merged["environment"]) if merged.get("environment") else None,
        "service": service_named(merged["service"]) if merged.get("service") else None,
        "opened_at": episode.opened_at,
        "resolved_at": episode.resolved_at,
        "labels": dict(merged.get("labels", ())),
        "url": merged.get("url", "")[:1000],
        "event_id": episode.facts[-1].event_id,
    }


def _note(row: Alert, source_id: int, affected: Affected) -> None:
    """Note the group of an alert that is an incident, or was part of one."""
    if row.is_incident or row.report_id is not None:
        affected.groups.add((source_id, row.group, "" if row.group else row.key))
    if row.report_id is not None:
        affected.lost_reports.add(row.report_id)


def group_into_reports(affected: Affected) -> None:
    """Make the reports of all groups of alerts that moved, and drop those whose alerts are gone."""
    sources = dict(Source.objects.filter(pk__in={each[0] for each in affected.groups}).values_list("pk", "key"))
    affected.threads |= {key_of("signals", sources[pk], group or key) for pk, group, key in affected.groups}
    for source_id, group, key in sorted(affected.groups):
        rows = Alert.objects.filter(event__source=source_id, group=group, is_incident=True)
        if not group:
            rows = rows.filter(key=key)
        affected.lost_reports |= _reports(list(rows.select_related("event__source").order_by("opened_at", "pk")))
    Alert.objects.filter(report__in=affected.lost_reports, is_incident=False).update(report=None)
    IncidentReport.objects.filter(pk__in=affected.lost_reports, alerts=None).delete()
    affected.groups.clear()
    affected.lost_reports.clear()


def _reports(alerts: list[Alert]) -> set[UUID]:
    """Write the reports that the alerts of one group make; return those that they made before and make no more."""
    clusters: list[Cluster] = []
    for one in alerts:
        if not clusters or not clusters[-1].takes(one):
            clusters.append(Cluster())
        clusters[-1].add(one)
    wanted = {row.pk: (row, each) for each in clusters for row in [_report(each)]}
    known = IncidentReport.objects.in_bulk(list(wanted))
    IncidentReport.objects.bulk_create(row for pk, (row, _) in wanted.items() if pk not in known)
    for pk, (row, each) in wanted.items():
        if pk in known and any(getattr(row, name) != getattr(known[pk], name) for name in WRITTEN):
            row.incident_id = known[pk].incident_id
            row.save(force_update=True)
        moved = [one.pk for one in each.alerts if one.report_id != pk]
        if moved:
            Alert.objects.filter(pk__in=moved).update(report=pk)
    return {one.report_id for one in alerts if one.report_id is not None} - wanted.keys()


def thread_of(source: str, alert: Alert) -> str:
    """Return the thread of an alert of a source: its group, or itself where it is in none."""
    return key_of("signals", source, alert.group or alert.key)


def _opened(alert: Alert) -> datetime:
    """Return when an alert opened, which every alert of ours knows."""
    assert alert.opened_at is not None
    return alert.opened_at


def _report(cluster: Cluster) -> IncidentReport:
    first = cluster.alerts[0]
    opened = _opened(first).isoformat()
    source = first.event.source.key
    more = len(cluster.alerts) - 1
    return IncidentReport(
        pk=stable_id("incident", "signals", source, first.group or first.key, opened),
        key=key_of("signals", source, first.group or first.key, opened),
        thread=thread_of(source, first),
        title=cut(first.title, 270) + (f" and {more} more" if more else ""),
        service_id=next((each.service_id for each in cluster.alerts if each.service_id), None),
        environment_id=next((each.environment_id for each in cluster.alerts if each.environment_id), None),
        detected_at=first.opened_at,
        resolved_at=cluster.until,
        url=first.url,
        event_id=first.event_id,
    )
