"""Telling a database or broker that is busy or away from a fault in the work itself."""

import redis
from django.db import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerAway

# What PostgreSQL calls a statement that is too large for it: waiting does not help.
PROGRAM_LIMIT = "54"


def is_outage(error: BaseException) -> bool:
    """Say whether an error means that the database or the broker was busy or away, so that trying again soon helps.

    A lock timeout, a deadlock and a lost connection are outages. Faulty SQL is none, though SQLite reports it as an
    OperationalError too.
    """
    if isinstance(error, OperationalError):
        cause = error.__cause__
        faulty = getattr(cause, "sqlite_errorname", "") == "SQLITE_ERROR"
        return not faulty and not str(getattr(cause, "sqlstate", None) or "").startswith(PROGRAM_LIMIT)
    return isinstance(error, InterfaceError | redis.ConnectionError | redis.TimeoutError | BrokerAway)
