"""Incidents are found by key, title, service and what was written on them, however they came about."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.search.actions import reindex
from portal.search.documents import incidents
from portal.search.queries import find
from releases.inbox.models import Source
from releases.incident_settings.actions import save_settings
from releases.incidents.actions import correct, merge, open_incident, unmerge, write_update
from releases.incidents.models import Incident
from releases.mappings.models import MappingRule
from releases.reading.actions import rebuild
from squads.models import Service
from tests.portal.search.test_index import wrong
from tests.releases.conftest import drained as drained
from tests.releases.incidents.test_incidents_of_reports import am as am
from tests.releases.incidents.test_incidents_of_reports import keep

pytestmark = pytest.mark.django_db


def found(text: str) -> list[str]:
    assert wrong() == []
    return [hit.key for hit in find(text).hits if hit.kind == "incident"]


def test_one_is_found_by_its_key_its_title_its_service_and_its_updates(
    as_ana: Client, ana: User, checkout: Service
) -> None:
    reindex()
    as_ana.post("/incidents/new/", {"title": "Cards are declined", "services": [checkout.pk], "seen": "{}"})
    incident = Incident.objects.get()
    assert found("inc-1") == found("declin") == found("checkout") == ["INC-1"]
    assert found("certificate") == []
    as_ana.post("/incidents/INC-1/updates/", {"text": "The certificate ran out.", "public": "We look into it."})
    assert found("certificate") == found("look into") == ["INC-1"]
    correct(incident, by=ana, title="Payments fail")
    assert found("payments fail") == ["INC-1"] and found("declined") == []
    page = as_ana.get("/search/", {"q": "type:incident"}).content.decode()
    assert "Incidents" in page and "/incidents/INC-1/" in page
    said = as_ana.get("/api/v1/search/", {"q": "INC-1", "kind": "incident"}).json()["results"]
    assert [each["url"] for each in said] == ["http://testserver/incidents/INC-1/"]


def test_a_merged_one_is_not_found_and_its_updates_lead_to_the_other(ana: User) -> None:
    reindex()
    first, second, third = (open_incident(by=ana, title=title) for title in ("Errors", "Slowness", "Timeouts"))
    write_update(third, by=ana, text="The disk is full.")
    assert found("disk") == ["INC-3"]
    merge(third, second, by=ana, because="The same.")
    assert found("disk") == ["INC-2"] and found("INC-3") == found("timeouts") == []
    merge(second, first, by=ana, because="The same.")
    assert found("disk") == ["INC-1"] and found("slowness") == []
    unmerge(second, by=ana, because="It was another disk.")
    assert found("disk") == ["INC-2"]


def test_incidents_of_alerts_are_found_as_they_come_join_and_go(pam: User, am: Source, drained: Any) -> None:
    reindex()
    keep(am, (2, 5), drained)
    assert len(found("errors")) == 2
    save_settings(by=pam, reopen_minutes=600, attribution_hours=24)
    assert found("errors") == ["INC-1"], "they are one incident now"
    rebuild()
    assert found("errors") == ["INC-1"]
    MappingRule.objects.all().delete()
    rebuild()
    assert found("errors") == [], "no rule calls these alerts an incident any more"


def test_indexing_asks_as_much_for_many_as_for_one(ana: User, checkout: Service) -> None:
    counted = []
    for many in (1, 6):
        for number in range(many):
            made = open_incident(by=ana, title=f"Down {number}", services=[checkout])
            write_update(made, by=ana, text="Still down.")
        with CaptureQueriesContext(connection) as queries:
            list(incidents(None))
        counted.append(len(queries))
    assert counted[0] == counted[1]
