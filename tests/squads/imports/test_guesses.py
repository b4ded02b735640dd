"""What a file leaves open is asked once, on the page and over the API; what it says itself is never guessed over."""

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from portal.accounts.models import User
from portal.kernel.models import StateChange
from releases.models import Release
from releases.planning.actions import create_release
from squads.boards.time_in_stage import stays_of
from squads.imports import formats, validation
from squads.imports.formats import dates, meanings
from squads.models import Evidence, Service, Squad, StageChange, Story
from squads.stories.actions import record_by_hand

API = "/api/v1/squads/payments/imports/"


def bring(client: Client, body: Any, name: str = "stories.csv") -> dict[str, Any]:
    """Bring a file over the API and return its preview."""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    answer = client.post(API, {"file": SimpleUploadedFile(name, text.encode())})
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def say(client: Client, imported: dict[str, Any], **changes: Any) -> dict[str, Any]:
    answer = client.patch(f"{API}{imported['id']}/", changes, content_type="application/json")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def run(client: Client, imported: dict[str, Any], **options: Any) -> dict[str, Any]:
    answer = client.post(f"{API}{imported['id']}/run/", options, content_type="application/json")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def page(client: Client, imported: dict[str, Any]) -> str:
    return str(client.get(f"/squads/payments/imports/{imported['id']}/").content.decode())


def trello(*lists: str, **card: Any) -> dict[str, Any]:
    """A board with a card on each of these lists."""
    return {
        "name": "Board",
        "lists": [{"id": f"l{number}", "name": name, "closed": False} for number, name in enumerate(lists)],
        "cards": [
            {"id": f"c{number}", "shortLink": f"c{number}", "name": f"Card {number}", "idList": f"l{number}", **card}
            for number in range(len(lists))
        ],
    }


# Words in any script


@pytest.mark.parametrize(
    "words",
    [
        ("予定", "進行中", "完了"),
        ("計画", "作業", "終わり"),
        ("सूची", "सूचा", "सच"),
        ("Не начато", "В работе", "Готово"),
        ("✅", "🚧", "🧊"),
        ("Zu prüfen!", "Zu prüfen?", "Zu prüfen"),
    ],
)
def test_words_of_any_script_are_asked_each_and_keep_their_own_meaning(as_ana: Client, words: tuple[str, ...]) -> None:
    imported = bring(as_ana, trello(*words))
    assert imported["statuses"] == dict.fromkeys(words, "")
    assert imported["questions"] == [f"What does the status “{word}” mean? Used in 1 row." for word in words]
    shown = page(as_ana, imported)
    for word in words:
        assert f'name="status-{word.lower()}"' in shown
    meant = dict(zip(words, ("todo", "in_progress", "dev_done"), strict=True))
    answered = say(as_ana, imported, statuses=meant)
    assert (answered["statuses"], answered["questions"], answered["problems"]) == (meant, [], [])
    run(as_ana, imported)
    assert list(Story.objects.order_by("number").values_list("progress", flat=True)) == [
        "todo",
        "in_progress",
        "dev_done",
    ]


def test_the_page_answers_what_the_api_asks(as_ana: Client) -> None:
    imported = bring(as_ana, trello("予定", "完了"))
    form = {"kind": "trello", "status-予定": "todo", "status-完了": "leave_out"}
    as_ana.post(f"/squads/payments/imports/{imported['id']}/mapping/", form)
    assert as_ana.get(f"{API}{imported['id']}/").json()["statuses"] == {"予定": "todo", "完了": "leave_out"}


def test_an_english_word_inside_another_script_is_no_guess() -> None:
    assert meanings.progress_of("未done") == ""
    assert meanings.progress_of("完了 done") == ""
    assert meanings.progress_of("✅ Done") == "dev_done"


# What its own system takes a status for


def issue(status: str, category: str, **fields: Any) -> dict[str, Any]:
    named = {"name": status, "statusCategory": {"key": category}}
    return {"key": f"ABC-{status}", "fields": {"summary": status, "status": named, **fields}}


def progresses(parsed: formats.Parsed) -> dict[str, str]:
    checked = validation.validate(parsed, timezone.now())
    assert checked.problems == []
    return {row.values["title"]: row.values.get("progress", "todo") for row in checked.rows}


