"""People open incidents, correct and update them, on the pages and over the API."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from portal.kernel.models import AuditEntry
from portal.kernel.outbox import deliver
from portal.kernel.stable_ids import stable_id
from releases.attributions.actions import attribute
from releases.environments.actions import create_environment
from releases.inbox.actions import store
from releases.inbox.models import InboundEvent, Source
from releases.incident_settings.models import Severity, due_days
from releases.incidents.actions import correct, merge, open_incident, write_update
from releases.incidents.models import Incident
from releases.models import Deployment
from squads.models import Service
from tests.releases.incidents.test_alerts import alert, body
from tests.releases.incidents.test_incidents_of_reports import am as am

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
JSON = "application/json"


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def form_of(browser: Client, incident: Incident) -> dict[str, Any]:
    """What the form of an incident shows, as a browser would send it back."""
    form = browser.get(f"{incident.get_absolute_url()}edit/").context["form"]
    found = {name: form[name].value() for name in form.fields}
    shown = {
        name: value.strftime("%Y-%m-%dT%H:%M:%S") if isinstance(value, datetime) else value
        for name, value in found.items()
        if value not in (None, False)
    }
    for name in ("services", "environments"):
        shown[name] = [getattr(each, "pk", each) for each in shown.get(name, [])]
    return shown


def test_the_empty_list_teaches_how_incidents_come(as_ana: Client, as_ria: Client) -> None:
    page = as_ana.get("/incidents/").content.decode()
    assert "No incidents yet" in page and 'href="/incidents/new/"' in page
    assert 'href="/incidents/new/"' not in as_ria.get("/incidents/").content.decode()


def test_an_incident_opened_by_hand_is_declared_now_and_has_a_number(as_ana: Client, checkout: Service) -> None:
    answer = as_ana.post("/incidents/new/", {"title": "Checkout is down", "services": [checkout.pk]}, follow=True)
    page = answer.content.decode()
    assert "Opened INC-1." in page and "Checkout is down" in page and "checkout" in page
    row = Incident.objects.get()
    assert (row.state, row.severity, list(row.services.all())) == ("open", None, [checkout])
    assert row.declared_at is not None and row.declared_at == row.starts_at


def test_an_incident_needs_a_title_and_no_time_in_the_future(as_ana: Client) -> None:
    answer = as_ana.post("/incidents/new/", {"title": "", "detected_at": "2100-01-01T00:00"})
    assert answer.status_code == 400 and "Say what is wrong" in answer.content.decode()
    answer = as_ana.post("/incidents/new/", {"title": "Slow", "detected_at": "2100-01-01T00:00"})
    assert answer.status_code == 400 and "This is in the future" in answer.content.decode()
    assert not Incident.objects.exists()


def test_a_reader_opens_and_changes_nothing(as_ria: Client, ana: User) -> None:
    incident = open_incident(by=ana, title="Slow")
    assert as_ria.post("/incidents/new/", {"title": "Mine"}).status_code == 403
    for part, said in (("edit", {"title": "X"}), ("updates", {"text": "X"}), ("state", {"state": "resolved"})):
        assert as_ria.post(f"{incident.get_absolute_url()}{part}/", said).status_code == 403
    assert as_ria.get(incident.get_absolute_url()).status_code == 200
    assert [each.state for each in Incident.objects.all()] == ["open"]


def test_times_in_another_order_are_kept_and_told(as_ana: Client, ana: User) -> None:
    incident = open_incident(by=ana, title="Slow", detected_at=at(0), declared_at=at(48))
    said = form_of(as_ana, incident) | {"mitigated_at": "2026-03-02T09:38:00", "resolved_at": "2026-03-02T08:00:00"}
    page = as_ana.post(f"{incident.get_absolute_url()}edit/", said, follow=True).content.decode()
    assert "Changed mitigated and resolved." in page
    assert "Mitigated before it was declared." in page and "Resolved before it was mitigated." in page
    assert "inconsistent" in page and "−1 h" in page and "In no mean." in page
    incident.refresh_from_db()
    assert (incident.mitigated_at, incident.resolved_at) == (at(38), at(-60))


def test_every_length_on_the_page_names_its_clock(as_ria: Client, ana: User) -> None:
    incident = open_incident(
        by=ana, title="Slow", impact_started_at=at(0), detected_at=at(5), declared_at=at(20), resolved_at=at(70)
    )
    page = " ".join(as_ria.get(incident.get_absolute_url()).content.decode().split())
    for clock in ("from impact start to detection", "from detection to resolution", "from declaration to resolution"):
        assert clock in page
    assert "1 h 5 min" in page and "50 min" in page and "1 h 10 min" in page


def test_what_is_said_after_the_fact_is_marked(as_ana: Client, ana: User) -> None:
    incident = open_incident(by=ana, title="Slow", detected_at=at(0))
    as_ana.post(f"{incident.get_absolute_url()}updates/", {"text": "It is back.", "public": "Paying works."})
    as_ana.post(f"{incident.get_absolute_url()}updates/", {"text": "We saw it.", "happened_at": "2026-03-02T09:10"})
    page = " ".join(as_ana.get(incident.get_absolute_url()).content.decode().split())
    assert page.index("We saw it.") < page.index("It is back."), "by when it happened"
    assert "<b>For the public:</b> Paying works." in page
    first, second = incident.updates.all()
    assert (first.added_later, second.added_later) == (True, False)


def test_the_buttons_mitigate_resolve_and_reopen(as_ana: Client, ana: User) -> None:
    incident = open_incident(by=ana, title="Slow")
    states = []
    for state in ("mitigated", "resolved", "reopened", "nonsense"):
        as_ana.post(f"{incident.get_absolute_url()}state/", {"state": state})
        states.append(Incident.objects.get().state)
    assert states == ["mitigated", "resolved", "mitigated", "mitigated"]


def test_a_button_of_a_page_that_is_old_overwrites_nothing_and_names_who_was_first(
    as_ana: Client, as_lea: Client, ana: User
) -> None:
    incident = open_incident(by=ana, title="Slow", detected_at=timezone.now() - timedelta(hours=3))
    address = f"{incident.get_absolute_url()}state/"

    def press(browser: Client, state: str) -> str:
        return browser.post(address, {"state": state}, follow=True).content.decode()

    assert "INC-1 is open: nobody has said that it’s resolved." in press(as_lea, "reopened")
    press(as_ana, "mitigated")
    press(as_ana, "resolved")
    before = Incident.objects.get().times
    assert f"INC-1 is resolved already, at {before.resolved_at:%Y-%m-%d %H:%M} UTC: Ana said so." in press(
        as_lea, "resolved"
    )
    assert "INC-1 is resolved already" in press(as_lea, "mitigated"), "nor is it mitigated after it was over"
    assert Incident.objects.get().times == before
    api = "/api/v1/incidents/INC-1/state/"
    sent = as_lea.post(api, {"state": "resolved"}, content_type="application/json")
    assert sent.status_code == 409 and "Ana said so" in sent.content.decode()
    press(as_ana, "reopened")
    assert "INC-1 is open already: Ana said so" in press(as_lea, "reopened")
    assert "INC-1 is mitigated already" in press(as_lea, "mitigated")
    sent = as_lea.post(api, {"state": "resolved", "because": "Rolled back."}, content_type="application/json")
    assert (sent.status_code, sent.json()["state"]) == (200, "resolved")
    assert as_lea.post(api, {"state": "over"}, content_type="application/json").status_code == 400


@pytest.mark.parametrize("seen", ["", "[1]", "[" * 100_000, "nonsense", '{"title": "Slow"}', "9" * 5000])
def test_a_form_that_does_not_say_what_it_showed_changes_nothing(as_ana: Client, ana: User, seen: str) -> None:
    incident = open_incident(by=ana, title="Slow")
    sent = form_of(as_ana, incident) | {"title": "Other", "seen": seen}
    answer = as_ana.post(f"{incident.get_absolute_url()}edit/", sent)
    assert answer.status_code == 400 and "Reload the page, then change it again." in answer.content.decode()
    assert Incident.objects.get().title == "Slow"


def test_a_year_is_four_digits_and_anything_else_asks_for_all(as_ria: Client, ana: User) -> None:
    open_incident(by=ana, title="Slow")
    for year in ("9" * 5000, "20", "x", "2020.5"):
        assert len(as_ria.get("/incidents/", {"year": year}).context["page"]) == 1
        assert as_ria.get("/api/v1/incidents/", {"year": year}).status_code in (200, 400)


def test_the_api_lists_maintenance_only_where_it_is_asked_for(as_ria: Client, ana: User) -> None:
    open_incident(by=ana, title="Planned", is_maintenance=True)
    open_incident(by=ana, title="Slow")
    for query, wanted in (("", ["Slow"]), ("?open=true", ["Slow"]), ("?maintenance=true", ["Planned"])):
        found = as_ria.get(f"/api/v1/incidents/{query}").json()["results"]
        assert [each["title"] for each in found] == wanted, query
    assert as_ria.get("/api/v1/incidents/INC-1/").json()["title"] == "Planned"


def test_the_history_says_who_changed_what_from_what(as_ana: Client, ana: User, checkout: Service) -> None:
    major = Severity.objects.create(name="Major")
    incident = open_incident(by=ana, title="Slow", detected_at=at(0))
    correct(incident, by=ana, because="The log says so.", detected_at=at(-5), severity=major, services=[checkout])
    page = " ".join(as_ana.get(incident.get_absolute_url()).content.decode().split())
    assert "changed detected from 2026-03-02 09:00 UTC to 2026-03-02 08:55 UTC" in page
    assert "changed severity from nothing to Major" in page and "changed services from nothing to checkout" in page
    assert "The log says so." in page


def test_what_two_people_change_at_once_is_kept_unless_it_is_the_same_field(
    as_ana: Client, ana: User, lea: User
) -> None:
    incident = open_incident(by=ana, title="Slow", detected_at=at(0))
    shown = form_of(as_ana, incident)
    correct(incident, by=lea, title="Too slow")
    address = f"{incident.get_absolute_url()}edit/"
    assert as_ana.post(address, shown | {"resolved_at": "2026-03-02T10:00:00"}).status_code == 302
    incident.refresh_from_db()
    assert (incident.title, incident.resolved_at) == ("Too slow", at(60))
    answer = as_ana.post(address, shown | {"title": "Slow again"})
    assert answer.status_code == 409 and "the title of INC-1" in answer.content.decode()
    incident.refresh_from_db()
    assert incident.title == "Too slow"


def test_what_an_incident_has_stays_to_be_chosen_after_it_was_merged_or_left(
    as_ana: Client, ana: User, lea: User, checkout: Service
) -> None:
    User.objects.filter(pk=lea.pk).update(first_name="Lea", last_name="Lind")
    incident = open_incident(by=ana, title="Slow", services=[checkout], commander=lea)
    other = Service.objects.create(name="till", slug="till")
    Service.objects.filter(pk=checkout.pk).update(merged_into=other)
    User.objects.filter(pk=lea.pk).update(is_active=False)
    address = f"{incident.get_absolute_url()}edit/"
    assert '<option value="lea" selected>Lea Lind</option>' in as_ana.get(address).content.decode()
    shown = form_of(as_ana, incident) | {"commander": "lea", "title": "Slow again"}
    answer = as_ana.post(address, shown)
    assert answer.status_code == 302, answer.context["form"].errors
    incident.refresh_from_db()
    assert (incident.title, incident.commander, list(incident.services.all())) == ("Slow again", lea, [checkout])


def test_maintenance_is_in_its_own_list_and_in_no_mean(as_ria: Client, ana: User) -> None:
    for title, minutes, planned in (("Slow", 30, False), ("Down", 90, False), ("Upgrade", 600, True)):
        open_incident(by=ana, title=title, detected_at=at(0), resolved_at=at(minutes), is_maintenance=planned)
    page = " ".join(as_ria.get("/incidents/").content.decode().split())
    assert "Slow" in page and "Upgrade" not in page
    assert '<td data-label="Mean:">1 h</td>' in page
    page = as_ria.get("/incidents/?state=maintenance").content.decode()
    assert "Upgrade" in page and "Slow" not in page and "Mean" not in page


def test_a_mean_leads_to_the_incidents_that_it_leaves_out(as_ria: Client, ana: User) -> None:
    open_incident(by=ana, title="Fine", detected_at=at(0), resolved_at=at(5))
    open_incident(by=ana, title="Odd", detected_at=at(0), resolved_at=at(-5))
    open_incident(by=ana, title="Nothing", detected_at=at(0), resolved_at=at(0))
    page = as_ria.get("/incidents/").content.decode()
    assert "2 can’t be" in page and "length=time_to_resolve" in page
    page = as_ria.get("/incidents/?length=time_to_resolve").content.decode()
    assert "Odd" in page and "Nothing" in page and "Fine" not in page


def test_the_list_shows_open_ones_first_and_is_filtered(as_ria: Client, ana: User, checkout: Service) -> None:
    major = Severity.objects.create(name="Major")
    open_incident(by=ana, title="Old", detected_at=at(-525_600), services=[checkout], severity=major)
    open_incident(by=ana, title="Over", detected_at=at(0), resolved_at=at(9))
    for query, wanted in {
        "": ["Old", "Over"],
        "state=open": ["Old"],
        "state=resolved": ["Over"],
        f"severity={major.pk}": ["Old"],
        "severity=none": ["Over"],
        "service=checkout": ["Old"],
        "year=2026": ["Over"],
        "year=2025&severity=none": [],
        "year=nonsense": ["Old", "Over"],
    }.items():
        rows = as_ria.get(f"/incidents/?{query}").context["page"]
        assert [each.title for each in rows] == wanted, query


def test_the_list_takes_the_same_queries_for_many_incidents(as_ria: Client, ana: User, checkout: Service) -> None:
    place = create_environment(by=ana, key="prod", tier="production")

    def queries(more: int) -> int:
        for number in range(more):
            open_incident(
                by=ana, title=f"Slow {number}", detected_at=at(number), services=[checkout], environments=[place]
            )
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert as_ria.get("/incidents/").status_code == 200
        return len(found)

    queries(2)
    assert queries(1) == queries(6)


def test_the_page_takes_the_same_queries_however_much_one_has(
    as_ana: Client, ana: User, lea: User, checkout: Service, am: Source, drained: Any
) -> None:
    place = create_environment(by=ana, key="prod", tier="production")
    seen = InboundEvent.objects.create(source=am, delivery="cd", body=b"{}", received_at=T0)
    number = itertools.count()
    incident = open_incident(by=ana, title="Slow", impact_started_at=T0, services=[checkout], environments=[place])

    def add() -> None:
        """One more of each thing that the page lists."""
        this = next(number)
        sent = json.dumps(body(alert(f"A{this}", this), group=f"g{this}")).encode()
        store(am, delivery=f"{this}", kind="alerts", body=sent)
        drained()
        other = Incident.objects.order_by("number").last()
        assert other is not None and other != incident
        correct(other, by=lea, services=[checkout], environments=[place])
        write_update(other, by=lea, text=f"Update {this}")
        merge(other, incident, by=ana, because="The same.")
        write_update(incident, by=ana, text=f"Update {this}")
        correct(incident, by=ana, title=f"Slow {this}")
        put = Deployment.objects.create(
            id=stable_id("deployment", this),
            key=f"{this}",
            service=checkout,
            environment=place,
            version=f"1.{this}",
            event=seen,
            phase="finished",
            outcome="success",
            finished_at=at(-1 - this),
        )
        attribute(incident, put, by=ana, reason="The log says so.")

    def queries(shown: int) -> int:
        with CaptureQueriesContext(connection) as found:
            page = as_ana.get(incident.get_absolute_url()).content.decode()
        for each in ("The log says so.", "took in INC-", "UTC, Lea on INC-", 'data-label="Severity there:"'):
            assert page.count(each) == shown, each
        return len(found)

    add()
    add()
    few = queries(2)
    for _ in range(4):
        add()
    assert queries(6) == few


def test_an_address_in_small_letters_leads_to_the_incident_and_nonsense_to_nothing(as_ria: Client, ana: User) -> None:
    open_incident(by=ana, title="Slow")
    assert as_ria.get("/incidents/inc-1/").status_code == 200
    for key in ("INC-2", "INC-0", "INC-1x", "PAY-1", "INC-99999999999"):
        assert as_ria.get(f"/incidents/{key}/").status_code == 404


def test_severities_are_the_companys_own_and_say_when_actions_are_due(as_pam: Client, as_ana: Client) -> None:
    for name, order, days in (("Major", 1, ""), ("Minor", 2, ""), ("Annoying", 3, ""), ("Visible", 4, "60")):
        said = {"name": name, "order": order, "due_days": days, "alert_severities": "critical\nPage\n"}
        assert as_pam.post("/incidents/severities/new/", said).status_code == 302
    rows = list(Severity.objects.all())
    assert [due_days(row, place) for place, row in enumerate(rows)] == [15, 30, None, 60]
    assert rows[0].alert_severities == ["critical", "Page"]
    assert "chosen for each" in as_ana.get("/incidents/severities/").content.decode()
    assert as_ana.post("/incidents/severities/new/", {"name": "Mine", "order": 1}).status_code == 403
    answer = as_pam.post("/incidents/severities/new/", {"name": "major", "order": 9})
    assert answer.status_code == 400 and "already a severity major" in answer.content.decode()
    assert AuditEntry.objects.filter(kind="incident").count() == 4


def test_a_severity_that_is_deleted_leaves_its_incidents_without_one(as_pam: Client, ana: User) -> None:
    major = Severity.objects.create(name="Major")
    open_incident(by=ana, title="Slow", severity=major)
    as_pam.post(f"/incidents/severities/{major.pk}/delete/")
    deliver()
    assert Incident.objects.get().severity is None


def test_a_program_opens_corrects_and_updates_over_the_api(as_ana: Client, checkout: Service) -> None:
    said = {"title": "Slow", "services": ["checkout"], "detected_at": "2026-03-02T09:00:00Z"}
    made = as_ana.post("/api/v1/incidents/", said, content_type=JSON)
    assert made.status_code == 201 and made.json()["key"] == "INC-1"
    patched = as_ana.patch(
        "/api/v1/incidents/inc-1/",
        {"resolved_at": "2026-03-02T10:05:00Z", "because": "Rolled back."},
        content_type=JSON,
    ).json()
    assert (patched["state"], patched["services"], patched["out_of_order"]) == ("resolved", ["checkout"], [])
    took = {each["measure"]: each["seconds"] for each in patched["lengths"]}
    assert took["time_to_resolve"] == 3900 and took["duration"] is None
    answer = as_ana.post("/api/v1/incidents/INC-1/updates/", {"text": "Back."}, content_type=JSON)
    assert answer.status_code == 201 and answer.json()["added_later"] is False
    assert as_ana.get("/api/v1/incidents/INC-1/updates/").json()["count"] == 1
    history = as_ana.get("/api/v1/incidents/INC-1/corrections/").json()["results"]
    assert [each["field"] for each in history] == ["title", "services", "detected_at", "resolved_at"]
    assert as_ana.get("/api/v1/incidents/INC-1/reports/").json()["results"] == []
    assert as_ana.get("/api/v1/incidents/?open=true").json()["results"] == []


def test_an_update_says_something_and_its_public_line_is_one(as_ana: Client, ana: User) -> None:
    open_incident(by=ana, title="Slow")
    for said, field in (({"text": " "}, "text"), ({"text": "x", "public": "a\nb"}, "public")):
        answer = as_ana.post("/api/v1/incidents/INC-1/updates/", said, content_type=JSON)
        assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == field
    later = (timezone.now() + timedelta(days=1)).isoformat()
    answer = as_ana.post("/api/v1/incidents/INC-1/updates/", {"text": "x", "happened_at": later}, content_type=JSON)
    assert answer.status_code == 400


@pytest.mark.parametrize("role", ["commander", "scribe", "liaison"])
def test_roles_are_people(as_ana: Client, ana: User, lea: User, role: str) -> None:
    open_incident(by=ana, title="Slow")
    answer = as_ana.patch("/api/v1/incidents/INC-1/", {role: "lea"}, content_type=JSON)
    assert answer.json()[role] == "lea"
    assert as_ana.patch("/api/v1/incidents/INC-1/", {role: "nobody"}, content_type=JSON).status_code == 400
    assert as_ana.patch("/api/v1/incidents/INC-1/", {role: None}, content_type=JSON).json()[role] is None
