"""A subset of JSONPath with bounded cost, so that no path or document can keep a worker busy.

Accepted: names, indexes, slices, `*`, one `..`, and one filter that compares fields of an element with a constant. Each
element of a document is then visited once. Refused: functions and regular expressions, several selectors in one
bracket, paths compared with paths, and everything outside RFC 9535. Documents are bounded in elements and depth.
"""

from functools import lru_cache
from itertools import islice
from typing import Any

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError
from jsonpath.filter import (
    BooleanLiteral,
    FilterExpression,
    FloatLiteral,
    InfixExpression,
    IntegerLiteral,
    Nil,
    PrefixExpression,
    RelativeFilterQuery,
    StringLiteral,
)
from jsonpath.segments import JSONPathRecursiveDescentSegment
from jsonpath.selectors import Filter, IndexSelector, NameSelector, SliceSelector, WildcardSelector

LONGEST_PATH = 300
MOST_SEGMENTS = 20
MOST_TERMS = 10
MOST_ELEMENTS = 50_000
DEEPEST = 60
LITERALS = (BooleanLiteral, StringLiteral, IntegerLiteral, FloatLiteral, Nil)
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


class BadPath(ValueError):
    """A path is not accepted. The text says why, and what to write."""


class DocumentTooLarge(ValueError):
    """A document is too large or too deep to evaluate a path on it."""


ENVIRONMENT = JSONPathEnvironment(strict=True, filter_caching=False)
ENVIRONMENT.function_extensions.clear()


@lru_cache(maxsize=512)
def compile_path(text: str) -> JSONPath:
    """Return the compiled path; BadPath says what is wrong with it."""
    if len(text) > LONGEST_PATH:
        raise BadPath(f"a path has at most {LONGEST_PATH} characters")
    try:
        path = ENVIRONMENT.compile(text)
    except (JSONPathError, RecursionError, ValueError, OverflowError) as error:
        # Not str(error): it looks up the position in the path, and fails where the path ends too early.
        why = str(next(iter(error.args), "") or "it cannot be read").partition("\n")[0][:120]
        raise BadPath(f"{why}. Write it as $.build.status or $.labels[0]") from None
    if not isinstance(path, JSONPath):
        raise BadPath("use one path only, without | and &")
    _check(path)
    return path


def _check(path: JSONPath) -> None:
    segments = list(path.segments)
    if len(segments) > MOST_SEGMENTS:
        raise BadPath(f"a path has at most {MOST_SEGMENTS} steps")
    if sum(isinstance(each, JSONPathRecursiveDescentSegment) for each in segments) > 1:
        raise BadPath("use .. at most once")
    filters = 0
    for segment in segments:
        if len(segment.selectors) != 1:
            raise BadPath("one selector in a bracket, such as [0], [*] or ['name']")
        for selector in segment.selectors:
            if type(selector) is Filter:
                filters += 1
                _check_filter(selector.expression)
            elif type(selector) not in (NameSelector, IndexSelector, SliceSelector, WildcardSelector):
                raise BadPath("only names, indexes, slices, * and one filter [?@.name == 'x']")
    if filters > 1:
        raise BadPath("use one filter at most")


def _check_filter(expression: Any, terms_left: int = MOST_TERMS) -> None:
    kind = type(expression)
    if not terms_left:
        raise BadPath(f"a filter has at most {MOST_TERMS} terms in one another")
    if kind is FilterExpression:
        _check_filter(expression.expression, terms_left)
    elif kind is PrefixExpression:
        _check_filter(expression.right, terms_left - 1)
    elif kind is InfixExpression and expression.operator in ("&&", "||"):
        _check_filter(expression.left, terms_left - 1)
        _check_filter(expression.right, terms_left - 1)
    elif kind is InfixExpression and expression.operator in COMPARISONS:
        sides = (expression.left, expression.right)
        if not any(type(side) in LITERALS for side in sides):
            raise BadPath("a filter compares with a constant, such as [?@.name == 'x']")
        for side in sides:
            if type(side) not in LITERALS:
                _check_query(side)
    else:
        _check_query(expression)


def _check_query(expression: Any) -> None:
    if type(expression) is not RelativeFilterQuery:
        raise BadPath("a filter looks at what an element has, such as [?@.name == 'x'], without functions")
    for segment in expression.path.segments:
        plain = len(segment.selectors) == 1 and type(segment.selectors[0]) in (NameSelector, IndexSelector)
        if isinstance(segment, JSONPathRecursiveDescentSegment) or not plain:
            raise BadPath("a filter names one thing of an element, without *, .. and another filter")


def check_size(document: Any) -> None:
    """Raise TooMuch for a document with more than MOST_ELEMENTS elements, or nested deeper than DEEPEST."""
    level, count, depth = [document], 0, 0
    while level:
        count, depth = count + len(level), depth + 1
        if count > MOST_ELEMENTS:
            raise DocumentTooLarge(f"it has more than {MOST_ELEMENTS:,} elements; send less at a time")
        if depth > DEEPEST:
            raise DocumentTooLarge(f"it is nested deeper than {DEEPEST} levels; send it flatter")
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]


def values_at(path: str, document: Any, most: int = 1) -> list[Any]:
    """Return the first `most` values at a path of a document that passed `check_size`."""
    if not isinstance(document, dict | list):
        # The library would parse a string as JSON, without a bound on its size.
        return [] if list(compile_path(path).segments) else [document]
    try:
        return [match.obj for match in islice(compile_path(path).finditer(document), most)]
    except (JSONPathError, RecursionError) as error:
        raise DocumentTooLarge(f"{path} cannot be followed in it: {next(iter(error.args), '')}") from None
