"""Full-text search, in the words of each database. Here and in the migrations beside it, and nowhere else.

Both engines only say which entries may be meant; ranking them is the same for both (queries.py). Neither is asked to sort:
a short beginning such as "s" is in every entry, and sorting a hundred thousand takes longer than finding them.
"""

import re
from collections.abc import Sequence
from typing import Any

from django.db import connection

# A word stands for itself and, where it was misspelt, for what it may have meant: all of the first, any of the second.
Terms = Sequence[Sequence[str]]
TABLE = "portal_searchentry"
# Planned for all of its rows and read only as far as wanted. Planned for a few, PostgreSQL trusts to meet them soon and
# reads the whole table where there are none.
FENCED = "WITH found AS MATERIALIZED (SELECT id FROM {table} WHERE {where}) SELECT id FROM found LIMIT %s"


def candidates(terms: Terms, most: int, *, head: bool, stories: bool) -> list[int]:
    """Return the ids of up to `most` entries in which every term begins a word.

    `head` looks at keys and titles only. `stories` looks at stories only, else at everything else: of the others there
    are few, and they must not drown.
    """
    if not terms:
        return []
    make = _postgresql if connection.vendor == "postgresql" else _sqlite
    sql, values = make(terms, head, stories)
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, most])
        return [row[0] for row in cursor.fetchall()]


def _postgresql(terms: Terms, head: bool, stories: bool) -> tuple[str, list[Any]]:
    # Words hold letters and digits only (query_terms.py), so nothing in them is an operator.
    query = " & ".join("(" + " | ".join(f"'{word}':*" for word in term) + ")" for term in terms)
    column, sign = "head" if head else "words", "=" if stories else "<>"
    where = f"{column} @@ to_tsquery('simple', %s) AND kind {sign} 'story'"
    return FENCED.format(table=TABLE, where=where), [query]


def _sqlite(terms: Terms, head: bool, stories: bool) -> tuple[str, list[Any]]:
    query = " AND ".join("(" + " OR ".join(f'"{word}" *' for word in term) + ")" for term in terms)
    columns = "{key title}" if head else "{key title body}"
    kinds = "kind : (story)" if stories else "kind : (release OR squad OR service OR environment)"
    # The newest first, which here costs nothing.
    sql = "SELECT rowid FROM portal_searchwords WHERE portal_searchwords MATCH %s ORDER BY rowid DESC LIMIT %s"
    return sql, [f"{kinds} AND {columns} : ({query})"]


def by_key(text: str, most: int) -> list[int]:
    """Return the ids of entries with this very key, and of up to `most` whose key begins so, in capitals or not."""
    key = text.upper()
    if connection.vendor == "postgresql":
        begins, values = "upper(key) LIKE %s", [re.sub(r"([\\%_])", r"\\\1", key) + "%"]
    else:
        # LIKE would read every row; a range is found in the index.
        begins, values = "upper(key) >= %s AND upper(key) < %s", [key, key + "\U0010ffff"]
    found: list[int] = []
    with connection.cursor() as cursor:
        for where, given in (("upper(key) = %s", [key]), (begins, values)):
            cursor.execute(f"SELECT id FROM {TABLE} WHERE {where} LIMIT %s", [*given, most])  # noqa: S608 - ours
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
