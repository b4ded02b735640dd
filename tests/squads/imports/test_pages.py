"""Bringing work in and taking it along, through the browser's door."""

import csv
import io
import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import outbox
from portal.kernel.models import Message, StateChange
from releases.models import Change, InboundEvent, Release, Repository, Source, StoryLink
from releases.planning.actions import create_release
from squads.endings.actions import reopen
from squads.imports import actions
from squads.models import Comment, Evidence, Import, Squad, Story, StoryEdit
from squads.stories.actions import create_story, record_by_hand

HERE = Path(__file__).parent / "fixtures"
URL = "/squads/payments/imports/"
# What a spreadsheet somewhere takes for the beginning of a formula.
FORMULAS = "\t\r\n=+-@＝＋－＠"


def bring(client: Client, body: bytes | str, name: str = "stories.csv", kind: str = "") -> str:
    """Bring a file and return the address of its preview."""
    file = SimpleUploadedFile(name, body.encode() if isinstance(body, str) else body)
    answer = client.post(URL, {"file": file, "kind": kind})
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def page(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return str(answer.content.decode())


def run(client: Client, url: str, **options: str) -> str:
    answer = client.post(f"{url}run/", options, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def bring_and_run(client: Client, body: bytes | str, **options: str) -> str:
    return run(client, bring(client, body), **options)


def counts(page: str) -> dict[str, str]:
    found = re.findall(r"<div><dt>([^<]*)</dt><dd>(?:<a[^>]*>)?(\d+)", page)
    return dict(found)


def problems(page: str) -> list[tuple[str, ...]]:
    """The rows that a page refuses, as it names them: where, column, what is wrong, what to do."""
    rows = re.findall(r'<tr><th scope="row" class="nowrap">.*?</tr>', page)
    return [tuple(re.findall(r">([^<>]+)<", row)) for row in rows]


def five_thousand() -> tuple[str, list[int]]:
    """A table of 5,000 rows of which 40 are bad, each in one of five ways; and the true lines of those."""
    out, bad = ["Key,Title,Type,Status,Created,Notes"], []
    line = 2
    wrong = {
        0: ("", "Bug", "Done", "2026-01-05"),
        1: ("x" * 201, "Bug", "Done", "2026-01-05"),
        2: ("Fine", "Saga", "Done", "2026-01-05"),
        3: ("Fine", "Bug", "Limbo", "2026-01-05"),
        4: ("Fine", "Bug", "Done", "03/04/2026"),
    }
    for number in range(5000):
        title, type_, status, created = (
            f"Story {number}",
            ["Story", "Bug", "Task"][number % 3],
            ["To Do", "In Review", "Done"][number % 3],
            "2026-01-05",
        )
        if number % 125 == 60:
            title, type_, status, created = wrong[len(bad) % 5]
            bad.append(line)
        notes = '"two\nlines"' if number % 7 == 0 else "one"
        out.append(f"K-{number},{title},{type_},{status},{created},{notes}")
        line += 2 if number % 7 == 0 else 1
    return "\n".join(out) + "\n", bad


# Who may


def test_nobody_is_sent_to_sign_in(client: Client, payments: Squad) -> None:
    for url in (URL, f"{URL}1/", "/stories/export.csv", "/stories/export.json"):
        assert client.get(url)["Location"].startswith("/accounts/login/")


def test_another_squad_may_not_look_bring_or_import(as_ana: Client, as_bo: Client) -> None:
    url = bring(as_ana, "Title\nOne\n")
    answers = [
        as_bo.get(URL),
        as_bo.post(URL, {"file": io.BytesIO(b"Title\nx\n")}),
        as_bo.get(url),
        as_bo.post(f"{url}mapping/"),
        as_bo.post(f"{url}run/"),
        as_bo.post(f"{url}discard/"),
    ]
    assert [answer.status_code for answer in answers] == [403] * 6
    assert "Only members of Payments can change its imports." in answers[0].content.decode()
    assert (Import.objects.count(), Story.objects.count()) == (1, 0)


def test_a_file_of_one_squad_is_not_found_in_another(as_root: Client, payments: Squad, search: Squad) -> None:
    url = bring(as_root, "Title\nOne\n")
    assert as_root.get(url.replace("payments", "search")).status_code == 404


# The five thousand


def test_five_thousand_rows_with_forty_bad_ones(as_ana: Client, payments: Squad) -> None:
    body, bad = five_thousand()
    assert len(bad) == 40
    url = bring(as_ana, body)
    shown = page(as_ana, url)
    assert counts(shown) == {"new": "4960", "updated": "0", "unchanged": "0", "skipped": "40"}
    told = (
        ("Title", "There is no title.", "Add one, or choose another title column."),
        (
            "Title",
            "The title has 201 characters; 200 is the most.",
            "Shorten it, and move the rest to the description.",
        ),
        (
            "Type",
            "We don’t know what “Saga” means.",
            "Choose a meaning (user story, defect or chore), or change the cell.",
        ),
        (
            "Status",
            "We don’t know what “Limbo” means.",
            "Choose a meaning (to do, in progress, dev done, cancelled, a duplicate, or skipped), or change the cell.",
        ),
        (
            "Created",
            "“03/04/2026” could be two dates.",
            "Choose whether the day or the month is first, or write 2026-03-14 15:09.",
        ),
    )
    assert problems(shown) == [(f"Line {line}", *told[number % 5]) for number, line in enumerate(bad)]
    assert Story.objects.count() == 0

    refused = run(as_ana, url)
    assert "40 rows are invalid. Fix the file or the mapping, or tick to skip them." in refused
    assert (Story.objects.count(), Import.objects.get().state) == (0, "preview")

    done = run(as_ana, url, leave_out="on")
    assert "Imported: 4960 created, 0 updated, 0 unchanged." in done
    assert "created, PAY-1 to PAY-4960" in done
    assert Story.objects.count() == 4960
    payments.refresh_from_db()
    assert payments.next_number == 4961
    last = Story.objects.get(key="PAY-4960")
    assert (last.external, last.title, last.type, last.stage) == ("csv:K-4999", "Story 4999", "defect", "in_progress")
    assert last.created_at.isoformat() == "2026-01-05T00:00:00+00:00"
    assert Story.objects.filter(stage="dev_done").count() == Story.objects.filter(progress="dev_done").count() > 1600

    again = bring_and_run(as_ana, body, leave_out="on")
    assert "Imported: 0 created, 0 updated, 4960 unchanged." in again
    assert (Story.objects.count(), StoryEdit.objects.count()) == (4960, 0)


# What becomes of a file


def test_a_changed_file_updates_its_stories_and_keeps_what_they_said(
    as_ana: Client, ana: User, payments: Squad
) -> None:
    bring_and_run(as_ana, "Key,Title,Status,Notes\nA-1,One,Open,n\nA-2,Two,Open,n\n")
    url = bring(as_ana, "Key,Title,Status,Notes\nA-1,First,Done,n\nA-2,Two,Open,n\nA-3,Three,Open,n\n")
    shown = page(as_ana, url)
    assert counts(shown) == {"new": "1", "updated": "1", "unchanged": "1", "skipped": "0"}
    assert "title: One → First" in shown
    assert "progress: to do → dev done" in shown
    run(as_ana, url)
    story = Story.objects.get(key="PAY-1")
    assert (story.title, story.progress, story.stage, story.version) == ("First", "dev_done", "dev_done", 2)
    [edit] = StoryEdit.objects.all()
    assert (edit.field, edit.before, edit.after, edit.version, edit.by) == ("title", "One", "First", 2, ana)
    move = StateChange.objects.get(key="PAY-1")
    assert (move.from_state, move.to_state, move.by) == ("todo", "dev_done", None)
    assert move.because == "Imported again by Ana: The table says “Done”"
    assert sorted(Story.objects.values_list("key", flat=True)) == ["PAY-1", "PAY-2", "PAY-3"]


def test_what_the_file_does_not_speak_of_stays(as_ana: Client, ana: User, payments: Squad) -> None:
    bring_and_run(as_ana, "Key,Title\nA-1,One\n")
    story = Story.objects.get()
    Story.objects.filter(pk=story.pk).update(description="Written here.", type="chore", progress="in_progress")
    bring_and_run(as_ana, "Key,Title\nA-1,First\n")
    story.refresh_from_db()
    assert (story.title, story.description, story.type, story.progress) == (
        "First",
        "Written here.",
        "chore",
        "in_progress",
    )


def test_a_table_without_keys_knows_its_stories_by_title_and_says_so(as_ana: Client) -> None:
    body = "Title,Type\nOne,Bug\nTwo,Bug\n"
    url = bring(as_ana, body)
    assert "stories are matched by title" in page(as_ana, url)
    run(as_ana, url)
    assert "0 created, 0 updated, 2 unchanged" in bring_and_run(
        as_ana, "Title,Type\n TWO ,Bug\nOne,Bug\n".replace("TWO", "Two")
    )
    assert Story.objects.count() == 2


def test_nothing_is_half_imported_when_writing_fails(
    as_ana: Client, payments: Squad, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = bring(as_ana, "Title\nOne\nTwo\n")

    def fails(*_: Any) -> int:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(actions, "judge", fails)
    with pytest.raises(RuntimeError):
        as_ana.post(f"{url}run/")
    payments.refresh_from_db()
    assert (Story.objects.count(), payments.next_number, Import.objects.get().state) == (0, 1, "preview")
    monkeypatch.undo()
    assert "Imported: 2 created" in run(as_ana, url)


def test_a_file_is_imported_once_however_often_the_button_is_pressed(as_ana: Client) -> None:
    url = bring(as_ana, "Title\nOne\n")
    run(as_ana, url)
    assert "Someone else may have changed it" in run(as_ana, url)
    assert Story.objects.count() == 1
    assert bytes(Import.objects.get().body) == b""


def test_nobody_imports_what_they_did_not_see(as_ana: Client, as_lea: Client) -> None:
    url = bring(as_ana, "Key,Title,Summary\nA-1,Pay,Refund\n")
    seen = re.search(r'name="seen" value="(\w+)"', page(as_ana, url))
    assert seen
    as_lea.post(f"{url}mapping/", {"kind": "csv", "column-key": "Key", "column-title": "Summary"})
    said = run(as_ana, url, seen=seen[1])
    assert "Someone changed the mapping meanwhile, so nothing was imported. Check the preview again." in said
    assert not Story.objects.exists()
    again = re.search(r'name="seen" value="(\w+)"', page(as_ana, url))
    assert again and again[1] != seen[1]
    run(as_ana, url, seen=again[1])
    assert Story.objects.get().title == "Refund"


def test_a_table_without_a_column_of_titles_is_asked_which_it_is(as_ana: Client) -> None:
    shown = page(as_ana, bring(as_ana, "Titel;Status\nEins;todo\n"))
    assert "Choose the title column first." in shown
    assert 'name="column-title" aria-invalid="true"' in shown
    assert "Without a key column" not in shown, "one thing at a time"


def test_where_a_release_is_missing_the_place_to_plan_it_is_open(as_ana: Client) -> None:
    url = bring(as_ana, "Title,Release\nOne,2030.1\nTwo,\n")
    assert '<details class="section" id="mapping" open>' in page(as_ana, url)
    as_ana.post(
        f"{url}mapping/", {"kind": "csv", "column-title": "Title", "column-release": "Release", "plan_releases": "on"}
    )
    assert '<details class="section" id="mapping">' in page(as_ana, url)


def test_columns_and_words_can_be_given_another_meaning(as_ana: Client) -> None:
    url = bring(as_ana, "Ref,What,Sort,Phase\n1,One,Saga,Limbo\n2,Two,Saga,Done\n")
    assert "No rows can be imported yet" in page(as_ana, url)
    as_ana.post(
        f"{url}mapping/",
        {"kind": "csv", "column-key": "Ref", "column-title": "What", "column-type": "Sort", "column-status": "Phase"},
    )
    shown = page(as_ana, url)
    assert counts(shown)["skipped"] == "2"
    assert '<select id="type-saga" name="type-saga" aria-invalid="true"><option value="">Choose' in shown
    as_ana.post(
        f"{url}mapping/",
        {
            "kind": "csv",
            "column-key": "Ref",
            "column-title": "What",
            "column-type": "Sort",
            "column-status": "Phase",
            "type-saga": "chore",
            "status-limbo": "in_progress",
            "status-done": "leave_out",
        },
    )
    run(as_ana, url)
    assert list(Story.objects.values_list("title", "type", "progress")) == [("One", "chore", "in_progress")]


def test_a_mapping_that_cannot_be_is_refused(as_ana: Client) -> None:
    url = bring(as_ana, "Title\nOne\n")
    for data, said in (
        ({"kind": "csv", "column-title": "Nowhere"}, "“Nowhere” isn’t a column in this file"),
        ({"kind": "csv", "status-open": "deployed"}, "not deployed"),
        ({"kind": "trello"}, "Trello exports JSON"),
        ({"kind": "nonsense"}, "Unknown file format"),
    ):
        shown = as_ana.post(f"{url}mapping/", data, follow=True).content.decode()
        assert said in shown
    assert Import.objects.get().mapping == {}


def test_nobody_imports_evidence(as_ana: Client) -> None:
    bring_and_run(as_ana, "Title,Status\nA,Rodeo done\nB,Deployed\nC,Released\n")
    assert set(Story.objects.values_list("progress", "stage")) == {("dev_done", "dev_done")}
    assert not Evidence.objects.exists()


def test_a_file_moves_no_story_back_that_evidence_holds(as_ana: Client, ana: User) -> None:
    bring_and_run(as_ana, "Key,Title,Status\n1,A,Done\n2,B,Done\n3,C,Done\n")
    for key in ("PAY-1", "PAY-2"):
        record_by_hand(Story.objects.get(key=key), by=ana, kind="deployment", note="Seen in production.")
    url = bring(as_ana, "Key,Title,Status\n1,A,To do\n2,Bees,In progress\n3,C,To do\n")
    stays = "PAY-1, PAY-2 stay in the stage that evidence shows. The other fields are updated."
    shown = page(as_ana, url)
    assert counts(shown) == {"new": "0", "updated": "2", "unchanged": "1", "skipped": "0"}
    assert stays in shown
    told = as_ana.get(f"/api/v1{url}").json()
    assert told["notes"] == [stays]
    assert stays in run(as_ana, url)
    assert list(Story.objects.order_by("number").values_list("title", "progress", "stage")) == [
        ("A", "dev_done", "deployed"),
        ("Bees", "dev_done", "deployed"),
        ("C", "todo", "todo"),
    ]
    assert StateChange.objects.filter(to_state="todo").values_list("key", flat=True).get() == "PAY-3"


def test_releases_are_found_and_planned_when_the_person_says_so(as_ana: Client, ana: User) -> None:
    shop = create_release(by=ana, version="5.10", line="Shop")
    for line in ("Shop", "Bank"):
        create_release(by=ana, version="1.0", line=line)
    body = "Key,Title,Version\n1,A,Shop 5.10\n2,B,5.10\n3,C,shop-5.10\n4,D,1.0\n5,E,9.9\n6,F,\n7,G,9.9\n"
    url = bring(as_ana, body)
    shown = page(as_ana, url)
    assert counts(shown) == {"new": "4", "updated": "0", "unchanged": "0", "skipped": "3"}
    assert "There are several releases “1.0”." in shown
    assert "There’s no release “9.9”." in shown
    columns = {"kind": "csv", "column-key": "Key", "column-title": "Title", "column-release": "Version"}
    as_ana.post(f"{url}mapping/", {**columns, "plan_releases": "on"})
    shown = page(as_ana, url)
    assert "(1: 9.9)" in shown
    assert not Release.objects.filter(version="9.9").exists()
    run(as_ana, url, leave_out="on")
    planned = Release.objects.get(version="9.9")
    assert (planned.released_at, planned.origin) == (None, "person")
    assert dict(Story.objects.values_list("title", "release")) == {
        "A": shop.pk,
        "B": shop.pk,
        "C": shop.pk,
        "E": planned.pk,
        "F": None,
        "G": planned.pk,
    }
    url = bring(as_ana, body.replace("6,F,", "6,F,9.9").replace("3,C,shop-5.10", "3,C,"))
    assert "release: none → 9.9" in page(as_ana, url)
    run(as_ana, url, leave_out="on")
    assert dict(Story.objects.filter(title__in="CF").values_list("title", "release")) == {"C": None, "F": planned.pk}
    assert list(StoryEdit.objects.order_by("pk").values_list("field", "before", "after")) == [
        ("release", "Shop 5.10", None),
        ("release", None, "9.9"),
    ]


def test_history_and_comments_are_kept_once_under_the_importers_name(as_ana: Client, ana: User, bo: User) -> None:
    body = (HERE / "jira.json").read_bytes()
    url = bring(as_ana, body, "jira.json")
    columns = {"kind": "jira", "plan_releases": "on"}
    as_ana.post(f"{url}mapping/", columns)
    assert "2 status changes" not in page(as_ana, url)
    run(as_ana, url)
    story = Story.objects.get(ending="")
    assert (story.external, story.progress, story.stage) == ("jira:ABC-1", "dev_done", "dev_done")
    assert story.progress_at is not None and story.progress_at.isoformat() == "2026-01-09T14:00:00+00:00"
    assert story.created_at.isoformat() == "2026-01-05T08:12:00+00:00"
    moves = list(
        StateChange.objects.filter(kind="story", key=story.key).values_list("from_state", "to_state", "by", "because")
    )
    assert moves == [
        ("todo", "in_progress", None, "Jira: To Do → In Review, by Kofi Mensah"),
        ("in_progress", "dev_done", None, "Jira: In Review → Done, by Mei Lin"),
    ]
    [comment] = Comment.objects.all()
    assert (comment.author, comment.body) == (ana, "Mei Lin wrote in Jira:\n\nWhich banks?")
    Comment.objects.update(body="Mended here.")
    url = bring(as_ana, body, "jira.json")
    as_ana.post(f"{url}mapping/", columns)
    assert "0 created, 0 updated, 2 unchanged" in run(as_ana, url)
    assert (StateChange.objects.count(), Comment.objects.get().body) == (2, "Mended here.")


def test_what_nobody_will_do_comes_in_closed_and_stays_as_people_leave_it(as_ana: Client, ana: User) -> None:
    table = b"Key,Title,Status,Resolution\nA-1,Cheques,Closed,Won\xe2\x80\x99t Do\nA-2,Cards,Closed,Duplicate\nA-3,Cash,Open,\n"
    url = bring(as_ana, table, "work.csv")
    run(as_ana, url)
    found = dict(Story.objects.values_list("title", "ending"))
    assert found == {"Cheques": "cancelled", "Cards": "duplicate", "Cash": ""}
    cheques = Story.objects.get(title="Cheques")
    assert cheques.ended_because.startswith("Imported by Ana: ") and cheques.ended_at is None
    assert "cancelled it" in as_ana.get(cheques.get_absolute_url()).content.decode()
    reopen(cheques, by=ana)
    run(as_ana, bring(as_ana, table, "work.csv"))
    cheques.refresh_from_db()
    assert cheques.ending == ""
    assert "duplicate" in as_ana.get("/stories/export.csv?ended=with").getvalue().decode()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "stories", "comments"),
    [
        ("jira.csv", 3, 2),
        ("trello.json", 2, 1),
        ("taiga.json", 3, 1),
        ("github_gh.json", 2, 1),
        ("github_rest.json", 1, 0),
    ],
)
def test_every_kind_comes_in_twice_without_doubling(as_ana: Client, name: str, stories: int, comments: int) -> None:
    for _ in range(2):
        url = bring(as_ana, (HERE / name).read_bytes(), name)
        kind = Import.objects.latest("pk").kind
        as_ana.post(f"{url}mapping/", {"kind": kind, "plan_releases": "on", **mapping(kind, name)})
        run(as_ana, url)
    assert Import.objects.latest("pk").report["unchanged"] == stories
    assert (Story.objects.count(), Comment.objects.count()) == (stories, comments)


def mapping(kind: str, name: str) -> dict[str, str]:
    if not name.endswith(".csv"):
        return {}
    return {
        "column-key": "Issue key",
        "column-title": "Summary",
        "column-type": "Issue Type",
        "column-status": "Status",
        "column-release": "Fix Version/s",
        "column-created": "Created",
        "column-description": "Description",
        "column-comment": "Comment",
    }


def test_changes_that_named_the_keys_before_are_linked(as_ana: Client, payments: Squad) -> None:
    source = Source.objects.create(key="cd", name="CD", kind="cdevents")
    event = InboundEvent.objects.create(source=source, delivery="1", body=b"{}", received_at="2026-01-05T09:00Z")
    repository = Repository.objects.create(key="shop/checkout")
    change = Change.objects.create(
        id="0b7f6a52-5b0c-5f0e-9a51-0d0a4e3f7c11", repository=repository, sha="a" * 40, subject="PAY-2 pay", event=event
    )
    StoryLink.objects.create(change=change, key="PAY-2", rule="message")
    bring_and_run(as_ana, "Title\nOne\nTwo\nThree\n")
    assert Message.objects.filter(topic="stories.imported").count() == 1
    outbox.deliver()
    assert Message.objects.filter(handled_at=None).count() == 0
    assert StoryLink.objects.get().story == Story.objects.get(key="PAY-2")
    assert Evidence.objects.get().story.key == "PAY-2"


def test_stories_come_below_those_there_are_in_the_order_of_the_file(
    as_ana: Client, ana: User, payments: Squad
) -> None:
    create_story(payments, by=ana, title="Zero")
    bring_and_run(as_ana, "Title\nOne\nTwo\n")
    create_story(payments, by=ana, title="Three")
    ordered = list(Story.objects.order_by("rank").values_list("key", "title"))
    assert ordered == [("PAY-1", "Zero"), ("PAY-2", "One"), ("PAY-3", "Two"), ("PAY-4", "Three")]


@pytest.mark.django_db(transaction=True)
def test_imports_at_the_same_time_take_different_numbers_and_places(ana: User, payments: Squad) -> None:
    bodies = [b"Title\n" + b"".join(b"%d of %d\n" % (row, n) for row in range(60)) for n in range(4)]
    files = [actions.upload(payments, by=ana, name="x.csv", body=body) for body in bodies]
    errors: list[Exception] = []

    def work(imported: Import) -> None:
        try:
            actions.run_import(imported, by=ana)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    def write() -> None:
        try:
            for number in range(10):
                create_story(payments, by=ana, title=f"By hand {number}")
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [*(threading.Thread(target=work, args=(each,)) for each in files), threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(Story.objects.values_list("number", flat=True)) == list(range(1, 251))
    assert Story.objects.values("rank").distinct().count() == 250


@pytest.mark.django_db(transaction=True)
def test_the_same_file_run_twice_at_once_is_imported_once(ana: User, payments: Squad) -> None:
    imported = actions.upload(
        payments, by=ana, name="x.csv", body=b"Title\n" + b"".join(b"Row %d\n" % n for n in range(200))
    )
    said: list[str] = []

    def work() -> None:
        try:
            actions.run_import(Import.objects.get(pk=imported.pk), by=ana)
            said.append("done")
        except Exception as error:
            said.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["AlreadyMoved", "AlreadyMoved", "done"]
    assert Story.objects.count() == 200


def test_a_bad_row_is_told_everything_at_once_in_the_order_of_the_file(as_ana: Client) -> None:
    shown = page(as_ana, bring(as_ana, "Title,Type,Release\nA,Bug,9.9\n,Saga,9.9\nC,Bug,,x\nD,Bug,\n"))
    found = re.findall(r'class="nowrap">(Line \d)</th><td data-label="Column"><bdi>([^<]*)', shown)
    assert found == [
        ("Line 2", "Release"),
        ("Line 3", "Title"),
        ("Line 3", "Type"),
        ("Line 3", "Release"),
        ("Line 4", "column 4"),
    ]
    assert counts(shown)["skipped"] == "3"


def test_a_column_that_cannot_be_releases_plans_no_more_than_a_hundred(as_ana: Client) -> None:
    url = bring(as_ana, "Title,Version\n" + "".join(f"Row {n},v{n}\n" for n in range(120)))
    as_ana.post(
        f"{url}mapping/", {"kind": "csv", "column-title": "Title", "column-release": "Version", "plan_releases": "on"}
    )
    shown = page(as_ana, url)
    assert counts(shown) == {"new": "100", "updated": "0", "unchanged": "0", "skipped": "20"}
    assert "The file names more than 100 missing releases." in shown


# Hostile files


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"Title\na\x00b\n", "Line 2 contains a NUL character"),
        (b"Title\n" + b"x" * 1_000_000, "more than 100,000 characters"),
        (b"[" * 100_000, "nested too deep"),
        (b"PK\x03\x04" + b"\0" * 100, "a zip file or an Excel workbook"),
        (b"Title\n" + b"y" * (20 * 1024 * 1024), "20.0 MB; 20 MB is the most"),
        (b"", "The file is empty"),
        (
            b'{"rodeo": 1, "stories": [' + b"{}," * 6_000_000 + b"{}]}",
            "objects and lists; 250,000 is the most. Split it.",
        ),
        (b"Title\nx" + b"\r" * 10_000_000, "empty rows. Remove them."),
    ],
)
def test_a_hostile_file_is_answered_with_a_message(as_ana: Client, payments: Squad, body: bytes, said: str) -> None:
    answer = as_ana.post(URL, {"file": SimpleUploadedFile("x.csv", body)})
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not Import.objects.exists()


