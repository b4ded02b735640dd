"""The pages of environments, through the browser's door."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from portal.kernel.models import Message, StateChange
from portal.kernel.stable_ids import stable_id
from releases.incidents.actions import merge, open_incident
from releases.models import AcceptanceRun, Deployment, Environment, InboundEvent, Incident, Source
from squads.models import Service

NOW = timezone.now()


@pytest.fixture
def prod(db: None) -> Environment:
    return Environment.objects.create(key="prod", slug="prod", name="Production", tier="production")


@pytest.fixture
def event(db: None) -> InboundEvent:
    source = Source.objects.create(key="cd", name="CD", kind="cdevents")
    return InboundEvent.objects.create(source=source, delivery="1", body=b"{}", received_at=NOW)


def deployed(
    place: Environment, service: Service, event: InboundEvent, version: str, days: float, **fields: Any
) -> Deployment:
    return Deployment.objects.create(
        id=stable_id("deployment", service.name, version, days),
        key=version,
        service=service,
        environment=place,
        version=version,
        event=event,
        finished_at=NOW - timedelta(days=days),
        **{"phase": "finished", "outcome": "success", **fields},
    )


def words(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.mark.parametrize(
    "url", ["/environments/", "/environments/prod/", "/environments/new/", "/environments/prod/edit/"]
)
def test_nobody_is_sent_to_sign_in(client: Client, prod: Environment, url: str) -> None:
    assert client.get(url)["Location"].startswith("/accounts/login/")


def test_only_members_of_a_squad_describe_environments(client: Client, as_bo: Client, prod: Environment) -> None:
    client.force_login(User.objects.create_user("lone"))
    for url in ("/environments/new/", "/environments/prod/edit/"):
        assert client.get(url).status_code == 403
        assert as_bo.get(url).status_code == 200
    assert client.get("/environments/prod/").status_code == 200


def test_an_environment_is_created_and_called_by_its_key_unless_named(as_ana: Client) -> None:
    data = {"key": "prod-eu", "tier": "production", "order": 40}
    assert as_ana.post("/environments/new/", data)["Location"] == "/environments/prod-eu/"
    assert Environment.objects.get().name == "prod-eu"
    answer = as_ana.post("/environments/new/", data)
    assert answer.status_code == 400
    assert "There’s already an environment prod-eu" in answer.content.decode()


def test_an_address_that_is_no_web_address_is_refused(as_ana: Client) -> None:
    data = {"key": "x", "tier": "other", "order": 1, "url": "javascript:alert(1)"}
    assert "starting with https:// or http://" in as_ana.post("/environments/new/", data).content.decode()


def test_a_known_tier_is_changed_by_those_who_answer_for_all_squads(
    as_ana: Client, ana: User, prod: Environment
) -> None:
    moved = {"name": "Production", "tier": "other", "order": 1}
    answer = as_ana.post("/environments/prod/edit/", moved)
    assert answer.status_code == 400
    assert "Ask an administrator or project manager." in answer.content.decode()
    prod.refresh_from_db()
    assert prod.tier == "production"
    User.objects.filter(pk=ana.pk).update(is_project_manager=True)
    assert as_ana.post("/environments/prod/edit/", moved).status_code == 302
    change = StateChange.objects.get(kind="environment")
    assert (change.key, change.from_state, change.to_state, change.by) == ("prod", "production", "other", ana)


def test_changing_the_tier_has_the_evidence_derived_again(
    as_ana: Client, as_root: Client, prod: Environment, checkout: Service, event: InboundEvent
) -> None:
    deployed(prod, checkout, event, "1.0", 1)
    AcceptanceRun.objects.create(
        id=stable_id("check"), key="c", environment=prod, story_key="PAY-1", phase="finished", event=event
    )
    as_ana.post("/environments/prod/edit/", {"name": "Production", "tier": "production", "order": 1})
    assert not Message.objects.filter(topic="environment.changed").exists()
    as_root.post("/environments/prod/edit/", {"name": "Production", "tier": "staging", "order": 1})
    told = Message.objects.get(topic="environment.changed").payload
    assert (told["services"], told["stories"]) == ([checkout.pk], ["PAY-1"])


def test_it_says_what_runs_since_when_and_what_ran_before(
    as_bo: Client, prod: Environment, checkout: Service, event: InboundEvent
) -> None:
    deployed(prod, checkout, event, "1.0", 9)
    deployed(prod, checkout, event, "1.1", 6)
    deployed(prod, checkout, event, "1.2-unhealthy", 5, healthy=False)
    deployed(prod, checkout, event, "1.3-failed", 4, outcome="failure")
    deployed(prod, checkout, event, "1.4-cancelled", 3, outcome="cancelled")
    deployed(prod, checkout, event, "1.5-running", 2, phase="running", outcome="")
    page = words(as_bo, "/environments/prod/")
    now = page[page.index("Running now") : page.index("Deployments")]
    assert re.search(r"checkout 1\.1 \S+ \S+ 6 days ago 1\.0 from", now)
    assert "Payments" in now
    assert not any(each in now for each in ("1.2", "1.3", "1.4", "1.5"))
    assert "success, not healthy" in page
    assert f"/inbox/{event.pk}/" in as_bo.get("/environments/prod/").content.decode()


def test_a_rollback_is_what_runs_and_is_marked(
    as_bo: Client, prod: Environment, checkout: Service, event: InboundEvent
) -> None:
    deployed(prod, checkout, event, "2.0", 2)
    deployed(prod, checkout, event, "1.0", 1, kind="rollback")
    assert re.search(r"checkout 1\.0 rollback", words(as_bo, "/environments/prod/"))


def test_after_a_removal_nothing_runs(as_bo: Client, prod: Environment, checkout: Service, event: InboundEvent) -> None:
    deployed(prod, checkout, event, "2.0", 2)
    deployed(prod, checkout, event, "", 1, kind="removal")
    assert "checkout removed" in words(as_bo, "/environments/prod/")


def test_the_first_deployment_says_that_nothing_is_known_before(
    as_bo: Client, prod: Environment, checkout: Service, event: InboundEvent
) -> None:
    deployed(prod, checkout, event, "1.0", 1)
    assert "first deployment here" in words(as_bo, "/environments/prod/")


def test_incidents_are_shown_by_their_keys_open_ones_first(
    as_bo: Client, bo: User, prod: Environment, checkout: Service
) -> None:
    said: dict[str, Any] = {"by": bo, "environments": [prod], "detected_at": NOW - timedelta(hours=1)}
    open_incident(title="Cards are declined", services=[checkout], **said)
    open_incident(title="Slow", resolved_at=NOW, **said)
    open_incident(title="New disks", is_maintenance=True, **said)
    merge(open_incident(title="Also slow", **said), Incident.objects.get(title="Slow"), by=bo, because="The same.")
    page = words(as_bo, "/environments/prod/")
    assert re.search(r"INC-1 Cards are declined open no severity yet checkout .* INC-2 Slow resolved", page)
    assert "New disks" not in page and "Also slow" not in page
    assert 'href="/incidents/INC-1/"' in as_bo.get("/environments/prod/").content.decode()


def test_more_incidents_than_are_shown_lead_to_their_list(as_bo: Client, bo: User, prod: Environment) -> None:
    for number in range(21):
        open_incident(by=bo, title=f"Slow {number}", environments=[prod])
    open_incident(by=bo, title="Elsewhere")
    page = as_bo.get("/environments/prod/").content.decode()
    assert "Showing 20 of 21." in page and 'href="/incidents/?environment=prod"' in page
    listed = words(as_bo, "/incidents/?environment=prod")
    assert "Slow 0" in listed and "Elsewhere" not in listed
    assert as_bo.get("/api/v1/incidents/?environment=prod").json()["count"] == 21


def test_an_environment_whose_tier_nobody_knows_asks_for_it(as_ana: Client, prod: Environment) -> None:
    Environment.objects.update(tier="other", discovered=True, tier_confirmed=False)
    assert "no tier" in words(as_ana, "/environments/")
    assert "Set its tier" in words(as_ana, "/environments/prod/")


def test_pages_take_the_same_number_of_queries_whatever_they_show(
    as_ana: Client, ana: User, prod: Environment, checkout: Service, event: InboundEvent
) -> None:
    def count(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert as_ana.get(url).status_code == 200
        return len(queries)

    def add(first: int, number: int) -> None:
        for index in range(first, first + number):
            service = Service.objects.create(name=f"s{index}", slug=f"s{index}", squad=checkout.squad)
            Environment.objects.create(key=f"e{index}", slug=f"e{index}", name=f"e{index}")
            # More are counted, in one query.
            if index < 20:
                open_incident(by=ana, title=f"Slow {index}", services=[service], environments=[prod])
            for days in (1, 2, 3):
                deployed(prod, service, event, f"{index}.{days}", days)

    add(0, 2)
    few = {url: count(url) for url in ("/environments/", "/environments/prod/", "/services/s0/")}
    add(2, 25)
    assert {url: count(url) for url in few} == few
    assert max(few.values()) <= 12


def test_empty_pages_teach_the_next_step(as_root: Client) -> None:
    assert "No environments yet" in words(as_root, "/environments/")
    Environment.objects.create(key="new", slug="new-2", name="New")
    assert "No deployments to new yet." in words(as_root, "/environments/new-2/")
