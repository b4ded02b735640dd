"""Findings in a text: which words, which rule, and the question to try instead."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from squads.language_coach import blame, counterfactuals, words
from squads.language_coach.reading import lower, sentences
from squads.language_coach.rules import BY_ID, Rule

LONGEST = 20_000
NAME = re.compile(r"[a-z0-9]+(?:['-][a-z0-9]+)*")


@dataclass(frozen=True)
class Finding:
    """Words of a text, from `start` up to `end`, that a rule is about."""

    start: int
    end: int
    rule: Rule


def find(text: str, names: Collection[str] = ()) -> list[Finding]:
    """What the coach would ask about in a text, in its order, none inside of another. `names` are whole names of people."""
    found = sorted(_all(text, known(names)), key=lambda each: (each.start, each.start - each.end))
    kept: list[Finding] = []
    for each in found:
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
    return kept


def known(names: Collection[str]) -> blame.Names:
    """The parts of names that name a person. One that is a word or a tool as well does so only beside the next part."""
    alone, together = set(), set()
    for name in names:
        parts = NAME.findall(lower(name))
        alone |= {part for part in parts if len(part) > 2 and part not in words.NO_NAMES | words.WORD_NAMES}
        together |= set(pairwise(parts))
    return blame.Names(frozenset(alone), frozenset(together))


def _all(text: str, names: blame.Names) -> Iterator[Finding]:
    for sentence in sentences(text):
        for start, end, rule in [*blame.find(sentence, names), *counterfactuals.find(sentence)]:
            yield Finding(sentence.start + start, sentence.start + end, BY_ID[rule])