def test_no_file_is_answered_at_its_field(as_ana: Client) -> None:
    answer = as_ana.post(URL, {})
    assert answer.status_code == 400
    assert "Choose a file." in answer.content.decode()


def test_what_a_file_says_is_text_not_markup(as_ana: Client) -> None:
    evil = "<script>alert(1)</script>"
    url = bring(as_ana, f"Title,{evil}\n{evil},{evil}\n", f"{evil}.csv")
    assert "<script>alert" not in page(as_ana, url)
    assert "<script>alert" not in page(as_ana, URL)
    assert "<script>alert" not in run(as_ana, url)


def test_files_that_wait_are_bounded_and_can_be_discarded(as_ana: Client) -> None:
    urls = [bring(as_ana, f"Title\n{number}\n") for number in range(actions.MOST_PREVIEWS)]
    answer = as_ana.post(URL, {"file": SimpleUploadedFile("x.csv", b"Title\nx\n")})
    assert "20 files are waiting. Import or discard one first." in answer.content.decode()
    assert "Nothing was imported." in as_ana.post(f"{urls[0]}discard/", follow=True).content.decode()
    run(as_ana, urls[1])
    assert "can’t become" in as_ana.post(f"{urls[1]}discard/", follow=True).content.decode()
    bring(as_ana, "Title\nx\n")


