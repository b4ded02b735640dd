"""How often the coach is right, on sentences that people labelled."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from squads.language_coach.coach import find
from squads.language_coach.rules import BLAMEFUL, COUNTERFACTUAL

FINE = "fine"
LABELS = (BLAMEFUL, COUNTERFACTUAL, FINE)


class WrongFile(ValueError):
    """The file has no labelled sentences. The text names the column and what to do."""


@dataclass(frozen=True)
class Judged:
    """A labelled sentence with the labels that the coach gave it."""

    sentence: str
    label: str
    found: frozenset[str]


@dataclass(frozen=True)
class Score:
    """Counts of sentences: flagged rightly, flagged wrongly, and missed. A share of nothing is None."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float | None:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None

    @property
    def recall(self) -> float | None:
        return self.right / (self.right + self.missed) if self.right + self.missed else None


def read(text: str) -> list[tuple[str, str]]:
    """The sentences of a CSV file with their labels. Raises WrongFile."""
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    for column in ("sentence", "label"):
        if column not in (rows.fieldnames or ()):
            raise WrongFile(
                f"The file has no column {column}. Its first line must name the columns sentence and label."
            )
    found = []
    for row in rows:
        sentence, label = row["sentence"] or "", (row["label"] or "").strip().lower()
        if label not in LABELS:
            raise WrongFile(
                f"Line {rows.line_num}: the label is {label or 'empty'}. Use {', '.join(LABELS[:-1])} or {FINE}."
            )
        found.append((sentence, label))
    return found


def judge(rows: Sequence[tuple[str, str]]) -> list[Judged]:
    return [Judged(sentence, label, frozenset(each.rule.label for each in find(sentence))) for sentence, label in rows]


def score(judged: Sequence[Judged], flagged: Callable[[Judged], bool], meant: Callable[[Judged], bool]) -> Score:
    return Score(
        right=sum(flagged(each) and meant(each) for each in judged),
        wrong=sum(flagged(each) and not meant(each) for each in judged),
        missed=sum(meant(each) and not flagged(each) for each in judged),
    )


def overall(judged: Sequence[Judged]) -> Score:
    """Flagged at all against not fine."""
    return score(judged, lambda each: bool(each.found), lambda each: each.label != FINE)


def of_label(judged: Sequence[Judged], label: str) -> Score:
    """Flagged with a label against labelled so."""
    return score(judged, lambda each: label in each.found, lambda each: each.label == label)
