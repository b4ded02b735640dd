"""Where a field of an event is: the first of several paths that leads to something, and which part of the text there.

    $.commit or $.links.commit.href after /
    $.env or production

Also the condition under which an event is read: a path, or a path compared with a text ($.type == 'deploy').
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from releases.providers import parse
from releases.providers.generic.json_paths import BadPath, compile_path, values_at

# Outside of brackets, where both are words of a path.
OR = re.compile(r"\s+or\s+(?![^\[]*\])")
AFTER = re.compile(r"(?P<path>\$.*\S)\s+after\s+(?:the\s+)?(?:last\s+)?(?P<sign>\S.*)")
COMPARED = re.compile(r"(?P<path>\$.*?)\s*(?P<sign>==|!=|=|\sequals\s|\sis\s)\s*(?P<wanted>[^\]]+)")
SIGNS = ("/", ":", "@")
MOST_PLACES = 5
MOST_COMPARED = 100


@dataclass(frozen=True, slots=True)
class Place:
    """A path and the sign after whose last occurrence the text begins ("" for all of it), or without a path a constant."""

    path: str
    after: str = ""
    constant: str = ""

    def value(self, document: Any) -> Any:
        """Return what is there; None for nothing."""
        if not self.path:
            return self.constant
        found = next(iter(values_at(self.path, document)), None)
        return found.strip().rpartition(self.after)[2] if self.after and isinstance(found, str) else found


@lru_cache(maxsize=512)
def places_in(text: str) -> tuple[Place, ...]:
    """Return the places that a field of the form names, the first that leads to something counts; or raise BadPath."""
    if not text.startswith("$"):
        return (Place("", constant=text),)
    parts = [part.strip() for part in OR.split(text)]
    if len(parts) > MOST_PLACES:
        raise BadPath(f"a field takes the first of at most {MOST_PLACES} paths")
    return tuple(_place(part) for part in parts)


def _place(text: str) -> Place:
    if not text.startswith("$"):
        return Place("", constant=text)
    match = AFTER.fullmatch(text)
    if match is None:
        compile_path(text)
        return Place(text)
    sign = match["sign"].strip("'\"` ")
    if sign not in SIGNS:
        raise BadPath(f"a part of a text begins after the last {', '.join(SIGNS[:-1])} or {SIGNS[-1]}")
    compile_path(match["path"])
    return Place(match["path"], sign)


def first_value(text: str, document: Any) -> Any:
    """Return the first value that the places in a field of the form lead to; None where none leads to anything."""
    found = (place.value(document) for place in places_in(text))
    return next((value for value in found if value is not None and value != ""), None)


def shown_text(value: object) -> str:
    """Return a value as text: a text, a number, true or false; "" for nothing, objects and lists."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return parse.text_in({"it": value}, "it")


@dataclass(frozen=True, slots=True)
class Condition:
    """When an event is read: where `path` leads to something, or to a text that is (or, `unlike`, is not) `wanted`."""

    path: str
    wanted: str | None = None
    unlike: bool = False

    def holds(self, document: Any) -> bool:
        """Say whether it holds for a document that passed `check_size`."""
        values = values_at(self.path, document, MOST_COMPARED)
        if not values and self.path.startswith("$[?"):
            # A filter looks at the elements of a list; an event that is no list is taken for one of a single element.
            values = values_at(self.path, [document], MOST_COMPARED)
        if self.wanted is None:
            return any(_is_something(each) for each in values)
        return any(shown_text(each) == self.wanted for each in values) is not self.unlike


def _is_something(value: object) -> bool:
    return value is not None and value is not False and value not in ("", [], {})


@lru_cache(maxsize=512)
def condition_in(text: str) -> Condition:
    """Return the condition that the form names; BadPath says what is wrong with it."""
    try:
        compile_path(text)
        return Condition(text)
    except BadPath as error:
        match = COMPARED.fullmatch(text)
        if match is None:
            raise BadPath(f"{error}, or compare with a text: $.type == 'deploy'") from None
    compile_path(match["path"])
    return Condition(match["path"], match["wanted"].strip().strip("'\"`"), match["sign"].strip() == "!=")


def what_is(value: object) -> str:
    """Return a value as an error shows it: “yesterday”, an object, a list."""
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, list) else f"“{parse.cut(shown_text(value), 60)}”"
