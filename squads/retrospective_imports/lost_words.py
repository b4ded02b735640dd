"""Whether every word of a file is in what was made of it."""

import re
from collections import Counter
from collections.abc import Iterator

from squads.retrospective_imports.imported import ImportedRetrospective

WORD = re.compile(r"[^\W_]+")
# The number of an item in a numbered list is the item's place, which its entry has anyway.
ITEM_NUMBER = re.compile(r"^[ \t>*+-]*(\d{1,9})[.)](?=\s|$)", re.MULTILINE)


def words(text: str) -> list[str]:
    """The words and numbers of a text, in order."""
    return WORD.findall(text)


def parts(imported: ImportedRetrospective) -> Iterator[str]:
    """Every text of a retrospective that holds words of its file, none twice."""
    yield imported.title
    for detail in imported.details:
        yield detail.label
        yield detail.value
    for section in imported.sections:
        yield section.heading
        yield section.markdown
    for entry in imported.timeline:
        if not entry.copied:
            yield entry.when
            yield entry.text
    yield from imported.table_headings
    yield from imported.left


def lost_words(text: str, imported: ImportedRetrospective) -> list[str]:
    """The words of a file, in its order, that no part of the retrospective has; a word that is there twice must be kept twice."""
    kept = Counter(word for part in parts(imported) for word in words(part))
    places = Counter(ITEM_NUMBER.findall(text))
    lost = []
    for word in words(text):
        if kept[word] > 0:
            kept[word] -= 1
        elif places[word] > 0:
            places[word] -= 1
        else:
            lost.append(word)
    return lost


def out_of_order(text: str, imported: ImportedRetrospective) -> list[str]:
    """Sections and timeline entries whose words don't follow each other in the file as they do here, by their beginning."""
    whole = words(text)
    wrong = []
    for each in [section.markdown for section in imported.sections] + [entry.text for entry in imported.timeline]:
        rest = iter(whole)
        if not all(word in rest for word in words(each)):
            wrong.append(each[:80])
    return wrong
