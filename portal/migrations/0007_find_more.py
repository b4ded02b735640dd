"""Comments, people and sources are found as well; of comments there are many, so that they have an index of their own."""

from typing import Any

from django.db import migrations

TABLE = "portal_searchentry"
OPTIONS = "WITH (gin_pending_list_limit = 1024)"
FEW, MANY = "kind NOT IN ('story', 'comment')", "kind = 'comment'"
POSTGRESQL = [
    "DROP INDEX IF EXISTS search_other_head",
    "DROP INDEX IF EXISTS search_other_words",
    f"CREATE INDEX search_few_head ON {TABLE} USING gin (head) {OPTIONS} WHERE {FEW}",
    f"CREATE INDEX search_few_words ON {TABLE} USING gin (words) {OPTIONS} WHERE {FEW}",
    f"CREATE INDEX search_comment_words ON {TABLE} USING gin (words) {OPTIONS} WHERE {MANY}",
]
POSTGRESQL_BACK = [
    *(f"DROP INDEX IF EXISTS search_{name}" for name in ("few_head", "few_words", "comment_words")),
    f"CREATE INDEX search_other_head ON {TABLE} USING gin (head) {OPTIONS} WHERE kind <> 'story'",
    f"CREATE INDEX search_other_words ON {TABLE} USING gin (words) {OPTIONS} WHERE kind <> 'story'",
]


def add(apps: Any, schema_editor: Any) -> None:
    """Make the indexes. Where somebody is here already, the worker indexes everything, a little at a time."""
    if schema_editor.connection.vendor == "postgresql":
        for each in POSTGRESQL:
            schema_editor.execute(each)
    if apps.get_model("portal", "User").objects.exists():
        apps.get_model("portal", "Message").objects.create(topic="search.emptied", payload={})


def drop(apps: Any, schema_editor: Any) -> None:
    """Have the indexes as they were."""
    if schema_editor.connection.vendor == "postgresql":
        for each in POSTGRESQL_BACK:
            schema_editor.execute(each)


class Migration(migrations.Migration):
    dependencies = [("portal", "0006_message_delays_and_dead_messages")]
    operations = [migrations.RunPython(add, drop)]