def test_the_category_of_jira_decides_before_the_word() -> None:
    issues = [issue("出来上がり", "done"), issue("Ready for test", "indeterminate"), issue("Done soon", "new")]
    assert progresses(formats.parse(json.dumps({"issues": issues}).encode())) == {
        "出来上がり": "dev_done",
        "Ready for test": "in_progress",
        "Done soon": "todo",
    }
    table = "Summary,Issue key,Issue Type,Status,Status Category\nA,X-1,Task,Erledigt,Done\nB,X-2,Task,Done,To Do\n"
    assert progresses(formats.parse(table.encode())) == {"A": "dev_done", "B": "todo"}


def test_a_category_counts_for_the_history_of_the_same_status_too() -> None:
    moved = {"field": "status", "fromString": "計画", "toString": "完了"}
    issues = [issue("完了", "done"), issue("計画", "new")]
    issues[0]["changelog"] = {"histories": [{"created": "2026-01-09T15:00:00.000+0100", "items": [moved]}]}
    checked = validation.validate(formats.parse(json.dumps(issues).encode()), timezone.now())
    assert [(move.before, move.after) for move in checked.rows[0].moves] == [("todo", "dev_done")]


def test_what_jira_resolved_as_never_done_is_cancelled_or_a_duplicate() -> None:
    issues = [
        issue("Closed", "done", resolution={"name": "Won't Do"}),
        issue("Fixed", "done", resolution={"name": "Done"}),
    ]
    checked = validation.validate(formats.parse(json.dumps(issues).encode()), timezone.now())
    assert [(row.values["title"], row.ending) for row in checked.rows] == [("Closed", "cancelled"), ("Fixed", "")]
    table = "Summary,Issue key,Issue Type,Status,Resolution\nA,X-1,Task,Closed,Duplicate\nB,X-2,Task,Closed,Fixed\n"
    rows = validation.validate(formats.parse(table.encode()), timezone.now()).rows
    assert [(row.ending, row.values.get("progress")) for row in rows] == [("duplicate", None), ("", "dev_done")]


def test_what_taiga_takes_for_closed_decides_before_the_word() -> None:
    project = {
        "slug": "shop",
        "us_statuses": [{"name": "Archivada", "is_closed": True}, {"name": "Ready for test", "is_closed": False}],
        "user_stories": [
            {"ref": 1, "subject": "One", "status": "Archivada"},
            {"ref": 2, "subject": "Two", "status": "Ready for test"},
        ],
        "issues": [{"ref": 3, "subject": "Three", "status": "終", "is_closed": True}],
    }
    assert progresses(formats.parse(json.dumps(project).encode())) == {
        "One": "dev_done",
        "Two": "in_progress",
        "Three": "dev_done",
    }


# Dates


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (["6/21/2025 16:14", "6/2/2025 9:00"], "month_first"),
        (["21/6/2025", "2/6/2025"], "day_first"),
        (["2/6/25", "99/12/31"], "year_first"),
        (["6/21/25 4:14 PM", "6/2/25 12:00 AM"], "month_first"),
        (["2025/06/21 16:14:05"], "year_first"),
        (["5/5/2025", "5/21/2025"], "month_first"),
    ],
)
def test_the_values_of_a_column_decide_the_order_of_its_dates(values: list[str], order: str) -> None:
    assert dates.order_of(values) == (order, False)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("14/Mär/26 15:09", "2026-03-14T15:09:00+00:00"),
        ("5 mars 2026", "2026-03-05T00:00:00+00:00"),
        ("March 5, 2026 4:00 p.m.", "2026-03-05T16:00:00+00:00"),
        ("Sat, 14 Mar 2026 15:09:00 +0100", "2026-03-14T14:09:00+00:00"),
        ("Sat Mar 14 2026 15:09", "2026-03-14T15:09:00+00:00"),
        ("14/Mar/26 3:09 PM UTC", "2026-03-14T15:09:00+00:00"),
        ("2026年3月14日 15:09", "2026-03-14T15:09:00+00:00"),
        ("2026. 3. 14. 15:09", "2026-03-14T15:09:00+00:00"),
        ("13/3/2026 15:09 -0500", "2026-03-13T20:09:00+00:00"),
        ("31/31/2026", None),
        ("2/3/2026", None),
    ],
)
def test_months_have_names_in_other_languages_too(text: str, moment: str | None) -> None:
    found = dates.moment(text)
    assert (found.isoformat() if found else None) == moment


