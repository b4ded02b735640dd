"""Reading several small things in one query: what they have in common is only that they are needed together.

Each is a query of its own to Django, and one part of a UNION ALL to the database. Columns travel as text, since those of a
union have one type; each is read back by the function given with it.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import F, IntegerField, QuerySet, TextField, Value
from django.db.models.functions import Cast

from portal.kernel.prepared import Prepared

Reader = Callable[[str], Any]
text: Reader = str
number: Reader = int
identity: Reader = UUID
document: Reader = json.loads


def truth(said: str) -> bool:
    """Read yes or no as PostgreSQL (true) or SQLite (1) writes it."""
    return said in ("true", "t", "1")


def moment(said: str) -> datetime:
    """Read a moment. PostgreSQL writes its zone, which is UTC; SQLite leaves it out."""
    read = datetime.fromisoformat(said)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


class Asked(NamedTuple):
    """Rows, and the columns of them that are wanted, each with what reads its text. A column may be an annotation."""

    rows: "QuerySet[Any]"
    columns: Mapping[str, Reader]


class Together:
    """Several things that are always asked together, as a prepared query (portal/kernel/prepared.py)."""

    def __init__(self, make: Callable[[], Sequence[Asked]]) -> None:
        self._make = make
        self._query = Prepared(lambda: _union(make()))
        self._readers: list[tuple[Reader, ...]] = []

    def rows(self, **given: Any) -> list[list[tuple[Any, ...]]]:
        """Return the rows of each, in no order, for these values. A null is None, whatever reads the column."""
        if not self._readers:
            self._readers = [tuple(each.columns.values()) for each in self._make()]
        return _apart(self._query.rows(**given), self._readers)


def together(asked: Sequence[Asked]) -> list[list[tuple[Any, ...]]]:
    """Return the rows of each, in no order, in one query. A null is None, whatever reads the column."""
    return _apart(_union(asked), [tuple(each.columns.values()) for each in asked])


def _apart(rows: Iterable[tuple[Any, ...]], readers: list[tuple[Reader, ...]]) -> list[list[tuple[Any, ...]]]:
    found: list[list[tuple[Any, ...]]] = [[] for _ in readers]
    for which, *cells in rows:
        own = readers[which]
        found[which].append(tuple(None if cell is None else read(cell) for read, cell in zip(own, cells, strict=False)))
    return found


def _union(asked: Sequence[Asked]) -> "QuerySet[Any, Any]":
    width = max(len(each.columns) for each in asked)
    parts = [_part(number_, each, width) for number_, each in enumerate(asked)]
    return parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]


def _part(number_: int, asked: Asked, width: int) -> "QuerySet[Any, Any]":
    names = list(asked.columns)
    cells: dict[str, Any] = {"asked_which": Value(number_, IntegerField())}
    for place in range(width):
        value: Any = F(names[place]) if place < len(names) else Value(None, TextField())
        cells[f"asked_{place}"] = Cast(value, TextField())
    rows: QuerySet[Any, Any] = asked.rows.order_by().annotate(**cells).values_list(*cells)
    return rows
