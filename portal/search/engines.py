"""Full-text search, in the words of each database. Here and in the migrations beside it, and nowhere else.

Both engines only say which entries may be meant; ranking them is the same for both (queries.py). Neither is asked to sort:
a short beginning such as "s" is in every entry, and sorting a hundred thousand takes longer than finding them.
"""

import re
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import QuerySet

# A word stands for itself and, where it was misspelt, for what it may have meant: all of the first, any of the second.
Terms = Sequence[Sequence[str]]
TABLE = "portal_searchentry"
OTHERS = "release OR squad OR service OR environment OR person OR source OR incident"
# Planned for all of its rows and read only as far as wanted. Planned for a few, PostgreSQL trusts to meet them soon and
# reads the whole table where there are none.
FENCED = "WITH found AS MATERIALIZED (SELECT id FROM {table} WHERE {where}) SELECT id FROM found LIMIT %s"
IN_ORDER = (
    "WITH found AS MATERIALIZED (SELECT id, ref, title FROM {table} WHERE {where})"
    " SELECT {columns} FROM found ORDER BY id DESC LIMIT %s"
)
# Long texts are kept apart from their rows and packed. PostgreSQL doesn't count what unpacking all of them takes, and would
# read every text rather than the index, which takes a hundred times as long.
BY_INDEX = "SET LOCAL enable_seqscan = off; {sql}; SET LOCAL enable_seqscan TO DEFAULT"


# Of stories, comments and retrospectives there are many, of the others few, which must not drown.
GROUPS = ("story", "comment", "retrospective", "other")


def candidates(terms: Terms, most: int, *, head: bool, group: str, stories: "QuerySet[Any] | None" = None) -> list[int]:
    """Return the ids of up to `most` entries of a group in which every term begins a word.

    `head` looks at keys and titles only. `stories` are the only ones that are wanted.
    """
    if not terms:
        return []
    if group == "retrospective":
        return [row[0] for row in _retrospectives("id", terms, most, head)]
    make = _postgresql if connection.vendor == "postgresql" else _sqlite
    sql, values = make(terms, head, group, stories)
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, most])
        return [row[0] for row in cursor.fetchall()]


def retrospectives(terms: Terms, most: int, *, head: bool) -> list[tuple[str, str]]:
    """Return the own ids and titles of what `candidates` finds of retrospectives, those indexed last first."""
    return _retrospectives("ref, title", terms, most, head) if terms else []


def _retrospectives(columns: str, terms: Terms, most: int, head: bool) -> list[Any]:
    """Read the entries that fit, in order: of these there are thousands, not hundreds of thousands."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            where, values = _postgresql_words(terms, head, "retrospective")
            sql = IN_ORDER.format(table=TABLE, where=where, columns=columns)
            cursor.execute(BY_INDEX.format(sql=sql), [*values, most])
            # The second of three statements is the one that answers.
            cursor.nextset()
        else:
            sql, values = _sqlite(terms, head, "retrospective", None)
            sql = f"SELECT {columns} FROM {TABLE} WHERE id IN ({sql}) ORDER BY id DESC"  # noqa: S608 - ours
            cursor.execute(sql, [*values, most])
        return list(cursor.fetchall())


# As the indexes of portal/migrations/0015_find_retrospectives.py say, to the letter; else they are not used.
_KINDS = {
    "story": "kind = 'story'",
    "comment": "kind = 'comment'",
    "retrospective": "kind = 'retrospective'",
    "other": "kind NOT IN ('story', 'comment', 'retrospective')",
}


def _among(stories: "QuerySet[Any]", pk: str) -> tuple[str, list[Any]]:
    """Return the condition that the story of this id is one of these, asked of one story at a time: as many as are looked
    at are asked for, not as many as there are."""
    sql, values = stories.order_by().extra(where=[f"squads_story.id = {pk}"]).values("pk").query.sql_with_params()  # noqa: S610 - ours
    return f"EXISTS ({sql})", list(values)


def _postgresql_words(terms: Terms, head: bool, group: str) -> tuple[str, list[Any]]:
    # Words hold letters and digits only (query_terms.py), so nothing in them is an operator.
    query = " & ".join("(" + " | ".join(f"'{word}':*" for word in term) + ")" for term in terms)
    return f"{'head' if head else 'words'} @@ to_tsquery('simple', %s) AND {_KINDS[group]}", [query]


def _postgresql(terms: Terms, head: bool, group: str, stories: "QuerySet[Any] | None") -> tuple[str, list[Any]]:
    where, query = _postgresql_words(terms, head, group)
    if stories is None:
        return FENCED.format(table=TABLE, where=where), query
    # What is no story has no number.
    among, values = _among(stories, f"CAST(CASE WHEN {TABLE}.kind = 'story' THEN {TABLE}.ref END AS bigint)")
    return FENCED.format(table=TABLE, where=f"{where} AND {among}"), [*query, *values]


def _sqlite(terms: Terms, head: bool, group: str, stories: "QuerySet[Any] | None") -> tuple[str, list[Any]]:
    query = " AND ".join("(" + " OR ".join(f'"{word}" *' for word in term) + ")" for term in terms)
    columns = "{key title}" if head else "{key title body}"
    kinds = f"kind : ({group})" if group != "other" else f"kind : ({OTHERS})"
    where, values = "portal_searchwords MATCH %s", [f"{kinds} AND {columns} : ({query})"]
    if stories is not None:
        among, more = _among(stories, "CAST(entry.ref AS INTEGER)")
        entry = f"SELECT 1 FROM {TABLE} entry WHERE entry.id = portal_searchwords.rowid AND {among}"  # noqa: S608 - ours
        where, values = f"{where} AND EXISTS ({entry})", [*values, *more]
    # The newest first, which here costs nothing.
    return f"SELECT rowid FROM portal_searchwords WHERE {where} ORDER BY rowid DESC LIMIT %s", values  # noqa: S608 - ours


def by_key(text: str, most: int) -> list[int]:
    """Return the ids of entries with this very key, and of up to `most` whose key begins so, in capitals or not.

    Comments go by the key of their story, and are not meant.
    """
    key = text.upper()
    if connection.vendor == "postgresql":
        begins, values = "upper(key) LIKE %s", [re.sub(r"([\\%_])", r"\\\1", key) + "%"]
    else:
        # LIKE would read every row; a range is found in the index.
        begins, values = "upper(key) >= %s AND upper(key) < %s", [key, key + "\U0010ffff"]
    found: list[int] = []
    with connection.cursor() as cursor:
        for where, given in (("upper(key) = %s", [key]), (begins, values)):
            cursor.execute(f"SELECT id FROM {TABLE} WHERE {where} AND kind <> 'comment' LIMIT %s", [*given, most])  # noqa: S608 - ours
            found += [row[0] for row in cursor.fetchall()]
    return found


def changes(terms: Terms, most: int) -> list[Any] | None:
    """Return the ids of up to `most` changes in whose subject every term begins a word; None where there is no index."""
    if connection.vendor != "postgresql" or not terms:
        return None
    query = " & ".join("(" + " | ".join(f"'{word}':*" for word in term) + ")" for term in terms)
    with connection.cursor() as cursor:
        where = f"{SUBJECT} @@ to_tsquery('simple', %s)"
        cursor.execute(FENCED.format(table="releases_change", where=where), [query, most])
        return [row[0] for row in cursor.fetchall()]


# As releases/migrations/0004_find_changes.py indexes it, to the letter.
SUBJECT = "to_tsvector('simple', regexp_replace(subject, '[^[:alnum:]]+', ' ', 'g'))"
