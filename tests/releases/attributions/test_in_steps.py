"""What all incidents depend on is followed in steps of a few, and ends as if it had been done in one go."""

from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.kernel import outbox
from portal.kernel.models import Message
from releases.attributions.models import Attribution
from releases.environments.actions import edit_environment
from releases.environments.models import Environment
from releases.evidence import subscribers
from releases.incident_settings.actions import save_severity
from releases.incidents.actions import open_incident
from releases.incidents.models import Incident
from releases.mappings.models import MappingRule
from releases.models import IncidentReport
from releases.reading.actions import rebuild
from squads.models import Service
from tests.releases.conftest import source
from tests.releases.evidence.conftest import History, hour
from tests.releases.evidence.conftest import history as history
from tests.releases.incidents.test_alerts import alert, body

pytestmark = pytest.mark.django_db
NUMBER = 5


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscribers, "INCIDENTS_AT_ONCE", 2)


@pytest.fixture
def told(history: History, checkout: Service, ana: User) -> list[Incident]:
    """A deployment, and five incidents that begin in the hour after it."""
    history.commit("one", "Warm the cache", 0)
    history.look("one")
    history.deploy("one", 3)
    made = [
        open_incident(by=ana, title=f"Slow {n}", detected_at=hour(3.1 + n / 10), services=[checkout])
        for n in range(NUMBER)
    ]
    settle()
    return made


def settle() -> None:
    """Deliver what was told, and what that tells."""
    while outbox.deliver():
        pass


def proposed() -> list[tuple[Any, ...]]:
    return sorted(Attribution.objects.values_list("incident__number", "deployment_id", "method", "state"))


def steps() -> list[int]:
    rows = Message.objects.filter(topic="incidents.outdated").order_by("pk")
    return [len(each.payload.get("ids", ())) + len(each.payload.get("threads", ())) for each in rows]


def test_incidents_are_followed_a_few_at_a_time_when_an_environment_changes_tier(
    told: list[Incident], pam: User
) -> None:
    place = Environment.objects.get()
    edit_environment(place, by=pam, tier="staging")
    settle()
    assert steps() == [2, 2, 1]
    assert proposed() == []
    edit_environment(place, by=pam, tier="production")
    settle()
    assert steps() == [2, 2, 1] * 2
    found = proposed()
    assert len(found) == NUMBER
    rebuild()
    assert proposed() == found


def test_severities_that_mean_other_alerts_reach_every_incident_and_the_search(
    send: Any, drained: Any, pam: User, checkout: Service, as_ana: Client
) -> None:
    MappingRule.objects.create(kind="alert", pattern="*", role="incident")
    source("am", "alertmanager")
    for n in range(NUMBER):
        send("/hooks/am/", body(alert(f"Errors {n}", 60 + n, service="checkout", severity="page"), group=f"g{n}"))
    drained()
    settle()
    assert Incident.objects.filter(severity=None).count() == NUMBER
    Message.objects.all().delete()
    save_severity(None, by=pam, name="Major", alert_severities=["page"])
    settle()
    assert steps() == [2, 2, 1, 2, 2, 1]
    assert Incident.objects.filter(severity__name="Major").count() == NUMBER
    told = {pk for each in Message.objects.filter(topic="incident.changed") for pk in each.payload["ids"]}
    assert told == {str(pk) for pk in Incident.objects.values_list("pk", flat=True)}
    before = sorted(Incident.objects.values_list("number", "severity__name", "thread"))
    rebuild()
    assert sorted(Incident.objects.values_list("number", "severity__name", "thread")) == before
    assert IncidentReport.objects.count() == NUMBER


def test_a_step_that_comes_twice_changes_nothing(told: list[Incident]) -> None:
    before = proposed()
    for _ in range(2):
        outbox.publish(subscribers.IncidentsOutdated(ids=[str(each.pk) for each in told], threads=["gone"]))
        settle()
    assert proposed() == before
