"""The page of alerts in a real browser: readable for everybody, in both colour schemes, at the width of a phone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page

from portal.accounts.models import User
from releases.models import Alert, Environment, InboundEvent, Source
from squads.models import Service
from tests.journeys.test_pages import RULES

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alerts(checkout: Service) -> None:
    """Alerts of both states, with and without everything there is to say."""
    now = timezone.now()
    event = InboundEvent.objects.create(
        source=Source.objects.create(key="am", name="Alertmanager", kind="alertmanager"),
        delivery="1",
        body=b"{}",
        received_at=now,
    )
    prod = Environment.objects.create(key="prod", slug="prod", name="Production", tier="production")
    for number, (state, title) in enumerate(
        [("open", "HighErrorRate"), ("open", "Disk" + "x" * 120), ("resolved", "Slow"), ("open", "")]
    ):
        Alert.objects.create(
            pk=uuid4(),
            key=f"alertmanager|{number}",
            title=title,
            state=state,
            severity="critical" if number else "",
            raw_status="firing: 5 % of the requests to checkout fail since the last deployment",
            event=event,
            service=checkout if number % 2 == 0 else None,
            environment=prod if number % 2 == 0 else None,
            is_incident=number == 0,
            opened_at=now - timedelta(minutes=number),
            url="https://prometheus.example/graph",
            resolved_at=now if state == "resolved" else None,
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_read_the_signals(
    browser_as: Callable[[User], Page], ria: User, alerts: None, scheme: Any, width: int
) -> None:
    page = browser_as(ria)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    for state in ("open", "resolved"):
        page.goto(f"/signals/?state={state}")
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
