"""Alerts become alerts, and those that a rule calls incidents become incidents, whatever order they come in."""

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from releases.inbox.actions import replay, store
from releases.inbox.models import InboundEvent, Source
from releases.incidents.models import Alert, IncidentReport
from releases.mappings.models import MappingRule
from releases.reading.actions import drain_inbox, rebuild
from tests.releases.conftest import source

Send = Callable[..., HttpResponse]
Drain = Callable[[], int]
T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)


def minute(number: float) -> str:
    return (T0 + timedelta(minutes=number)).isoformat().replace("+00:00", "Z")


def alert(name: str, began: float, ended: float | None = None, **labels: str) -> dict[str, Any]:
    own = {"alertname": name, **labels}
    return {
        "status": "firing" if ended is None else "resolved",
        "labels": own,
        "annotations": {"summary": f"{name} is bad"},
        "startsAt": minute(began),
        "endsAt": "0001-01-01T00:00:00Z" if ended is None else minute(ended),
        "generatorURL": "https://prometheus.example/graph",
        "fingerprint": f"{name}-{labels.get('instance', '')}",
    }


def body(*alerts: dict[str, Any], group: str = '{}:{alertname="Errors"}') -> dict[str, Any]:
    status = "firing" if any(each["status"] == "firing" for each in alerts) else "resolved"
    return {"version": "4", "groupKey": group, "status": status, "receiver": "rodeo", "alerts": list(alerts)}


@pytest.fixture
def am(db: None) -> Source:
    return source("am", "alertmanager")


@pytest.fixture
def everything_is_an_incident(db: None) -> MappingRule:
    return MappingRule.objects.create(kind="alert", pattern="*", role="incident")


def dump() -> list[Any]:
    """All alerts and incidents, but for when rows were written."""
    alerts = Alert.objects.order_by("pk").values(
        "pk",
        "key",
        "group",
        "title",
        "state",
        "severity",
        "raw_status",
        "service__name",
        "environment__key",
        "report_id",
        "is_incident",
        "opened_at",
        "resolved_at",
        "url",
        "event_id",
    )
    incidents = IncidentReport.objects.order_by("pk").values(
        "pk", "key", "title", "detected_at", "resolved_at", "service__name", "environment__key", "url", "event_id"
    )
    return [*alerts, *incidents]


def test_an_alert_opens_and_is_resolved(am: Source, send: Send, drained: Drain) -> None:
    labels = {"severity": "critical", "service": "checkout", "environment": "production"}
    send("/hooks/am/", body(alert("Errors", 0, **labels)))
    drained()
    row = Alert.objects.get()
    assert (row.state, row.title, row.severity, row.raw_status) == (
        "open",
        "Errors",
        "critical",
        "firing: Errors is bad",
    )
    assert row.service is not None and row.service.name == "checkout"
    assert row.environment is not None and row.environment.key == "production"
    assert (row.opened_at, row.resolved_at) == (T0, None)
    assert row.labels["alertname"] == "Errors"
    send("/hooks/am/", body(alert("Errors", 0, 7, **labels)))
    drained()
    after = Alert.objects.get()
    assert (after.pk, after.state, after.resolved_at) == (row.pk, "resolved", T0 + timedelta(minutes=7))
    assert not IncidentReport.objects.exists(), "without a rule nothing is an incident"


def test_the_same_notification_again_doubles_nothing(am: Source, send: Send, drained: Drain) -> None:
    sent = body(alert("Errors", 0, instance="a"), alert("Errors", 1, instance="b"))
    assert [send("/hooks/am/", sent).status_code for _ in range(3)] == [202, 200, 200]
    send("/hooks/am/", {**sent, "truncatedAlerts": 2})
    drained()
    assert Alert.objects.count() == 2
    assert InboundEvent.objects.count() == 2


def test_the_next_time_it_fires_is_another_signal(am: Source, send: Send, drained: Drain) -> None:
    for each in (alert("Errors", 0), alert("Errors", 0, 5), alert("Errors", 30)):
        send("/hooks/am/", body(each))
    drained()
    assert [row.state for row in Alert.objects.order_by("opened_at")] == ["resolved", "open"]


