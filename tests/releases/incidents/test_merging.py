"""Incidents are merged and split by people; nothing is lost, and a rebuild leads to the same."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from releases.inbox.models import Source
from releases.incidents.actions import open_incident, write_update
from releases.incidents.models import Incident, IncidentReport
from releases.reading.actions import rebuild
from tests.releases.incidents.test_alerts import T0
from tests.releases.incidents.test_incidents_of_reports import am as am
from tests.releases.incidents.test_incidents_of_reports import dump, keep


def post(browser: Client, incident: Incident, what: str, **said: Any) -> str:
    return browser.post(
        f"/incidents/{incident.key}/{what}/", {"because": "The same.", **said}, follow=True
    ).content.decode()


def test_a_merged_incident_leads_to_the_other_and_counts_there(
    as_ana: Client, ana: User, am: Source, drained: Any
) -> None:
    keep(am, (0, 6), drained)
    errors, slow = Incident.objects.order_by("number")
    write_update(slow, by=ana, text="The disk is slow.")
    page = post(as_ana, slow, "merge", into=errors.key)
    assert "Merged INC-2 into INC-1." in page and "The disk is slow." in page
    errors.refresh_from_db()
    assert (errors.state, errors.detected_at) == ("open", T0)
    assert as_ana.get(slow.get_absolute_url()).headers["Location"] == errors.get_absolute_url()
    assert [each.number for each in Incident.objects.standing()] == [1]
    keep(am, (2,), drained)
    errors.refresh_from_db()
    assert errors.resolved_at == T0 + timedelta(minutes=20), "the last report of both"
    found = dump()
    rebuild()
    assert dump() == found
    assert "of its own again" in post(as_ana, slow, "separation")
    assert {each.number: each.resolved_at for each in Incident.objects.standing()} == {
        1: T0 + timedelta(minutes=6),
        2: T0 + timedelta(minutes=20),
    }


def test_an_incident_is_not_merged_into_itself_or_what_it_took_in(as_ana: Client, ana: User) -> None:
    one, two = open_incident(by=ana, title="One"), open_incident(by=ana, title="Two")
    assert "can’t be merged into itself" in post(as_ana, one, "merge", into=one.key)
    post(as_ana, two, "merge", into=one.key)
    assert "can’t be merged into itself" in post(as_ana, one, "merge", into=two.key)
    assert "There’s no such incident" in post(as_ana, one, "merge", into="INC-9")
    assert "Say why" in post(as_ana, one, "merge", into=two.key, because=" ")
    assert [each.title for each in Incident.objects.standing()] == ["One"]


def test_reports_that_are_split_off_stay_so(as_ana: Client, am: Source, drained: Any) -> None:
    keep(am, (0, 2, 4), drained)
    whole = Incident.objects.get()
    late = IncidentReport.objects.get(detected_at=T0 + timedelta(minutes=40))
    assert "Split INC-2 from INC-1." in post(as_ana, whole, "split", report=str(late.pk), title="Again")
    found = dump()
    assert [(each[1], each[2], len(each[-3])) for each in sorted(found, key=lambda row: row[1])] == [
        (1, "Errors and 1 more", 1),
        (2, "Again", 1),
    ]
    rebuild()
    assert dump() == found


@pytest.mark.parametrize("said", [{"title": "Again"}, {"title": ""}])
def test_a_split_needs_reports_and_leaves_one(as_ana: Client, am: Source, drained: Any, said: dict[str, str]) -> None:
    keep(am, (0,), drained)
    whole = Incident.objects.get()
    post(as_ana, whole, "split", **said)
    post(as_ana, whole, "split", report=str(whole.reports.get().pk), **said)
    assert Incident.objects.count() == 1
