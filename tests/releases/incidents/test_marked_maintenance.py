"""An incident that a program marks as planned work is kept apart, whatever order its events come in."""

from typing import Any

import pytest
from django.test import Client

from releases.incidents.models import Incident
from releases.reading.actions import rebuild
from tests.releases.conftest import source

pytestmark = pytest.mark.django_db
MAPPING = {
    "makes": "incident",
    "key": "$.id",
    "title": "$.title",
    "status": "$.state",
    "at": "$.at",
    "maintenance": "$.planned",
    "words": ["over=success"],
}
BEGAN = {"id": 7, "title": "Database upgrade", "state": "on", "at": "2026-03-02T09:00:00Z", "planned": True}
OVER = {"id": 7, "title": "Database upgrade", "state": "over", "at": "2026-03-02T11:00:00Z"}


@pytest.fixture(autouse=True)
def calendar(db: None) -> None:
    source("calendar", "generic", config=MAPPING)


def tell(send: Any, drained: Any, *events: dict[str, Any]) -> Incident:
    for each in events:
        assert send("/hooks/calendar/", each).status_code in (200, 202)
    drained()
    return Incident.objects.get()


@pytest.mark.parametrize("events", [(BEGAN, OVER), (OVER, BEGAN), (BEGAN, OVER, BEGAN)])
def test_it_is_maintenance_also_where_its_end_does_not_say_so(
    send: Any, drained: Any, as_ana: Client, events: tuple[dict[str, Any], ...]
) -> None:
    incident = tell(send, drained, *events)
    assert incident.is_maintenance and incident.resolved_at is not None
    assert incident.key not in as_ana.get("/incidents/").content.decode()
    assert incident.key in as_ana.get("/incidents/?state=maintenance").content.decode()
    rebuild()
    assert Incident.objects.get().is_maintenance


def test_the_last_event_that_says_so_counts(send: Any, drained: Any) -> None:
    later = BEGAN | {"at": "2026-03-02T10:00:00Z", "planned": False}
    assert not tell(send, drained, later, BEGAN).is_maintenance


def test_one_that_says_nothing_is_an_incident(send: Any, drained: Any) -> None:
    assert not tell(send, drained, OVER).is_maintenance
