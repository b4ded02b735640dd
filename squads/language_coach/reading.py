"""A text as the coach reads it: sentences, without code, addresses and what others said."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

HIDDEN = re.compile(
    r"(?P<fence>^(?P<mark>```|~~~).*?(?:^(?P=mark)|\Z))|(?P<quoted>^[ \t]*>.*$)|(?P<code>`[^`\n]+`)|(?P<link>\]\([^)\s]*\))"
    r"|(?P<url>https?://\S+)|(?P<said>\"[^\"\n]{3,300}\"|“[^”\n]{1,300}”|«[^»\n]{1,300}»)",
    re.MULTILINE | re.DOTALL,
)
ENDS = re.compile(r"(?<=[.!?])[)\"”*_]*\s+(?=\S)|\n\s*\n|\n(?=\s*(?:[-*+]|\d{1,3}[.)])\s)|\n(?=#)|\|")
WORD = re.compile(r"[a-z0-9]+(?:['-][a-z0-9]+)*")
MARKS = str.maketrans({"*": " ", "_": " ", "~": " ", "’": "'", "\n": " ", "\t": " ", "\r": " ", "\xa0": " "})
MARKS_INSIDE = str.maketrans({"’": "'"})
MOST_WORDS = 120


@dataclass(frozen=True)
class Word:
    """A word in lower case, and where it stands in its sentence."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Sentence:
    """A sentence: `text` is in lower case and as long as `original`, `start` is its place in the whole."""

    text: str
    original: str
    start: int
    words: tuple[Word, ...]

    def begins_clause(self, at: int) -> bool:
        """Whether nothing but a mark of punctuation, or nothing at all, stands before a place."""
        before = self.text[:at].rstrip(" ([")
        return not before or before[-1] in ",;:–—-" or not re.search(r"[a-z]", before)


def _hide(found: re.Match[str]) -> str:
    # Hidden words stay one word, so that the sentence around them keeps its parts.
    inner = found[0]
    if found["fence"] or found["quoted"] or found["link"]:
        return re.sub(r"[^\n]", " ", inner)
    return " " + "x" * (len(inner) - 2) + " " if len(inner) > 2 else inner


def lower(text: str) -> str:
    """In lower case, letter by letter: no letter becomes two."""
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def readable(text: str) -> str:
    """The text with code, addresses and quotations hidden. Every letter keeps its place."""
    return HIDDEN.sub(_hide, text).translate(MARKS_INSIDE)


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a text, a long one in pieces."""
    shown = readable(text)
    place = 0
    for end in [*(found.start() for found in ENDS.finditer(shown)), len(shown)]:
        original = shown[place:end].translate(MARKS)
        piece = lower(original)
        words = tuple(Word(found[0], found.start(), found.end()) for found in WORD.finditer(piece))
        for at in range(0, len(words), MOST_WORDS):
            some = words[at : at + MOST_WORDS]
            first, last = some[0].start, some[-1].end
            moved = tuple(Word(word.text, word.start - first, word.end - first) for word in some)
            yield Sentence(piece[first : last + 1], original[first : last + 1], place + first, moved)
        place = end
