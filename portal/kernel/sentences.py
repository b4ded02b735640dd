"""Putting words together."""

from collections.abc import Sequence


def listed(words: Sequence[str], last: str = "and") -> str:
    """Return words as a sentence lists them: “a, b and c”; "" for none. `last` joins the last one."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def counted(count: int, one: str, many: str) -> str:
    """Return a number with its noun: “1 story”, “12 stories”."""
    return f"{count} {one if count == 1 else many}"
