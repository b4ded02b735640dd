"""What the palette offers to do: moving, planning and creating stories, and whether one is done."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import outbox
from portal.search.commands import Act, offer
from releases.planning.actions import create_release
from squads.models import Membership, Squad, Story
from squads.stories.actions import create_story

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def stories(ana: User, payments: Squad) -> list[Story]:
    """PAY-1 to PAY-3, and two releases to come."""
    made = [create_story(payments, by=ana, title=title) for title in ("Gift cards", "Refund gift cards", "Vouchers")]
    for version in ("5.10", "5.11"):
        create_release(by=ana, version=version, line="Shop")
    outbox.deliver()
    return made


def acts(text: str, me: User, page: str = "") -> list[str]:
    return [act.label for act in offer(text, me, page).acts]


def perform(browser: Client, act: Act | dict[str, Any]) -> Any:
    said = act._asdict() if isinstance(act, Act) else act
    return getattr(browser, said["method"].lower())(said["url"], said["body"], content_type="application/json")


def test_a_title_that_is_too_long_is_not_cut_but_refused_with_its_length(ana: User) -> None:
    assert acts(f"create {'x' * 200}", ana) == [f"Create “{'x' * 200}” in Payments"]
    offered = offer(f"create {'x' * 201}", ana)
    assert (offered.acts, offered.notes) == ([], ["This title has 201 characters; 200 is the most. Shorten it."])


@pytest.mark.parametrize(
    ("text", "page", "offered"),
    [
        ("move PAY-1 to dev done", "", ["Move PAY-1 Gift cards to dev done"]),
        ("move pay-1 to in_progress", "", ["Move PAY-1 Gift cards to in progress"]),
        ("move PAY-1", "", ["Move PAY-1 Gift cards to in progress", "Move PAY-1 Gift cards to dev done"]),
        ("move vouchers to dev", "", ["Move PAY-3 Vouchers to dev done"]),
        ("move dev done", "/stories/PAY-2/", ["Move PAY-2 Refund gift cards to dev done"]),
        ("plan PAY-3 for 5.11", "", ["Plan PAY-3 Vouchers for Shop 5.11"]),
        ("plan 5.10", "/stories/PAY-2/", ["Plan PAY-2 Refund gift cards for Shop 5.10"]),
        ("assign PAY-1 to me", "", ["Assign PAY-1 Gift cards to Ana"]),
        ("assign vouchers to an", "", ["Assign PAY-3 Vouchers to Ana"]),
        ("assign ana", "/stories/PAY-2/", ["Assign PAY-2 Refund gift cards to Ana"]),
        ("create Bookmarks", "", ["Create “Bookmarks” in Payments"]),
        ("move", "", []),
        ("moving house", "", []),
    ],
)
def test_a_text_becomes_an_act(ana: User, text: str, page: str, offered: list[str]) -> None:
    assert acts(text, ana, page) == offered


def test_an_act_is_the_same_request_as_a_programs_and_is_undone_by_another(as_ana: Client, ana: User) -> None:
    [move] = offer("move PAY-1 to dev done", ana).acts
    assert perform(as_ana, move).status_code == 200 and move.done == "PAY-1 is dev done."
    assert Story.objects.get(key="PAY-1").progress == "dev_done"
    undo = json.loads(move.undo)
    assert perform(as_ana, undo).status_code == 200 and undo["done"] == "PAY-1 is to do again."
    [plan] = offer("plan PAY-1 for 5.10", ana).acts
    perform(as_ana, plan)
    assert str(Story.objects.get(key="PAY-1").release) == "Shop 5.10"
    perform(as_ana, json.loads(plan.undo))
    [assign] = offer("assign PAY-1 to me", ana).acts
    assert perform(as_ana, assign).status_code == 200 and assign.done == "PAY-1 is assigned to Ana."
    story = Story.objects.get(key="PAY-1")
    assert list(story.assignees.all()) == [ana]
    assert offer("assign PAY-1 to ana", ana).acts[0].label == "Unassign PAY-1 Gift cards from Ana"
    perform(as_ana, json.loads(assign.undo))
    assert not story.assignees.exists()
    assert (story.progress, story.release) == ("todo", None)
    [create] = offer("create Bookmarks", ana).acts
    assert perform(as_ana, create).json()["key"] == "PAY-4"


def test_undoing_a_move_leaves_alone_what_somebody_else_moved_since(as_ana: Client, ana: User) -> None:
    [move] = offer("move PAY-1 to in progress", ana).acts
    perform(as_ana, move)
    story = Story.objects.get(key="PAY-1")
    story.move_progress("dev_done", by=ana)
    undone = perform(as_ana, json.loads(move.undo))
    assert undone.status_code == 409
    assert "is now “dev_done”, so it can’t become “todo”" in undone.json()["errors"][0]["detail"]
    story.refresh_from_db()
    assert story.progress == "dev_done"


def test_nobody_is_offered_what_they_may_not_do(bo: User, pam: User, client: Client) -> None:
    assert acts("move PAY-1 to dev done", bo) == acts("assign PAY-1 to me", bo) == []
    assert offer("move PAY-1", bo).notes == ["Only members of Payments can move PAY-1."]
    assert offer("plan PAY-1", bo).notes == ["Only project managers and members of Payments can plan PAY-1."]
    assert acts("plan PAY-1 for 5.10", pam) == ["Plan PAY-1 Gift cards for Shop 5.10"]
    assert offer("create Bookmarks", pam).notes == ["Stories belong to squads. Join or create one first."]
    assert acts("create Bookmarks", bo) == ["Create “Bookmarks” in Search"]


def test_words_that_several_stories_have_are_asked_about(ana: User) -> None:
    fills = offer("move gift cards", ana).fills
    assert [(each.label, each.text) for each in fills] == [
        ("Move PAY-1 Gift cards", "move PAY-1 to "),
        ("Move PAY-2 Refund gift cards", "move PAY-2 to "),
    ]
    assert offer("move PAY-1 to tested", ana).notes == [
        "You can move stories up to dev done. After that, evidence moves them."
    ]
    assert offer("plan PAY-1 for 9.9", ana).notes == ["There’s no release “9.9”."]


def test_is_it_done_is_answered_by_title_with_the_honest_sentence(as_ria: Client, ana: User, ria: User) -> None:
    for text in ("is vouchers done?", "is vouchers", "Is PAY-3 rodeo done"):
        [answer] = offer(text, ria).answers
        assert (answer.key, answer.said[:3]) == ("PAY-3", "No.")
    options = as_ria.get("/search/suggestions/", {"q": "is gift cards done?"}).content.decode()
    assert options.count('class="palette__answer"') == 2 and "No. To do" in options and "Nothing has" not in options


def test_the_palette_shows_acts_and_no_hits_beside_them(as_ana: Client) -> None:
    sent = {"q": "move to in progress", "page": "/stories/PAY-1/"}
    options = as_ana.get("/search/suggestions/", sent).content.decode()
    assert 'data-url="/api/v1/stories/PAY-1/progress/"' in options and "data-href" not in options
    assert 'data-href="/stories/PAY-3/"' in as_ana.get("/search/suggestions/", {"q": "go to vouchers"}).content.decode()


def test_it_costs_a_few_queries(ana: User) -> None:
    for text in ("move gift cards to dev done", "plan gift cards for 5.10", "is gift cards done?", "create Bookmarks"):
        with CaptureQueriesContext(connection) as queries:
            offer(text, ana)
        assert len(queries) <= 18, text


def test_an_administrator_creates_in_their_own_squad_first(root: User, search: Squad) -> None:
    assert acts("create Bookmarks", root)[0].endswith("in Payments")
    Membership.objects.create(squad=search, user=root)
    assert acts("create Bookmarks", root)[0].endswith("in Search")
    assert acts("create Bookmarks", root, "/squads/payments/board/")[0].endswith("in Payments")


# Quick create


def test_a_story_is_created_from_any_page_with_its_title_alone(as_ana: Client, payments: Squad, search: Squad) -> None:
    form = as_ana.get("/stories/new/quick/", {"page": "/squads/payments/board/"}, headers={"X-Part": "1"})
    assert "<html" not in form.content.decode() and 'id="create-title"' in form.content.decode()
    said = {"title": "Bookmarks", "squad": payments.pk, "release": ""}
    made = as_ana.post("/stories/new/quick/", said, headers={"X-Part": "1"})
    assert (made.status_code, made.json()) == (201, {"key": "PAY-4", "title": "Bookmarks", "url": "/stories/PAY-4/"})
    followed = as_ana.post("/stories/new/quick/", {**said, "title": "Marks"}, follow=True)
    assert followed.redirect_chain == [("/stories/PAY-5/", 302)] and "Created PAY-5." in followed.content.decode()


def test_errors_come_back_in_the_form_with_what_was_typed(as_ana: Client, payments: Squad, search: Squad) -> None:
    answer = as_ana.post("/stories/new/quick/", {"title": "", "squad": payments.pk}, headers={"X-Part": "1"})
    assert answer.status_code == 400 and 'aria-invalid="true"' in answer.content.decode()
    assert as_ana.post("/stories/new/quick/", {"title": "Mine", "squad": search.pk}).status_code == 400
    assert Story.objects.count() == 3


def test_the_page_suggests_squad_and_release(as_root: Client, payments: Squad, search: Squad) -> None:
    for page, chosen in (
        ("/squads/search/", f'value="{search.pk}" selected'),
        ("/releases/shop-5.10/", "selected>Shop 5.10"),
    ):
        assert chosen in as_root.get("/stories/new/quick/", {"page": page}).content.decode()
    assert (
        f'value="{payments.pk}" selected'
        in as_root.get("/stories/new/quick/", {"page": "/stories/PAY-1/"}).content.decode()
    )