def test_the_preview_takes_the_same_number_of_queries_whatever_it_shows(as_ana: Client, ana: User) -> None:
    def count(rows: int) -> int:
        for _ in range(2):
            url = bring(
                as_ana, "Key,Title,Type\n" + "".join(f"{n},Row {n},{'Bug' if n % 5 else 'Saga'}\n" for n in range(rows))
            )
            with CaptureQueriesContext(connection) as queries:
                page(as_ana, url)
            run(as_ana, url, leave_out="on")
        return len(queries)

    assert count(5) == count(500) <= 8


def test_the_list_takes_the_same_number_of_queries_whatever_it_shows(as_ana: Client) -> None:
    def count(files: int) -> int:
        for number in range(files):
            bring(as_ana, f"Title\n{number}\n")
        with CaptureQueriesContext(connection) as queries:
            page(as_ana, URL)
        return len(queries)

    assert count(1) == count(15) <= 7


# Taking it along


def exported(client: Client, kind: str = "csv", query: str = "") -> bytes:
    answer = client.get(f"/stories/export.{kind}{query}")
    assert answer.status_code == 200
    assert f'.{kind}"' in answer["Content-Disposition"]
    return b"".join(answer.streaming_content)


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_an_export_comes_back_without_a_change(as_ana: Client, ana: User, payments: Squad, kind: str) -> None:
    release = create_release(by=ana, version="5.10", line="Shop")
    create_story(payments, by=ana, title="=1+1", description='-a\r\n\'=b\n"q", ünï', type="chore", release=release)
    create_story(payments, by=ana, title="'@home", acceptance_criteria="\ttab\nline").move_progress(
        "in_progress", by=ana
    )
    create_story(payments, by=ana, title="Ends in \\", description="")
    url = bring(as_ana, exported(as_ana, kind, "?squad=payments"), f"x.{kind}")
    assert Import.objects.get().kind == "rodeo"
    assert counts(page(as_ana, url)) == {"new": "0", "updated": "0", "unchanged": "3", "skipped": "0"}
    assert "0 created, 0 updated, 3 unchanged" in run(as_ana, url)
    assert Story.objects.count() == 3
    changed = exported(as_ana, kind, "?squad=payments").replace(b"Ends in", b"Begins in")
    run(as_ana, bring(as_ana, changed))
    assert Story.objects.get(key="PAY-3").title.startswith("Begins in")


