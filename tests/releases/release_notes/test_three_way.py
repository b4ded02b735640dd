"""Generating notes again keeps what people edited, takes over what they left alone, and tells of what both changed."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from releases.release_notes.three_way import Difference, merge

BEFORE = "# 1.0\n\n## User stories\n\n- PAY-1 Pay by card\n- PAY-2 Pay back\n- PAY-3 Pay later\n"


def test_lines_that_nobody_edited_follow_what_is_generated() -> None:
    now = BEFORE.replace("Pay back", "Refund").replace("- PAY-3", "- PAY-9 New\n- PAY-3")
    assert merge(BEFORE, BEFORE, now) == (now, [])


def test_edited_lines_stay_when_others_are_generated_otherwise() -> None:
    mine = BEFORE.replace("- PAY-1 Pay by card", "- You can pay by card. (PAY-1)").replace(
        "# 1.0", "# Our spring release"
    )
    now = BEFORE.replace("Pay later", "Pay next month") + "- PAY-4 Pay in parts\n"
    text, differences = merge(BEFORE, mine, now)
    assert "- You can pay by card. (PAY-1)\n" in text and text.startswith("# Our spring release\n")
    assert "- PAY-3 Pay next month\n- PAY-4 Pay in parts\n" in text
    assert differences == []


def test_an_entry_that_nobody_touched_goes_with_its_story_whatever_was_edited_around_it() -> None:
    before = "# Shop 1.0\n\n## Chores\n\n- P-0 Tidy up\n"
    assert merge(before, "- P-0 Tidy up\n\n\n", "# Shop 1.0\n") == ("\n\n", [])
    mine = "Our spring release\n\n\n## User stories\n\n- PAY-2 Pay back\n\n## Own\n- PAY-3 Later\n"
    text, differences = merge(BEFORE, mine, BEFORE.replace("- PAY-2 Pay back\n", ""))
    assert text == mine.replace("- PAY-2 Pay back\n", "") and differences == []


def test_of_a_line_that_both_changed_the_persons_stays_and_the_difference_is_told() -> None:
    mine = BEFORE.replace("Pay by card", "Cards, at last")
    now = BEFORE.replace("Pay by card", "Pay by any card").replace("- PAY-2", "- PAY-8 Cheques\n- PAY-2")
    text, differences = merge(BEFORE, mine, now)
    assert "- PAY-1 Cards, at last\n- PAY-8 Cheques\n- PAY-2 Pay back\n" in text
    assert differences == [
        Difference(("- PAY-1 Pay by card",), ("- PAY-1 Cards, at last",), ("- PAY-1 Pay by any card",))
    ]


def test_a_line_that_somebody_deleted_does_not_come_back() -> None:
    mine = BEFORE.replace("- PAY-2 Pay back\n", "")
    assert merge(BEFORE, mine, BEFORE + "- PAY-4 Pay in parts\n")[0] == mine + "- PAY-4 Pay in parts\n"
    text, differences = merge(BEFORE, mine, BEFORE.replace("Pay back", "Refund"))
    assert text == mine and differences == [Difference(("- PAY-2 Pay back",), (), ("- PAY-2 Refund",))]


def test_a_story_that_left_the_release_leaves_the_notes_unless_its_line_was_edited() -> None:
    mine = BEFORE.replace("Pay by card", "Cards, at last")
    text, differences = merge(
        BEFORE, mine, BEFORE.replace("- PAY-1 Pay by card\n", "").replace("- PAY-2 Pay back\n", "")
    )
    assert "PAY-2" not in text and "- PAY-1 Cards, at last" in text
    assert [each.generated for each in differences] == [()]


def test_what_both_added_at_one_place_is_all_there_and_the_same_only_once() -> None:
    text, differences = merge("a\n", "a\nmine\n", "a\ntheirs\n")
    assert (text, differences) == ("a\nmine\ntheirs\n", [])
    assert merge("a\n", "a\nsame\n", "a\nsame\n") == ("a\nsame\n", [])


def test_a_story_that_takes_the_place_of_an_edited_line_has_a_line_of_its_own() -> None:
    mine = BEFORE.replace("Pay back", "Refunds, at last")
    text, differences = merge(BEFORE, mine, BEFORE.replace("- PAY-2 Pay back", "- PAY-9 Cheques"))
    assert "- PAY-2 Refunds, at last\n- PAY-9 Cheques\n" in text
    assert differences == [Difference(("- PAY-2 Pay back",), ("- PAY-2 Refunds, at last",), ())]


def test_an_entry_that_moves_to_another_section_takes_its_edited_words_along() -> None:
    mine = BEFORE.replace("- PAY-2 Pay back", "- You can pay back. (PAY-2)")
    now = BEFORE.replace("- PAY-2 Pay back\n", "") + "\n## Defects\n\n- PAY-2 Pay back\n"
    assert merge(BEFORE, mine, now) == (now.replace("- PAY-2 Pay back", "- You can pay back. (PAY-2)"), [])
    gone = BEFORE.replace("- PAY-2 Pay back\n", "")
    assert "PAY-2" not in merge(BEFORE, gone, now)[0]


def test_an_entry_that_somebody_has_written_already_is_there_once() -> None:
    mine = BEFORE + "- PAY-4 Pay in parts, soon\n"
    text, differences = merge(BEFORE, mine, BEFORE + "- PAY-4 Pay in parts\n")
    assert text == mine and [each.generated for each in differences] == [("- PAY-4 Pay in parts",)]


TEXTS = st.lists(st.sampled_from(["a", "b", "- PAY-1 x", "- PAY-1 y", "- PAY-2 x", ""]), max_size=8).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


@given(TEXTS, TEXTS, TEXTS)
def test_whatever_is_merged_no_line_that_a_person_wrote_is_lost(before: str, mine: str, now: str) -> None:
    text, differences = merge(before, mine, now)
    assert merge(before, before, now) == (now, [])
    assert merge(before, mine, before) == (mine, [])
    written = [line for line in mine.splitlines() if line not in before.splitlines()]
    assert all(text.splitlines().count(line) >= written.count(line) for line in written)
    told = {line for each in differences for line in each.generated}
    new = [line for line in now.splitlines() if line not in before.splitlines()]
    assert all(line in text.splitlines() or line in told for line in new)


STORIES = ("PAY-1", "PAY-2", "PAY-3", "ID-1", "ID-2")
SECTIONS = ("User stories", "Defects")


@dataclass
class Notebook:
    """Stories that come, go, move and are called otherwise, and notes that people edit and generate again."""

    stories: dict[str, tuple[str, int]] = field(default_factory=dict)
    generated: str = ""
    text: str = ""
    written: list[str] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)

    def plan(self, key: str, section: int, words: int) -> None:
        self.stories[key] = (SECTIONS[section], words)

    def unplan(self, key: str, *_: int) -> None:
        self.stories.pop(key, None)

    def made(self) -> str:
        lines = ["# 1.0"]
        for section in SECTIONS:
            entries = [f"- {key} words {words}" for key, (its, words) in sorted(self.stories.items()) if its == section]
            lines += ["", f"## {section}", "", *entries] if entries else []
        return "\n".join(lines) + "\n"

    def generate(self, *_: object) -> None:
        before, made = self.generated, self.made()
        self.text = merge(before, self.text, made)[0] if before else made
        self.generated = made
        lines = self.text.splitlines()
        assert all(line in lines for line in self.written), "what people wrote stays"
        for key in self.stories:
            if f"- {key} " not in before:
                self.deleted.discard(key)
            shown = any(line.startswith(f"- {key} ") or f"({key}" in line for line in lines)
            assert shown or key in self.deleted, "no story is lost"

    def reword(self, key: str, line: int, words: int) -> None:
        """Write one of the lines anew, with its key first, or in a sentence of one's own."""
        lines = self.text.splitlines()
        here = [place for place, each in enumerate(lines) if each.startswith(f"- {key} ") or f"({key}" in each]
        if here:
            place = here[line % len(here)]
            new = f"- {key} mine {words}" if words % 2 else f"- Mine {words} ({key} {len(self.written)})"
            self.written = [each for each in self.written if each != lines[place]] + [new]
            lines[place] = new
            self.text = "\n".join(lines) + "\n"

    def delete(self, key: str, *_: int) -> None:
        """Delete all that is said of a story."""
        lines = self.text.splitlines()
        kept = [each for each in lines if not (each.startswith(f"- {key} ") or f"({key}" in each)]
        if kept != lines:
            self.deleted.add(key)
        self.written = [each for each in self.written if each in kept]
        self.text = "\n".join(kept) + "\n"

    def add(self, _: str, line: int, words: int) -> None:
        """Write a sentence between two lines."""
        lines = self.text.splitlines()
        new = f"A sentence {words}, {len(self.written)}."
        lines.insert(line % (len(lines) + 1), new)
        self.written.append(new)
        self.text = "\n".join(lines) + "\n"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["plan", "plan", "unplan", "generate", "generate", "reword", "delete", "add"]),
        st.sampled_from(STORIES),
        st.integers(0, 1),
        st.integers(0, 9),
    ),
    max_size=40,
)


@given(STEPS)
def test_however_often_notes_are_edited_and_generated_again_no_edit_and_no_story_is_lost(
    steps: list[tuple[str, str, int, int]],
) -> None:
    notes = Notebook()
    notes.generate()
    for verb, key, place, words in steps:
        getattr(notes, verb)(key, place, words)
    notes.generate()
