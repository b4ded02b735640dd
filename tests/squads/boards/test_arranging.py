"""What a squad's board shows of itself: chips, lanes, columns that are cut or folded, and adding to a column."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from portal.kernel.models import StateChange
from releases.planning.models import Release
from squads.assignments.models import Assignment
from squads.labels.models import Label
from squads.models import SavedView, Squad, Story
from squads.stories import ranking
from tests.squads.boards.test_board import BOARD, column, page

Write = Callable[..., Story]


def chip(html: str, name: str) -> tuple[str, bool]:
    """Where a chip leads, and whether it is on."""
    found = re.search(rf'<a class="chip" href="([^"]*)"([^>]*)><bdi>{name}</bdi>', html)
    assert found, name
    return found[1].replace("&amp;", "&"), "aria-current" in found[2]


def lanes(html: str, stage: str) -> dict[str, list[str]]:
    """The keys of one column by lane."""
    section = html.partition(f'id="lane-{stage}"')[2].partition("</section>")[0]
    return {
        name: re.findall(r'data-key="([A-Z]+-\d+)"', cell)
        for name, cell in re.findall(r'<h3 class="lane__row"><bdi>([^<]*)</bdi></h3>(.*?)(?=<h3|$)', section, re.S)
    }


def assign(story: Story, *people: User) -> None:
    for number, person in enumerate(people):
        Assignment.objects.create(story=story, person=person, at=timezone.now() + timedelta(seconds=number))


def test_a_chip_is_one_click_chips_combine_and_a_second_click_takes_one_back(
    as_ana: Client, ana: User, payments: Squad, write: Write
) -> None:
    ranking.block(write("Crash", type="defect"), by=ana, because="Bank")
    write("Slow", type="defect")
    write("Refunds")
    url, on = chip(page(as_ana), "Defect")
    assert (url, on) == (f"{BOARD}?type=defect", False)
    url, on = chip(page(as_ana, url), "Blocked")
    assert (url, on) == (f"{BOARD}?type=defect&blocked=1", False)
    html = page(as_ana, url)
    assert column(html, "todo") == ["PAY-1"]
    assert chip(html, "Blocked") == (f"{BOARD}?type=defect", True)
    assert chip(html, "Chore") == (f"{BOARD}?type=chore&blocked=1", False), "of types there is one at a time"
    assert f'<a class="chips__clear" href="{BOARD}">Clear filters</a>' in html
    assert "Clear filters" not in page(as_ana)


def test_mine_stalled_and_labels_have_chips_and_a_chosen_label_always(
    as_ana: Client, ana: User, payments: Squad, write: Write
) -> None:
    story = write("Refunds")
    assign(story, ana)
    write("Gift cards")
    for number in range(12):
        label = Label.objects.create(squad=payments, name=f"label {number:02}")
    story.labels.add(label)
    html = page(as_ana)
    assert [chip(html, name)[0] for name in ("Mine", "Stalled", "label 07")] == [
        f"{BOARD}?assignee=me",
        f"{BOARD}?stalled=1",
        f"{BOARD}?label=label+07",
    ]
    assert "<bdi>label 11</bdi></a>" not in html
    html = page(as_ana, label="label 11")
    assert chip(html, "label 11")[1]
    assert column(html, "todo") == ["PAY-1"]
    assert column(page(as_ana, chip(html, "Mine")[0]), "todo") == ["PAY-1"]


def test_lanes_by_assignee_put_a_story_of_two_with_whoever_was_first(
    as_ana: Client, ana: User, bo: User, write: Write
) -> None:
    assign(write("One"), bo, ana)
    assign(write("Two", progress="in_progress"), ana)
    write("Three")
    html = page(as_ana, lanes="assignee")
    assert lanes(html, "todo") == {"Ana": [], "Bo": ["PAY-1"], "Unassigned": ["PAY-3"]}
    assert lanes(html, "in_progress") == {"Ana": ["PAY-2"], "Bo": [], "Unassigned": []}
    assert "data-grouped" in html and "data-grouped" not in page(as_ana)


def test_lanes_by_release_are_in_natural_order_and_what_has_none_comes_last(as_ana: Client, write: Write) -> None:
    for version in ("5.10", "5.9"):
        write(version, release=Release.objects.create(version=version, slug=version))
    write("None")
    assert list(lanes(page(as_ana, lanes="release"), "todo")) == ["5.9", "5.10", "No release"]


def test_a_board_in_lanes_is_new_when_a_story_changes_its_lane(as_ana: Client, write: Write) -> None:
    story = write("One")
    [version] = set(re.findall(r"version=(\w+)", page(as_ana, lanes="release")))
    Story.objects.filter(pk=story.pk).update(release=Release.objects.create(version="2", slug="2"))
    asked = {"lanes": "release", "version": version}
    assert as_ana.get(BOARD, asked, headers={"HX-Request": "true"}).status_code == 200


def test_lanes_stay_when_a_chip_is_clicked_and_are_kept_with_a_view(as_ana: Client, write: Write) -> None:
    write("One")
    html = page(as_ana, lanes="assignee")
    url, _ = chip(html, "Blocked")
    assert url == f"{BOARD}?blocked=1&lanes=assignee"
    assert f'href="{BOARD}?lanes=assignee">Clear filters' in page(as_ana, url)
    as_ana.post(f"{BOARD}views/", {"name": "By person", "query": "lanes=assignee&more=todo"})
    assert SavedView.objects.get().query == "lanes=assignee"
    assert f'<a href="{BOARD}?lanes=assignee">By person</a>' in page(as_ana)


def test_no_column_is_longer_than_its_first_cards_until_asked(
    as_ana: Client, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squads.boards.queries.FIRST", 2)
    monkeypatch.setattr("squads.boards.queries.MOST", 3)
    for number in range(4):
        write(f"Story {number}")
    html = page(as_ana)
    assert column(html, "todo") == ["PAY-1", "PAY-2"]
    assert '<b data-count="todo">4</b>' in html and "data-cut" in html
    assert f'<a href="{BOARD}?more=todo">Show <span data-more="todo">2</span> more</a>' in html
    html = page(as_ana, more="todo")
    assert column(html, "todo") == ["PAY-1", "PAY-2", "PAY-3"]
    assert '<span data-more="todo">1</span> more: <a href="/stories/?squad=payments&amp;stage=todo">all</a>' in html


def test_2700_stories_are_a_page_of_less_than_400_kilobytes(
    as_ana: Client, ana: User, bo: User, payments: Squad, write: Write
) -> None:
    models = [write(f"Model {steps}", steps, progress="dev_done" if steps else "todo") for steps in range(6)]
    labels = [Label.objects.create(squad=payments, name=f"a label of some length {number}") for number in range(3)]
    fields = ("type", "progress", "progress_at", "stage", "stage_at", "standing", "created_at")
    stories = Story.objects.bulk_create(
        Story(
            squad=payments,
            number=number,
            rank=number * 1024 + 10**15,
            key=f"PAY-{number}",
            title=f"{'Let people pay with another card when the first one was refused ' * 3}{number}"[:200],
            due=timezone.now().date(),
            **{name: getattr(models[number % 6], name) for name in fields},
        )
        for number in range(7, 2701)
    )
    for person in (ana, bo):
        Assignment.objects.bulk_create(Assignment(story=each, person=person, at=timezone.now()) for each in stories)
    links = Story.labels.through
    links.objects.bulk_create(links(story=story, label=label) for story in stories for label in labels)
    with CaptureQueriesContext(connection) as queries:
        answer = as_ana.get(BOARD)
    assert answer.content.count(b"<article") == 25 * 5 + 20
    assert len(answer.content) < 400_000
    assert len(queries) <= 12


def test_an_empty_board_has_nothing_to_filter_and_no_lanes(as_ana: Client, payments: Squad) -> None:
    html = page(as_ana)
    assert 'class="chip"' not in html and "tools__lanes" not in html


def test_a_folded_column_is_drawn_folded(as_ana: Client, write: Write) -> None:
    write("One")
    as_ana.cookies["rodeo_folded"] = "tested.todo.evil"
    html = page(as_ana)
    assert re.findall(r'data-folded>\s*<div class="lane__top"><h2[^>]* id="lane-(\w+)"', html) == ["todo", "tested"]
    assert "evil" not in html


@pytest.mark.parametrize("to", ["todo", "in_progress", "dev_done"])
def test_a_story_added_to_a_column_lands_there_with_its_history(
    as_ana: Client, ana: User, payments: Squad, to: str
) -> None:
    answer = as_ana.post(f"{BOARD}stories/", {"lines": "Refunds", "to": to}, headers={"Accept": "application/json"})
    said = answer.json()
    assert (said["key"], said["stage"], said["message"]) == ("PAY-1", to, "Added PAY-1.")
    assert 'id="card-PAY-1"' in said["html"]
    assert Story.objects.get().stage == to
    moves = StateChange.objects.filter(key="PAY-1").values_list("to_state", "by")
    assert list(moves) == ([] if to == "todo" else [(to, ana.pk)])


def test_nothing_is_added_where_evidence_decides_and_the_columns_say_so(as_ana: Client, payments: Squad) -> None:
    for headers in ({}, {"Accept": "application/json"}):
        answer = as_ana.post(f"{BOARD}stories/", {"lines": "Refunds", "to": "tested"}, headers=headers)
        assert answer.status_code == 400
        said = "You can add stories in to do, in progress and dev done. Later stages follow from evidence."
        assert said in answer.content.decode()
    assert not Story.objects.exists()


def test_only_the_first_three_columns_have_a_field_for_a_title(as_ana: Client, write: Write) -> None:
    write("One")
    html = page(as_ana)
    assert re.findall(r'form="add-(\w+)" name="lines"', html) == ["todo", "in_progress", "dev_done"]
    assert re.findall(r'<form id="add-(\w+)"', html) == ["todo", "in_progress", "dev_done"]
    assert html.count(">from evidence</p>") == 4


def test_adding_without_scripts_leads_back_to_the_board_as_it_was(as_ana: Client, payments: Squad) -> None:
    came = {"Referer": f"http://testserver{BOARD}?type=defect&lanes=release"}
    answer = as_ana.post(f"{BOARD}stories/", {"lines": "Refunds", "to": "in_progress"}, headers=came)
    assert answer["Location"] == f"{BOARD}?type=defect&lanes=release#card-PAY-1"
    other = {"Referer": "https://elsewhere.example/squads/payments/board/?type=defect"}
    answer = as_ana.post(f"{BOARD}stories/", {"lines": "Gift cards"}, headers=other)
    assert answer["Location"] == f"{BOARD}#card-PAY-2"


def test_somebody_else_adds_nothing_to_a_column(as_bo: Client, payments: Squad) -> None:
    assert as_bo.post(f"{BOARD}stories/", {"lines": "Sneak", "to": "dev_done"}).status_code == 403
    assert not Story.objects.exists()
