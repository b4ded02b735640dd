"""Finding changes by the words of their subjects, and runs by their branches, without reading all of them."""

from typing import Any

from django.db import migrations, models

# As portal/search/engines.py asks, to the letter; else the index is not used.
SUBJECT = "to_tsvector('simple', regexp_replace(subject, '[^[:alnum:]]+', ' ', 'g'))"


def add(apps: Any, schema_editor: Any) -> None:
    """Index the words of subjects, on PostgreSQL; SQLite reads the newest changes instead."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"CREATE INDEX IF NOT EXISTS change_subject_words ON releases_change USING gin ({SUBJECT})"
        )


def drop(apps: Any, schema_editor: Any) -> None:
    """Take the index away."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS change_subject_words")


class Migration(migrations.Migration):
    dependencies = [("releases", "0003_find_what_names_a_commit")]
    operations = [
        migrations.AddIndex(model_name="run", index=models.Index(fields=["branch"], name="run_branch")),
        migrations.RunPython(add, drop),
    ]