def test_an_export_of_one_squad_makes_new_stories_in_another(
    as_root: Client, root: User, payments: Squad, search: Squad
) -> None:
    create_story(search, by=root, title="Found", flag="x")
    body = exported(as_root, "csv", "?squad=search")
    for _ in range(2):
        run(as_root, bring(as_root, body))
    assert list(Story.objects.values_list("key", "title").order_by("key")) == [("PAY-1", "Found"), ("SEA-1", "Found")]


def test_two_rows_that_mean_one_story_are_told_and_the_first_is_taken(
    as_root: Client, as_ana: Client, ana: User, bo: User, payments: Squad, search: Squad
) -> None:
    create_story(search, by=bo, title="Find")
    run(as_ana, bring(as_ana, exported(as_ana, "json"), "all.json"))
    assert Story.objects.get(key="PAY-1").external == "rodeo:SEA-1"
    data = json.loads(exported(as_ana, "json"))
    for each in data["stories"]:
        each["title"] = f"Find, says {each['key']}"
    body = json.dumps(data)
    url = bring(as_ana, body, "again.json")
    assert "is already PAY-1, imported from SEA-1." in page(as_ana, url)
    run(as_ana, url)
    assert set(Story.objects.values_list("title", flat=True)) == {"Find"}
    run(as_ana, url, leave_out="on")
    said = Story.objects.get(key="PAY-1").title
    assert said == f"Find, says {data['stories'][0]['key']}"
    assert Story.objects.get(key="SEA-1").title == "Find"
    assert StoryEdit.objects.count() == 1


