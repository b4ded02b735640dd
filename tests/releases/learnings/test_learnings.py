"""A release goes out once somebody of a squad that works on its services read what was learned about them."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import AuditEntry, StateChange
from portal.kernel.outbox import Message
from releases.contents.actions import choose_content
from releases.planning.actions import create_release
from releases.readiness.gate_templates import save_template
from releases.readiness.models import LearningRead
from releases.readiness.overrides import override
from releases.readiness.queries import readiness_of
from squads.models import Membership, Retrospective, Service, Squad
from squads.retrospectives.actions import add_entry, create, publish
from squads.retrospectives.editing import edit
from tests.releases.learnings.conftest import learned
from tests.releases.readiness.conftest import EVERY_GATE, Shop

pytestmark = pytest.mark.django_db
TITLE = "Ledger was slow"


def page(shop: Shop) -> str:
    return f"{shop.release.get_absolute_url()}readiness/learnings/to-read/"


def press(shop: Shop, row: Retrospective, version: int, person: User | None = None) -> str:
    """Press “I have read this”, and return the page that follows."""
    address = f"{shop.release.get_absolute_url()}readiness/learnings/{row.slug}/read/"
    answer: Any = shop.browser(person).post(address, {"version": version}, follow=True)
    return str(answer.content.decode())


def api(shop: Shop, *more: str) -> str:
    return "/".join([f"/api/v1/releases/{shop.release.slug}/learnings", *more, ""])


def test_a_release_waits_until_somebody_of_its_squads_read_what_was_learned(shop: Shop, row: Retrospective) -> None:
    found = shop.gate("learnings")
    today = clock.now().date()
    assert found.state == "failed"
    assert found.reason == f"Nobody read the incident review of squad Payments about ledger, published {today}."
    assert (found.who, found.remedy) == ("squad Payments", "Read it, then press “I have read this”.")
    shown = shop.browser().get(page(shop)).content.decode()
    assert TITLE in shown and "Warm the <strong>cache</strong>." in shown and f'id="{row.pk}"' in shown
    assert "Noted that you read it." in press(shop, row, 2)
    found = shop.gate("learnings")
    assert (found.state, found.reason) == ("passed", "The one retrospective about its services is read.")
    assert "Ana read it" in shop.browser().get(page(shop)).content.decode()
    change = StateChange.objects.get(kind="retrospective for a release")
    assert (change.key, change.to_state, change.by) == (shop.release.slug, "read", shop.ana)
    assert AuditEntry.objects.filter(did__startswith="read the incident review of squad Payments about ledger").exists()
    assert Message.objects.get(topic="release.learnings_read").payload == {
        "release": str(shop.release.pk),
        "retrospective": str(row.pk),
        "was_read": True,
    }


def test_without_retrospectives_the_gate_passes_and_says_so(shop: Shop) -> None:
    found = shop.gate("learnings")
    assert found.state == "passed"
    assert found.reason == "No retrospective published in the last 365 days says what was learned about its services."
    assert "Nothing to read." in shop.browser().get(page(shop)).content.decode()


def test_reading_is_for_one_release(shop: Shop, row: Retrospective) -> None:
    press(shop, row, 2)
    other = create_release(by=shop.pam, version="2.0", line="Shop")
    assert not LearningRead.objects.filter(release=other).exists()
    assert shop.states()["learnings"] == "passed"


def test_text_that_changed_has_to_be_read_again_and_a_title_or_theme_does_not(shop: Shop, row: Retrospective) -> None:
    press(shop, row, 2)
    edit(row, by=shop.ana, title="Ledger was very slow", themes=["cache"])
    add_entry(row, by=shop.ana, text="Paged", at=clock.now())
    assert shop.states()["learnings"] == "passed"
    edit(row, by=shop.ana, **{"section:learnings": "Warm both caches."})
    found = shop.gate("learnings")
    assert found.state == "failed" and found.reason.startswith("Ana read the incident review")
    assert "its text changed since" in found.reason
    assert "its text changed since" in shop.browser().get(page(shop)).content.decode()
    press(shop, row, row.version)
    assert shop.states()["learnings"] == "passed"


def test_who_looked_at_older_text_is_told_and_nothing_is_noted(shop: Shop, row: Retrospective) -> None:
    edit(row, by=shop.ana, **{"section:learnings": "Warm both caches."})
    assert "Its text is another by now." in press(shop, row, 2)
    assert "Its text is another by now." in press(shop, row, 99999)
    assert not LearningRead.objects.exists()


def test_a_second_press_of_the_same_person_says_so_and_another_person_can_read_it_too(
    shop: Shop, row: Retrospective
) -> None:
    press(shop, row, 2)
    assert "is already “read”" in press(shop, row, 2)
    bea = User.objects.create_user("bea")
    Membership.objects.create(squad=shop.squad, user=bea)
    assert "Noted that you read it." in press(shop, row, 2, bea)
    assert LearningRead.objects.count() == 2


def test_what_was_said_can_be_taken_back_by_who_said_it(shop: Shop, row: Retrospective) -> None:
    press(shop, row, 2)
    address = f"{shop.release.get_absolute_url()}readiness/learnings/{row.slug}/take-back/"
    assert "Only members of Payments" in shop.browser(shop.pam).post(address, follow=True).content.decode()  # type: ignore[attr-defined]
    bea = User.objects.create_user("bea")
    Membership.objects.create(squad=shop.squad, user=bea)
    assert "not read by you" in shop.browser(bea).post(address, follow=True).content.decode()  # type: ignore[attr-defined]
    assert "Taken back" in shop.browser().post(address, follow=True).content.decode()  # type: ignore[attr-defined]
    assert shop.states()["learnings"] == "failed"
    assert [
        each.to_state for each in StateChange.objects.filter(kind="retrospective for a release").order_by("pk")
    ] == [
        "read",
        "",
    ]
    press(shop, row, 2)
    assert shop.states()["learnings"] == "passed"


@pytest.mark.parametrize("who", ["pam", "ria"])
def test_who_does_not_work_on_the_service_cannot_read_for_those_who_do(
    shop: Shop, row: Retrospective, who: str
) -> None:
    answer = press(shop, row, 2, getattr(shop, who))
    assert "Only members of Payments can say that they read this: they own or change ledger." in answer
    assert "I have read this" not in shop.browser(getattr(shop, who)).get(page(shop)).content.decode()
    assert not LearningRead.objects.exists()


def test_where_no_squad_works_on_a_service_who_answers_for_the_release_reads(shop: Shop) -> None:
    nobodys = Service.objects.create(name="worker", slug="worker")
    row = learned(replace(shop, services={"worker": nobodys}), "Odd", "worker")
    release = create_release(by=shop.pam, version="9.0", line="Shop")
    choose_content(release, nobodys, by=shop.pam, sha="b" * 40)
    only = replace(shop, release=release)
    assert only.gate("learnings").who == "project managers"
    assert "Only the release’s owner, project managers and administrators can read" in press(only, row, 2)
    assert "Noted that you read it." in press(only, row, 2, shop.pam)


def test_what_is_restricted_or_a_draft_shows_in_nothing_whoever_looks(shop: Shop) -> None:
    before = shop.gate("learnings")
    hidden = learned(shop, "Secret", restricted=True)
    draft = create(shop.squad, by=shop.ana, kind="incident", title="Draft")
    draft.services.set(shop.services.values())
    assert shop.gate("learnings") == before
    for person in (shop.ana, shop.pam, shop.ria):
        shown = shop.browser(person).get(page(shop)).content.decode()
        assert "Secret" not in shown and "Draft" not in shown
    refused = shop.browser().post(
        f"{shop.release.get_absolute_url()}readiness/learnings/{hidden.slug}/read/", {"version": 2}
    )
    nothing = shop.browser().post(f"{shop.release.get_absolute_url()}readiness/learnings/none/read/", {"version": 2})
    assert refused.status_code == nothing.status_code == 404
    assert shop.browser().get(api(shop)).json()["results"] == []


def test_what_is_restricted_later_counts_no_more_and_was_kept_nowhere_by_its_title(
    shop: Shop, row: Retrospective
) -> None:
    covers = {each.identity for each in shop.gate("learnings").blockers}
    until = clock.now() + timedelta(days=1)
    given = override(shop.release, by=shop.pam, gate="learnings", reason="Agreed.", until=until, covers=covers)
    press(shop, row, 2)
    edit(row, by=shop.ana, restricted=True)
    assert shop.gate("learnings").reason.startswith("No retrospective published")
    kept = [*given.shown, *given.covers, *AuditEntry.objects.values_list("did", flat=True)]
    kept += StateChange.objects.filter(kind="retrospective for a release").values_list("because", flat=True)
    assert not [each for each in kept if TITLE in each or row.slug in each]


def test_an_override_covers_what_was_there_and_nothing_published_later(shop: Shop, row: Retrospective) -> None:
    covers = {each.identity for each in shop.gate("learnings").blockers}
    until = clock.now() + timedelta(days=1)
    override(shop.release, by=shop.pam, gate="learnings", reason="Agreed.", until=until, covers=covers)
    assert shop.gate("learnings").lets_pass
    learned(shop, "Ledger was wrong")
    assert not shop.gate("learnings").lets_pass


def test_a_retrospective_without_learnings_or_about_another_service_needs_no_reader(shop: Shop) -> None:
    bare = create(shop.squad, by=shop.ana, kind="sprint", title="Sprint 4")
    bare.services.set(shop.services.values())
    edit(bare, by=shop.ana, **{"section:summary": "Weeks."})
    publish(bare, by=shop.ana)
    other = learned(shop)
    other.services.clear()
    assert shop.states()["learnings"] == "passed"


def test_a_release_whose_gates_do_not_ask_says_so_instead_of_showing_an_empty_list(
    shop: Shop, row: Retrospective
) -> None:
    gates = [each for each in EVERY_GATE if each["gate"] != "learnings"]
    save_template(by=shop.pam, line="Shop", gates=gates, version=None)
    assert shop.browser().get(page(shop)).status_code == 404
    answer = shop.browser().get(api(shop))
    assert answer.status_code == 404 and "its gates don’t include “Learnings read”" in answer.json()["detail"]
    assert "learnings" not in shop.states()


def test_the_api_lists_what_is_to_be_read_and_takes_the_word_of_people(shop: Shop, row: Retrospective) -> None:
    browser = shop.browser()
    assert browser.get(api(shop)).json()["results"] == [
        {
            "retrospective": row.slug,
            "title": TITLE,
            "kind": "incident",
            "squad": "payments",
            "services": ["ledger"],
            "published_at": row.published_at.isoformat().replace("+00:00", "Z"),  # type: ignore[union-attr]
            "version": 2,
            "read": False,
            "readers": ["payments"],
            "reads": [],
        }
    ]

    def send(version: object) -> Any:
        return browser.post(api(shop, row.slug, "read"), json.dumps({"version": version}), "application/json")

    assert send(1).status_code == 400 and send(1).json()["errors"][0]["attr"] == "version"
    assert send(2).status_code == 201 and send(2).status_code == 409
    listed = browser.get(api(shop)).json()["results"][0]
    assert listed["read"] and [each["by"] for each in listed["reads"]] == ["ana"]
    assert browser.delete(api(shop, row.slug, "read")).status_code == 204
    assert browser.delete(api(shop, row.slug, "read")).status_code == 409


def test_the_page_of_readiness_leads_to_what_is_to_be_read(shop: Shop, row: Retrospective) -> None:
    shown = shop.browser().get(f"{shop.release.get_absolute_url()}readiness/").content.decode()
    assert f"{page(shop)}#{row.pk}" in shown and "Learned before about these services" in shown
    gate = shop.browser().get(f"{shop.release.get_absolute_url()}readiness/learnings/").content.decode()
    assert f'href="{page(shop)}"' in gate


def test_reading_what_is_to_be_read_takes_as_many_queries_however_much_there_is(shop: Shop) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            shop.browser().get(page(shop))
        return len(asked)

    def judging() -> int:
        with CaptureQueriesContext(connection) as asked:
            readiness_of([shop.release])
        return len(asked)

    first = learned(shop)
    press(shop, first, 2)
    one = cost(), judging()
    for n in range(4):
        row = learned(shop, f"Again {n}", "ledger", "checkout")
        press(shop, row, 2)
    assert (cost(), judging()) == one and one[1] <= 20


def test_the_newest_squad_to_change_a_service_reads_about_it_too(shop: Shop, row: Retrospective) -> None:
    search = Squad.objects.create(name="Search", slug="search", key_prefix="SRC")
    bo = User.objects.create_user("bo")
    Membership.objects.create(squad=search, user=bo)
    shop.services["ledger"].squad = search
    shop.services["ledger"].save()
    assert shop.gate("learnings").who == "squad Payments or squad Search"
    assert "Noted that you read it." in press(shop, row, 2, bo)


def test_a_token_reads_for_nobody(shop: Shop, row: Retrospective) -> None:
    program = User.objects.create_user("robot", program_of=shop.squad)
    browser = Client()
    browser.force_login(program)
    answer = browser.post(api(shop, row.slug, "read"), json.dumps({"version": 2}), "application/json")
    assert answer.status_code in (401, 403) and not LearningRead.objects.exists()
