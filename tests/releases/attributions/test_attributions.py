"""An incident that came from a deployment withdraws rodeo done of its stories while it is open; a person says so."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel.outbox import deliver
from releases.attributions.actions import propose_for
from releases.attributions.models import Attribution
from releases.environments.actions import create_environment
from releases.environments.models import Environment
from releases.inbox.actions import replay
from releases.inbox.models import InboundEvent
from releases.incidents.actions import correct, open_incident
from releases.incidents.models import Incident
from releases.models import Deployment
from releases.reading.actions import drain_inbox, rebuild
from squads.models import Service, Story
from tests.releases.evidence.conftest import History, hour, sha_of
from tests.releases.evidence.conftest import history as history
from tests.releases.evidence.conftest import story as story
from tests.releases.evidence.test_reverts import REVERT, UNDONE, live, rows
from tests.releases.evidence.test_reverts import answer as answer

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


@pytest.mark.parametrize("short", [False, True])
def test_a_deployment_that_takes_a_change_back_points_at_the_one_that_brought_it(
    incident: Incident, history: History, short: bool
) -> None:
    history.deploy("start", 1.5)
    text = REVERT.replace(sha_of("refund"), sha_of("refund")[:9]) if short else REVERT
    history.commit("revert", text, 5, "refund", **UNDONE)
    history.look("revert")
    history.deploy("revert", 6)
    assert ("revert", "strong") in [each[2:4] for each in proposals()]
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


def add(browser: Client, incident: Incident, deployment: Deployment) -> str:
    said = {"deployment": str(deployment.pk), "reason": "A slow leak."}
    page = browser.post(f"{incident.get_absolute_url()}attributions/", said, follow=True).content.decode()
    deliver()
    return page


def test_a_person_adds_a_deployment_that_no_rule_proposed(
    incident: Incident, history: History, story: Story, answer: Any, as_ana: Client, ana: User
) -> None:
    correct(incident, by=ana, services=[])
    deliver()
    assert proposals() == []
    add(as_ana, incident, Deployment.objects.get())
    assert [each[2:4] for each in proposals()] == [("person", "said")]
    assert answer(story)["stage"] == "deployed"


@pytest.mark.parametrize(
    ("detected", "said"),
    [
        (-100, "began 2026-03-02 12:00 UTC, after INC-1 did, 2026-02-26 05:00 UTC. Choose an earlier one"),
        (2.9, "Choose an earlier one, or correct the times of the incident."),
        (40, "over 24 hours before INC-1 began. Project managers can widen that window"),
    ],
)
def test_what_came_after_the_incident_or_outside_the_window_is_attributed_by_nobody(
    incident: Incident, story: Story, answer: Any, as_ana: Client, ana: User, detected: float, said: str
) -> None:
    say(as_ana, Attribution.objects.get(), "rejected", "It was the bank.")
    correct(incident, by=ana, detected_at=hour(detected))
    deliver()
    put = Deployment.objects.get()
    assert said in add(as_ana, incident, put)
    body = {"incident": "INC-1", "deployment": str(put.pk), "reason": "x"}
    sent = as_ana.post("/api/v1/attributions/", body, content_type=JSON)
    assert sent.status_code == 400 and [each["attr"] for each in sent.json()["errors"]] == ["deployment"]
    say(as_ana, Attribution.objects.get(), "accepted", "It was this after all.")
    assert [each[-2] for each in proposals()] == ["rejected"]
    assert answer(story)["stage"] == "rodeo_done"


def test_a_deployment_elsewhere_than_production_is_attributed_by_nobody(
    incident: Incident, history: History, as_ana: Client
) -> None:
    history.deploy("refund", 3.2, environment="staging")
    assert "isn’t production. Choose one to production." in add(
        as_ana, incident, Deployment.objects.get(environment__key="staging")
    )
    assert len(proposals()) == 1


def test_an_accepted_deployment_withdraws_nothing_once_the_incident_turns_out_to_have_begun_before_it(
    incident: Incident, story: Story, answer: Any, as_ana: Client, ana: User
) -> None:
    say(as_ana, Attribution.objects.get(), "accepted")
    correct(incident, by=ana, impact_started_at=hour(2))
    deliver()
    assert answer(story)["stage"] == "rodeo_done"
    assert "It began after INC-1, as the times are now" in as_ana.get(incident.get_absolute_url()).content.decode()
    before = rows(), proposals()
    assert [each[-2] for each in before[1]] == ["accepted"]
    rebuild()
    assert (rows(), proposals()) == before


def copies(many: int, at: Callable[[int], float], **columns: Any) -> None:
    """More deployments like the first, ending at these hours."""
    first = Deployment.objects.order_by("finished_at").first()
    assert first is not None
    ends = [(number, hour(at(number))) for number in range(many)]
    Deployment.objects.bulk_create(
        Deployment(
            **{field.attname: getattr(first, field.attname) for field in Deployment._meta.concrete_fields}
            | {"id": uuid4(), "sha": f"{number:040d}", "version": f"v{number}"}
            | {"started_at": end, "finished_at": end}
            | columns
        )
        for number, end in ends
    )


def test_what_is_offered_is_nearest_before_the_incident_in_its_production_and_says_where_it_is_cut(
    incident: Incident, checkout: Service, as_ana: Client, ana: User
) -> None:
    say(as_ana, Attribution.objects.get(), "rejected")
    other = create_environment(by=ana, key="staging", tier="staging")
    copies(40, lambda number: 2 + number / 100)
    copies(1, lambda number: 2.95, environment_id=other.pk)
    copies(5, lambda number: 50 + number)
    page = as_ana.get(incident.get_absolute_url())
    offered = page.context["attributions"].others
    assert [each.version for each in offered[:2]] == ["v39", "v38"] and len(offered) == 30
    assert "The newest 30 of 40." in page.content.decode()


def test_deployments_after_an_open_incident_take_no_proposal_away_however_many(
    incident: Incident, history: History, as_ana: Client
) -> None:
    before = proposals()
    copies(600, lambda number: 5 + number / 10)
    propose_for(incident)
    assert proposals() == before and len(before) == 1


def test_what_ran_long_before_is_still_known_when_it_is_put_back(
    incident: Incident, history: History, ana: User
) -> None:
    history.deploy("start", -400)
    correct(incident, by=ana, detected_at=hour(4))
    deliver()
    history.deploy("start", 6)
    assert [each[2:4] for each in proposals()] == [("rollback", "strong")]


@pytest.mark.parametrize("detected", [-900, 9.5], ids=["long open", "fresh"])
def test_a_deployment_takes_the_same_queries_for_many_open_incidents(
    incident: Incident, history: History, checkout: Service, ana: User, detected: float
) -> None:
    counted = []
    for many in (2, 3, 8):
        while Incident.objects.count() < many:
            open_incident(by=ana, title="Slow", services=[checkout], detected_at=hour(detected))
        deliver()
        with CaptureQueriesContext(connection) as found:
            history.deploy("refund", 9 + many / 100)
        counted.append(len(found))
    assert counted[1] == counted[2]


def test_many_incidents_at_once_get_what_each_gets_alone(
    incident: Incident, history: History, checkout: Service, ana: User
) -> None:
    for name, at in (("start", -60), ("refund", -1.5), ("start", 3.25), ("refund", 5), ("start", 8), ("refund", 90)):
        history.deploy(name, at)
    for began, ended in ((-900, None), (-1, 3.5), (4, 4.5), (4, 9), (6, None), (95, 96)):
        open_incident(
            by=ana,
            title="Slow",
            services=[checkout],
            detected_at=hour(began),
            resolved_at=None if ended is None else hour(ended),
        )
    deliver()
    together = proposals()
    Attribution.objects.all().delete()
    for each in Incident.objects.order_by("-number"):
        propose_for(each)
    assert proposals() == together and len(together) == 8


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
