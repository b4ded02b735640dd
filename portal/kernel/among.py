"""A condition on many values that travel as one parameter."""

import json
from collections.abc import Iterable
from typing import Any

from django.db.models import Lookup


class Among(Lookup):  # type: ignore[type-arg]
    """`Among(F("story_id"), ids)`: as `story_id__in=ids`, for numbers or texts.

    Django's own `in` writes a placeholder for each value; with hundreds, writing and reading the statement takes longer than
    answering it.
    """

    lookup_name = "among"
    prepare_rhs = False

    def __init__(self, lhs: Any, values: Iterable[int] | Iterable[str]) -> None:
        # A statement may be written more than once, and what yields its values once would be empty then.
        super().__init__(lhs, list(values))

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Compare with an array."""
        sql, params = self.process_lhs(compiler, connection)
        return f"{sql} = ANY(%s)", [*params, self.rhs]

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Compare with the elements of a JSON text."""
        sql, params = self.process_lhs(compiler, connection)
        statement = f"{sql} IN (SELECT value FROM json_each(%s))"  # noqa: S608 - the name of a column
        return statement, (*params, json.dumps(self.rhs))
