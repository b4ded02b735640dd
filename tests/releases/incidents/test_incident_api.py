"""Merging, splitting, severities and attributions over the API."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import AuditEntry
from releases.attributions.models import Attribution
from releases.inbox.models import InboundEvent, Source
from releases.incident_settings.models import Severity
from releases.incidents.actions import merge, open_incident, write_update
from releases.incidents.models import Incident
from releases.models import Deployment, Environment
from squads.models import Service
from tests.releases.incidents.test_incidents_of_reports import am as am
from tests.releases.incidents.test_incidents_of_reports import keep

pytestmark = pytest.mark.django_db


def send(browser: Client, path: str, body: Any, method: str = "post") -> tuple[int, Any]:
    answer = getattr(browser, method)(f"/api/v1/{path}", body, content_type="application/json")
    return answer.status_code, answer.json() if answer.content else None


def objections(said: Any) -> list[tuple[str, str]]:
    return [(each["attr"], each["detail"]) for each in said["errors"]]


def test_an_incident_is_merged_into_another_and_on_its_own_again(as_ana: Client, ana: User) -> None:
    for title in ("Errors", "Slow"):
        open_incident(by=ana, title=title)
    status, said = send(as_ana, "incidents/INC-2/merge/", {"into": "inc-1", "because": "The same disk."})
    assert (status, said["key"]) == (200, "INC-1")
    assert as_ana.get("/api/v1/incidents/INC-2/").json()["merged_into"] == "INC-1"
    status, said = send(as_ana, "incidents/INC-2/undo-merge/", {"because": "Another disk."})
    assert (status, said["state"], said["merged_into"]) == (200, "open", None)
    status, said = send(as_ana, "incidents/INC-2/undo-merge/", {"because": "Another disk."})
    assert status == 400 and "nothing to undo" in str(said)


def test_what_was_written_on_a_merged_incident_is_listed_with_the_other(as_ana: Client, ana: User) -> None:
    first, second = (open_incident(by=ana, title=title) for title in ("Slow", "Slower"))
    write_update(first, by=ana, text="It began")
    write_update(second, by=ana, text="It went on")
    merge(first, into=second, by=ana, because="One disk.")
    updates = as_ana.get(f"/api/v1/incidents/{second.key}/updates/").json()
    assert [each["text"] for each in updates["results"]] == ["It began", "It went on"]


def test_merging_names_what_is_wrong(as_ana: Client, as_ria: Client, ana: User) -> None:
    open_incident(by=ana, title="Errors")
    status, said = send(as_ana, "incidents/INC-1/merge/", {"into": "INC-9", "because": "The same."})
    assert status == 400
    assert objections(said) == [("into", "There’s no such incident. A key looks like INC-12.")]
    status, said = send(as_ana, "incidents/INC-1/merge/", {"into": "INC-1", "because": "The same."})
    assert status == 400 and objections(said)[0][0] == "into"
    assert send(as_ria, "incidents/INC-1/merge/", {"into": "INC-1", "because": "The same."})[0] == 403


def test_reports_are_split_off(as_ana: Client, am: Source, drained: Any) -> None:
    keep(am, (0, 2, 4), drained)
    reports = as_ana.get("/api/v1/incidents/INC-1/reports/").json()["results"]
    assert len(reports) == 2
    body = {"reports": [reports[1]["id"]], "title": "Again", "because": "Another disk."}
    status, said = send(as_ana, "incidents/INC-1/split/", body)
    assert (status, said["key"], said["title"]) == (201, "INC-2", "Again")
    assert [each["id"] for each in as_ana.get("/api/v1/incidents/INC-2/reports/").json()["results"]] == body["reports"]
    status, said = send(as_ana, "incidents/INC-1/split/", body)
    assert status == 400
    assert objections(said) == [
        ("reports", "Some of these aren’t reports of INC-1. GET …/reports/ lists their ids."),
    ], "that one is of INC-2 now, so nothing is split, rather than less than was asked for"


def test_severities_are_added_changed_and_deleted(as_pam: Client, as_ana: Client, ana: User) -> None:
    status, worst = send(as_pam, "severities/", {"name": "Critical", "alert_severities": ["critical", "page"]})
    assert (status, worst["actions_due_days"], worst["due_days"]) == (201, 15, None)
    minor = send(as_pam, "severities/", {"name": "Minor", "order": 2})[1]
    assert minor["actions_due_days"] == 30
    address = f"severities/{minor['id']}/"
    status, said = send(as_pam, address, {"due_days": 90}, "patch")
    assert (status, said["actions_due_days"], said["name"]) == (200, 90, "Minor")
    status, said = send(as_pam, address, {"name": "critical"}, "patch")
    assert status == 400 and objections(said)[0][0] == "name"
    listed = as_ana.get("/api/v1/severities/").json()["results"]
    assert [(each["name"], each["alert_severities"]) for each in listed] == [
        ("Critical", ["critical", "page"]),
        ("Minor", []),
    ]
    incident = open_incident(by=ana, title="Slow", severity=Severity.objects.get(name="Minor"))
    assert as_pam.delete(f"/api/v1/{address}").status_code == 204
    incident.refresh_from_db()
    assert incident.severity is None
    assert AuditEntry.objects.filter(kind="incident", did__startswith="deleted the severity Minor").exists()


def test_members_of_squads_read_severities_and_leave_them_as_they_are(as_ana: Client, as_pam: Client) -> None:
    made = send(as_pam, "severities/", {"name": "Critical"})[1]
    assert send(as_ana, "severities/", {"name": "Bad"})[0] == 403
    assert send(as_ana, f"severities/{made['id']}/", {"name": "Bad"}, "patch")[0] == 403
    assert as_ana.delete(f"/api/v1/severities/{made['id']}/").status_code == 403
    assert [each.name for each in Severity.objects.all()] == ["Critical"]


def test_listing_severities_asks_the_same_for_many(as_pam: Client) -> None:
    counted = []
    for first, many in ((0, 1), (1, 6)):
        for number in range(first, many):
            send(as_pam, "severities/", {"name": f"S{number}"})
        with CaptureQueriesContext(connection) as queries:
            as_pam.get("/api/v1/severities/")
        counted.append(len(queries))
    assert counted[0] == counted[1]


def test_a_person_says_which_deployment_it_came_from(as_ana: Client, ana: User, checkout: Service) -> None:
    place = Environment.objects.create(key="live", slug="live", name="Live", tier="production")
    source = Source.objects.create(key="cd", name="CD", kind="report")
    seen = InboundEvent.objects.create(source=source, delivery="1", body=b"{}", received_at=clock.now())
    put = Deployment.objects.create(
        id="0e7c9a70-1f0e-4f59-9f4c-5c9c1d2b3a4e",
        key="1",
        service=checkout,
        environment=place,
        event=seen,
        phase="finished",
        outcome="success",
        finished_at=seen.received_at,
    )
    open_incident(by=ana, title="Slow", services=[checkout])
    body = {"incident": "INC-1", "deployment": str(put.pk), "reason": "The log says so."}
    status, said = send(as_ana, "attributions/", body)
    assert (status, said["state"], said["method"], said["answered_by"]) == (201, "accepted", "person", "ana")
    assert send(as_ana, "attributions/", body)[1]["id"] == said["id"], "twice is once"
    assert Attribution.objects.count() == 1
    status, said = send(as_ana, "attributions/", {**body, "deployment": str(Incident.objects.get().pk)})
    assert status == 400 and objections(said)[0][0] == "deployment"
    status, said = send(as_ana, "attributions/", {**body, "incident": "12"})
    assert status == 400 and objections(said)[0][0] == "incident"
