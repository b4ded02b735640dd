"""Merging what two people made of one text, line by line. Pure: texts in, a text out."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher


def merge(base: str, theirs: str, mine: str) -> str | None:
    """Return the text with both changes; None where both changed the same lines differently."""
    texts = [text.removesuffix("\n").split("\n") if text else [] for text in (base, theirs, mine)]
    made: list[str] = []
    done = (0, 0, 0)
    for starts, length in _in_all(*texts):
        before, first, second = (text[end:start] for text, end, start in zip(texts, done, starts, strict=True))
        if first == before or first == second:
            made += second
        elif second == before:
            made += first
        else:
            return None
        made += texts[0][starts[0] : starts[0] + length]
        done = (starts[0] + length, starts[1] + length, starts[2] + length)
    return "\n".join(made) + ("\n" if made and mine.endswith("\n") else "")


def _in_all(
    base: Sequence[str], theirs: Sequence[str], mine: Sequence[str]
) -> Iterator[tuple[tuple[int, int, int], int]]:
    """Yield the stretches that all three have, with where each begins, and an empty one at the end."""
    first, second = (
        SequenceMatcher(None, base, other, autojunk=False).get_matching_blocks() for other in (theirs, mine)
    )
    i = j = 0
    while i < len(first) and j < len(second):
        one, other = first[i], second[j]
        start, end = max(one.a, other.a), min(one.a + one.size, other.a + other.size)
        if start < end:
            yield (start, one.b + start - one.a, other.b + start - other.a), end - start
        if one.a + one.size < other.a + other.size:
            i += 1
        else:
            j += 1
    yield (len(base), len(theirs), len(mine)), 0
