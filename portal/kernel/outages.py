"""Telling a database or broker that is busy or away from a fault in the work itself."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import redis
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction
from kombu.exceptions import OperationalError as BrokerAway

Item = TypeVar("Item")
logger = logging.getLogger(__name__)
# What PostgreSQL calls a statement that is too large for it: waiting does not help.
PROGRAM_LIMIT = "54"


def is_outage(error: BaseException) -> bool:
    """Say whether an error means that the database or the broker was busy or away, so that trying again soon helps.

    A lock timeout, a deadlock, a lost connection and a full disk are outages. Faulty SQL is none, though SQLite reports it as an
    OperationalError too.
    """
    if isinstance(error, OperationalError):
        cause = error.__cause__
        faulty = getattr(cause, "sqlite_errorname", "") == "SQLITE_ERROR"
        return not faulty and not str(getattr(cause, "sqlstate", None) or "").startswith(PROGRAM_LIMIT)
    if isinstance(error, redis.ResponseError):
        # It answers, and takes nothing: its disk is full, or it is starting or busy.
        return str(error).startswith(("MISCONF", "LOADING", "BUSY", "OOM"))
    return isinstance(error, InterfaceError | redis.ConnectionError | redis.TimeoutError | BrokerAway)


@contextmanager
def left_to_the_sweep(what: str) -> Iterator[None]:
    """Do work that the sweep repeats every few seconds: an outage is one line in the log, and no failure of the work."""
    try:
        yield
    except Exception as error:
        if not is_outage(error):
            raise
        logger.warning("%s waits: the database or the broker is busy or away (%s)", what, str(error).strip())


def _stops_everything(error: Exception) -> bool:
    return is_outage(error) or isinstance(error, SoftTimeLimitExceeded)


@contextmanager
def going_on(what: str) -> Iterator[list[Exception]]:
    """Do one of several things: if it fails, that is logged, and the others go on. The list then has the error.

    An outage is raised, as all others would meet it.
    """
    failed: list[Exception] = []
    try:
        yield failed
    except Exception as error:
        if _stops_everything(error):
            raise
        logger.exception("%s failed, and everything else goes on", what)
        failed.append(error)


def each_apart(what: str, items: Sequence[Item], do: Callable[[Item], object]) -> list[tuple[Item, Exception]]:
    """Do something with each item in a transaction of its own; return those that failed, which stop none of the others."""
    found = []
    for item in items:
        with going_on(f"{what} {item}") as failed, transaction.atomic():
            do(item)
        found += [(item, error) for error in failed]
    return found


def at_once_or_apart(
    what: str, items: Sequence[Item], do: Callable[[Sequence[Item]], object]
) -> list[tuple[Item, Exception]]:
    """Do something with all items at once in one transaction, or, where that fails, with each apart; return what failed."""
    try:
        with transaction.atomic():
            do(items)
    except Exception as error:
        if _stops_everything(error):
            raise
        return each_apart(what, items, lambda item: do([item]))
    return []


def named(error: Exception) -> str:
    """Name an error for people: its kind only, as its text may name hosts, users or what was sent."""
    return f"{type(error).__name__}; see the worker’s log"
