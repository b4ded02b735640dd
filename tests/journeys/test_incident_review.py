"""From an alert to an action that closes: the incident, its review, and a story that is rodeo done."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from portal.kernel import clock, outbox
from releases.inbox.models import Source
from releases.incidents.models import Incident
from releases.mappings.models import MappingRule
from releases.reading.actions import drain_inbox
from squads.models import RetrospectiveAction, Service, Squad, Story
from squads.stories.actions import record_by_hand
from tests.releases.conftest import scripts as scripts
from tests.releases.conftest import send as send
from tests.releases.conftest import source

pytestmark = pytest.mark.django_db(transaction=True)
API = "/api/v1/"


Ago = Callable[[float], str]


def fired(ago: Ago, began: float, ended: float | None = None) -> dict[str, Any]:
    alert = {
        "status": "firing" if ended is None else "resolved",
        "labels": {"alertname": "Errors", "service": "checkout", "environment": "production"},
        "annotations": {"summary": "One payment in five fails"},
        "startsAt": ago(began),
        "endsAt": "0001-01-01T00:00:00Z" if ended is None else ago(ended),
        "fingerprint": "errors",
    }
    return {"version": "4", "groupKey": "errors", "status": alert["status"], "alerts": [alert]}


def happened(send: Callable[..., HttpResponse]) -> Incident:
    """A deployment, an alert half an hour later, a rollback, and the alert is over."""
    now = clock.now()

    def ago(minutes: float) -> str:
        return (now - timedelta(minutes=minutes)).isoformat()

    deployment = {"service": "checkout", "environment": "production", "commit": "a" * 40}
    send(f"{API}deployments/", {**deployment, "finished_at": ago(120)})
    send("/hooks/am/", fired(ago, 90))
    send(f"{API}deployments/", {**deployment, "commit": "b" * 40, "kind": "rollback", "finished_at": ago(60)})
    send("/hooks/am/", fired(ago, 90, 55))
    drain_inbox()
    outbox.deliver()
    return Incident.objects.get()


def test_an_alert_becomes_an_incident_its_review_an_action_and_that_closes_with_its_story(
    browser_as: Callable[[User], Page],
    ana: User,
    payments: Squad,
    checkout: Service,
    scripts: Source,
    send: Callable[..., HttpResponse],
) -> None:
    Squad.objects.filter(pk=payments.pk).update(accepts_own=True)
    MappingRule.objects.create(kind="alert", pattern="*", role="incident")
    source("am", "alertmanager")
    incident = happened(send)
    page = browser_as(ana)
    page.goto(incident.get_absolute_url())
    page.get_by_role("button", name="Write retrospective").click()
    expect(page.get_by_role("heading", name="Errors", level=1)).to_be_visible()
    for text in ("Rollback of checkout", "Alert on checkout", "INC-1 detected", "INC-1 resolved"):
        expect(page.locator(".moment", has_text=text)).to_have_count(1)
    page.locator(".moment", has_text="Rollback of checkout").locator(".moment__text > a").click()
    expect(page).to_have_url(re.compile(r"/inbox/[0-9a-f-]{36}/$"))
    page.go_back()

    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Summary").fill("One payment in five failed for half an hour. A rollback ended it.")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Published.", exact=True)).to_be_visible()

    page.get_by_role("link", name="Add an action").click()
    page.get_by_label("What to do").fill("Warm the cache before traffic comes")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Create story now").click()
    expect(page.get_by_text("The action closes once it’s rodeo done.")).to_be_visible()
    expect(page.locator(".tag", has_text="under way")).to_be_visible()

    story = Story.objects.get(title="Warm the cache before traffic comes")
    for kind in ("deployment", "acceptance"):
        record_by_hand(story, by=ana, kind=kind, note="Seen.")
    page.reload()
    expect(page.locator(".tag", has_text="done")).to_be_visible()
    expect(page.get_by_role("link", name="Did it help?")).to_be_visible()
    assert RetrospectiveAction.objects.get().state == "done"
    page.goto("/retrospectives/?q=payment")
    outbox.deliver()
    page.reload()
    expect(page.locator(".learning")).to_have_count(1)