def test_a_resolved_alert_without_an_end_is_over_when_we_were_told(am: Source, send: Send, drained: Drain) -> None:
    over = alert("Errors", 0, 5) | {"endsAt": "0001-01-01T00:00:00Z"}
    send("/hooks/am/", body(over))
    drained()
    row = Alert.objects.get()
    assert (row.state, row.resolved_at) == ("resolved", InboundEvent.objects.get().received_at)


def test_a_word_nobody_knows_resolves_nothing(am: Source, send: Send, drained: Drain) -> None:
    send("/hooks/am/", body(alert("Errors", 0)))
    send("/hooks/am/", body(alert("Errors", 0, 5) | {"status": "suppressed"}))
    send("/hooks/am/", body(alert("Other", 0) | {"status": "weird"}))
    drained()
    assert {row.title: row.state for row in Alert.objects.all()} == {"Errors": "open", "Other": "open"}
    assert Alert.objects.get(title="Other").raw_status.startswith("weird")


def test_an_incident_lasts_until_every_signal_of_its_group_is_resolved(
    am: Source, send: Send, drained: Drain, everything_is_an_incident: MappingRule
) -> None:
    first, second = alert("Errors", 0, instance="a"), alert("Errors", 2, instance="b")
    send("/hooks/am/", body(first, second))
    drained()
    row = IncidentReport.objects.get()
    assert (row.title, row.detected_at, row.resolved_at) == ("Errors and 1 more", T0, None)
    send("/hooks/am/", body(alert("Errors", 0, 5, instance="a"), second))
    drained()
    assert IncidentReport.objects.get().resolved_at is None
    send("/hooks/am/", body(alert("Errors", 2, 9, instance="b")))
    drained()
    after = IncidentReport.objects.get()
    assert (after.pk, after.resolved_at) == (row.pk, T0 + timedelta(minutes=9))
    assert after.alerts.count() == 2
    send("/hooks/am/", body(alert("Errors", 60, instance="a")))
    drained()
    assert IncidentReport.objects.count() == 2, "later, the group makes a new one"


def test_a_rule_may_choose_by_severity_and_name(am: Source, send: Send, drained: Drain) -> None:
    MappingRule.objects.create(kind="alert", pattern="Err*", severity="critical", role="incident")
    MappingRule.objects.create(kind="alert", pattern="Noise", role="ignored")
    send("/hooks/am/", body(alert("Errors", 0, severity="warning"), group="1"))
    send("/hooks/am/", body(alert("Errors", 1, severity="critical", instance="a"), group="2"))
    send("/hooks/am/", body(alert("Slow", 1, severity="critical"), group="3"))
    send("/hooks/am/", body(alert("Noise", 1, severity="critical"), group="4"))
    drained()
    assert Alert.objects.count() == 3
    assert [row.title for row in IncidentReport.objects.all()] == ["Errors"]


def test_groups_of_two_sources_are_two_incidents(
    am: Source, send: Send, drained: Drain, everything_is_an_incident: MappingRule
) -> None:
    source("am2", "alertmanager")
    send("/hooks/am/", body(alert("Errors", 0, instance="a")))
    send("/hooks/am2/", body(alert("Errors", 0, instance="b")))
    drained()
    assert IncidentReport.objects.count() == 2


def test_a_rule_that_changes_makes_what_a_rebuild_makes(am: Source, send: Send, drained: Drain) -> None:
    send("/hooks/am/", body(alert("Errors", 0, instance="a"), alert("Errors", 1, 3, instance="b")))
    send("/hooks/am/", body(alert("Slow", 0), group="slow"))
    drained()
    assert not IncidentReport.objects.exists()

    def read_again() -> list[Any]:
        replay(InboundEvent.objects.values_list("pk", flat=True))
        drained()
        found = dump()
        rebuild()
        assert dump() == found
        return found

    rule = MappingRule.objects.create(kind="alert", pattern="Errors", role="incident")
    read_again()
    assert [row.title for row in IncidentReport.objects.all()] == ["Errors and 1 more"]
    rule.pattern = "Slow"
    rule.save()
    read_again()
    assert [row.title for row in IncidentReport.objects.all()] == ["Slow"]
    rule.role = "ignored"
    rule.save()
    read_again()
    assert (Alert.objects.count(), IncidentReport.objects.count()) == (2, 0)
    rule.delete()
    read_again()
    assert (Alert.objects.count(), IncidentReport.objects.count()) == (3, 0)