def test_american_dates_of_jira_are_read_whole(as_ana: Client) -> None:
    rows = "Add,QUA-1,Task,To Do,6/21/2025 16:14,6/21/2025 17:13\nBuild,QUA-3,Epic,To Do,7/2/2025 9:05,7/2/2025 9:05\n"
    imported = bring(as_ana, f"\ufeffSummary,Issue key,Issue Type,Status,Created,Updated\n{rows}")
    assert (imported["problems"], imported["questions"]) == ([], [])
    run(as_ana, imported)
    assert [f"{at:%Y-%m-%dT%H:%M}" for at in Story.objects.order_by("number").values_list("created_at", flat=True)] == [
        "2025-06-21T16:14",
        "2025-07-02T09:05",
    ]


def test_dates_that_could_be_two_are_asked_once(as_ana: Client) -> None:
    imported = bring(as_ana, "Key,Title,Created\n1,A,03/04/2025\n2,B,05/04/2025\n")
    question = "Is the day or the month first in “Created”? 03/04/2025 is 3 April 2025 or 4 March 2025."
    assert imported["questions"] == [question]
    assert imported["counts"]["refused"] == 2
    assert question in page(as_ana, imported)
    form = {
        "kind": "csv",
        "column-key": "Key",
        "column-title": "Title",
        "column-created": "Created",
        "dates": "month_first",
    }
    as_ana.post(f"/squads/payments/imports/{imported['id']}/mapping/", form)
    assert as_ana.get(f"{API}{imported['id']}/").json()["questions"] == []
    assert say(as_ana, imported, dates="day_first")["questions"] == []
    run(as_ana, imported)
    assert [f"{at:%d %b}" for at in Story.objects.order_by("number").values_list("created_at", flat=True)] == [
        "03 Apr",
        "05 Apr",
    ]


def test_times_without_a_zone_are_of_the_zone_that_is_said(as_ana: Client) -> None:
    imported = bring(as_ana, "Key,Title,Created\n1,A,2025-07-01 10:00\n2,B,2025-07-01T10:00:00Z\n")
    say(as_ana, imported, zone="Europe/Berlin")
    run(as_ana, imported)
    assert [at.hour for at in Story.objects.order_by("number").values_list("created_at", flat=True)] == [8, 10]
    imported = bring(as_ana, "Title\nC\n")
    refused = as_ana.patch(f"{API}{imported['id']}/", {"zone": "Mars/Base"}, content_type="application/json")
    assert refused.status_code == 400
    assert "Mars/Base" in refused.content.decode()


# When work ended


def test_when_work_ended_comes_from_the_file(as_ana: Client) -> None:
    body = (
        "Summary,Issue key,Issue Type,Status,Resolved,Status Category Changed\n"
        "A,X-1,Task,Done,03/Feb/25 9:00 AM,04/Feb/25 9:00 AM\n"
        "B,X-2,Task,Done,,05/Feb/25 9:00 AM\n"
        "C,X-3,Task,In Progress,,06/Feb/25 9:00 AM\n"
        "D,X-4,Task,Done,,\n"
    )
    run(as_ana, bring(as_ana, body))
    found = Story.objects.order_by("number").values_list("title", "progress_at", "stage_at")
    assert [(title, at and f"{at:%d %b}", stage and f"{stage:%d %b}") for title, at, stage in found] == [
        ("A", "03 Feb", "03 Feb"),
        ("B", "05 Feb", "05 Feb"),
        ("C", "06 Feb", "06 Feb"),
        ("D", None, None),
    ]


