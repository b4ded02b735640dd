"""Files of other systems: what is read, where it stood, and what is refused, with a reason."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squads.imports import formats, validation
from squads.imports.formats import dates, rodeo, table
from squads.imports.formats.raw import Item, RawComment, RawMove

HERE = Path(__file__).parent / "fixtures"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def read(name: str, **options: Any) -> formats.Parsed:
    return formats.parse((HERE / name).read_bytes(), **options)


def refused(body: bytes, kind: str = "") -> str:
    with pytest.raises(formats.Refused) as raised:
        formats.parse(body, kind)
    return str(raised.value)


def test_a_table_of_jira_is_recognised_with_repeated_columns_and_true_lines() -> None:
    parsed = read("jira.csv")
    first, second, third = parsed.items
    assert parsed.kind == "jira"
    assert first.cells == {
        "key": "ABC-1",
        "title": "Pay with iDEAL",
        "type": "Story",
        "status": "In Review",
        "release": "1.0",
        "created": "05/Jan/26 9:12 AM",
        "description": "Two lines,\nwith a comma",
    }
    assert first.comments == [
        RawComment("06/Jan/26 10:00 AM", "ana", "Which banks?"),
        RawComment("07/Jan/26 11:30 AM", "bo", "All of them; really."),
    ]
    assert [each.place for each in parsed.items] == ["line 2", "line 4", "line 5"]
    assert second.cells["title"] == 'Basket loses "odd" items'
    assert second.column("title") == "Summary"
    assert third.cells["status"] == "To Do"


def test_issues_of_jira_keep_their_history_oldest_first() -> None:
    parsed = read("jira.json")
    first, second = parsed.items
    assert parsed.kind == "jira"
    assert first.cells["description"] == "All Dutch banks.\n- ten euro"
    assert first.cells["release"] == "1.0"
    assert first.moves == [
        RawMove("2026-01-07T08:00:00.000+0100", "Kofi Mensah", "To Do", "In Review"),
        RawMove("2026-01-09T15:00:00.000+0100", "Mei Lin", "In Review", "Done"),
    ]
    assert first.comments == [RawComment("2026-01-06T10:00:00.000+0100", "Mei Lin", "Which banks?")]
    assert (second.place, second.cells["release"], second.cells["description"]) == ("issue 2 (ABC-2)", "", "")


def test_a_page_of_a_longer_search_says_that_there_are_others() -> None:
    data = json.loads((HERE / "jira.json").read_text())
    data["total"] = 70
    assert formats.parse(json.dumps(data).encode()).notes == [
        "Jira found 70 issues, but the file has 2. Export the other pages too."
    ]


def test_a_board_of_trello_gives_cards_with_lists_checklists_and_actions() -> None:
    parsed = read("trello.json")
    first, second = parsed.items
    assert parsed.kind == "trello"
    assert parsed.notes == ["1 archived card skipped."]
    assert first.cells == {
        "key": "aBcD1234",
        "title": "Gift cards",
        "type": "Bug",
        "status": "Doing",
        "description": "Sell them.",
        "created": "2026-01-09T12:19:12+00:00",
        "acceptance_criteria": "One is sold\nOne is used",
    }
    assert first.comments == [RawComment("2026-01-11T10:00:00.000Z", "Mei Lin", "With a picture?")]
    assert first.moves == [RawMove("2026-01-10T10:00:00.000Z", "Kofi Mensah", "Backlog", "Doing")]
    assert (second.cells["status"], second.cells["description"]) == ("Done", "Steps:\n- Ask the bank")


def test_a_project_of_taiga_gives_stories_issues_and_tasks() -> None:
    parsed = read("taiga.json")
    story, issue, task = parsed.items
    assert (parsed.kind, parsed.notes) == ("taiga", ["1 epic skipped, because Rodeo has none."])
    assert (story.cells["key"], story.cells["status"], story.milestone) == ("shop#7", "In progress", "sprint-3")
    assert story.moves == [RawMove("2026-01-06T09:00:00+0000", "Mei Lin", "New", "In progress")]
    assert story.comments == [RawComment("2026-01-07T09:00:00+0000", "Kofi Mensah", "Only for known customers.")]
    assert (issue.place, issue.cells["type"], task.cells["type"]) == ("issue 1 (#9)", "Bug", "task")


def test_issues_of_github_from_its_command_line() -> None:
    done, never = read("github_gh.json").items
    assert (done.cells["key"], done.cells["type"], done.milestone) == ("shop/checkout#12", "bug", "1.0")
    assert done.moves == [RawMove("2026-01-08T09:00:00Z", "", "open", "closed")]
    assert done.comments == [RawComment("2026-01-06T09:00:00Z", "mei", "Here too.")]
    assert never.cells["status"] == "closed: not planned"


def test_issues_of_github_from_its_rest_interface() -> None:
    parsed = read("github_rest.json")
    [issue] = parsed.items
    assert parsed.notes == ["1 pull request skipped, because they’re changes."]
    assert issue.cells["key"] == "shop/checkout#12"
    assert [(move.by, move.after) for move in issue.moves] == [("mei", "closed"), ("kofi", "open")]


@pytest.mark.parametrize("name", ["jira.json", "trello.json", "taiga.json", "github_gh.json", "github_rest.json"])
def test_every_export_is_looked_through_without_a_problem(name: str) -> None:
    checked = validation.validate(read(name), NOW)
    assert checked.problems == []
    assert checked.rows


def test_done_elsewhere_is_dev_done_here_and_what_never_will_be_is_cancelled() -> None:
    checked = validation.validate(read("jira.json"), NOW)
    row, never = checked.rows
    assert never.ending == "cancelled" and "progress" not in never.values
    assert row.values["progress"] == "dev_done"
    assert [(move.before, move.after, move.because) for move in row.moves] == [
        ("todo", "in_progress", "Jira: To Do → In Review, by Kofi Mensah"),
        ("in_progress", "dev_done", "Jira: In Review → Done, by Mei Lin"),
    ]
    assert row.comments[0].body == "Mei Lin wrote in Jira:\n\nWhich banks?"
    assert checked.left_out == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_tables_are_read_in_every_usual_encoding(encoding: str, mark: str, end: str) -> None:
    text = end.join([f"Title{mark}Status", f'"Größe, prüfen; ja"{mark}Done', f"Café{mark}Open"])
    parsed = formats.parse(text.encode(encoding))
    assert [item.cells["title"] for item in parsed.items] == ["Größe, prüfen; ja", "Café"]
    assert parsed.items[1].place == "line 3"


def test_lines_are_those_of_the_file_blank_ones_and_newlines_in_cells_included() -> None:
    body = b'\r\nTitle,Notes\r\n\r\nOne,"a\r\nb\r\nc"\r\n\r\nTwo,\r\nThree,x,y,z\r\nFour\r\n'
    parsed = formats.parse(body)
    assert [(item.place, item.cells["title"]) for item in parsed.items] == [
        ("line 4", "One"),
        ("line 8", "Two"),
        ("line 10", "Four"),
    ]
    [problem] = parsed.problems
    assert (problem.place, problem.column) == ("line 9", "column 3")
    assert "4 cells, the first line 2" in problem.reason


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "The file is empty."),
        (b" \n\n", "The file is empty."),
        (b"Title\n", "no rows below the first line"),
        (b"PK\x03\x04rest", "a zip file or an Excel workbook"),
        (b"Title\na\nb\x00c\n", "Line 3 contains a NUL character"),
        (b'Title\na\n"never closed\n' + b"x\n" * 10, "The record starting in line 3 can’t be read"),
        (b"Title\n" + b"x" * 1_000_000, "starting in line 2 can’t be read: one of its cells has more than 100,000"),
        (b'Title\n"' + b"=" * 200_000 + b'"\n', "more than 100,000 characters"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "nested too deep"),
        (b'{"issues": [', "This JSON is incomplete"),
        (b"[" + b"9" * 5000 + b"]", "thousands of digits"),
        (b'{"hello": 1}', "We don’t recognise this JSON"),
        (b'{"cards": [], "lists": []}', "There’s no Trello data in this file"),
        (b"a,b\n" + b"1,2\n" * 20_001, "more than 20,000 rows"),
        (b"a" + b",b" * 999 + b"\n" + (b"1" + b"," * 999 + b"\n") * 4_100, "more than 4,000,000 cells"),
        (b"x," * 2_000 + b"\n1\n", "2,001 columns"),
        (b"T\n" + b"x" * (21 * 1024 * 1024), "21.0 MB; 20 MB is the most"),
        (b"Title,\xc3\x28\x81\nx,y\n", "isn’t cp1252 text"),
        (b"Title\nx\n" + b"\n" * 1_048_577, "more than 1,048,576 empty rows"),
        (b'{"cards": [' + b"{}," * 250_000 + b'{}], "lists": []}', "250,004 objects and lists; 250,000 is the most"),
        (b"Title" + b",Comment" * 999 + b"\n" + (b"x" + b",y" * 999 + b"\n") * 101, "100,899 comments and moves"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_what_to_do(body: bytes, said: str) -> None:
    assert said in refused(body)


def test_the_wrong_kind_is_refused() -> None:
    assert "Trello exports JSON" in refused(b"Title\nx\n", "trello")
    assert "not a table" in refused((HERE / "trello.json").read_bytes(), "csv")
    assert "no Taiga data" in refused((HERE / "github_gh.json").read_bytes(), "taiga")


def test_a_document_nested_beyond_reason_is_read_without_recursion() -> None:
    node: dict[str, Any] = {"type": "text", "text": "deep"}
    for _ in range(5000):
        node = {"type": "paragraph", "content": [node]}
    from squads.imports.formats.jira import plain_text

    assert plain_text(node) == "deep"


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused_with_a_reason(body: bytes) -> None:
    look_through(body)


@given(st.text(max_size=300), st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]))
def test_any_text_is_read_or_refused_with_a_reason(text: str, encoding: str) -> None:
    look_through(text.encode(encoding, "surrogatepass"))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "issues key fields summary status name cards lists id idList closed actions data card type labels number title "
                "state body url comments user_stories history diff values created_at author changelog histories items field "
                "toString fromString description content stories rodeo created desc shortLink checklists fixVersions".split()
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(JSON, st.sampled_from(["", *formats.KINDS]))
def test_any_json_is_read_or_refused_with_a_reason(data: Any, kind: str) -> None:
    look_through(json.dumps(data).encode(), kind)


def look_through(body: bytes, kind: str = "") -> None:
    try:
        parsed = formats.parse(body, kind)
    except formats.Refused as error:
        assert error.reason and error.remedy
        return
    checked = validation.validate(parsed, NOW)
    assert all(problem.place and problem.column and problem.reason and problem.remedy for problem in checked.problems)
    bad = {problem.place for problem in checked.problems}
    assert len(checked.rows) + checked.left_out + len(bad) == len(parsed.items) + len(parsed.problems)
    for row in checked.rows:
        assert 0 < len(row.values["title"]) <= 200 and len(row.external) <= 200
        row.values["title"].encode()
        assert row.values.get("progress", "todo") in validation.PROGRESSES


@given(st.text(max_size=40))
def test_a_guarded_cell_is_no_formula_and_comes_back_as_it_was(cell: str) -> None:
    assert rodeo.escape_formula(cell)[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
    assert rodeo.unescape_formula(rodeo.escape_formula(cell)) == cell


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-14", "2026-03-14T00:00:00+00:00"),
        ("2026-03-14 15:09", "2026-03-14T15:09:00+00:00"),
        ("2026-03-14T15:09:26.000+0100", "2026-03-14T14:09:26+00:00"),
        ("14/Mar/26 3:09 PM", "2026-03-14T15:09:00+00:00"),
        ("14.03.2026", "2026-03-14T00:00:00+00:00"),
        ("03/04/2026", None),
        ("0001-01-01", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_moments_are_read_where_they_can_be_only_one(text: str, moment: str | None) -> None:
    found = dates.moment(text)
    assert (found.isoformat() if found else None) == moment


@pytest.mark.parametrize(
    ("cells", "column", "reason"),
    [
        ({"title": " "}, "Name", "There is no title."),
        ({"title": "x" * 201}, "Name", "The title has 201 characters; 200 is the most."),
        ({"title": "x", "type": "Saga"}, "type", "We don’t know what “Saga” means."),
        ({"title": "x", "status": "Limbo"}, "status", "We don’t know what “Limbo” means."),
        ({"title": "x", "created": "soon"}, "created", "“soon” isn’t a date."),
        ({"title": "x", "created": "2027-01-01"}, "created", "“2027-01-01” is in the future."),
        ({"title": "x", "key": "k" * 121}, "key", "The key has 121 characters; 120 is the most."),
        ({"title": "x\0"}, "Name", "The cell contains a NUL character."),
        ({"title": "x", "description": "\ud800"}, "description", "The cell contains an invalid character"),
        ({"title": "x", "description": "y" * 100_001}, "description", "The text has more than 100,000 characters."),
    ],
)
def test_a_bad_row_names_its_place_column_and_remedy(cells: dict[str, str], column: str, reason: str) -> None:
    parsed = formats.Parsed("csv", [Item("line 7", cells, {"title": "Name"})])
    [problem] = validation.validate(parsed, NOW).problems
    assert (problem.place, problem.column) == ("line 7", column)
    assert problem.reason.startswith(reason)
    assert problem.remedy


def test_nothing_happened_later_than_now() -> None:
    item = Item("card 1", {"title": "x\n y", "status": "Doing"}, moves=[RawMove("2999-01-01", "", "Open", "Doing")])
    item.comments = [RawComment("2999-01-01", "", "From the future")]
    checked = validation.validate(formats.Parsed("trello", [item]), NOW)
    [row] = checked.rows
    assert (row.values["title"], row.moves, row.comments[0].at, checked.moves_without_meaning) == ("x y", [], None, 1)


def test_a_second_row_with_the_same_key_or_title_is_refused() -> None:
    parsed = formats.parse(b"Key,Title\nA-1,One\nA-1,Two\n,Three\n,three \n")
    said = [(each.place, each.column, each.reason) for each in validation.validate(parsed, NOW).problems]
    assert said == [
        ("line 3", "Key", "line 2 already has the key “A-1”."),
        ("line 5", "Title", "line 4 already has this title, and neither has a key."),
    ]


def test_what_a_person_says_a_word_means_wins_over_the_guess() -> None:
    parsed = formats.parse(b"Title,Status,Type\nA,Done,Saga\nB,Limbo,Bug\n")
    checked = validation.validate(parsed, NOW, {"saga": "chore"}, {"done": "in_progress", "limbo": "leave_out"})
    [row] = checked.rows
    assert (row.values["progress"], row.values["type"], checked.left_out) == ("in_progress", "chore", 1)


def test_columns_are_guessed_once_each() -> None:
    assert table.guess(["ID", "Name", "Summary", "State", "Milestone", "Extra"]) == {
        "key": "ID",
        "title": "Summary",
        "status": "State",
        "milestone": "Milestone",
    }