def test_incidents_that_events_name_stay_beside_those_of_signals(
    am: Source, ci: Source, send: Send, drained: Drain, everything_is_an_incident: MappingRule
) -> None:
    event = {
        "context": {
            "version": "0.4.1",
            "id": "1",
            "source": "/ops",
            "type": "dev.cdevents.incident.detected.0.2.0",
            "timestamp": minute(0),
        },
        "subject": {"id": "inc-1", "content": {"description": "Shop is down", "environment": {"id": "production"}}},
    }
    send("/hooks/ci/", event)
    send("/hooks/am/", body(alert("Errors", 0)))
    drained()
    assert {row.title for row in IncidentReport.objects.all()} == {"Shop is down", "Errors"}
    before = dump()
    MappingRule.objects.all().delete()
    replay(InboundEvent.objects.values_list("pk", flat=True))
    drained()
    assert {row.title for row in IncidentReport.objects.all()} == {"Shop is down"}
    assert len(dump()) == len(before) - 1


STORY = [
    body(alert("Errors", 0, instance="a"), alert("Errors", 2, instance="b")),
    body(alert("Errors", 0, 5, instance="a"), alert("Errors", 2, instance="b")),
    body(alert("Errors", 0, 5, instance="a"), alert("Errors", 2, 6, instance="b")),
    body(alert("Errors", 40, instance="a")),
    body(alert("Errors", 40, 44, instance="a")),
]


@pytest.mark.parametrize("order", [*itertools.permutations(range(3)), (4, 3, 2, 1, 0), (3, 0, 4, 2, 1)])
def test_any_order_of_arrival_ends_in_the_same_rows(
    order: tuple[int, ...], am: Source, drained: Drain, everything_is_an_incident: MappingRule
) -> None:
    def keep(numbers: tuple[int, ...], one_by_one: bool) -> list[Any]:
        for number in numbers:
            store(
                am,
                delivery=str(number),
                kind="alerts",
                body=json.dumps(STORY[number]).encode(),
                at=T0 + timedelta(hours=2),
            )
            if one_by_one:
                drained()
        drained()
        return dump()

    found = keep(order, True)
    rebuild()
    assert dump() == found
    assert not Alert.objects.filter(state="open").exists(), "the last word on each is that it is over"
    assert IncidentReport.objects.count() == (2 if 3 in order else 1)
    replay(InboundEvent.objects.values_list("pk", flat=True))
    drained()
    assert dump() == found


# Episodes of one key, as Nagios tells them: whatever happens is told in order of its own time.
STEPS = st.lists(
    st.tuples(st.integers(0, 50), st.sampled_from(["OK", "WARNING", "CRITICAL", "UNKNOWN", "PENDING"])),
    min_size=1,
    max_size=8,
    unique_by=lambda step: step[0],
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.randoms(use_true_random=False))
def test_any_shuffle_of_a_checks_states_makes_the_same_episodes(
    db: None, steps: list[tuple[int, str]], random: Any
) -> None:
    with transaction.atomic():
        watch = source("icinga", "nagios")
        MappingRule.objects.create(kind="alert", pattern="*", role="incident")
        shuffled = list(steps)
        random.shuffle(shuffled)
        for at, state in shuffled:
            said = {"host": "web1", "service": "http", "state": state, "type": "PROBLEM", "timestamp": minute(at)}
            store(watch, delivery=str(at), kind="PROBLEM", body=json.dumps(said).encode())
            drain_inbox()
        found = dump()
        rebuild()
        assert dump() == found
        rows = list(Alert.objects.order_by("opened_at"))
        for before, after in itertools.pairwise(rows):
            assert before.resolved_at is not None and after.opened_at is not None
            assert before.resolved_at <= after.opened_at
        last = next((state for _, state in sorted(steps, reverse=True) if state != "PENDING"), None)
        if last is not None and last != "OK":
            assert rows and rows[-1].state == "open"
        assert IncidentReport.objects.count() == len(rows)
        transaction.set_rollback(True)


