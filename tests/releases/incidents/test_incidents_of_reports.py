"""Reports of systems open incidents, join them and reopen them; a rebuild leads to the same ones."""

import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.utils import timezone

from portal.accounts.models import User
from releases.inbox.actions import replay, store
from releases.inbox.models import InboundEvent, Source
from releases.incident_settings.models import IncidentSettings, Severity
from releases.incidents.models import Incident, IncidentCorrection, IncidentReport, ReportPlacement
from releases.incidents.threads import next_number, refold
from releases.mappings.models import MappingRule
from releases.reading.actions import rebuild
from tests.releases.conftest import source
from tests.releases.incidents.test_alerts import T0, alert, body, minute

Send = Callable[..., HttpResponse]
Drain = Callable[[], int]


@pytest.fixture
def am(db: None) -> Source:
    MappingRule.objects.create(kind="alert", pattern="*", role="incident")
    return source("am", "alertmanager")


def dump(with_numbers: bool = True) -> list[Any]:
    """All incidents that stand, and what is known of them."""
    rows = Incident.objects.standing().order_by("began_at", "number")
    return [
        (
            *((each.pk, each.number) if with_numbers else ()),
            each.title,
            each.state,
            each.times,
            sorted(each.services.values_list("name", flat=True)),
            sorted(each.environments.values_list("key", flat=True)),
            sorted(each.reports.values_list("title", "detected_at")),
            each.is_maintenance,
            each.severity,
        )
        for each in rows
    ]


def test_an_alert_that_a_rule_calls_an_incident_opens_one_and_resolves_it(
    am: Source, send: Send, drained: Drain
) -> None:
    labels = {"service": "checkout", "environment": "production"}
    send("/hooks/am/", body(alert("Errors", 0, **labels)))
    drained()
    row = Incident.objects.get()
    assert (row.key, str(row), row.state) == ("INC-1", "INC-1 Errors", "open")
    assert (row.detected_at, row.starts_at, row.severity) == (T0, T0, None)
    assert [each.name for each in row.services.all()] == ["checkout"]
    assert [each.key for each in row.environments.all()] == ["production"]
    send("/hooks/am/", body(alert("Errors", 0, 7, **labels)))
    drained()
    row.refresh_from_db()
    assert (row.state, row.resolved_at) == ("resolved", T0 + timedelta(minutes=7))


def test_an_alert_that_comes_back_in_time_reopens_its_incident(am: Source, send: Send, drained: Drain) -> None:
    for each in (alert("Errors", 0, 5), alert("Errors", 65)):
        send("/hooks/am/", body(each))
    drained()
    row = Incident.objects.get()
    assert (row.state, row.reports.count()) == ("open", 2)
    send("/hooks/am/", body(alert("Errors", 65, 70)))
    send("/hooks/am/", body(alert("Errors", 131)))
    drained()
    assert [each.state for each in Incident.objects.order_by("number")] == ["resolved", "open"]


def test_how_soon_an_alert_reopens_is_a_setting(am: Source, send: Send, drained: Drain) -> None:
    IncidentSettings.objects.create(pk=1, reopen_minutes=0)
    for each in (alert("Errors", 0, 5), alert("Errors", 6)):
        send("/hooks/am/", body(each))
    drained()
    assert Incident.objects.count() == 2


def test_a_severity_follows_from_the_words_of_alerts_and_is_never_guessed(
    am: Source, send: Send, drained: Drain
) -> None:
    minor = Severity.objects.create(name="Minor", order=2, alert_severities=["warning"])
    major = Severity.objects.create(name="Major", order=1, alert_severities=["critical", "page"])
    send("/hooks/am/", body(alert("Errors", 0, severity="warning", instance="a")))
    send("/hooks/am/", body(alert("Slow", 0, severity="high"), group="slow"))
    drained()
    assert {each.title: each.severity for each in Incident.objects.all()} == {"Errors": minor, "Slow": None}
    send("/hooks/am/", body(alert("Errors", 1, severity="CRITICAL", instance="b")))
    drained()
    assert Incident.objects.get(title__startswith="Errors").severity == major


def test_alerts_of_planned_work_make_maintenance(am: Source, send: Send, drained: Drain) -> None:
    send("/hooks/am/", body(alert("Errors", 0, maintenance="true")))
    drained()
    assert Incident.objects.get().is_maintenance
    assert not Incident.objects.open().exists()


