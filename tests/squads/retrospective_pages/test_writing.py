"""Writing a retrospective: beginning it, editing with others, reviewing, publishing, locking and reopening."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from portal.accounts.models import User
from portal.kernel import clock
from squads.models import Retrospective, Service, Squad
from squads.retrospectives import actions
from squads.retrospectives.editing import Conflict, edit
from squads.retrospectives.sections import SectionPlan

NEW = "/retrospectives/new/"
BEGAN = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def draft(payments: Squad, ana: User) -> Retrospective:
    return actions.create(payments, by=ana, kind="incident", title="Checkout was down")


def text_of(row: Retrospective, key: str = "summary") -> str:
    return str(row.sections.get(key=key).text)


def form(row: Retrospective, **values: Any) -> dict[str, Any]:
    """What the edit page sends: everything, as a browser does."""
    row.refresh_from_db()
    sent: dict[str, Any] = {"title": row.title, "version": row.version, "severity": row.severity}
    sent |= {f"section:{section.key}": section.text for section in row.sections.all()}
    return sent | {name.replace("__", ":"): value for name, value in values.items()}


def shown(browser: Client, url: str) -> str:
    return str(browser.get(url).content.decode())


def published(row: Retrospective, by: User, ago: timedelta = timedelta()) -> Retrospective:
    edit(row, by=by, **{"section:summary": "It was down."})
    actions.publish(row, by=by)
    at = clock.now() - ago
    Retrospective.objects.filter(pk=row.pk).update(published_at=at, shown_at=at)
    row.refresh_from_db()
    return row


# Beginning


def test_a_draft_begins_with_the_sections_of_its_kind_and_an_address_that_tells_no_number(
    as_ana: Client, payments: Squad
) -> None:
    answer = as_ana.post(
        NEW, {"title": "Checkout was down", "kind": "incident", "squad": "payments", "themes": "DNS, dns"}
    )
    row = Retrospective.objects.get()
    assert answer.status_code == 302 and answer["Location"] == f"/retrospectives/{row.slug}/"
    assert row.slug.startswith("checkout-was-down-") and len(row.slug) == len("checkout-was-down-") + 8
    assert [each.title for each in row.sections.all()][:4] == ["Summary", "Impact", "Timeline", "Contributing factors"]
    assert [each.name for each in row.themes.all()] == ["dns"]
    assert row.state == "draft"


def test_a_title_of_spaces_and_an_end_before_the_beginning_are_refused_at_their_fields(
    as_ana: Client, payments: Squad
) -> None:
    sent = {"kind": "incident", "squad": "payments", "title": "Down"}
    times = {"began_at": "2026-03-04T12:00", "ended_at": "2026-03-04T11:00"}
    page = as_ana.post(NEW, sent | times)
    assert page.status_code == 400 and b"This is before it began" in page.content
    assert as_ana.post(NEW, sent | {"title": "  "}).status_code == 400
    assert not Retrospective.objects.exists()


def test_one_thing_has_one_retrospective_of_a_squad(payments: Squad, ana: User) -> None:
    about = actions.Subject(kind="incident", key="INC-1", title="Checkout was down", url="/incidents/INC-1/")
    first = actions.create(payments, by=ana, kind="incident", title="Checkout was down", subject=about)
    assert actions.create(payments, by=ana, kind="incident", title="Once more", subject=about) == first


def test_somebody_in_no_squad_is_told_to_join_one(as_ria: Client) -> None:
    answer = as_ria.get(NEW)
    assert answer.status_code == 403 and b"Join or create a squad first" in answer.content


# Editing with others


def test_what_two_people_write_into_different_sections_both_stays(
    as_ana: Client, as_lea: Client, draft: Retrospective
) -> None:
    url = f"/retrospectives/{draft.slug}/edit/"
    both = form(draft)
    assert as_ana.post(url, both | {"section:summary": "It was down."}).status_code == 302
    assert as_lea.post(url, both | {"section:impact": "Nobody could pay."}).status_code == 302
    assert text_of(draft) == "It was down.\n" and text_of(draft, "impact") == "Nobody could pay.\n"


def test_what_two_people_write_into_different_lines_of_one_section_is_merged(
    as_ana: Client, as_lea: Client, draft: Retrospective, ana: User
) -> None:
    edit(draft, by=ana, **{"section:factors": "- the cache\n- the timeout\n- the alert"})
    url, both = f"/retrospectives/{draft.slug}/edit/", form(draft)
    as_ana.post(url, both | {"section:factors": "- the cache was new\n- the timeout\n- the alert"})
    as_lea.post(url, both | {"section:factors": "- the cache\n- the timeout\n- the alert\n- the hand-over"})
    assert text_of(draft, "factors") == "- the cache was new\n- the timeout\n- the alert\n- the hand-over\n"


def test_of_the_same_lines_both_versions_are_shown_and_nothing_of_the_others_is_lost(
    as_ana: Client, as_lea: Client, draft: Retrospective, lea: User
) -> None:
    url, both = f"/retrospectives/{draft.slug}/edit/", form(draft)
    edit(draft, by=lea, **{"section:summary": "Checkout was slow.", "section:impact": "Some could not pay."})
    mine = both | {"section:summary": "Checkout was down.", "section:learnings": "Ask earlier."}
    page = as_ana.post(url, mine)
    assert page.status_code == 409
    said = page.content.decode()
    assert "Checkout was slow." in said and "Checkout was down." in said and "Lea wrote" in said
    assert text_of(draft) == "Checkout was slow.\n" and text_of(draft, "learnings") == ""
    again = {name: value for name, value in page.context["form"].initial.items() if name.startswith("section:")}
    assert again["section:impact"] == "Some could not pay.\n", "what this person left alone is what Lea made of it"
    saved = as_ana.post(url, form(draft) | again | {"version": page.context["form"].initial["version"]})
    assert saved.status_code == 302
    assert text_of(draft) == "Checkout was down.\n" and text_of(draft, "impact") == "Some could not pay.\n"
    assert text_of(draft, "learnings") == "Ask earlier.\n"


def test_a_verb_says_which_lines_clash_and_writes_nothing(draft: Retrospective, ana: User, lea: User) -> None:
    edit(draft, by=lea, title="Checkout was slow")
    with pytest.raises(Conflict) as clash:
        edit(draft, by=ana, base_version=1, title="Checkout was gone", **{"section:impact": "Nobody could pay."})
    assert "Lea changed the same lines of title" in str(clash.value)
    assert text_of(draft, "impact") == ""


def test_a_text_that_is_too_long_is_refused_by_its_name(as_ana: Client, draft: Retrospective) -> None:
    page = as_ana.post(f"/retrospectives/{draft.slug}/edit/", form(draft, section__summary="x" * 60_000))
    assert page.status_code == 400 and b"This is over 50,000 characters" in page.content


def test_every_version_is_kept_and_can_be_compared(as_ana: Client, draft: Retrospective, ana: User) -> None:
    edit(draft, by=ana, because="first words", **{"section:summary": "It was down.\nFor an hour."})
    edit(draft, by=ana, **{"section:summary": "It was slow.\nFor an hour.", "title": "Checkout was slow"})
    page = shown(as_ana, f"/retrospectives/{draft.slug}/versions/")
    assert "first words" in page and "now at version 3" in page
    compared = shown(as_ana, f"/retrospectives/{draft.slug}/versions/compare/?old=1&new=3")
    assert "+ It was slow." in compared and "+ For an hour." in compared and "+ Checkout was slow" in compared
    between = shown(as_ana, f"/retrospectives/{draft.slug}/versions/compare/?old=2&new=3")
    assert "− It was down." in between and "+ For an hour." not in between
    assert as_ana.get(f"/retrospectives/{draft.slug}/versions/compare/?old=1&new=9").status_code == 404


def test_what_it_has_stays_when_the_form_is_saved_also_what_is_no_longer_offered(
    as_ana: Client, draft: Retrospective, ana: User, bo: User, checkout: Service
) -> None:
    edit(draft, by=ana, services=[checkout], facilitator=bo, themes=["dns"])
    User.objects.filter(pk=bo.pk).update(is_active=False)
    page = as_ana.get(f"/retrospectives/{draft.slug}/edit/").content.decode()
    assert '<option value="checkout" selected>' in page and '<option value="bo" selected>' in page
    sent = form(draft, services=["checkout"], facilitator="bo", themes="dns", section__summary="It was down.")
    assert as_ana.post(f"/retrospectives/{draft.slug}/edit/", sent).status_code == 302
    draft.refresh_from_db()
    assert list(draft.services.all()) == [checkout] and draft.facilitator == bo


@pytest.mark.parametrize("year", ["0001", "9999", "1969"])
def test_a_year_that_nobody_means_is_refused_at_its_field(as_ana: Client, draft: Retrospective, year: str) -> None:
    sent = {"title": "Down", "kind": "incident", "squad": "payments", "began_at": f"{year}-01-01T00:00"}
    entry = {"text": "Paged", "at": f"{year}-12-31T23:59"}
    edited = form(draft) | {"began_at": f"{year}-01-01T00:00"}
    for url, body in (
        (NEW, sent),
        (f"/retrospectives/{draft.slug}/timeline/new/", entry),
        (f"/retrospectives/{draft.slug}/edit/", edited),
    ):
        page = as_ana.post(url, body)
        assert page.status_code == 400 and "Choose a year from 1970 to 2100." in page.content.decode(), url
    assert as_ana.get(draft.get_absolute_url()).status_code == 200


def test_a_version_that_is_no_number_is_not_there(as_ana: Client, draft: Retrospective) -> None:
    for version in ("9" * 5000, "000000001" + "9" * 400, "²", "-1"):
        assert as_ana.get(f"/retrospectives/{draft.slug}/versions/compare/", {"old": version}).status_code == 404


# Review, publication, locking


def test_only_the_squad_sees_a_draft_everyone_a_review_and_what_is_published(
    as_ana: Client, as_bo: Client, draft: Retrospective
) -> None:
    url = draft.get_absolute_url()
    assert as_bo.get(url).status_code == 404 and "Checkout was down" not in shown(as_bo, "/retrospectives/")
    as_ana.post(f"{url}review/")
    assert as_bo.get(url).status_code == 200 and "in review" in shown(as_bo, "/retrospectives/")
    assert as_bo.post(f"{url}publication/").status_code == 403
    refused = as_ana.post(f"{url}publication/")
    assert refused.status_code == 400 and "Write “Summary” first" in refused.content.decode()
    as_ana.post(f"{url}edit/", form(draft, section__summary="It was down."))
    assert as_ana.post(f"{url}publication/").status_code == 302
    assert "It was down." in shown(as_bo, "/retrospectives/")


def test_publishing_twice_says_that_it_is_published(as_ana: Client, draft: Retrospective, ana: User) -> None:
    published(draft, ana)
    again = as_ana.post(f"{draft.get_absolute_url()}publication/")
    assert again.status_code == 409 and "is already “published”" in again.content.decode()


def test_thirty_days_after_publication_the_text_is_locked_and_reopening_leaves_a_mark(
    as_ana: Client, as_bo: Client, draft: Retrospective, ana: User
) -> None:
    published(draft, ana, timedelta(days=31))
    url = draft.get_absolute_url()
    refused = as_ana.post(f"{url}edit/", form(draft, section__summary="Otherwise."))
    assert refused.status_code == 400 and "its text is locked. Reopen it first." in refused.content.decode()
    with pytest.raises(ValidationError, match="locked"):
        actions.add_entry(draft, by=ana, text="Something else", at=None)
    assert as_ana.post(f"{url}reopen/", {"because": ""}).status_code == 400
    assert as_ana.post(f"{url}reopen/", {"because": "The numbers were wrong."}).status_code == 302
    assert as_ana.post(f"{url}edit/", form(draft, section__summary="Otherwise.")).status_code == 302
    page = shown(as_bo, url)
    assert "Otherwise." in page and "after it was locked" in page
    assert "The numbers were wrong." in shown(as_bo, f"{url}versions/")


def test_services_and_themes_of_locked_text_can_still_be_changed(
    draft: Retrospective, ana: User, checkout: Service
) -> None:
    published(draft, ana, timedelta(days=31))
    edit(draft, by=ana, services=[checkout], themes=["dns"])
    assert list(draft.services.all()) == [checkout]


def test_a_draft_can_be_deleted_and_nothing_later(as_ana: Client, draft: Retrospective, ana: User) -> None:
    other = actions.create(draft.squad, by=ana, kind="success", title="Nobody noticed the move")
    assert as_ana.post(f"{draft.get_absolute_url()}delete/").status_code == 302
    published(other, ana)
    assert as_ana.post(f"{other.get_absolute_url()}delete/").status_code == 400
    assert list(Retrospective.objects.all()) == [other]


# People


def test_people_who_were_added_read_and_write_a_draft(
    as_ana: Client, as_bo: Client, bo: User, draft: Retrospective
) -> None:
    url = draft.get_absolute_url()
    assert as_ana.post(f"{url}people/", {"person": "bo"}).status_code == 302
    assert as_bo.post(f"{url}edit/", form(draft, section__impact="Search too.")).status_code == 302
    assert as_bo.post(f"{url}people/", {"person": "bo"}).status_code == 403
    assert as_bo.post(f"{url}edit/", form(draft) | {"restricted": "on"}).status_code == 302
    draft.refresh_from_db()
    assert not draft.restricted, "who can read it is the squad's to say"
    as_ana.post(f"{url}people/bo/remove/")
    assert as_bo.get(url).status_code == 404


# Sections of a squad's own


def test_a_squad_changes_the_sections_of_new_ones_and_none_that_is_written(
    as_lea: Client, as_ana: Client, draft: Retrospective, ana: User, payments: Squad
) -> None:
    url = "/squads/payments/retrospective-sections/incident/"
    edit(draft, by=ana, **{"section:summary": "It was down."})
    assert as_ana.post(url, {"sections": "Summary"}).status_code == 403
    assert as_lea.post(url, {"sections": "Summary | In short.\nWhat we tried | All of it."}).status_code == 302
    fresh = actions.create(payments, by=ana, kind="incident", title="Another one")
    assert [(each.key, each.title) for each in fresh.sections.all()] == [
        ("summary", "Summary"),
        ("what_we_tried", "What we tried"),
    ]
    assert draft.sections.count() == 9 and text_of(draft) == "It was down.\n"
    assert as_lea.post(url, {"own": "1"}).status_code == 302
    assert len(actions.sections_for(payments, "incident")) == 9


def test_sections_of_one_name_are_refused(lea: User, payments: Squad) -> None:
    with pytest.raises(ValidationError, match="is there twice"):
        actions.set_template(payments, "sprint", [SectionPlan("", "Mood", ""), SectionPlan("", "mood", "")], by=lea)
