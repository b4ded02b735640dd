"""Which files are changes of a database's schema, by patterns; and what a commit message says of one. Pure."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import re2

EXPAND, CONTRACT = "expand", "contract"
KINDS = (EXPAND, CONTRACT)
DEFAULT = (
    "**/*.sql",
    "**/migrations/*.py",
    "**/migrations/**/*.js",
    "**/migrations/**/*.ts",
    "**/migrations/*.exs",
    "**/migrations/*.cs",
    "**/migrations/*.php",
    "**/alembic/versions/*.py",
    "**/migrations/versions/*.py",
    "**/db/migrate/*",
    "**/db/schema.rb",
    "**/db/migration/**",
    "**/db/changelog/**",
    "**/*changelog*.xml",
    "**/*changelog*.yaml",
    "**/*changelog*.yml",
    "**/prisma/schema.prisma",
    "!**/__init__.py",
)
TRAILER = re.compile(r"^Schema-Change:[ \t]*(expand|contract)[ \t\r]*$", re.IGNORECASE | re.MULTILINE)
LONGEST, MOST = 200, 60
PIECE = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|[^*?]+")
MEANINGS = {"**/": "(?:[^/]+/)*", "/**": "/.+", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def files_matching(paths: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """Return those of these files that match, sorted. The last pattern that fits decides; one with "!" excludes."""
    return sorted({path for path in paths if matches(path, tuple(patterns))})


@lru_cache(maxsize=50_000)
def matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Say whether a file of a repository is a schema change by these patterns. Upper and lower case are the same."""
    for pattern in reversed(patterns):
        if _compiled(pattern.removeprefix("!")).fullmatch(path):
            return not pattern.startswith("!")
    return False


def any_of(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return what says whether a file fits any of these patterns, none of which excludes files; for very many files."""
    whole = "|".join(f"(?:{_expression(pattern)})" for pattern in patterns)
    if not whole:
        return lambda path: False
    options = re2.Options()
    options.max_mem = 64 << 20
    fits = re2.compile(f"(?is){whole}", options).fullmatch
    return lambda path: fits(path) is not None


@lru_cache(maxsize=2_000)
def _compiled(pattern: str) -> "re2._Regexp":
    return re2.compile(f"(?is){_expression(pattern)}")


def _expression(pattern: str) -> str:
    """Return a pattern as a regular expression: * and ? stay in a folder, ** goes through any, and a name alone is that of
    a file anywhere; a folder means all that is in it."""
    if pattern.endswith("/"):
        pattern += "**"
    whole = pattern.strip("/") if "/" in pattern.strip("/") or pattern.startswith("/") else f"**/{pattern}"
    return "".join(MEANINGS.get(each) or re.escape(each) for each in PIECE.findall(whole))


def wanted(patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns that ask for files, without those that exclude some."""
    return tuple(dict.fromkeys(each for each in patterns if not each.startswith("!")))


def kind_said(message: str) -> str:
    """Return what a commit's message calls its schema change, by a trailer: expand or contract; "" if nothing, or both."""
    said = {each.lower() for each in TRAILER.findall(message)}
    return said.pop() if len(said) == 1 else ""
