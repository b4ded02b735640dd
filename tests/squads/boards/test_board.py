"""The board of a squad, through the browser's door."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from portal.kernel.models import StateChange
from releases.planning.models import Release
from squads.boards.time_in_stage import usual
from squads.models import SavedView, Squad, Story
from squads.stories import ranking

BOARD = "/squads/payments/board/"
Write = Callable[..., Story]


def page(client: Client, url: str = BOARD, **query: str) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200
    return answer.content.decode()


def column(html: str, stage: str) -> list[str]:
    """The keys in one column, from the top."""
    cell = html.partition(f'<div class="lane__cards" data-stage="{stage}"')[2].partition("</section>")[0]
    return re.findall(r'data-key="([A-Z]+-\d+)"', cell)


def test_nobody_is_sent_to_sign_in(client: Client, payments: Squad) -> None:
    assert client.get(BOARD)["Location"].startswith("/accounts/login/")


def test_every_label_of_the_board_leads_to_one_field(as_bo: Client, write: Write) -> None:
    write("Ants")
    ids = re.findall(r'\sid="([^"]+)"', page(as_bo))
    assert sorted(set(ids)) == sorted(ids)


def test_people_fill_three_columns_and_evidence_the_others(as_bo: Client, write: Write) -> None:
    write("Refunds")
    write("Started", progress="in_progress")
    write("Said done", progress="dev_done")
    for steps in (2, 3, 4, 5):
        write(f"With {steps} steps", steps, progress="dev_done")
    html = page(as_bo)
    stages = ["todo", "in_progress", "dev_done", "integrated", "tested", "deployed", "rodeo_done"]
    assert [column(html, stage) for stage in stages] == [[f"PAY-{number}"] for number in range(1, 8)]


def test_a_card_says_gaps_withdrawals_blocks_and_the_answer(as_bo: Client, ana: User, write: Write) -> None:
    ranking.block(write("Refunds", 2), by=ana, because="Bank <b>says</b> no")
    html = page(as_bo)
    assert "gap: dev done" in html
    assert "No. Integrated" in html
    assert "<b>Blocked</b> <bdi>Bank &lt;b&gt;says&lt;/b&gt; no</bdi>" in html
    assert 'id="card-PAY-1" data-key="PAY-1" data-stage="integrated"' in html


def test_the_newest_of_what_is_rodeo_done_come_first_and_all_on_demand(
    as_bo: Client, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squads.boards.queries.NEWEST", 2)
    for hours in (20, 50, 30):
        write(f"{hours} hours ago", 5, hours, progress="dev_done")
    html = page(as_bo)
    assert column(html, "rodeo_done") == ["PAY-1", "PAY-3"]
    assert f'<a href="{BOARD}?more=rodeo_done">Show <span data-more="rodeo_done">1</span> more</a>' in html
    assert column(page(as_bo, more="rodeo_done"), "rodeo_done") == ["PAY-1", "PAY-3", "PAY-2"]


def test_the_board_takes_twelve_queries_at_most_and_one_more_for_lanes_of_releases(
    as_ana: Client, ana: User, write: Write
) -> None:
    release = Release.objects.create(version="1.0", slug="1.0")

    def some(number: int) -> None:
        for index in range(number):
            write(f"Story {index}", index % 6, progress="dev_done" if index % 2 else "in_progress", release=release)
        ranking.block(Story.objects.order_by("-pk")[0], by=ana, because="Bank")

    def count(**query: str) -> int:
        caches["local"].clear()
        with CaptureQueriesContext(connection) as queries:
            page(as_ana, **query)
        return len(queries)

    some(10)
    asked = {"person": "ana", "service": "checkout", "q": "story", "blocked": "1", "release": "1.0"}
    few = count(), count(**asked), count(lanes="assignee"), count(lanes="release")
    some(50)
    assert (count(), count(**asked), count(lanes="assignee"), count(lanes="release")) == few
    assert max(few[:3]) <= 12 and few[3] <= 13


def test_a_poll_is_answered_204_until_something_changes(as_bo: Client, ana: User, write: Write) -> None:
    story = write("Refunds")
    [version] = set(re.findall(r"version=(\w+)", page(as_bo)))

    def poll() -> int:
        return as_bo.get(BOARD, {"version": version}, headers={"HX-Request": "true"}).status_code

    assert poll() == 204
    ranking.place(write("Another"), by=ana, before=story.key)
    assert poll() == 200


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ({"q": "refund"}, {"PAY-1"}),
        ({"q": "pay-2"}, {"PAY-2"}),
        ({"type": "defect"}, {"PAY-2"}),
        ({"release": "1.0"}, {"PAY-3"}),
        ({"service": "checkout"}, {"PAY-4"}),
        ({"person": "bo"}, {"PAY-2"}),
        ({"person": "ana"}, {"PAY-1", "PAY-2", "PAY-3", "PAY-4"}),
        ({"blocked": "1"}, {"PAY-3"}),
        ({"type": "defect", "blocked": "1"}, set()),
        ({"stalled": "1"}, set()),
        ({"type": "epic"}, {"PAY-1", "PAY-2", "PAY-3", "PAY-4"}),
    ],
)
def test_the_address_carries_the_filter(
    as_ana: Client, ana: User, bo: User, write: Write, query: dict[str, str], keys: set[str]
) -> None:
    write("Refunds")
    write("Crash", type="defect").move_progress("in_progress", by=bo)
    release = Release.objects.create(version="1.0", slug="1.0")
    ranking.block(write("Gift cards", release=release), by=ana, because="Printer")
    write("Receipts", 1)
    html = page(as_ana, **query)
    assert set(re.findall(r'data-key="([A-Z]+-\d+)"', html)) == keys
    assert ("data-filtered" in html) == (query != {"type": "epic"})


def test_a_limit_is_shown_and_when_it_is_passed_says_so(as_bo: Client, payments: Squad, write: Write) -> None:
    payments.wip_limits = {"in_progress": 1}
    payments.save()
    write("One", progress="in_progress")
    assert 'data-limit="1"' in page(as_bo)
    assert "data-over" not in page(as_bo)
    write("Two", progress="in_progress")
    assert 'data-limit="1" data-over' in page(as_bo)


def stayed(story: Story, days: float, ago: float = 0) -> None:
    """Let a story have been in progress for so many days, until so many days ago, and dev done since."""
    end = timezone.now() - timedelta(days=ago)
    Story.objects.filter(pk=story.pk).update(created_at=end - timedelta(days=days + 1))
    for left, to, at in (("todo", "in_progress", end - timedelta(days=days)), ("in_progress", "dev_done", end)):
        StateChange.objects.create(kind="story", key=story.key, from_state=left, to_state=to, at=at)
    Story.objects.filter(pk=story.pk).update(progress="dev_done", progress_at=end)
    Story.objects.filter(pk=story.pk).judge()


def test_what_is_usual_is_the_85th_percentile_of_the_squads_finished_stays(payments: Squad, write: Write) -> None:
    for days in (1, 2, 3, 4):
        stayed(write(f"{days} days"), days)
    assert usual(payments.pk) == {}, "four stays say nothing yet"
    caches["local"].clear()
    stayed(write("10 days"), 10)
    # Of 1, 2, 3, 4, 10 the 85th percentile lies at 0.85 × 4 = 3.4: 4 + 0.4 × 6 = 6.4.
    assert usual(payments.pk)["in_progress"].n == 5
    assert usual(payments.pk)["in_progress"].seconds / 86400 == pytest.approx(6.4)
    assert usual(payments.pk)["todo"].seconds / 86400 == pytest.approx(1, abs=0.01)


def test_a_stay_on_a_rung_ends_when_the_next_rung_holds(payments: Squad, write: Write) -> None:
    for _ in range(5):
        write("Done", 5, hours=30, progress="dev_done")
    # Each step of evidence came an hour after the one before; dev done was said only now, so no stay of it ended.
    found = usual(payments.pk)
    assert {stage: round(found[stage].seconds) for stage in ("integrated", "tested", "deployed")} == {
        "integrated": 3600,
        "tested": 3600,
        "deployed": 3600,
    }
    assert "dev_done" not in found


def test_a_story_older_than_usual_is_stalled(as_bo: Client, ana: User, write: Write) -> None:
    for days in (1, 1, 1, 1, 1):
        stayed(write("Quick"), days)
    for hours, _ in ((12, "fresh"), (72, "old")):
        story = write(f"{hours} hours", progress="in_progress")
        at = timezone.now() - timedelta(hours=hours)
        Story.objects.filter(pk=story.pk).update(progress_at=at, stage_at=at)
    html = page(as_bo)
    assert html.count(">stalled</b>") == 1
    assert "n = 5" in html
    assert column(page(as_bo, stalled="1"), "in_progress") == ["PAY-7"]


def test_nothing_is_stalled_within_a_day_however_quick_the_squad_is(as_bo: Client, write: Write) -> None:
    for _ in range(5):
        stayed(write("Quick"), 0.001)
    for hours in (23, 25):
        story = write(f"{hours} hours", progress="in_progress")
        at = timezone.now() - timedelta(hours=hours)
        Story.objects.filter(pk=story.pk).update(progress_at=at, stage_at=at)
    assert page(as_bo).count(">stalled</b>") == 1
    assert column(page(as_bo, stalled="1"), "in_progress") == ["PAY-7"]


def test_each_line_becomes_a_story(as_ana: Client, payments: Squad) -> None:
    answer = as_ana.post(f"{BOARD}stories/", {"lines": "  Refunds \n\n\t\nGift cards\r\n"})
    assert answer["Location"] == f"{BOARD}#card-PAY-2"
    assert list(Story.objects.order_by("rank").values_list("title", flat=True)) == ["Refunds", "Gift cards"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("Good\n" + "x" * 201, "Line 2 has 201 characters; 200 is the most."),
        ("\n".join(f"Story {number}" for number in range(51)), "That’s 51 lines; 50 is the most at once."),
        (" \n ", "Enter at least one title"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_half_written(
    as_ana: Client, payments: Squad, lines: str, said: str
) -> None:
    answer = as_ana.post(f"{BOARD}stories/", {"lines": lines})
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert lines.strip()[:20] in answer.content.decode(), "what was typed is kept"
    assert not Story.objects.exists()


def test_only_members_add_and_only_leads_say_how_the_squad_works(
    as_ana: Client, as_bo: Client, payments: Squad
) -> None:
    answer = as_bo.post(f"{BOARD}stories/", {"lines": "Sneak"})
    assert answer.status_code == 403
    assert "Only members of Payments can change its stories." in answer.content.decode()
    for client in (as_bo, as_ana):
        answer = client.post(f"{BOARD}settings/", {"todo": "3"})
        assert answer.status_code == 403
        assert "Only leads of Payments and administrators can change its board settings." in answer.content.decode()


def test_a_limit_that_cannot_be_is_answered_with_what_can(as_ana: Client, lead: User, payments: Squad) -> None:
    for typed in ("0", "1000", "many"):
        said = as_ana.post(f"{BOARD}settings/", {"todo": typed}).content.decode()
        assert "Enter a whole number from 1 to 999, or leave it empty for no limit." in said
    payments.refresh_from_db()
    assert payments.wip_limits == {}


def test_a_lead_says_how_the_squad_works(as_ana: Client, lead: User, payments: Squad) -> None:
    assert "Limits" not in page(as_ana)
    assert "In progress limit" in page(as_ana, f"{BOARD}settings/")
    as_ana.post(f"{BOARD}settings/", {"in_progress": "3", "tested": "", "accepts_own": "on", "accepters": ["ana"]})
    payments.refresh_from_db()
    assert (payments.wip_limits, payments.accepts_own) == ({"in_progress": 3}, True)
    assert payments.memberships.get(user=lead).accepts
    as_ana.post(f"{BOARD}settings/", {})
    payments.refresh_from_db()
    assert (payments.wip_limits, payments.accepts_own) == ({}, False)
    assert not payments.memberships.get(user=lead).accepts


@pytest.mark.parametrize("wrong", ["0", "1000", "many"])
def test_a_wrong_limit_is_answered_at_its_field(as_ana: Client, lead: User, payments: Squad, wrong: str) -> None:
    answer = as_ana.post(f"{BOARD}settings/", {"in_progress": wrong})
    assert answer.status_code == 400
    assert 'id="id_in_progress-error"' in answer.content.decode()


def test_a_view_is_kept_for_oneself_or_for_the_squad(as_ana: Client, as_bo: Client, ana: User, payments: Squad) -> None:
    def keep(client: Client, **data: str) -> int:
        return client.post(f"{BOARD}views/", {"query": "type=defect&evil=1", **data}).status_code

    keep(as_ana, name="Mine")
    keep(as_ana, name="Ours", shared="1")
    assert keep(as_bo, name="Theirs", shared="1") == 403
    assert set(SavedView.objects.values_list("name", "query", "shared")) == {
        ("Mine", "type=defect", False),
        ("Ours", "type=defect", True),
    }
    assert f'<a href="{BOARD}?type=defect">Mine</a>' in page(as_ana)
    html = page(as_bo)
    assert (">Mine</a>" in html, ">Ours</a>" in html) == (False, True)


def test_a_view_needs_a_name_and_a_filter(as_ana: Client, payments: Squad) -> None:
    for data, said in (
        ({"name": " ", "query": "type=defect"}, "Give the view a name"),
        ({"name": "x" * 61, "query": "type=defect"}, "Give the view a name"),
        ({"name": "All", "query": ""}, "Set a filter or lanes first"),
    ):
        assert said in as_ana.post(f"{BOARD}views/", data, follow=True).content.decode()
    assert not SavedView.objects.exists()


def test_nobody_removes_the_view_of_another(as_ana: Client, as_bo: Client, ana: User, payments: Squad) -> None:
    for name, shared in (("Mine", False), ("Ours", True)):
        view = SavedView.objects.create(squad=payments, owner=ana, name=name, query="type=defect", shared=shared)
        as_bo.post(f"{BOARD}views/{view.pk}/remove/")
        assert SavedView.objects.filter(pk=view.pk).exists()
        as_ana.post(f"{BOARD}views/{view.pk}/remove/")
        assert not SavedView.objects.filter(pk=view.pk).exists()


def test_the_board_is_a_step_from_the_squad_and_the_list(as_bo: Client, payments: Squad) -> None:
    assert f'href="{BOARD}"' in page(as_bo, "/squads/payments/")
    assert f'href="{BOARD}"' in page(as_bo, "/squads/")


def test_an_empty_board_teaches_the_next_step(as_ana: Client, payments: Squad) -> None:
    assert "one title per line" in page(as_ana)
    assert "No stories yet" in page(as_ana)
