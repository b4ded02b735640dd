"""One holder at a time, across processes and machines."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

# Milliseconds.
BRIEFLY = 250


def hold(name: str, *, wait: bool = True) -> bool:
    """Take the lock `name` until the surrounding transaction ends; return False if `wait` is off and another holds it.

    PostgreSQL keeps it as an advisory lock. SQLite's transactions are IMMEDIATE and thus already exclude each other.
    Must be called inside `transaction.atomic()`.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"hold({name!r}) needs an open transaction")
    if connection.vendor != "postgresql":
        return True
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        if wait:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
            return True
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [key])
        return bool(cursor.fetchone()[0])


@contextmanager
def waiting_briefly() -> Iterator[None]:
    """Have SQLite give up soon where something else writes for long: what only notes that somebody reads must not wait."""
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    (usual,) = connection.connection.execute("PRAGMA busy_timeout").fetchone()
    connection.connection.execute(f"PRAGMA busy_timeout = {BRIEFLY}")
    try:
        yield
    finally:
        connection.connection.execute(f"PRAGMA busy_timeout = {usual}")