def pagerduty(number: int, at: float, status: str, type_: str = "", created: float = 0) -> dict[str, Any]:
    data = {
        "id": "Q1",
        "type": "incident",
        "status": status,
        "title": "Shop is down",
        "created_at": minute(created),
        "html_url": "https://shop.pagerduty.com/incidents/Q1",
        "urgency": "high",
    }
    kind = f"incident.{type_ or status}"
    return {"event": {"id": f"E{number}", "event_type": kind, "occurred_at": minute(at), "data": data}}


REOPENED = [
    pagerduty(0, 0, "triggered"),
    pagerduty(1, 2, "acknowledged"),
    pagerduty(2, 9, "resolved"),
    pagerduty(3, 12, "resolved", "priority_updated"),
    pagerduty(4, 20, "triggered", "reopened"),
    pagerduty(5, 30, "resolved"),
    pagerduty(6, 5, "acknowledged", "reassigned", created=99),
]


@pytest.mark.parametrize("order", [range(7), range(6, -1, -1), (3, 5, 1, 6, 0, 4, 2), (4, 6, 2, 0, 5, 3, 1)])
def test_what_is_reopened_is_another_signal_and_incident_in_any_order(
    order: Any, send: Send, drained: Drain, everything_is_an_incident: MappingRule
) -> None:
    source("pd", "pagerduty")
    for number in order:
        send("/hooks/pd/", REOPENED[number])
        drained()
    times = [(0, 9), (20, 30)]
    wanted = [(T0 + timedelta(minutes=a), T0 + timedelta(minutes=b)) for a, b in times]
    assert list(Alert.objects.order_by("opened_at").values_list("opened_at", "resolved_at")) == wanted
    assert list(IncidentReport.objects.order_by("detected_at").values_list("detected_at", "resolved_at")) == wanted


def test_more_alerts_in_a_notification_cost_a_few_queries_each(
    am: Source, send: Send, drained: Drain, everything_is_an_incident: MappingRule
) -> None:
    def queries(number: int) -> int:
        send("/hooks/am/", body(*(alert("Errors", each, instance=f"{number}-{each}") for each in range(number))))
        with CaptureQueriesContext(connection) as captured:
            drained()
        return len(captured)

    few, many = queries(10), queries(110)
    assert (many - few) / 100 < 8
    assert IncidentReport.objects.count() == 1


@pytest.mark.parametrize("kind", ["alertmanager", "sensu"])
def test_real_alerts_are_read_and_replaying_changes_nothing(
    kind: str, real_data: Path, send: Send, drained: Drain, everything_is_an_incident: MappingRule
) -> None:
    source("real", kind)
    files = sorted((real_data / "webhooks" / kind).glob("*.json"))
    assert files
    for each in files:
        assert send("/hooks/real/", each.read_bytes()).status_code == 202
    drained()
    unread = InboundEvent.objects.exclude(state="processed").values_list("state", "reason")
    assert set(unread) <= {("ignored", "Nothing is wrong, and no alert was open.")}
    states = {row.title: row.state for row in Alert.objects.order_by("-state")}
    if kind == "alertmanager":
        assert Alert.objects.count() == 3
        assert sorted(Alert.objects.values_list("state", flat=True)) == ["open", "open", "resolved"]
        assert IncidentReport.objects.filter(title="High CPU Temperature and 1 more", resolved_at=None).count() == 1
    else:
        assert states == {"check-load-time": "open"}, "a check that is fine is no alert"
    before = dump()
    for each in files:
        assert send("/hooks/real/", each.read_bytes()).status_code == 200
    replay(InboundEvent.objects.values_list("pk", flat=True))
    drained()
    assert dump() == before
    rebuild()
    assert dump() == before
