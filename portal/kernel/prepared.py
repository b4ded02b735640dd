"""Queries that Django writes once in a process: what is asked again and again is the same but for some values.

Writing a statement takes Django longer than the database takes to answer it, where a page asks many small things
(docs/adr/0063).
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from portal.kernel.among import Given, bound


class _Written(NamedTuple):
    statement: str
    params: tuple[Any, ...]
    converters: dict[int, Any]


class Prepared:
    """A query of columns (`values_list`) whose only changing values are those in `Among(column, Given(name))`.

    A value that is one and not many stands as `Given(name, is_one=True)`. `make` returns the query, and is called when it is
    first asked. Nothing else in it may depend on when or for whom that is: no present moment, no signed-in person.
    tests/portal/kernel/test_prepared.py looks at all of them.
    """

    every: "list[Prepared]" = []

    def __init__(self, make: "Callable[[], QuerySet[Any, Any]]") -> None:
        self.make = make
        self._written: dict[str, _Written] = {}
        self.every.append(self)

    def rows(
        self, **given: "int | str | UUID | Collection[int] | Collection[str] | Collection[UUID]"
    ) -> list[tuple[Any, ...]]:
        """Return the rows, for these values, by the names that the query gives them."""
        found = self._written.get(connection.vendor)
        if found is None:
            found = self._written[connection.vendor] = self.write()
        params = [_bound(each, given) if isinstance(each, Given) else each for each in found.params]
        with connection.cursor() as cursor:
            cursor.execute(found.statement, params)
            rows = cursor.fetchall()
        return [_read(row, found.converters) for row in rows] if found.converters else rows

    def write(self) -> _Written:
        """Have Django write the statement for the database that is in use."""
        compiler = self.make().query.get_compiler(connection=connection)
        statement, params = compiler.as_sql()
        columns = [each[0] for each in compiler.select[: compiler.col_count]]
        return _Written(statement, tuple(params), compiler.get_converters(columns))


def _bound(asked: Given, given: Mapping[str, Any]) -> Any:
    value = given[asked.name]
    if asked.is_one != isinstance(value, str | int | UUID):
        raise TypeError(f"{asked.name} is {'one value' if asked.is_one else 'many values'}, and {value!r} isn’t")
    return bound(connection, value)


def _read(row: tuple[Any, ...], converters: dict[int, Any]) -> tuple[Any, ...]:
    cells = list(row)
    for place, (functions, expression) in converters.items():
        for read in functions:
            cells[place] = read(cells[place], expression, connection)
    return tuple(cells)
