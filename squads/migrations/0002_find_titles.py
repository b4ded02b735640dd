"""Finding stories by any part of their title without reading all of them, on PostgreSQL."""

import logging
from typing import Any

from django.db import DatabaseError, migrations, transaction

logger = logging.getLogger(__name__)
NAME = "story_title_trigrams"


def add(apps: Any, schema_editor: Any) -> None:
    """Index the parts of titles; where the extension is not to be had, finding stays right and is only slower."""
    if schema_editor.connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=schema_editor.connection.alias):
            schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            schema_editor.execute(
                f"CREATE INDEX IF NOT EXISTS {NAME} ON squads_story USING gin (UPPER(title::text) gin_trgm_ops)"
            )
    except DatabaseError as error:
        logger.warning("titles are searched without an index, because pg_trgm is not available: %s", error)


def drop(apps: Any, schema_editor: Any) -> None:
    """Take the index away; the extension may serve others."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX IF EXISTS {NAME}")


class Migration(migrations.Migration):
    dependencies = [("squads", "0001_initial")]
    operations = [migrations.RunPython(add, drop)]
