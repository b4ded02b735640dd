"""Postmortems that others published: every word is kept, and their timelines are found."""

import csv

import pytest

from squads.retrospective_imports import markdown
from squads.retrospective_imports.imported import ImportedRetrospective
from squads.retrospective_imports.lost_words import lost_words, out_of_order
from tests.conftest import NO_REAL_DATA, REAL_DATA

INDEX = REAL_DATA / "postmortems" / "INDEX.csv"
pytestmark = pytest.mark.skipif(not INDEX.is_file(), reason=NO_REAL_DATA)


Read = tuple[dict[str, str], str, ImportedRetrospective]


@pytest.fixture(scope="module")
def read() -> list[Read]:
    """Each row of the index with the text of its file and what was made of it."""
    with INDEX.open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = []
    for row in rows:
        path = REAL_DATA / row["file"]
        found.append((row, markdown.text_of(path.read_bytes())[0], markdown.read(path.read_bytes(), name=path.name)))
    return found


def test_no_word_is_lost_and_none_changes_its_place(read: list[Read]) -> None:
    for row, text, imported in read:
        assert (lost_words(text, imported), out_of_order(text, imported)) == ([], []), row["file"]
        assert imported.left == (), row["file"]


def test_nine_in_ten_have_at_least_the_dated_lines_of_the_index(read: list[Read]) -> None:
    enough = [sum(1 for entry in imported.timeline if entry.at) >= int(row["dated_lines"]) for row, _, imported in read]
    assert sum(enough) >= 0.9 * len(read)


def test_each_has_its_title_and_the_sections_of_its_headings(read: list[Read]) -> None:
    for row, _, imported in read:
        assert imported.title == row["title"]
        roles = {section.role for section in imported.sections}
        assert {"summary", "timeline", "actions", "learnings"} <= roles, row["file"]
