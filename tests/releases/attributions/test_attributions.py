"""An incident that came from a deployment withdraws rodeo done of its stories while it is open; a person says so."""

from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.kernel.outbox import deliver
from releases.attributions.models import Attribution
from releases.environments.models import Environment
from releases.inbox.actions import replay
from releases.inbox.models import InboundEvent
from releases.incidents.actions import correct, open_incident
from releases.incidents.models import Incident
from releases.models import Deployment
from releases.reading.actions import drain_inbox, rebuild
from squads.models import Service, Story
from tests.releases.evidence.conftest import History, hour
from tests.releases.evidence.conftest import history as history
from tests.releases.evidence.conftest import story as story
from tests.releases.evidence.test_reverts import answer as answer
from tests.releases.evidence.test_reverts import live, rows

JSON = "application/json"


@pytest.fixture
def incident(history: History, story: Story, checkout: Service, ana: User) -> Incident:
    """The story is done since hour 4; trouble began half an hour after its deployment and goes on."""
    live(history, story)
    Environment.objects.update(tier="production", tier_confirmed=True)
    made = open_incident(by=ana, title="Refunds fail", detected_at=hour(3.5), services=[checkout])
    deliver()
    return made


def proposals() -> list[tuple[Any, ...]]:
    columns = ("incident__number", "deployment_id", "method", "confidence", "because", "state", "reason")
    return list(Attribution.objects.order_by("incident__number", "deployment_id").values_list(*columns))


def say(browser: Client, attribution: Attribution, answer: str, reason: str = "The log says so.") -> None:
    browser.post(f"/attributions/{attribution.pk}/answer/", {"answer": answer, "reason": reason})
    deliver()


def test_an_accepted_deployment_withdraws_rodeo_done_until_the_incident_is_resolved(
    incident: Incident, story: Story, answer: Any, as_ana: Client, ana: User
) -> None:
    row = Attribution.objects.get()
    assert (row.method, row.confidence, row.because) == ("window", "fair", "Finished 30 min before it began.")
    assert answer(story)["stage"] == "rodeo_done", "a proposal withdraws nothing"
    say(as_ana, row, "accepted")
    withdrawn = answer(story)
    assert withdrawn["stage"] == "deployed"
    assert "INC-1 Refunds fail is open against its deployment" in withdrawn["answer"]
    correct(incident, by=ana, resolved_at=hour(9))
    deliver()
    assert answer(story)["stage"] == "rodeo_done"
    before = rows(), proposals()
    rebuild()
    assert (rows(), proposals()) == before


def test_a_rejected_deployment_withdraws_nothing_and_a_person_may_change_their_mind(
    incident: Incident, story: Story, answer: Any, as_ana: Client
) -> None:
    row = Attribution.objects.get()
    say(as_ana, row, "accepted")
    assert answer(story)["stage"] == "deployed"
    say(as_ana, row, "rejected", "It was the bank.")
    assert answer(story)["stage"] == "rodeo_done"
    page = as_ana.get(incident.get_absolute_url()).content.decode()
    assert "It was the bank." in page and "rejected" in page


def test_an_answer_needs_a_reason_and_is_never_overwritten(
    incident: Incident, history: History, as_ana: Client, ana: User
) -> None:
    row = Attribution.objects.get()
    say(as_ana, row, "accepted", " ")
    row.refresh_from_db()
    assert row.state == "proposed"
    say(as_ana, row, "rejected", "It was the bank.")
    correct(incident, by=ana, detected_at=hour(50))
    deliver()
    rebuild()
    replay(InboundEvent.objects.values_list("pk", flat=True))
    drain_inbox()
    assert [(each[-2], each[-1]) for each in proposals()] == [("rejected", "It was the bank.")]


def test_maintenance_withdraws_nothing(
    incident: Incident, story: Story, answer: Any, as_ana: Client, ana: User
) -> None:
    say(as_ana, Attribution.objects.get(), "accepted")
    assert answer(story)["stage"] == "deployed"
    correct(incident, by=ana, is_maintenance=True)
    deliver()
    assert answer(story)["stage"] == "rodeo_done"


def test_a_rollback_changes_what_is_proposed_and_resolves_nothing(
    incident: Incident, history: History, as_ana: Client
) -> None:
    history.commit("more", "More", 5, "refund")
    history.look("more")
    history.deploy("start", 2.5)
    history.deploy("start", 6)
    assert [(each[2], each[3]) for each in proposals()] == [("rollback", "strong")]
    incident.refresh_from_db()
    assert incident.state == "open"
    page = as_ana.get(incident.get_absolute_url()).content.decode()
    assert "Probably ended by going back to" in page
    before = proposals()
    rebuild()
    assert proposals() == before


def test_deployments_that_come_late_or_in_any_order_lead_to_the_same_proposals(
    incident: Incident, history: History
) -> None:
    for name, at in (("start", 2.5), ("refund", 3.25), ("start", 1.5), ("refund", 12)):
        history.deploy(name, at)
    before = proposals()
    assert len(before) == 4
    rebuild()
    assert proposals() == before
    replay(InboundEvent.objects.order_by("-received_at").values_list("pk", flat=True))
    drain_inbox()
    assert proposals() == before


def test_a_person_adds_a_deployment_that_no_rule_proposed(
    incident: Incident, history: History, story: Story, answer: Any, as_ana: Client, ana: User
) -> None:
    correct(incident, by=ana, detected_at=hour(40))
    deliver()
    assert proposals() == []
    said = {"deployment": str(Deployment.objects.get().pk), "reason": "A slow leak."}
    as_ana.post(f"{incident.get_absolute_url()}attributions/", said)
    deliver()
    assert [each[2:4] for each in proposals()] == [("person", "said")]
    assert answer(story)["stage"] == "deployed"


def test_only_people_who_may_plan_answer(incident: Incident, as_ria: Client, as_ana: Client) -> None:
    row = Attribution.objects.get()
    assert as_ria.post(f"/attributions/{row.pk}/answer/", {"answer": "accepted", "reason": "x"}).status_code == 403
    address = f"/api/v1/attributions/{row.pk}/answer/"
    assert as_ria.post(address, {"accepted": True, "reason": "x"}, content_type=JSON).status_code == 403
    assert as_ana.post(address, {"accepted": True, "reason": "x"}, content_type=JSON).json()["state"] == "accepted"
    assert as_ana.post(address, {"accepted": True, "reason": "x"}, content_type=JSON).status_code == 409
    listed = as_ana.get("/api/v1/attributions/?incident=inc-1").json()["results"]
    assert [each["answered_by"] for each in listed] == ["ana"]


def test_an_incident_without_services_says_what_is_missing(as_ria: Client, ana: User) -> None:
    made = open_incident(by=ana, title="Something")
    assert "Name its services" in as_ria.get(made.get_absolute_url()).content.decode()
