"""What a database keeps of rows that were changed or deleted, and how it really goes."""

import logging

from django.db import DatabaseError, connection
from django.db.models import Model

logger = logging.getLogger(__name__)


def overwrite_versions(model: type[Model]) -> None:
    """Have the database give up the former versions of a model's rows, once their end is committed. For small tables.

    SQLite keeps them in its write-ahead log (deleted rows themselves are overwritten: PRAGMA secure_delete), PostgreSQL
    in the table, in the order in which they came. Never raises: what isn't given up now goes the next time.
    """
    if connection.in_atomic_block:
        return
    try:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                if cursor.fetchone()[0]:
                    logger.warning(
                        "Former versions of %s are still in the write-ahead log: others read in it.", _name(model)
                    )
                return
            # Whoever writes into the table waits for it; whoever holds it for longer is not waited for.
            cursor.execute("SET lock_timeout = '5s'")
            try:
                cursor.execute(f"VACUUM FULL {connection.ops.quote_name(model._meta.db_table)}")
            finally:
                cursor.execute("RESET lock_timeout")
    except DatabaseError as error:
        logger.warning("Former versions of %s are still in the database: %s", _name(model), error)


def _name(model: type[Model]) -> str:
    return str(model._meta.verbose_name_plural)
