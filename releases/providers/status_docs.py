"""The tables of status words in docs/providers/, written from those that the code reads. Pure."""

from collections.abc import Iterable
from pathlib import Path

from releases.providers.base import Provider
from releases.providers.tables import Meaning, StatusTable

BEGIN, END = "<!-- tables -->", "<!-- /tables -->"
# Pages that are called otherwise than their provider's kind.
NAMES = {"report": "scripts"}


class NoPlace(ValueError):
    """A page has no place for its tables. The text says what to add."""


def page_of(folder: Path, provider: Provider) -> Path:
    """Return where a provider's page is."""
    return folder / f"{NAMES.get(provider.kind, provider.kind)}.md"


def written(page: str, tables: Iterable[StatusTable], name: str = "The page") -> str:
    """Return a page with these tables between its markers."""
    begin, end = page.find(BEGIN), page.find(END)
    if begin < 0 or end < begin:
        raise NoPlace(f"{name} has no place for its tables. Add a line {BEGIN} and, below it, a line {END}.")
    inside = "\n\n".join(["<!-- Written by manage.py provider_docs. -->", *map(_table, tables)])
    return f"{page[: begin + len(BEGIN)]}\n{inside}\n\n{page[end:]}"


def _table(table: StatusTable) -> str:
    """Write one table: words that mean the same share a line."""
    by_meaning: dict[Meaning, list[str]] = {}
    for word, meaning in table.words.items():
        by_meaning.setdefault(meaning, []).append(word)
    with_why = any(meaning.why for meaning in by_meaning)
    lines = [f"**{_cell(table.title)}** (`{table.field}`)", ""]
    lines.append("| its words | phase | outcome |" + (" why |" if with_why else ""))
    lines.append("|---|---|---|" + ("---|" if with_why else ""))
    for meaning, words in by_meaning.items():
        cells = [", ".join(_code(word) for word in words), meaning.phase, meaning.outcome or "none yet"]
        lines.append(f"| {' | '.join([*cells, *([_cell(meaning.why)] if with_why else [])])} |")
    others = "refused | refused" if table.closed else "finished | unknown"
    lines.append(f"| any other word | {others} |" + (" never guessed |" if with_why else ""))
    return "\n".join(lines)


def _code(word: str) -> str:
    return f"`{_cell(word)}`" if word else "(empty)"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