def test_what_has_no_time_is_of_no_stage_change_and_says_unknown(as_ana: Client, ana: User, payments: Squad) -> None:
    run(as_ana, bring(as_ana, "Key,Title,Status,Created\n1,A,Done,2024-01-05\n2,B,In progress,2024-01-05\n"))
    assert not StageChange.objects.exists()
    done, begun = Story.objects.order_by("number")
    assert (done.stage, done.stage_at, begun.stage, begun.stage_at) == ("dev_done", None, "in_progress", None)
    board = as_ana.get("/squads/payments/board/").content.decode()
    assert board.count("unknown") == 2
    cards = [
        card for column in as_ana.get("/api/v1/squads/payments/board/").json()["columns"] for card in column["stories"]
    ]
    assert [(card["since"], card["stalled"]) for card in cards] == [(None, False), (None, False)]
    shown = as_ana.get(done.get_absolute_url()).content.decode()
    assert "Its squad said so, nobody knows when" in shown
    assert "Imported by Ana: The table says “Done”" in shown
    record_by_hand(done, by=ana, kind="deployment", note="Seen.")
    assert StageChange.objects.get().from_stage == "dev_done"
    assert stays_of(payments.pk) == {}


def test_a_file_that_comes_again_moves_no_story_at_the_moment_of_the_import(as_ana: Client) -> None:
    run(as_ana, bring(as_ana, "Key,Title,Status,Resolved\n1,A,Open,\n2,B,Open,\n"))
    run(as_ana, bring(as_ana, "Key,Title,Status,Resolved\n1,A,Done,2025-02-03\n2,B,Done,\n"))
    first, second = Story.objects.order_by("number")
    assert (f"{first.progress_at:%Y-%m-%d}", second.progress_at, second.progress) == ("2025-02-03", None, "dev_done")
    assert [f"{at:%Y-%m-%d}" for at in StageChange.objects.values_list("at", flat=True)] == ["2025-02-03"]
    assert StateChange.objects.filter(kind="story").count() == 1


def test_a_card_of_trello_is_done_since_it_was_moved_not_since_it_was_touched(as_ana: Client) -> None:
    run(as_ana, bring(as_ana, trello("Done", dateLastActivity="2026-01-12T10:00:00.000Z")))
    assert Story.objects.get().progress_at is None


def test_a_time_that_cannot_be_read_is_told(as_ana: Client) -> None:
    imported = bring(as_ana, "Key,Title,Status,Resolved\n1,A,Done,yes\n2,B,Done,2999-01-01\n")
    assert (
        "2 values of “Resolved” aren’t times in the past, so it’s unknown when that work changed." in imported["notes"]
    )
    assert imported["counts"]["created"] == 2


# Sprints and milestones


def test_a_sprint_is_a_release_only_by_choice_and_of_the_squads_own_line(
    as_ana: Client, ana: User, payments: Squad, search: Squad
) -> None:
    Service.objects.create(name="checkout", slug="checkout", squad=payments)
    for line in ("", "finder"):
        create_release(by=ana, version="Sprint 3", line=line)
    Service.objects.create(name="finder", slug="finder", squad=search)
    imported = bring(as_ana, "Key,Title,Sprint\n1,A,Sprint 3\n2,B,Sprint 4\n")
    said = "2 rows name a sprint or milestone (Sprint 3, Sprint 4). These aren’t releases unless you choose so."
    assert said in imported["notes"] and said in page(as_ana, imported)
    asked = say(as_ana, imported, milestones=True)
    assert [each["reason"] for each in asked["problems"]] == [
        "There’s no release “checkout Sprint 3”.",
        "There’s no release “checkout Sprint 4”.",
    ]
    say(as_ana, imported, plan_releases=True)
    assert "checkout Sprint 4" in page(as_ana, imported)
    run(as_ana, imported)
    assert list(Story.objects.order_by("number").values_list("release__line", "release__version")) == [
        ("checkout", "Sprint 3"),
        ("checkout", "Sprint 4"),
    ]
    again = say(as_ana, bring(as_ana, "Key,Title,Sprint\n1,A,Sprint 3\n2,B,Sprint 4\n"), milestones=True)
    assert again["counts"]["unchanged"] == 2


def test_releases_read_from_a_column_of_sprints_are_of_the_squads_own_line_too(as_ana: Client, ana: User) -> None:
    create_release(by=ana, version="Sprint 3")
    imported = bring(as_ana, "Key,Title,Sprint\n1,A,Sprint 3\n")
    say(as_ana, imported, columns={"release": "Sprint", "milestone": ""}, plan_releases=True)
    run(as_ana, imported)
    assert str(Story.objects.get().release) == "Payments Sprint 3"


