"""The timeline of a retrospective: what it fills itself with, what people add, and its picture."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from portal.accounts.models import User
from squads.discussions.actions import add_comment
from squads.models import Comment, Retrospective, Squad, TimelineEntry
from squads.retrospectives import actions
from squads.retrospectives.models import RetrospectiveEdit
from squads.stories.actions import create_story

BEGAN = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def row(payments: Squad, ana: User) -> Retrospective:
    about = actions.Subject(began_at=BEGAN, ended_at=BEGAN + HOUR)
    return actions.create(payments, by=ana, kind="incident", title="Checkout was down", subject=about)


def said(payments: Squad, by: User, body: str, at: datetime) -> Comment:
    story = create_story(payments, by=by, title="Refunds")
    comment = add_comment(story, by=by, body=body)
    Comment.objects.filter(pk=comment.pk).update(created_at=at)
    return comment


def shown(browser: Client, row: Retrospective, query: str = "") -> str:
    return str(browser.get(row.get_absolute_url() + query).content.decode())


def test_it_fills_itself_from_the_hours_around_and_begins_before_the_trouble(
    as_ana: Client, payments: Squad, ana: User
) -> None:
    comment = said(payments, ana, "The cache feels slow.", BEGAN - 5 * HOUR)
    said(payments, ana, "Long before.", BEGAN - 7 * HOUR)
    about = actions.Subject(began_at=BEGAN, ended_at=BEGAN + HOUR)
    made = actions.create(payments, by=ana, kind="incident", title="Checkout was down", subject=about)
    (entry,) = made.timeline.all()
    assert (
        entry.text == "Comment on PAY-1: The cache feels slow." and entry.url == f"/stories/PAY-1/#comment-{comment.pk}"
    )
    assert "The cache feels slow." in shown(as_ana, made)


def test_looking_again_adds_what_is_new_and_leaves_what_people_did(
    as_ana: Client, row: Retrospective, payments: Squad, ana: User
) -> None:
    comment = said(payments, ana, "It is down.", BEGAN)
    as_ana.post(f"{row.get_absolute_url()}timeline/")
    entry = row.timeline.get()
    actions.change_entry(row, entry, by=ana, state="dropped")
    said(payments, ana, "It is back.", BEGAN + HOUR)
    Comment.objects.filter(pk=comment.pk).update(body="It is down?")
    page = as_ana.post(f"{row.get_absolute_url()}timeline/", follow=True)
    assert "1 new entry. 1 entry says something else than before: see the versions." in page.content.decode()
    entry.refresh_from_db()
    assert entry.state == "dropped" and entry.text.endswith("It is down?")
    (change,) = [each for each in RetrospectiveEdit.objects.filter(entry=entry) if "It is down?" in each.after]
    assert "It is down." in change.before
    page = as_ana.post(f"{row.get_absolute_url()}timeline/", follow=True)
    assert "Nothing new." in page.content.decode()
    assert row.timeline.count() == 2


def test_more_than_a_timeline_takes_is_said(
    as_ana: Client, row: Retrospective, payments: Squad, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squads.retrospectives.material.MOST", 1)
    for minutes in range(2):
        said(payments, ana, f"Note {minutes}", BEGAN + timedelta(minutes=minutes))
    page = as_ana.post(f"{row.get_absolute_url()}timeline/", follow=True).content.decode()
    assert "1 new entry. There’s more of kind comment" in page


def test_without_a_beginning_there_is_nothing_to_look_at(as_ana: Client, payments: Squad, ana: User) -> None:
    made = actions.create(payments, by=ana, kind="sprint", title="Two weeks")
    answer = as_ana.post(f"{made.get_absolute_url()}timeline/")
    assert answer.status_code == 400 and "Say when it began first" in answer.content.decode()


def test_people_add_pin_note_drop_and_put_back(as_ana: Client, row: Retrospective) -> None:
    url = f"{row.get_absolute_url()}timeline/"
    sent = {"at": "2026-03-04T12:05", "text": "The on-call engineer was paged.", "url": "javascript:alert(1)"}
    assert as_ana.post(f"{url}new/", sent).status_code == 400
    assert as_ana.post(f"{url}new/", sent | {"url": "https://pages.example/1"}).status_code == 302
    entry = row.timeline.get()
    assert as_ana.post(f"{url}{entry.pk}/state/", {"state": "pinned"}).status_code == 302
    assert "note, pinned" in shown(as_ana, row)
    assert as_ana.post(f"{url}{entry.pk}/", sent | {"url": "", "text": "Paged at five past."}).status_code == 302
    assert as_ana.post(f"{url}{entry.pk}/state/", {"state": "dropped"}).status_code == 302
    assert "Paged at five past." not in shown(as_ana, row) and "1 dropped" in shown(as_ana, row)
    assert "Paged at five past." in as_ana.get(f"{url}dropped/").content.decode()
    as_ana.post(f"{url}{entry.pk}/state/", {"state": "shown"})
    assert "Paged at five past." in shown(as_ana, row)
    assert RetrospectiveEdit.objects.filter(field="timeline").count() == 5


def test_what_rodeo_found_can_be_noted_and_not_reworded(
    as_ana: Client, row: Retrospective, payments: Squad, ana: User
) -> None:
    said(payments, ana, "It is down.", BEGAN)
    actions.fill_timeline(row, by=ana)
    entry = row.timeline.get()
    url = f"{row.get_absolute_url()}timeline/{entry.pk}/"
    assert as_ana.post(url, {"note": "This was the test system.", "text": "Nothing happened."}).status_code == 302
    entry.refresh_from_db()
    assert entry.note == "This was the test system." and entry.text.endswith("It is down.")


def test_somebody_of_another_squad_changes_nothing(as_bo: Client, row: Retrospective, ana: User) -> None:
    entry = actions.add_entry(row, by=ana, text="Paged", at=BEGAN)
    actions.ask_for_review(row, by=ana)
    url = f"{row.get_absolute_url()}timeline/"
    for address in (url, f"{url}new/", f"{url}{entry.pk}/", f"{url}{entry.pk}/state/"):
        assert as_bo.post(address, {"text": "x", "state": "dropped"}).status_code == 403
    assert row.timeline.get().state == "shown"


def test_the_picture_shows_every_lane_and_leads_to_the_entries(as_ana: Client, row: Retrospective, ana: User) -> None:
    entry = actions.add_entry(row, by=ana, text="Paged <b>", at=BEGAN)
    for kind, minutes in (("deployment", 30), ("alert", 10)):
        at = BEGAN + timedelta(minutes=minutes)
        TimelineEntry.objects.create(retrospective=row, key=kind, kind=kind, at=at, until=at + HOUR, text=kind)
    page = shown(as_ana, row)
    assert f'href="#entry-{entry.pk}"' in page and "<b>" not in page.split("<svg", 2)[-1].split("</svg>")[0]
    assert page.count('class="when__mark"') == 3 and page.count('class="when__span"') == 2
    for lane in ("Deployments", "Alerts", "Stages and flags", "Updates"):
        assert f">{lane}</text>" in page


def test_marks_that_would_lie_on_each_other_are_one_that_zooms_in(
    as_ana: Client, row: Retrospective, ana: User
) -> None:
    for minutes in (0, 1, 2, 600):
        actions.add_entry(row, by=ana, text=f"At {minutes}", at=BEGAN + timedelta(minutes=minutes))
    page = shown(as_ana, row)
    assert '<text class="when__count"' in page and "3 from 12:00 to 12:02: At 0; At 1; At 2" in page
    near = shown(as_ana, row, "?since=2026-03-04T11:59:00&until=2026-03-04T12:04:00")
    assert near.count('class="when__mark"') == 3 and "Everything" in near


def test_a_view_that_is_none_shows_everything(as_ana: Client, row: Retrospective, ana: User) -> None:
    actions.add_entry(row, by=ana, text="Paged", at=BEGAN)
    assert 'class="when__mark"' in shown(as_ana, row, "?since=yesterday&until=9999-12-31T23:59:59")
    assert "when__picture" in shown(as_ana, row, "?since=2026-03-05T00:00:00&until=2026-03-04T00:00:00")


def test_entries_without_a_day_stand_last_as_they_were_said(as_ana: Client, row: Retrospective, ana: User) -> None:
    TimelineEntry.objects.create(retrospective=row, key="one", text="Somebody called.", said_at="around 5pm")
    actions.add_entry(row, by=ana, text="Paged", at=BEGAN)
    page = shown(as_ana, row)
    assert page.index("Paged") < page.index("No date") < page.index("around 5pm")


def test_days_stand_above_their_entries_and_what_has_no_day_comes_last(
    as_ana: Client, row: Retrospective, ana: User
) -> None:
    actions.add_entry(row, by=ana, text="Begins", at=BEGAN, until=BEGAN + 13 * HOUR)
    actions.add_entry(row, by=ana, text="Goes on", at=BEGAN + HOUR, until=BEGAN + 2 * HOUR)
    actions.add_entry(row, by=ana, text="Next day", at=BEGAN + 20 * HOUR)
    TimelineEntry.objects.create(
        retrospective=row, key="undated", text="At some point", said_at="about 4pm", kind="note"
    )
    page = shown(as_ana, row).split('<ol class="moments">')[1]
    words = (
        '<li class="moments__day">Wednesday, 4 March 2026</li>',
        '<time datetime="2026-03-04T12:00:00+00:00">12:00</time><span class="muted"> to 5 Mar 01:00</span>',
        "Begins",
        '<time datetime="2026-03-04T13:00:00+00:00">13:00</time><span class="muted"> to 14:00</span>',
        "Goes on",
        '<li class="moments__day">Thursday, 5 March 2026</li>',
        "Next day",
        '<li class="moments__day">No date</li>',
        "about 4pm",
        "At some point",
    )
    places = [page.index(each) for each in words]
    assert places == sorted(places) and page.count("moments__day") == 3


def test_what_others_wrote_is_text_in_the_list_and_in_the_picture(
    as_ana: Client, row: Retrospective, ana: User
) -> None:
    bad = '<script>alert("1")</script>\n& more'
    entry = actions.add_entry(row, by=ana, text=bad, at=BEGAN)
    found = TimelineEntry.objects.create(
        retrospective=row, key="x", text=bad, note=bad, at=BEGAN + HOUR, kind="alert", url='https://a.example/"><b>'
    )
    page = shown(as_ana, row)
    assert "<script>alert" not in page and '"><b>' not in page
    assert page.count("&lt;script&gt;alert(") >= 5
    assert "&lt;/script&gt;<br>&amp; more" in page
    assert f'id="entry-{found.pk}" data-kind="alert"' in page and 'rel="nofollow noreferrer"' in page
    for each in (entry, found):
        assert f'action="{row.get_absolute_url()}timeline/{each.pk}/state/"' in page
        assert f'<a href="{row.get_absolute_url()}timeline/{each.pk}/">' in page
    assert page.count("csrfmiddlewaretoken") >= 2


def test_readers_can_change_nothing_in_it(as_ria: Client, row: Retrospective, ana: User) -> None:
    actions.add_entry(row, by=ana, text="Paged", at=BEGAN)
    actions.ask_for_review(row, by=ana)
    page = shown(as_ria, row)
    assert "Paged" in page and "moment__acts" not in page
