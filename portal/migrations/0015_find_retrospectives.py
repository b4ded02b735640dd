"""Retrospectives are found as well; of them there may be many, so that they have an index of their own."""

from typing import Any

from django.db import migrations

TABLE = "portal_searchentry"
OPTIONS = "WITH (gin_pending_list_limit = 1024)"
FEW, FEW_BEFORE = "kind NOT IN ('story', 'comment', 'retrospective')", "kind NOT IN ('story', 'comment')"
OWN = "kind = 'retrospective'"


def _few(where: str) -> list[str]:
    made = []
    for words in ("head", "words"):
        made += [
            f"DROP INDEX IF EXISTS search_few_{words}",
            f"CREATE INDEX search_few_{words} ON {TABLE} USING gin ({words}) {OPTIONS} WHERE {where}",
        ]
    return made


POSTGRESQL = [
    *_few(FEW),
    f"CREATE INDEX search_retrospective_head ON {TABLE} USING gin (head) {OPTIONS} WHERE {OWN}",
    f"CREATE INDEX search_retrospective_words ON {TABLE} USING gin (words) {OPTIONS} WHERE {OWN}",
]
POSTGRESQL_BACK = [
    *_few(FEW_BEFORE),
    "DROP INDEX IF EXISTS search_retrospective_head",
    "DROP INDEX IF EXISTS search_retrospective_words",
]


def add(apps: Any, schema_editor: Any) -> None:
    """Make the indexes. There are no retrospectives yet to be indexed."""
    if schema_editor.connection.vendor == "postgresql":
        for each in POSTGRESQL:
            schema_editor.execute(each)


def drop(apps: Any, schema_editor: Any) -> None:
    """Have the indexes as they were."""
    if schema_editor.connection.vendor == "postgresql":
        for each in POSTGRESQL_BACK:
            schema_editor.execute(each)


class Migration(migrations.Migration):
    dependencies = [("portal", "0014_answers_about_deployments")]
    operations = [migrations.RunPython(add, drop)]