STORY = [
    body(alert("Errors", 0, instance="a"), alert("Errors", 2, instance="b")),
    body(alert("Errors", 0, 5, instance="a"), alert("Errors", 2, instance="b")),
    body(alert("Errors", 0, 5, instance="a"), alert("Errors", 2, 6, instance="b")),
    body(alert("Errors", 40, instance="a")),
    body(alert("Errors", 40, 44, instance="a")),
    body(alert("Errors", 300, instance="a")),
    body(alert("Slow", 10, 20), group="slow"),
]


def keep(am: Source, numbers: tuple[int, ...], drained: Drain) -> None:
    for number in numbers:
        sent = json.dumps(STORY[number]).encode()
        store(am, delivery=str(number), kind="alerts", body=sent, at=T0 + timedelta(hours=9))
        drained()


@pytest.mark.parametrize(
    "order", [(0, 1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1, 0), (5, 0, 4, 2, 6, 1, 3), (3, 2, 5, 6, 0, 1, 4)]
)
def test_any_order_of_arrival_makes_the_same_incidents_and_so_does_a_rebuild(
    order: tuple[int, ...], am: Source, drained: Drain
) -> None:
    keep(am, order, drained)
    found = dump(with_numbers=False)
    assert [each[1] for each in found] == ["resolved", "resolved", "open"]
    numbered = dump()
    rebuild()
    assert dump() == numbered
    replay(InboundEvent.objects.values_list("pk", flat=True))
    drained()
    assert dump() == numbered


def test_a_rebuild_keeps_numbers_and_what_people_said(am: Source, drained: Drain, ana: User) -> None:
    keep(am, (0, 1, 2, 3, 4, 5, 6), drained)
    first = Incident.objects.get(number=1)
    now = timezone.now()
    for field, value in (("title", "Checkout is down"), ("impact_started_at", minute(-20)), ("resolved_at", None)):
        IncidentCorrection.objects.create(incident=first, field=field, after=value, by=ana, at=now)
    refold([first.pk])
    found = dump()
    first.refresh_from_db()
    assert (first.title, first.state, first.starts_at) == ("Checkout is down", "open", T0 - timedelta(minutes=20))
    rebuild()
    assert dump() == found


def test_a_report_that_a_person_placed_stays_there(am: Source, drained: Drain, ana: User) -> None:
    keep(am, (0, 2, 3, 4, 6), drained)
    slow = Incident.objects.get(title="Slow")
    late = IncidentReport.objects.get(detected_at=T0 + timedelta(minutes=40))
    ReportPlacement.objects.create(
        thread=late.thread, moment=late.detected_at, incident=slow, by=ana, at=timezone.now()
    )
    rebuild()
    found = dump()
    assert [len(each[-3]) for each in found] == [1, 2]
    rebuild()
    replay(InboundEvent.objects.values_list("pk", flat=True))
    drained()
    assert dump() == found


def test_an_incident_that_nothing_reports_any_more_is_withdrawn_and_comes_back_with_its_number(
    am: Source, drained: Drain, ana: User
) -> None:
    keep(am, (0, 6), drained)
    slow = Incident.objects.get(title="Slow")
    IncidentCorrection.objects.create(incident=slow, field="title", after="Too slow", by=ana, at=timezone.now())
    MappingRule.objects.update(role="ignored")
    replay(InboundEvent.objects.values_list("pk", flat=True))
    drained()
    assert [each.title for each in Incident.objects.standing()] == ["Too slow"], "what people wrote on stays"
    MappingRule.objects.update(role="incident")
    replay(InboundEvent.objects.values_list("pk", flat=True))
    drained()
    assert {each.number: each.title for each in Incident.objects.standing()} == {1: "Errors and 1 more", 2: "Too slow"}


def test_two_incidents_that_a_late_alert_bridges_become_one_and_the_old_leads_on(am: Source, drained: Drain) -> None:
    IncidentSettings.objects.create(pk=1, reopen_minutes=0)
    keep(am, (2, 4), drained)
    assert Incident.objects.standing().count() == 2
    bridge = json.dumps(body(alert("Errors", 4, 41, instance="c"))).encode()
    store(am, delivery="bridge", kind="alerts", body=bridge, at=T0 + timedelta(hours=9))
    drained()
    one, two = Incident.objects.order_by("number")
    assert (two.merged_into, one.reports.count(), one.resolved_at) == (one, 1, T0 + timedelta(minutes=44))
    found = dump()
    rebuild()
    assert dump() == found


def test_numbers_are_counted_up_and_never_used_again(am: Source, drained: Drain) -> None:
    keep(am, (0,), drained)
    assert next_number() == 2
    keep(am, (6,), drained)
    assert sorted(itertools.chain(Incident.objects.values_list("number", flat=True))) == [1, 2]
