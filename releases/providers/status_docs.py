"""Writes the status tables of the code into the pages of docs/providers/. Pure."""

from collections.abc import Iterable
from pathlib import Path

from releases.providers.base import Provider
from releases.providers.status_tables import Meaning, StatusTable

BEGIN, END = "<!-- tables -->", "<!-- /tables -->"
# Pages whose name is not their provider's kind.
PAGE_NAMES = {"report": "scripts"}


class NoMarkers(ValueError):
    """A page has no markers between which its tables belong. The text says what to add."""


def docs_page(folder: Path, provider: Provider) -> Path:
    """Return the path of a provider's documentation page."""
    return folder / f"{PAGE_NAMES.get(provider.kind, provider.kind)}.md"


def with_tables(page: str, tables: Iterable[StatusTable], name: str = "The page") -> str:
    """Return the text of a page with these tables between its markers; raise NoMarkers when it has none."""
    begin, end = page.find(BEGIN), page.find(END)
    if begin < 0 or end < begin:
        raise NoMarkers(f"{name} has no place for its tables. Add a line {BEGIN} and, below it, a line {END}.")
    inside = "\n\n".join(["<!-- Written by manage.py provider_docs. -->", *map(_table, tables)])
    return f"{page[: begin + len(BEGIN)]}\n{inside}\n\n{page[end:]}"


def _table(table: StatusTable) -> str:
    """Format one table as Markdown; raw statuses with the same meaning share a line."""
    by_meaning: dict[Meaning, list[str]] = {}
    for raw_status, meaning in table.meanings.items():
        by_meaning.setdefault(meaning, []).append(raw_status)
    with_why = any(meaning.why for meaning in by_meaning)
    lines = [f"**{_cell(table.title)}** (`{table.field}`)", ""]
    lines.append("| status | phase | outcome |" + (" why |" if with_why else ""))
    lines.append("|---|---|---|" + ("---|" if with_why else ""))
    for meaning, raw_statuses in by_meaning.items():
        cells = [", ".join(_code(each) for each in raw_statuses), meaning.phase, meaning.outcome or "none yet"]
        lines.append(f"| {' | '.join([*cells, *([_cell(meaning.why)] if with_why else [])])} |")
    others = "refused | refused" if table.closed else "finished | unknown"
    lines.append(f"| anything else | {others} |" + (" not guessed |" if with_why else ""))
    return "\n".join(lines)


def _code(raw_status: str) -> str:
    return f"`{_cell(raw_status)}`" if raw_status else "(empty)"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
