"""A condition on many values that travel as one parameter."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import F, Lookup, Q


class Given(NamedTuple):
    """Stands for values that are given only when a query is asked (portal/kernel/prepared.py), by a name.

    With `is_one` it's one value: databases know better how many rows to expect.
    """

    name: str
    is_one: bool = False


class Among(Lookup):  # type: ignore[type-arg]
    """`Among(F("story_id"), ids)`: as `story_id__in=ids`, for numbers, texts or ids.

    Django's own `in` writes a placeholder for each value; with hundreds, writing and reading the statement takes longer than
    answering it.
    """

    lookup_name = "among"
    prepare_rhs = False

    def __init__(self, lhs: Any, values: Iterable[int] | Iterable[str] | Iterable[UUID] | Given) -> None:
        # A statement may be written more than once, and what yields its values once would be empty then.
        super().__init__(lhs, values if isinstance(values, Given) else list(values))

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Compare with an array."""
        sql, params = self.process_lhs(compiler, connection)
        return f"{sql} = %s" if self._is_one() else f"{sql} = ANY(%s)", [*params, self._rhs(connection)]

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Compare with the elements of a JSON text."""
        sql, params = self.process_lhs(compiler, connection)
        within = "= %s" if self._is_one() else "IN (SELECT value FROM json_each(%s))"
        return f"{sql} {within}", (*params, self._rhs(connection))

    def _is_one(self) -> bool:
        return isinstance(self.rhs, Given) and self.rhs.is_one

    def _rhs(self, connection: Any) -> Any:
        return self.rhs if isinstance(self.rhs, Given) else bound(connection, self.rhs)


def equals(column: str, value: Any) -> Q:
    """The condition that a column has this value, or one of those that are given only when a query is asked."""
    return Q(Among(F(column), value)) if isinstance(value, Given) else Q(**{column: value})


def bound(connection: Any, values: Any) -> Any:
    """Return these values, or this one, as the parameter that a database takes."""
    many = not isinstance(values, str | int | UUID)
    if connection.vendor == "postgresql":
        return list(values) if many else values
    return json.dumps([_plain(each) for each in values]) if many else _plain(values)


def _plain(value: int | str | UUID) -> int | str:
    return value.hex if isinstance(value, UUID) else value
