# ruff: noqa: S608 - every name in these statements is written below
"""Finding anything by its words: the full-text indexes of both databases, and the spellings that lead to known words."""

from typing import Any

from django.db import migrations, models

TABLE, WORDS = "portal_searchentry", "portal_searchwords"


def _vector(*columns: str) -> str:
    # Split as portal/search/words.py splits: PostgreSQL's own parser takes PAY-12 for PAY and the number -12.
    text = " || ' ' || ".join(columns)
    return f"to_tsvector('simple', regexp_replace({text}, '[^[:alnum:]]+', ' ', 'g'))"


POSTGRESQL = [
    f"ALTER TABLE {TABLE} ADD COLUMN head tsvector GENERATED ALWAYS AS ({_vector('key', 'title')}) STORED",
    f"ALTER TABLE {TABLE} ADD COLUMN words tsvector GENERATED ALWAYS AS ({_vector('key', 'title', 'body')}) STORED",
    f"CREATE INDEX search_story_head ON {TABLE} USING gin (head) WITH (gin_pending_list_limit = 1024) WHERE kind = 'story'",
    f"CREATE INDEX search_story_words ON {TABLE} USING gin (words) WITH (gin_pending_list_limit = 1024) WHERE kind = 'story'",
    f"CREATE INDEX search_other_head ON {TABLE} USING gin (head) WITH (gin_pending_list_limit = 1024) WHERE kind <> 'story'",
    f"CREATE INDEX search_other_words ON {TABLE} USING gin (words) WITH (gin_pending_list_limit = 1024) WHERE kind <> 'story'",
    f"CREATE INDEX search_key ON {TABLE} (upper(key) text_pattern_ops)",
]
POSTGRESQL_BACK = [
    "DROP INDEX IF EXISTS search_key",
    f"ALTER TABLE {TABLE} DROP COLUMN IF EXISTS head",
    f"ALTER TABLE {TABLE} DROP COLUMN IF EXISTS words",
]
COLUMNS = "kind, key, title, body"


def _values(row: str) -> str:
    return ", ".join(f"{row}.{name}" for name in ("id", "kind", "key", "title", "body"))


_FORGET = f"INSERT INTO {WORDS} ({WORDS}, rowid, {COLUMNS}) VALUES ('delete', {_values('old')});"
_KEEP = f"INSERT INTO {WORDS} (rowid, {COLUMNS}) VALUES ({_values('new')});"
SQLITE = [
    f"CREATE VIRTUAL TABLE {WORDS} USING fts5({COLUMNS}, content='{TABLE}', content_rowid='id', "
    "tokenize='unicode61 remove_diacritics 2', prefix='1 2 3')",
    f"INSERT INTO {WORDS} ({WORDS}) VALUES ('rebuild')",
    f"CREATE TRIGGER search_added AFTER INSERT ON {TABLE} BEGIN {_KEEP} END",
    f"CREATE TRIGGER search_gone AFTER DELETE ON {TABLE} BEGIN {_FORGET} END",
    f"CREATE TRIGGER search_changed AFTER UPDATE ON {TABLE} BEGIN {_FORGET} {_KEEP} END",
    f"CREATE INDEX search_key ON {TABLE} (upper(key))",
]
SQLITE_BACK = [
    "DROP INDEX IF EXISTS search_key",
    *(f"DROP TRIGGER IF EXISTS search_{name}" for name in ("added", "gone", "changed")),
    f"DROP TABLE IF EXISTS {WORDS}",
]


def _run(schema_editor: Any, postgresql: list[str], sqlite: list[str]) -> None:
    statements = postgresql if schema_editor.connection.vendor == "postgresql" else sqlite
    for each in statements:
        schema_editor.execute(each)


def add(apps: Any, schema_editor: Any) -> None:
    """Make the indexes. Where there is something to find already, the worker fills them, a little at a time."""
    _run(schema_editor, POSTGRESQL, SQLITE)
    if apps.get_model("squads", "Squad").objects.exists():
        apps.get_model("portal", "Message").objects.create(topic="search.emptied", payload={})


def drop(apps: Any, schema_editor: Any) -> None:
    """Take them away."""
    _run(schema_editor, POSTGRESQL_BACK, SQLITE_BACK)


class Migration(migrations.Migration):
    dependencies = [("portal", "0002_people_and_search")]
    operations = [
        migrations.CreateModel(
            name="SearchSpelling",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("spelling", models.CharField(max_length=24)),
                ("word", models.CharField(max_length=24)),
            ],
        ),
        migrations.AddConstraint(
            model_name="searchspelling",
            constraint=models.UniqueConstraint(fields=("spelling", "word"), name="search_spelling_once"),
        ),
        migrations.RunPython(add, drop),
    ]
