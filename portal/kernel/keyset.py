"""Places in an ordered list: what comes behind or before a row, whatever was added or taken away meanwhile.

A page by number shifts when something is added before it: a row comes twice, another never. A place is the values by which
the list is ordered, so it stays where it is, and the database finds it in the same index however far behind it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core import signing
from django.core.exceptions import FieldDoesNotExist
from django.db import connections
from django.db.models import F, Model, Q, QuerySet
from django.db.models.expressions import OrderBy

SALT = "place in a list"


class NotAPlace(Exception):
    """This text names no place in this list."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column that a list is ordered by."""

    name: str
    descending: bool
    nullable: bool
    nulls_first: bool

    def turned(self) -> "Column":
        """Return the same column of the list read from its other end."""
        return Column(self.name, not self.descending, self.nullable, not self.nulls_first)

    def beyond(self, value: Any) -> Q | None:
        """Return what holds for rows with a value further on; None when there is nothing beyond."""
        if value is None:
            return Q(**{f"{self.name}__isnull": False}) if self.nulls_first else None
        further = Q(**{f"{self.name}__{'lt' if self.descending else 'gt'}": value})
        return further | Q(**{f"{self.name}__isnull": True}) if self.nullable and not self.nulls_first else further

    def same(self, value: Any) -> Q:
        """Return what holds for rows with this value."""
        return Q(**{f"{self.name}__isnull": True}) if value is None else Q(**{self.name: value})


def ordered(rows: "QuerySet[Any]") -> "tuple[QuerySet[Any], list[Column]] | None":
    """Return rows in an order in which every row has its own place, and the columns of that order.

    The order is theirs, and rows that it leaves equal follow by their primary key. None when it is no order by columns.
    """
    query = rows.query
    if query.combinator or query.extra_order_by or query.is_sliced:
        return None
    names: Sequence[Any] = query.order_by or (query.get_meta().ordering if query.default_ordering else None) or ()
    known = list[Column]()
    for number, each in enumerate(names):
        expression = each.expression if isinstance(each, OrderBy) else each
        if not isinstance(expression, str | F):
            # What is worked out for the order gets a name, by which a place can say it.
            rows = rows.annotate(**{f"place_{number}": expression})
        column = _column(rows, each, f"place_{number}")
        if column is None:
            return None
        known.append(column)
    key = query.get_meta().pk.name
    if not {"pk", key} & {each.name for each in known}:
        rows = rows.order_by(*names, "pk")
        known.append(Column("pk", descending=False, nullable=False, nulls_first=False))
    return rows, known


def _column(rows: "QuerySet[Any]", said: Any, otherwise: str) -> Column | None:
    """Return what one part of an order means; `otherwise` is the name of what is worked out."""
    first: bool | None = None
    descending = False
    if isinstance(said, OrderBy):
        descending = said.descending
        first = True if said.nulls_first else False if said.nulls_last else None
        said = said.expression
    named: Any = said
    name = named.name if isinstance(said, F) else said if isinstance(said, str) else otherwise
    if name.startswith("-"):
        name, descending = name[1:], True
    nullable = _is_nullable(rows, name)
    if nullable is None:
        return None
    if first is None:
        # PostgreSQL takes nothing for the greatest, SQLite for the least.
        first = descending == (connections[rows.db].vendor == "postgresql")
    return Column(name, descending, nullable, first)


def _is_nullable(rows: "QuerySet[Any]", name: str) -> bool | None:
    """Say whether a column may be empty; None when it is none, such as a relation, which is ordered as its rows are."""
    if name in rows.query.annotations:
        return True
    if name == "pk":
        return False
    meta: Any = rows.model._meta
    *path, last = name.split("__")
    nullable = False
    try:
        for each in path:
            field = meta.get_field(each)
            nullable = nullable or field.null
            meta = field.related_model._meta
        field = meta.get_field(last)
    except (FieldDoesNotExist, AttributeError):
        return None
    return None if field.is_relation else nullable or field.null


def behind(columns: Sequence[Column], values: Sequence[Any]) -> Q:
    """Return what holds for the rows behind the place with these values."""
    found, so_far = Q(pk__in=()), Q()
    for column, value in zip(columns, values, strict=True):
        beyond = column.beyond(value)
        if beyond is not None:
            found |= so_far & beyond
        so_far &= column.same(value)
    first, value = columns[0], values[0]
    if value is not None and (not first.nullable or first.nulls_first):
        # Follows from the rest, but only this tells the database where in its index to begin.
        found &= Q(**{f"{first.name}__{'lte' if first.descending else 'gte'}": value})
    return found


def place_of(row: Model, columns: Sequence[Column], *, backwards: bool) -> str:
    """Return the place of a row as a text for an address; `backwards` reads from there to the beginning."""
    values = [_plain(_value(row, column.name)) for column in columns]
    names = [column.name for column in columns]
    return signing.dumps([names, values, backwards], salt=SALT, compress=True)


def place_named(text: str, columns: Sequence[Column]) -> tuple[list[Any], bool]:
    """Return the values that a text of `place_of` names, and whether it reads backwards. Raises NotAPlace."""
    try:
        names, values, backwards = signing.loads(text, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise NotAPlace from None
    if names != [column.name for column in columns]:
        raise NotAPlace
    return values, backwards


def _value(row: Any, name: str) -> Any:
    for part in name.split("__"):
        row = getattr(row, part, None)
    return row


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool | None) else str(value)