def test_no_cell_of_an_export_is_a_formula(as_ana: Client, ana: User, payments: Squad) -> None:
    for start in FORMULAS.strip():
        create_story(payments, by=ana, title=f"{start}cmd|' /C calc'!A0", description=f"\n{start}1")
    rows = list(csv.reader(io.StringIO(exported(as_ana).decode("utf-8-sig"), newline="")))
    assert len(rows) == 9
    assert [cell for row in rows for cell in row if cell and cell[0] in FORMULAS] == []


def test_an_export_is_filtered_as_the_list_is(as_bo: Client, ana: User, payments: Squad, search: Squad) -> None:
    create_story(payments, by=ana, title="Pay")
    create_story(search, by=ana, title="Find", type="defect")

    def keys(query: str) -> list[str]:
        return [line.split(",")[0] for line in exported(as_bo, "csv", query).decode("utf-8-sig").splitlines()[1:]]

    assert keys("") == ["SEA-1", "PAY-1"]
    assert keys("?squad=payments") == ["PAY-1"]
    assert keys("?type=defect") == ["SEA-1"]
    assert keys("?q=pay") == ["PAY-1"]
    assert keys("?stage=deployed") == []
    assert as_bo.get("/stories/export.csv?squad=nobody").status_code == 404


def test_an_export_costs_the_same_number_of_queries_however_long(as_ana: Client, ana: User, payments: Squad) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            exported(as_ana)
            exported(as_ana, "json")
        return len(queries)

    create_story(payments, by=ana, title="One")
    few = count()
    for number in range(30):
        create_story(payments, by=ana, title=f"{number}")
    assert count() == few <= 8
