"""Updating and inserting many rows at once."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections, models, router
from psycopg.types.json import Jsonb

AT_ONCE = 5000


def write(model: Any, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Update many rows in few statements: each of `rows` is an id and the new values of `columns`.

    Django's bulk_update writes one CASE branch per row and column, which is quadratic work for the database. Here the
    values travel as one JSON text, so they must be what JSON can say: text, numbers, moments, identities, None.
    """
    database = connections[router.db_for_write(model)]
    fields = [model._meta.get_field(name) for name in (model._meta.pk.name, *columns)]
    quote = database.ops.quote_name
    if database.vendor == "postgresql":
        given = "jsonb_array_elements(%s::jsonb) AS given(value)"
        given_columns = [f"CAST(given.value->>{n} AS {field.db_type(database)})" for n, field in enumerate(fields)]
    else:
        given = "json_each(%s) AS given"
        given_columns = [f"json_extract(given.value, '$[{n}]')" for n in range(len(fields))]
    table = quote(model._meta.db_table)
    changes = ", ".join(f"{quote(field.column)} = {given_columns[n]}" for n, field in enumerate(fields) if n)
    # Names of tables and columns are our own; values are the parameter.
    statement = (
        f"UPDATE {table} SET {changes} FROM {given} WHERE {table}.{quote(fields[0].column)} = {given_columns[0]}"  # noqa: S608
    )
    values = _prepared(fields, rows, database)
    with database.cursor() as cursor:
        for start in range(0, len(values), AT_ONCE):
            cursor.execute(statement, [json.dumps(values[start : start + AT_ONCE], default=_plain)])


def insert(model: Any, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert many rows in few statements: each of `rows` is the values of `columns`, as `write` takes them.

    Django's bulk_create makes an instance of every row and asks every field about it, which takes several times longer.
    """
    database = connections[router.db_for_write(model)]
    fields = [model._meta.get_field(name) for name in columns]
    quote = database.ops.quote_name
    into = f"{quote(model._meta.db_table)} ({', '.join(quote(field.column) for field in fields)})"
    values = _prepared(fields, rows, database)
    # Names of tables and columns are our own; values are the parameters.
    with database.cursor() as cursor:
        one = f"INSERT INTO {into} VALUES ({', '.join(['%s'] * len(fields))})"  # noqa: S608
        if len(values) == 1:
            cursor.execute(one, values[0])
            return
        if database.vendor != "postgresql":
            cursor.executemany(one, values)
            return
        said = ", ".join(f"CAST(given.value->>{n} AS {field.db_type(database)})" for n, field in enumerate(fields))
        statement = f"INSERT INTO {into} SELECT {said} FROM jsonb_array_elements(%s::jsonb) AS given(value)"  # noqa: S608
        for start in range(0, len(values), AT_ONCE):
            cursor.execute(statement, [json.dumps(values[start : start + AT_ONCE], default=_plain)])


def _prepared(fields: Sequence[Any], rows: Iterable[Sequence[Any]], database: Any) -> list[tuple[Any, ...]]:
    """Return the rows as the database keeps their values, column by column."""
    columns = zip(*rows, strict=True)
    prepared = [map(_preparation(field, database), column) for field, column in zip(fields, columns, strict=False)]
    return list(zip(*prepared, strict=True))


def _preparation(field: Any, database: Any) -> Callable[[Any], Any]:
    """Return what makes a value of a field one of the database; text and numbers are asked nothing."""
    kind = field.target_field if field.is_relation else field
    as_they_are: tuple[type, ...] = ()
    if isinstance(kind, models.CharField | models.TextField | models.IntegerField):
        as_they_are = (str, int, type(None))
    elif isinstance(kind, models.UUIDField):
        if not database.features.has_native_uuid_field:
            return _as_hexadecimal
        as_they_are = (UUID, str, type(None))

    def prepared(value: Any) -> Any:
        return value if type(value) in as_they_are else field.get_db_prep_save(value, database)

    return prepared


def _as_hexadecimal(value: UUID | str | None) -> str | None:
    return value.replace("-", "") if isinstance(value, str) else value.hex if value is not None else None


def _plain(value: Any) -> str:
    if isinstance(value, Jsonb):  # what a JSON column is given on PostgreSQL
        return json.dumps(value.obj) if value.dumps is None else str(value.dumps(value.obj))
    return value.isoformat() if isinstance(value, datetime) else str(value)
