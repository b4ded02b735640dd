"""The page of alerts."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from releases.environments.models import Environment
from releases.inbox.models import InboundEvent, Source
from releases.incidents.models import Alert
from squads.teams.models import Service


@pytest.fixture
def event(db: None) -> InboundEvent:
    source = Source.objects.create(key="am", name="Alertmanager", kind="alertmanager")
    return InboundEvent.objects.create(source=source, delivery="1", body=b"{}", received_at=timezone.now())


def alerts(event: InboundEvent, number: int, state: str = "open", **fields: object) -> None:
    now = timezone.now()
    Alert.objects.bulk_create(
        Alert(
            pk=uuid4(),
            key=f"{state}-{each}",
            title=f"{state.title()} {each}",
            state=state,
            event=event,
            opened_at=now - timedelta(minutes=each),
            resolved_at=None if state == "open" else now,
            **fields,
        )
        for each in range(number)
    )


def test_open_signals_are_shown_first_and_lead_to_their_event(as_ria: Client, event: InboundEvent) -> None:
    alerts(event, 1, raw_status="firing: <b>bad</b>", url="https://prometheus.example/graph", is_incident=True)
    alerts(event, 1, "resolved")
    page = as_ria.get("/signals/").content.decode()
    assert "Open 0" in page and "Resolved 0" not in page
    assert event.get_absolute_url() in page
    assert "&lt;b&gt;bad" in page and 'href="https://prometheus.example/graph"' in page
    assert ">incident</span>" in page
    page = as_ria.get("/signals/?state=resolved").content.decode()
    assert "Resolved 0" in page and "Open 0" not in page


@pytest.mark.parametrize("state", ["", "nonsense", "open"])
def test_without_signals_the_page_says_who_can_tell(as_ria: Client, state: str) -> None:
    assert "No open alerts" in as_ria.get("/signals/", {"state": state}).content.decode()


def test_many_signals_come_in_pages_and_few_queries(
    as_ria: Client, event: InboundEvent, checkout: Service, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    place = Environment.objects.create(key="production", slug="production", name="Production", tier="production")
    alerts(event, 120, service=checkout, environment=place)
    with django_assert_max_num_queries(12):
        page = as_ria.get("/signals/?page=2").content.decode()
    assert "Open 50<" in page and "Open 49<" not in page
    assert page.count("Production</a>") == 50


def test_the_sources_page_leads_to_it(as_ria: Client) -> None:
    assert 'href="/signals/"' in as_ria.get("/sources/").content.decode()
