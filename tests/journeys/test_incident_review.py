"""From an alert to an action that closes: the incident, its review by two people, and a story that is rodeo done."""

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
from squads.models import Membership, Retrospective, RetrospectiveAction, Service, Squad, Story
from squads.retrospective_sessions.contributing import write_card
from squads.stories.actions import record_by_hand
from tests.journeys.two_browsers import is_live, pages, stream, stream_environment, stream_process, write
from tests.releases.conftest import scripts as scripts
from tests.releases.conftest import send as send
from tests.releases.conftest import source

__all__ = ["pages", "stream", "stream_environment", "stream_process"]
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


def reviewed_by_two(ours: Page, theirs: Page, third: User) -> None:
    """Two people write cards that name nobody; what they wrote is revealed, grouped, voted on and put in, live."""
    retrospective = Retrospective.objects.get()
    ours.get_by_role("link", name="Open a session").click()
    ours.get_by_label("Facilitator").select_option("ana")
    ours.get_by_role("button", name="Open the session").click()
    expect(ours.get_by_role("button", name="Reveal the cards")).to_be_visible()
    # Of two cards each would know whose the other is: a third person wrote one as well.
    write_card(
        retrospective.session,
        by=third,
        section="factors",
        text="Nobody saw the cache fill",
    )
    theirs.goto(f"{retrospective.get_absolute_url()}session/")
    for page in (ours, theirs):
        is_live(page)
    write(ours, "Contributing factors", "Alerts came late")
    write(theirs, "Contributing factors", "Alerts woke nobody")
    assert "late" not in theirs.content()
    ours.get_by_role("button", name="Reveal the cards").click()
    for page in (ours, theirs):
        expect(page.locator(".sessioncard")).to_have_count(3)
        is_live(page)
    theirs.locator(".sessioncard", has_text="Alerts woke nobody").drag_to(
        theirs.locator(".cardgroup", has_text="Alerts came late")
    )
    group = ours.locator(".cardgroup", has_text="Alerts came late")
    expect(group.locator(".sessioncard")).to_have_count(2)
    group.get_by_label("Name of the group").fill("Late alerts")
    group.get_by_role("button", name="Save").click()
    expect(theirs.locator("input[name='name'][value='Late alerts']")).to_be_attached()
    ours.get_by_role("button", name="Start voting").click()
    for page in (ours, theirs):
        page.get_by_role("button", name="Give Late alerts one more vote").click()
        expect(page.locator("#votes-left")).to_contain_text("4 of your 5 votes left")
    ours.get_by_role("button", name="Count the votes and discuss").click()
    for page in (ours, theirs):
        expect(page.locator(".ranked > li").first).to_contain_text("2 votes")
    theirs.locator(".ranked > li").first.get_by_role("button", name="Add").click()
    expect(ours.locator(".ranked > li").first).to_contain_text("Added to the retrospective.")
    ours.get_by_role("button", name="Close the session").click()
    for page in (ours, theirs):
        expect(page.get_by_text("This session is closed.")).to_be_visible()


def test_an_alert_becomes_an_incident_its_review_an_action_and_that_closes_with_its_story(
    pages: tuple[Page, Page],
    ana: User,
    pam: User,
    payments: Squad,
    checkout: Service,
    scripts: Source,
    send: Callable[..., HttpResponse],
) -> None:
    Squad.objects.filter(pk=payments.pk).update(accepts_own=True)
    Membership.objects.create(squad=payments, user=pam)
    MappingRule.objects.create(kind="alert", pattern="*", role="incident")
    source("am", "alertmanager")
    incident = happened(send)
    page, theirs = pages
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
    reviewed_by_two(page, theirs, pam)
    page.goto(Retrospective.objects.get().get_absolute_url())
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Published.", exact=True)).to_be_visible()
    theirs.goto("/retrospectives/")
    theirs.locator(".learning a", has_text="Errors").first.click()
    expect(theirs.get_by_text("Late alerts")).to_be_visible()

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
    expect(page.get_by_role("link", name="Answer now whether")).to_be_visible()
    assert RetrospectiveAction.objects.get().state == "done"
    page.goto("/retrospectives/?q=payment")
    outbox.deliver()
    page.reload()
    expect(page.locator(".learning")).to_have_count(1)
