"""Incidents are merged and split by people; nothing is lost, and a rebuild leads to the same."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.kernel.outbox import deliver
from releases.inbox.actions import replay
from releases.inbox.models import InboundEvent, Source
from releases.incidents.actions import correct, merge, open_incident, write_update
from releases.incidents.models import Incident, IncidentReport
from releases.mappings.models import MappingRule
from releases.reading.actions import rebuild
from releases.timelines.actions import review_incident
from squads.models import Retrospective, Squad
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


def test_a_split_is_undone_and_the_reports_are_where_they_were(as_ana: Client, am: Source, drained: Any) -> None:
    keep(am, (0, 2, 4), drained)
    whole = Incident.objects.get()
    found = dump()
    late = IncidentReport.objects.get(detected_at=T0 + timedelta(minutes=40))
    post(as_ana, whole, "split", report=str(late.pk), title="Again")
    again = Incident.objects.get(number=2)
    assert "Undo split from INC-1" in as_ana.get(again.get_absolute_url()).content.decode()
    assert "nothing to undo" in post(as_ana, whole, "undo-split")
    write_update(again, by=User.objects.get(username="ana"), text="The disk is slow.")
    assert "Say why" in post(as_ana, again, "undo-split", because=" ")
    page = post(as_ana, again, "undo-split")
    assert "INC-2 is part of INC-1 again." in page and "The disk is slow." in page
    assert dump() == found
    rebuild()
    assert dump() == found
    assert "was merged into INC-1" in post(as_ana, again, "undo-split")


def withdrawn(am: Source, drained: Any) -> Incident:
    """An incident that nothing reports any more."""
    keep(am, (0,), drained)
    MappingRule.objects.all().delete()
    replay(InboundEvent.objects.values_list("pk", flat=True))
    drained()
    found = Incident.objects.get(number=1)
    assert found.state == "withdrawn"
    return found


def test_a_live_incident_is_not_merged_into_one_that_is_withdrawn(
    as_ana: Client, ana: User, am: Source, drained: Any
) -> None:
    gone, live = withdrawn(am, drained), open_incident(by=ana, title="Live")
    assert "INC-1 is withdrawn: nothing reports it. Choose another" in post(as_ana, live, "merge", into=gone.key)
    assert [each.title for each in Incident.objects.standing()] == ["Live"]


@pytest.mark.parametrize("what", ["updates", "state", "merge", "title"])
def test_whatever_a_person_writes_on_a_withdrawn_incident_keeps_it_in_whatever_order(
    as_ana: Client, ana: User, am: Source, drained: Any, what: str
) -> None:
    gone = withdrawn(am, drained)
    open_incident(by=ana, title="Other")
    if what == "updates":
        post(as_ana, gone, "updates", text="It goes on.")
    elif what == "state":
        post(as_ana, gone, "state", state="resolved")
    elif what == "merge":
        post(as_ana, gone, "merge", into="INC-2")
        post(as_ana, gone, "separation")
    else:
        correct(gone, by=ana, title="Errors after all")
    deliver()
    gone.refresh_from_db()
    assert gone.withdrawn_at is None and gone.merged_into is None
    found = dump()
    assert len(found) == 2
    rebuild()
    assert dump() == found


def test_an_incident_that_took_one_in_stays_when_nothing_reports_it_any_more(
    as_ana: Client, ana: User, am: Source, drained: Any
) -> None:
    keep(am, (0,), drained)
    taken = open_incident(by=ana, title="Taken in")
    post(as_ana, taken, "merge", into="INC-1")
    MappingRule.objects.all().delete()
    replay(InboundEvent.objects.values_list("pk", flat=True))
    drained()
    assert [each.number for each in Incident.objects.standing()] == [1], "or what was merged would be nowhere"


def test_retrospectives_and_what_was_written_come_along_however_often_it_is_merged(
    as_ana: Client, ana: User, payments: Squad
) -> None:
    first, second, third = (open_incident(by=ana, title=each) for each in ("One", "Two", "Three"))
    write_update(first, by=ana, text="The disk is slow.")
    review = review_incident(first, payments, by=ana)
    merge(first, second, by=ana, because="x")
    merge(second, third, by=ana, because="x")
    page = as_ana.get(third.get_absolute_url()).content.decode()
    assert review.get_absolute_url() in page and "Write retrospective" not in page
    address = f"/incidents/{third.key}/retrospective/"
    assert as_ana.post(address, {"squad": payments.slug})["Location"] == review.get_absolute_url()
    Retrospective.objects.all().delete()
    fresh = review_incident(third, payments, by=ana)
    assert fresh.timeline.filter(text__contains="The disk is slow.").exists()
