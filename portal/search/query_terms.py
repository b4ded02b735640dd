"""Words as they are typed and as they are written: splitting, misspelling, marking. No database in here."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

# Both engines split at everything that is no letter and no digit, so do we; an underscore is neither.
WORD = re.compile(r"[^\W_]+")
MOST_WORDS, LONGEST_WORD, LONGEST_QUERY = 8, 60, 400
# Shorter words have too many neighbours, longer ones are not words of people; numbers are never misspelt.
SHORTEST_CORRECTED, LONGEST_CORRECTED = 4, 24
EXCERPT = 160


class Asked(NamedTuple):
    """What somebody looks for: the text as typed (without what no database keeps) and its words."""

    text: str
    words: tuple[str, ...]


def asked(text: str) -> Asked:
    """Read what somebody typed. Anything may be typed; of a very long text the beginning counts."""
    kept = "".join(each for each in text[:LONGEST_QUERY] if each.isprintable() or each.isspace())
    kept = " ".join(unicodedata.normalize("NFC", kept.encode("utf-8", "ignore").decode()).split())
    words = dict.fromkeys(word[:LONGEST_WORD] for word in split(kept))
    return Asked(kept, tuple(words)[:MOST_WORDS])


def split(text: str) -> list[str]:
    """Return the words of a text, in lower case."""
    return WORD.findall(text.lower())


def spellings(word: str) -> set[str]:
    """Return the word and all that is left of it without one letter."""
    return {word, *(word[:place] + word[place + 1 :] for place in range(len(word)))}


def correctable(word: str) -> bool:
    """Say whether a word is one that people misspell: letters only, neither short nor endless."""
    return SHORTEST_CORRECTED <= len(word) <= LONGEST_CORRECTED and word.isalpha()


def distance(one: str, other: str) -> int:
    """Return how many letters must be added, dropped, changed or swapped with the next one to turn one into the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        new = [i]
        for j, right in enumerate(other, 1):
            least = min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                least = min(least, before[j - 2] + 1)
            new.append(least)
        before, row = row, new
    return row[-1]


def nearest(word: str, known: Iterable[str], most: int = 4) -> list[str]:
    """Return the known words that `word` is probably a misspelling of, the nearest first."""
    allowed = 1 if len(word) < 6 else 2
    ranked = sorted(
        (apart, each[0] != word[0], abs(len(each) - len(word)), each)
        for each in set(known)
        if 0 < (apart := distance(word, each)) <= allowed
    )
    # Two letters away only counts where nothing is one letter away.
    return [each for apart, _, _, each in ranked if apart == ranked[0][0]][:most]


def _spots(text: str, words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where in a text a word begins with one of `words`, and where that beginning ends."""
    for match in WORD.finditer(text):
        lower = match[0].lower()
        # In a few scripts lower case is longer than what it comes from; such a word is marked whole or not at all.
        longest = max((len(word) for word in words if lower.startswith(word)), default=0)
        if longest:
            yield match.start(), match.start() + min(longest, len(match[0]))


def begins(word: str, text: str) -> bool:
    """Say whether a word begins some word of a text."""
    return re.search(rf"(?<![^\W_]){re.escape(word)}", text.lower()) is not None


def _first_spot(text: str, words: Sequence[str]) -> int | None:
    """Return where the first word begins that `_spots` would yield; of a long text that takes a fraction of the time."""
    lower = text.lower()
    if len(lower) != len(text):
        # Places in it are others: a script whose lower case is longer.
        return next((start for start, _ in _spots(text, words)), None)
    found = re.search(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, words))})", lower) if words else None
    return found.start() if found else None


def marked(text: str, words: Sequence[str]) -> SafeString:
    """Return the text as HTML, with <mark> around the beginnings of words that were looked for."""
    parts, at = [], 0
    for start, end in _spots(text, words):
        parts += [escape(text[at:start]), "<mark>", escape(text[start:end]), "</mark>"]
        at = end
    # Every piece between the marks was escaped.
    return mark_safe("".join([*parts, escape(text[at:])]))  # noqa: S308


def excerpt(text: str, words: Sequence[str]) -> SafeString:
    """Return the part of a long text around the first word that was looked for, marked; empty if there is none."""
    flat = " ".join(text.split())
    first = _first_spot(flat, words)
    if first is None:
        return SafeString("")
    start = max(first - EXCERPT // 3, 0)
    if start:
        start = flat.find(" ", start) + 1 or start
    piece = flat[start : start + EXCERPT]
    before, after = "… " if start else "", " …" if start + EXCERPT < len(flat) else ""
    return SafeString(before + marked(piece, words) + after)
