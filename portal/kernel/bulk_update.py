"""Writing many rows at once."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connections, router
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
    values = [
        [field.get_db_prep_save(value, database) for field, value in zip(fields, row, strict=True)] for row in rows
    ]
    with database.cursor() as cursor:
        for start in range(0, len(values), AT_ONCE):
            cursor.execute(statement, [json.dumps(values[start : start + AT_ONCE], default=_plain)])


def _plain(value: Any) -> str:
    if isinstance(value, Jsonb):  # what a JSON column is given on PostgreSQL
        return json.dumps(value.obj) if value.dumps is None else str(value.dumps(value.obj))
    return value.isoformat() if isinstance(value, datetime) else str(value)
