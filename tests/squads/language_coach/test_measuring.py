"""How often the coach is right: on our own sentences, on those of others where they are, and the command that says so."""

import csv
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from squads.language_coach import measuring
from tests.conftest import NO_REAL_DATA, REAL_DATA

SENTENCES = Path(__file__).parent / "sentences.csv"
REAL = REAL_DATA / "blame_sentences.csv"


def rows(*sets: str) -> list[tuple[str, str]]:
    with SENTENCES.open(newline="") as file:
        return [(row["sentence"], row["label"]) for row in csv.DictReader(file) if row["set"] in sets]


@pytest.mark.parametrize("which", ["development", "held out", "afterwards", "later"])
def test_on_each_of_our_own_sets_precision_and_recall_are_high(which: str) -> None:
    score = measuring.overall(measuring.judge(rows(which)))
    assert score.precision is not None and score.recall is not None
    assert score.precision >= 0.9 and score.recall >= 0.8


def test_sentences_that_only_look_like_blame_are_left_alone() -> None:
    assert [each.sentence for each in measuring.judge(rows("traps")) if each.found] == []


def test_at_least_half_of_our_sentences_are_fine() -> None:
    every = rows("development", "held out", "afterwards", "traps", "later")
    assert len(every) >= 300 and len({sentence for sentence, _ in every}) == len(every)
    assert sum(label == "fine" for _, label in every) >= len(every) / 2


@pytest.mark.skipif(not REAL.is_file(), reason=NO_REAL_DATA)
def test_on_sentences_of_public_postmortems_nine_in_ten_findings_are_right() -> None:
    score = measuring.overall(measuring.judge(measuring.read(REAL.read_text(encoding="utf-8"))))
    assert score.precision is not None and score.precision >= 0.9
    assert score.recall is not None and score.recall >= 0.6


def measured(text: str, tmp_path: Path) -> str:
    path = tmp_path / "sentences.csv"
    path.write_text(text)
    out = StringIO()
    call_command("measure_coach", path, stdout=out)
    return out.getvalue()


def test_the_command_prints_figures_misses_and_false_alarms(tmp_path: Path) -> None:
    said = measured(
        "sentence,label,source\nWe should have tested.,counterfactual,x\nIt rained.,blameful,x\nHuman error.,fine,x\n"
        "It works.,fine,x\n",
        tmp_path,
    )
    assert said == (
        "4 sentences.\n"
        "blameful: precision 0.00, recall 0.00 (0 right, 1 wrong, 1 missed)\n"
        "counterfactual: precision 1.00, recall 1.00 (1 right, 0 wrong, 0 missed)\n"
        "overall: precision 0.50, recall 0.50 (1 right, 1 wrong, 1 missed)\n"
        "\nMissed:\n- It rained. (blameful)\n"
        "\nFlagged wrongly:\n- Human error. (blameful)\n"
    )


def test_a_share_of_nothing_is_none(tmp_path: Path) -> None:
    assert "overall: precision none, recall none (0 right" in measured("sentence,label\nIt works.,fine\n", tmp_path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("text,label\n", "The file has no column sentence. Its first line must name the columns sentence and label."),
        ("sentence,label\na,bad\n", "Line 2: the label is bad. Use blameful, counterfactual or fine."),
        ("sentence,label\na\n", "Line 2: the label is empty. Use blameful, counterfactual or fine."),
    ],
)
def test_a_file_of_another_kind_is_refused_with_the_reason(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError) as raised:
        measured(text, tmp_path)
    assert str(raised.value) == why


def test_a_file_that_isnt_there_is_named() -> None:
    with pytest.raises(CommandError, match=r"nowhere\.csv can't be read: No such file or directory\."):
        call_command("measure_coach", Path("nowhere.csv"))
