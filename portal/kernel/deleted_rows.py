"""What a database keeps of rows that were changed or deleted, and how it really goes."""

import logging

from django.db import DatabaseError, connection, transaction
from django.db.models import Model

logger = logging.getLogger(__name__)


def overwrite_versions(model: type[Model], text: str) -> None:
    """Have the database give up the former versions of a model's rows, once their end is committed. For small tables.

    SQLite keeps them in its write-ahead log (deleted rows themselves are overwritten: PRAGMA secure_delete), PostgreSQL
    in the table, in the order in which they came. `text` is a column of text of the model. Never raises: what isn't given
    up now goes the next time.
    """
    if connection.in_atomic_block:
        return
    try:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                if cursor.fetchone()[0]:
                    logger.warning(
                        "Former versions of %s are still in the write-ahead log: others read in it.", _name(model)
                    )
            return
        _rewrite(model, text)
    except DatabaseError as error:
        logger.warning("Former versions of %s are still in the database: %s", _name(model), error)


def _rewrite(model: type[Model], text: str) -> None:
    """Have PostgreSQL write the table anew. VACUUM FULL would keep versions that a long transaction could still ask for."""
    quote = connection.ops.quote_name
    (name,) = (each.column for each in model._meta.concrete_fields if each.name == text)
    table, column = quote(model._meta.db_table), quote(str(name))
    with transaction.atomic(), connection.cursor() as cursor:
        # Whoever writes into the table waits for this; whoever holds it for longer is not waited for.
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        cursor.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE text USING {column} || ''")


def _name(model: type[Model]) -> str:
    return str(model._meta.verbose_name_plural)
