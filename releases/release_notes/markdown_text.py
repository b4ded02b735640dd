"""Words of people as part of a Markdown text: whatever they wrote stays text."""

import re
import unicodedata

# What could begin something else than text in a line: code, emphasis, a link, a tag, a heading, a table, a mention, an address.
SIGNS = re.compile(r"([\\`*_\[\]<>#|~&!]|@(?=\w)|:(?=//))")


def one_line(text: str) -> str:
    """Return a text on one line: line ends of every kind and other control characters are single spaces."""
    plain = "".join(" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in text)
    return " ".join(plain.split())


def escaped(text: str) -> str:
    """Return a text as Markdown that shows exactly it, for the middle of a line.

    No link but to stories, no mention, code, tag or heading comes of it.
    """
    return SIGNS.sub(r"\\\1", one_line(text))
