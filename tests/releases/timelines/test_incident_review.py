"""A retrospective about an incident: it begins on the incident's page, and its timeline holds what Rodeo knows."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.kernel import outbox
from releases.incidents.actions import open_incident, write_update
from releases.incidents.models import Incident
from releases.mappings.models import MappingRule
from squads.models import Retrospective, Service, Squad
from tests.releases.conftest import source
from tests.releases.evidence.conftest import History, hour
from tests.releases.evidence.conftest import history as history
from tests.releases.incidents.test_alerts import body


def moment(number: float) -> str:
    return hour(number).isoformat().replace("+00:00", "Z")


def fired(began: float, ended: float | None = None) -> dict[str, Any]:
    return {
        "status": "firing" if ended is None else "resolved",
        "labels": {"alertname": "Errors", "severity": "critical", "service": "checkout", "environment": "production"},
        "annotations": {"summary": "Errors is bad"},
        "startsAt": moment(began),
        "endsAt": "0001-01-01T00:00:00Z" if ended is None else moment(ended),
        "generatorURL": "https://prometheus.example/graph",
        "fingerprint": "Errors",
    }


def test_an_alert_opens_it_a_rollback_ends_it_and_the_draft_holds_both_with_their_links(
    as_ana: Client, history: History, send: Any, drained: Any, payments: Squad, checkout: Service
) -> None:
    MappingRule.objects.create(kind="alert", pattern="*", role="incident")
    source("am", "alertmanager")
    history.commit("one", "Warm the cache", 0)
    history.look("one")
    history.deploy("one", 3)
    send("/hooks/am/", body(fired(3.5)))
    history.deploy("one", 4, kind="rollback")
    send("/hooks/am/", body(fired(3.5, 4.2)))
    drained()
    outbox.deliver()
    incident = Incident.objects.get()
    assert "Write retrospective" in as_ana.get(incident.get_absolute_url()).content.decode()
    answer = as_ana.post(f"{incident.get_absolute_url()}retrospective/", {"squad": "payments"})
    row = Retrospective.objects.get()
    assert answer["Location"] == row.get_absolute_url()
    assert (row.began_at, row.ended_at, row.severity) == (hour(3.5), hour(4.2), "")
    assert list(row.services.all()) == [checkout]
    entries = {each.text: each for each in row.timeline.all()}
    rollback = next(each for text, each in entries.items() if text.startswith("Rollback of checkout"))
    alert = next(each for text, each in entries.items() if text.startswith("Alert"))
    assert rollback.url.startswith("/inbox/") and alert.url.startswith("/inbox/")
    for entry in (rollback, alert):
        assert as_ana.get(entry.url).status_code == 200
    assert f"{incident.key} detected: Errors" in entries and f"{incident.key} resolved: Errors" in entries
    assert any(text.startswith("Deployment of checkout") for text in entries), "it begins before the trouble"
    assert row.title in as_ana.get(incident.get_absolute_url()).content.decode()
    again = as_ana.post(f"{incident.get_absolute_url()}retrospective/", {"squad": "payments"})
    assert again["Location"] == row.get_absolute_url() and Retrospective.objects.count() == 1


def test_updates_of_the_incident_are_in_the_timeline(as_ana: Client, ana: User, checkout: Service) -> None:
    incident = open_incident(by=ana, title="Refunds fail", detected_at=hour(3), services=[checkout])
    write_update(incident, by=ana, text="The bank is slow.", happened_at=hour(3.5))
    as_ana.post(f"{incident.get_absolute_url()}retrospective/", {"squad": "payments"})
    row = Retrospective.objects.get()
    assert f"{incident.key}: The bank is slow." in {each.text for each in row.timeline.all()}
    assert row.ended_at is None and row.began_at == hour(3)


def test_of_other_incidents_only_what_lies_in_the_window_is_there(as_ana: Client, ana: User, checkout: Service) -> None:
    other = open_incident(by=ana, title="Slow for weeks", detected_at=hour(-900), services=[checkout])
    write_update(other, by=ana, text="Long before.", happened_at=hour(-800))
    write_update(other, by=ana, text="Right then.", happened_at=hour(3.2))
    incident = open_incident(by=ana, title="Refunds fail", detected_at=hour(3), services=[checkout])
    as_ana.post(f"{incident.get_absolute_url()}retrospective/", {"squad": "payments"})
    said = {each.text for each in Retrospective.objects.get().timeline.all()}
    assert f"{other.key}: Right then." in said and f"{other.key}: Long before." not in said
    assert not any("Slow for weeks" in text for text in said)


def test_times_that_cannot_be_are_left_to_the_incident(as_ana: Client, ana: User) -> None:
    before = hour(3) - timedelta(hours=1)
    incident = open_incident(by=ana, title="Refunds fail", detected_at=hour(3), resolved_at=before)
    as_ana.post(f"{incident.get_absolute_url()}retrospective/", {"squad": "payments"})
    row = Retrospective.objects.get()
    assert row.began_at is not None and (row.ended_at is None or row.ended_at >= row.began_at)


def test_somebody_of_another_squad_begins_none_for_this_one(as_bo: Client, ana: User, payments: Squad) -> None:
    incident = open_incident(by=ana, title="Refunds fail", detected_at=hour(3))
    assert as_bo.post(f"{incident.get_absolute_url()}retrospective/", {"squad": "payments"}).status_code == 403
    assert not Retrospective.objects.exists()


@pytest.mark.parametrize("squad", ["", "nobody"])
def test_without_a_squad_the_page_asks_for_one(as_ana: Client, ana: User, squad: str) -> None:
    incident = open_incident(by=ana, title="Refunds fail", detected_at=hour(3))
    page = as_ana.post(f"{incident.get_absolute_url()}retrospective/", {"squad": squad}, follow=True)
    assert "Choose the squad that writes it." in page.content.decode()


def test_a_list_that_is_cut_says_so_leads_to_all_and_counts_none_that_the_reader_cannot_read(
    as_root: Client, as_ana: Client, root: User, payments: Squad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("releases.incidents.queries.MOST_RETROSPECTIVES", 1)
    incident = open_incident(by=root, title="Refunds fail", detected_at=hour(3))
    for n in range(3):
        Squad.objects.create(name=f"S{n}", slug=f"s{n}", key_prefix=f"S{n}")
        as_root.post(f"{incident.get_absolute_url()}retrospective/", {"squad": f"s{n}"})
    address = f"/retrospectives/?subject=incident:{incident.pk}"
    page = as_root.get(incident.get_absolute_url()).content.decode()
    assert "The newest 1 of 3." in page and f'href="{address}"' in page
    listed = as_root.get(address).content.decode()
    assert all(each.get_absolute_url() in listed for each in Retrospective.objects.all())
    Retrospective.objects.filter(squad__slug="s0").update(state="published")
    page = as_ana.get(incident.get_absolute_url()).content.decode()
    assert "The newest" not in page and address not in page