def test_milestones_of_json_are_no_releases_by_themselves(as_ana: Client) -> None:
    issues = [{"number": 7, "title": "A", "state": "open", "milestone": {"title": "1.0"}}]
    run(as_ana, bring(as_ana, issues))
    assert not Release.objects.exists()
    assert Story.objects.get().release is None


def test_a_version_alone_is_no_release_of_another_squads_line(as_ana: Client, ana: User, search: Squad) -> None:
    Service.objects.create(name="finder", slug="finder", squad=search)
    create_release(by=ana, version="5.10", line="finder")
    imported = bring(as_ana, "Key,Title,Version\n1,A,5.10\n2,B,finder 5.10\n")
    assert [each["reason"] for each in imported["problems"]] == ["There’s no release “5.10”."]
    run(as_ana, imported, leave_out=True)
    assert str(Story.objects.get().release) == "finder 5.10"


# Nothing is dropped in silence


def test_second_columns_of_one_name_and_what_is_dropped_are_told(as_ana: Client) -> None:
    imported = bring(as_ana, "Key,Title,Version,Version,Priority,Empty\n1,A,1.0,2.0,High,\n2,B,,,Low,\n")
    assert imported["notes"] == [
        "There are 2 columns “Version”. The last filled one counts. Not imported: 1.0.",
        "Columns not imported: Priority.",
    ]
    assert "Columns not imported: Priority." in page(as_ana, imported)


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "sep=;;;"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_first_line_that_names_the_separator_is_no_row(first: str, end: str) -> None:
    parsed = formats.parse(end.join([first, "Title;Status", "A, b;Open", "C;"]).encode())
    assert [(item.place, item.cells["title"]) for item in parsed.items] == [("line 3", "A, b"), ("line 4", "C")]
    assert parsed.notes == ["The first line sets “;” as the column separator."]


def test_what_a_board_holds_besides_is_told(as_ana: Client) -> None:
    imported = bring(as_ana, trello("Doing", due="2026-01-01", labels=[{"name": "Bug"}, {"name": "wallet"}]))
    assert imported["notes"] == ["Labels not imported: wallet.", "Not imported: due dates (1)."]


# What was said or guessed before stays


def test_a_change_of_one_column_keeps_the_guesses_of_the_others(as_ana: Client) -> None:
    imported = bring(as_ana, "Key,Title,Summary,Status\nA-1,One,Other,Done\n")
    assert imported["columns"] == {"key": "Key", "title": "Title", "status": "Status"}
    changed = say(as_ana, imported, columns={"title": "Summary"})
    assert changed["columns"] == {"key": "Key", "title": "Summary", "status": "Status"}
    assert say(as_ana, imported, columns={"status": ""})["columns"] == {"key": "Key", "title": "Summary"}


def test_an_answer_for_one_word_keeps_the_answers_for_the_others(as_ana: Client) -> None:
    imported = bring(as_ana, trello("予定", "完了"))
    say(as_ana, imported, statuses={"予定": "todo"})
    assert say(as_ana, imported, statuses={"完了": "dev_done"})["statuses"] == {"予定": "todo", "完了": "dev_done"}
    assert say(as_ana, imported, plan_releases=True)["statuses"] == {"予定": "todo", "完了": "dev_done"}


def test_nothing_that_was_guessed_is_evidence(as_ana: Client) -> None:
    run(as_ana, bring(as_ana, {"issues": [issue("出荷済み", "done", resolutiondate="2026-01-09T15:00:00.000+0100")]}))
    assert Story.objects.get().stage == "dev_done"
    assert not Evidence.objects.exists()


def test_the_forms_of_words_are_ids_without_spaces(as_ana: Client) -> None:
    shown = page(as_ana, bring(as_ana, trello("Waiting here", "Limbo")))
    ids = re.findall(r'<select id="(status-[^"]*)" name="([^"]*)"', shown)
    assert all(" " not in each for each, _ in ids)
    assert {name for _, name in ids} == {"status-waiting here", "status-limbo"}
