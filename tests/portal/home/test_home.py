"""The first page of a signed-in person: what is theirs, what waits for them, and what changed since they looked."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from portal.home import queries
from portal.kernel import clock
from portal.kernel.models import StateChange
from squads.models import AcceptanceRequest, Comment, Evidence, Membership, Mention, Squad, Story, Watch
from squads.stories.actions import create_story, judge, record_by_hand

MINE = "Your stories and what’s missing"


def home(client: Client, query: str = "") -> str:
    answer = client.get(f"/{query}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def section(page: str, heading: str) -> str:
    """The text of one part of the page, from its heading to the end of the section."""
    assert heading in page, page
    return page.split(heading, 1)[1].split("</section>", 1)[0]


def until(page: str) -> str:
    return page.split('name="until" value="', 1)[1].split('"', 1)[0]


def watched(story: Story, person: User) -> Story:
    Watch.objects.get_or_create(story=story, person=person, defaults={"since": timezone.now()})
    return story


def deployed(story: Story, at: Any, shas: list[str]) -> None:
    Evidence.objects.create(
        story=story,
        kind="deployment",
        verdict="success",
        at=at,
        service="checkout",
        environment="prod",
        tier="production",
        shas=shas,
        label="1.1",
    )
    judge([story.pk])


# One's own stories


def test_a_person_sees_the_stories_assigned_to_them_and_what_each_lacks(
    as_ana: Client, ana: User, bo: User, payments: Squad
) -> None:
    create_story(payments, by=bo, title="Assigned", assignees=[ana])
    create_story(payments, by=bo, title="Started", assignees=[ana]).move_progress("in_progress", by=bo)
    create_story(payments, by=ana, title="Written").move_progress("in_progress", by=ana)
    shown = section(home(as_ana), MINE)
    assert "Assigned" in shown and "No. To do: nobody has started it (squad Payments)." in shown
    assert shown.index("Started") < shown.index("Assigned")
    assert "Written" not in shown


def test_a_story_that_is_rodeo_done_is_no_longer_ones_own(as_ana: Client, ana: User, payments: Squad) -> None:
    story = create_story(payments, by=ana, title="Gift cards", assignees=[ana])
    for kind in ("deployment", "acceptance"):
        record_by_hand(story, by=ana, kind=kind, note="Seen.")
    assert story.stage == "rodeo_done"
    assert "Gift cards" not in section(home(as_ana), MINE)


def test_who_has_nothing_to_do_is_led_to_the_board(as_ana: Client, payments: Squad) -> None:
    shown = section(home(as_ana), MINE)
    assert "Nothing is assigned to you. Take a story from" in shown and "/squads/payments/board/" in shown


def test_own_stories_come_in_pages(as_ana: Client, ana: User, payments: Squad) -> None:
    for number in range(queries.MINE + 1):
        create_story(payments, by=ana, title=f"Story number {number}.", assignees=[ana])
    first, second = home(as_ana), home(as_ana, "?page=2")
    assert "Story number 0." not in first and "Story number 12." in first and 'href="?page=2"' in first
    assert "Story number 0." in second and "Story number 12." not in section(second, MINE)
    for strange in ("0", "-1", "x", "9" * 30, "²"):
        assert "Story number 12." in home(as_ana, f"?page={strange}")


# What waits


def test_somebody_asked_by_name_finds_it_waiting(as_bo: Client, ana: User, bo: User, payments: Squad) -> None:
    story = create_story(payments, by=ana, title="Gift cards")
    request = AcceptanceRequest.objects.create(
        story=story, asked_by=ana, asked_at=timezone.now(), accepter=bo, note="Buy one in the shop."
    )
    shown = section(home(as_bo), "Waiting for you")
    assert (
        "Gift cards" in shown
        and "Ana asks you to accept this in production" in shown
        and "Buy one in the shop." in shown
    )
    AcceptanceRequest.objects.filter(pk=request.pk).update(state="withdrawn")
    assert "Waiting for you" not in home(as_bo)


def test_without_a_name_it_waits_for_the_accepters_of_the_squad_and_nobody_else(
    as_ana: Client, as_bo: Client, ana: User, bo: User, payments: Squad, search: Squad
) -> None:
    Membership.objects.filter(user=ana).update(accepts=True)
    Membership.objects.filter(user=bo).update(accepts=True)
    story = create_story(payments, by=bo, title="Gift cards")
    AcceptanceRequest.objects.create(story=story, asked_by=bo, asked_at=timezone.now())
    assert "Bo asks an accepter of Payments" in section(home(as_ana), "Waiting for you")
    assert "Waiting for you" not in home(as_bo)
    Membership.objects.create(squad=payments, user=bo, accepts=True)
    assert "Waiting for you" not in home(as_bo), "nobody accepts what they made, so it waits for others"


def test_a_mention_waits_until_it_was_seen(as_ana: Client, ana: User, bo: User, payments: Squad) -> None:
    story = create_story(payments, by=bo, title="Gift cards")
    comment = Comment.objects.create(story=story, author=bo, body="@ana <b>look</b>", created_at=timezone.now())
    mention = Mention.objects.create(comment=comment, person=ana)
    shown = section(home(as_ana), "Waiting for you")
    assert "Bo mentions you" in shown and "&lt;b&gt;look" in shown
    Mention.objects.filter(pk=mention.pk).update(seen_at=timezone.now())
    assert "mentions you" not in home(as_ana)


# Their squads


def test_ones_squads_lead_to_their_boards_with_counts(
    as_ana: Client, ana: User, payments: Squad, search: Squad
) -> None:
    create_story(payments, by=ana, title="One")
    create_story(payments, by=ana, title="Two").move_progress("in_progress", by=ana)
    shown = section(home(as_ana), "Your squads")
    assert queries.board_url(payments) in shown
    assert "1 to do" in shown and "1 in progress" in shown and "0 " not in shown
    assert "Search" not in shown


# What changed


def test_what_others_did_to_ones_stories_is_news_until_one_has_caught_up(
    as_ana: Client, ana: User, bo: User, payments: Squad
) -> None:
    story = create_story(payments, by=ana, title="Gift cards")
    story.move_progress("in_progress", by=bo, because="Ana is away")
    other = watched(create_story(payments, by=bo, title="Refunds"), ana)
    Comment.objects.create(story=other, author=bo, body="Which bank?", created_at=timezone.now())
    Comment.objects.create(story=other, author=ana, body="My own words", created_at=timezone.now())
    shown = section(home(as_ana), "Since last week")
    assert "to do → in progress, Bo" in shown and "Ana is away" in shown and "Gift cards" in shown
    assert "Bo commented" in shown and "Which bank?" in shown
    assert "My own words" not in shown
    page = home(as_ana)
    ana.refresh_from_db()
    assert ana.looked_at is None, "opening the page says nothing"
    as_ana.post("/caught-up/", {"until": until(page)})
    ana.refresh_from_db()
    assert ana.looked_at is not None and ana.looked_at.isoformat() == until(page)
    assert "Nothing new on stories you created, moved or watch." in home(as_ana)
    story.move_progress("dev_done", by=bo)
    assert "in progress → dev done, Bo" in section(home(as_ana), "Since your last visit")


def test_whoever_is_concerned_hears_that_a_story_was_declined(
    as_ana: Client, as_bo: Client, ana: User, bo: User, payments: Squad
) -> None:
    story = create_story(payments, by=ana, title="Gift cards")
    AcceptanceRequest.objects.create(
        story=story,
        asked_by=ana,
        asked_at=timezone.now(),
        accepter=bo,
        state="declined",
        answered_by=bo,
        answered_at=timezone.now(),
        answer="The card is empty.",
    )
    shown = section(home(as_ana), "Since last week")
    assert "Bo declined it in production" in shown and "The card is empty." in shown
    assert "declined" not in home(as_bo), "whoever declined it knows"
    as_ana.post("/caught-up/", {"until": until(home(as_ana))})
    assert "declined" not in home(as_ana)


def test_what_happened_after_the_page_was_made_stays_news(as_ana: Client, ana: User, bo: User, payments: Squad) -> None:
    story = watched(create_story(payments, by=bo, title="Refunds"), ana)
    comment = Comment.objects.create(story=story, author=bo, body="@ana earlier", created_at=timezone.now())
    Mention.objects.create(comment=comment, person=ana)
    page = home(as_ana)
    story.move_progress("in_progress", by=bo)
    later = Comment.objects.create(story=story, author=bo, body="@ana later", created_at=timezone.now())
    Mention.objects.create(comment=later, person=ana)
    as_ana.post("/caught-up/", {"until": until(page)})
    shown = home(as_ana)
    assert "to do → in progress" in shown
    assert "@ana later" in section(shown, "Waiting for you")
    assert "@ana earlier" not in shown


@pytest.mark.parametrize("said", ["", "soon", "0001-01-01T00:00:00"])
def test_catching_up_without_a_moment_changes_nothing(as_ana: Client, ana: User, said: str) -> None:
    answer = as_ana.post("/caught-up/", {"until": said}, follow=True)
    assert "Reload the page, then mark it as read again." in answer.content.decode()
    ana.refresh_from_db()
    assert ana.looked_at is None


def test_nobody_catches_up_with_the_future_or_goes_back(as_ana: Client, ana: User) -> None:
    as_ana.post("/caught-up/", {"until": "2999-01-01T00:00:00Z"})
    ana.refresh_from_db()
    assert ana.looked_at is not None and ana.looked_at <= timezone.now()
    before = ana.looked_at
    as_ana.post("/caught-up/", {"until": "2020-01-01T00:00:00Z"})
    ana.refresh_from_db()
    assert ana.looked_at == before


def test_catching_up_is_said_not_opened_and_needs_a_person(as_ana: Client, client: Client) -> None:
    assert as_ana.get("/caught-up/").status_code == 405
    assert client.post("/caught-up/", {"until": "2026-01-01"})["Location"].startswith("/accounts/login/")


def test_what_evidence_withdrew_comes_before_what_it_brought(as_ana: Client, ana: User, payments: Squad) -> None:
    now = timezone.now()
    up, down = (create_story(payments, by=ana, title=title) for title in ("Rises", "Falls"))
    for story, hours in ((up, 1), (down, 3)):
        Evidence.objects.create(
            story=story, kind="change", verdict="success", at=now - timedelta(hours=9), service="checkout", shas=["abc"]
        )
        deployed(story, now - timedelta(hours=hours), ["abc"])
    deployed(down, now - timedelta(hours=2), [])
    shown = section(home(as_ana), "Since last week")
    assert shown.index("no longer deployed") < shown.index("Rises")
    assert "Replaced by 1.1 in prod, which does not contain it" in shown
    assert '<span class="tag" data-state="good">deployed</span>' in shown


def test_evidence_from_before_is_no_news(as_ana: Client, ana: User, payments: Squad) -> None:
    story = create_story(payments, by=ana, title="Old")
    Evidence.objects.create(
        story=story,
        kind="change",
        verdict="success",
        at=timezone.now() - timedelta(days=30),
        service="checkout",
        shas=["abc"],
    )
    deployed(story, timezone.now() - timedelta(days=20), ["abc"])
    assert "Nothing new on stories you created" in home(as_ana)


# Newcomers and others


def test_a_newcomer_is_told_how_to_begin(db: None, client: Client) -> None:
    client.force_login(User.objects.create_user("new"))
    page = home(client)
    assert "Join a squad" in page
    assert "ask its lead to add you" in page
    assert "Nothing new on stories you created, moved or watch." in page
    assert "Mark as read" not in page


def test_with_open_reading_anybody_sees_what_is_going_out(
    client: Client, ana: User, payments: Squad, settings: Any
) -> None:
    settings.RODEO_OPEN_READING = True
    page = home(client)
    assert "In progress" in page
    assert "Your stories" not in page and "First steps" in page


def test_the_page_takes_at_most_twenty_queries_whatever_there_is(
    as_ana: Client, ana: User, bo: User, payments: Squad
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            home(as_ana)
        return len(asked)

    Membership.objects.filter(user=ana).update(accepts=True)
    costs = [count()]
    for number in range(40):
        story = watched(create_story(payments, by=ana if number % 2 else bo, title=f"Story {number}"), ana)
        story.move_progress("in_progress", by=bo if number % 3 else ana)
        AcceptanceRequest.objects.create(story=story, asked_by=bo, asked_at=clock.now())
        comment = Comment.objects.create(story=story, author=bo, body="@ana", created_at=clock.now())
        Mention.objects.create(comment=comment, person=ana)
        Evidence.objects.create(
            story=story, kind="change", verdict="success", at=clock.now(), service=f"s{number}", shas=["abc"]
        )
        deployed(story, clock.now(), ["abc"])
        Squad.objects.create(name=f"Squad {number}", slug=f"s{number}", key_prefix=f"S{number}").members.add(ana)
        if number in (0, 39):
            costs.append(count())
    assert StateChange.objects.count() == 40
    assert max(costs) <= 20, costs
    assert costs[1] == costs[2]
