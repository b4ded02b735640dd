"""Writes the table of gates into docs/readiness.md, from the gates themselves. Pure."""

from releases.gates.parameters import COMMON, NUMBER, Parameter
from releases.gates.readiness import GATES, Gate

BEGIN, END = "<!-- gates -->", "<!-- /gates -->"


class NoMarkers(ValueError):
    """The page has no markers between which the table belongs. The text says what to add."""


def with_table(page: str) -> str:
    """Return the text of the page with the table of gates between its markers; raise NoMarkers when it has none."""
    begin, end = page.find(BEGIN), page.find(END)
    if begin < 0 or end < begin:
        raise NoMarkers(f"The page has no place for the gates. Add a line {BEGIN} and, below it, a line {END}.")
    return f"{page[: begin + len(BEGIN)]}\n<!-- Written by manage.py gate_docs. -->\n\n{table()}\n\n{page[end:]}"


def table() -> str:
    """Return the gates as a table in Markdown, in the order of pages."""
    lines = ["| gate | name | passes when | can be | settings (usual value) |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *map(_line, GATES)])


def _line(gate: Gate) -> str:
    title = gate.title if gate.by_default else f"{gate.title} (off unless chosen)"
    # Those that gates share are described below the table.
    own = "; ".join(_setting(each) for each in gate.parameters if each not in COMMON)
    cells = (title, f"`{gate.name}`", gate.what, ", ".join(gate.states), own or "–")
    return f"| {' | '.join(cells)} |"


def _setting(parameter: Parameter) -> str:
    usual = parameter.default
    if usual in (None, []):
        said = "none"
    else:
        said = str(usual) if parameter.kind == NUMBER else dict(parameter.choices).get(usual, str(usual))
    return f"`{parameter.name}`: {parameter.title.lower()} ({said})"
