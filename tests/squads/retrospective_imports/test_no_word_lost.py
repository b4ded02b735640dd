"""No word of a file is lost, whatever the file is."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from squads.retrospective_imports import markdown
from squads.retrospective_imports.imported import Unreadable
from squads.retrospective_imports.lost_words import lost_words

WORDS = st.sampled_from(
    [
        "alert",
        "Deploy",
        "v2.10",
        "née",
        "snake_case",
        "[link][ref]",
        "`code`",
        "**bold**",
        "UTC",
        "the",
        "10%",
        "a|b",
        "May",
        "#7",
    ]
)
TIMES = st.sampled_from(
    [
        "10:15",
        "2021-03-04 12:01",
        "12/03/2021 10:00",
        "14.43",
        "5pm",
        "23:59 - 00:10",
        "4 March 2021",
        "20202-01-16 12:00",
        "2021/22-??-?? HH:mm",
        "**10:40**",
        "[10:41]",
        "16:59 PST",
        "2021-03-04T12:01:00-07:00",
        "24/07/25",
        "Mar 5",
        "10:00h",
        "1443 UTC",
    ]
)
TEXT = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)
MARK = st.sampled_from(["", "- ", "* ", "1. ", "2) ", "  - ", "    ", "\t", "> ", "| ", "- [x] ", "- - ", "-"])
LINE = st.one_of(
    st.just(""),
    TEXT,
    st.builds(
        lambda mark, time, sep, text: f"{mark}{time}{sep}{text}",
        MARK,
        TIMES,
        st.sampled_from([" ", " - ", ": ", " | ", ""]),
        TEXT,
    ),
    st.builds(lambda depth, text: f"{'#' * depth} {text}", st.integers(1, 7), st.one_of(TEXT, TIMES)),
    st.sampled_from(
        [
            "## Timeline",
            "Timeline\n===",
            "**Timeline**",
            "# Summary",
            "## Action items ##",
            "All times in CET",
            "---",
            "***",
        ]
    ),
    st.sampled_from(
        [
            "```",
            "```log",
            "~~~",
            "| Time | Event |\n|---|---|",
            "| a | b | c |\n|:-:|--|--|",
            "[ref]: https://example.org/a",
        ]
    ),
    st.sampled_from(
        ["**Impact:** many", "- **Context**:", "Date: 2021-03-04", "Severity: P1", "title: x", "<!-- hidden -->", "<b>"]
    ),
    st.builds(lambda first, second, more: f"| {first} | {second} | {more} |", TIMES, TEXT, TEXT),
)
DOCUMENT = st.lists(LINE, min_size=1, max_size=25).map("\n".join)


def lost(text: str) -> list[str]:
    try:
        imported = markdown.read(text)
        return lost_words(markdown.text_of(text)[0], imported)
    except Unreadable:
        return []


@given(DOCUMENT)
@settings(max_examples=60, deadline=None)
@example("```\n- 10:00 a\n- 10:05 b\n- 10:10 last")
@example("## Timeline\n\n| Time | Event |\n|---|---|\n| 10:00 | a | beyond | the head |\n| 10:05 |")
@example("## Timeline\n\n2021-03-04\n\n## Impact\n\nx")
@example("---\ntitle: x\n\t- odd: y\n---\n# x\n")
def test_every_word_of_generated_markdown_is_kept(text: str) -> None:
    assert lost(text) == []


@given(st.text(min_size=1, max_size=300))
@settings(max_examples=60, deadline=None)
@example("0:00\n=")
def test_every_word_of_any_text_is_kept(text: str) -> None:
    assert lost(text) == []


@given(DOCUMENT, st.sampled_from(["\r\n", "\r"]))
@settings(max_examples=20, deadline=None)
def test_line_ends_change_nothing(text: str, end: str) -> None:
    try:
        plain = markdown.read(text)
    except Unreadable:
        return
    assert markdown.read(text.replace("\n", end)) == plain
