"""Is everything there that the portal needs? One answer per part, with its remedy."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from portal.kernel import clock
from portal.kernel.broker import client
from portal.kernel.secrets import secret_fields
from portal.ops import heartbeat, metrics
from portal.schedule import HEARTBEAT_LATE


@dataclass(frozen=True)
class Check:
    """The state of one part. `age` is how long ago it was last heard of, in seconds, where that means something."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    age: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what /readyz says of it."""
        said: dict[str, Any] = {"ok": self.ok, "detail": self.detail}
        if self.age is not None:
            said["age_seconds"] = round(self.age, 1)
        if not self.ok:
            said["remedy"] = self.remedy
        return said


START = "`make run` restarts it automatically; elsewhere start "
_migrated: set[str] = set()


def _missing_migrations() -> int:
    # Reading the whole migration graph takes a while, and a database that was up to date stays so for this code.
    alias = connection.settings_dict["NAME"]
    if alias in _migrated:
        return 0
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if not missing:
        _migrated.add(alias)
    return missing


def database() -> Check:
    """Does the database answer, and does it have the tables of this version?"""
    started = time.monotonic()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        missing = _missing_migrations()
    except (DatabaseError, OSError) as error:
        # Only the kind of error: its text may name hosts and users, and anybody may read this page.
        return Check(
            "database",
            False,
            f"{connection.display_name} didn’t answer ({type(error).__name__})",
            "Start it, or fix DATABASE_URL. See the web process’s log.",
        )
    if missing:
        return Check("database", False, f"{missing} migrations aren’t applied", "Run `manage.py migrate`.")
    took = round((time.monotonic() - started) * 1000)
    return Check("database", True, f"{connection.display_name} answered in {took} ms")


def secrets() -> Check:
    """Can the secrets in the database be read with the keys in use? One that cannot lets nobody in."""
    remedy = "Put the missing key back into RODEO_FIELD_KEYS, after the newest one (see docs/production.md)."
    try:
        for model, name in secret_fields():
            # A secret whose key is missing reads as none at all.
            if "" in model._default_manager.exclude(**{name: ""}).values_list(name, flat=True)[:200]:
                return Check("secrets", False, f"a {model._meta.verbose_name}'s {name} can’t be read", remedy)
    except (DatabaseError, OSError):
        return Check("secrets", False, "unknown: secrets are in the database, which didn’t answer", remedy)
    return Check("secrets", True, "readable")


def broker() -> Check:
    """Does the broker answer?"""
    started = time.monotonic()
    try:
        with client(settings.BROKER_URL, timeout=1) as connected:
            connected.ping()
    except (redis.RedisError, ValueError, OSError) as error:
        return Check(
            "broker",
            False,
            f"the broker didn’t answer ({type(error).__name__})",
            "Start Redis or Valkey, or fix BROKER_URL (redis://host:6379/0).",
        )
    return Check("broker", True, f"answered in {round((time.monotonic() - started) * 1000)} ms")


def _process(name: str, command: str) -> Check:
    remedy = f"{START}`{command}`."
    try:
        last = heartbeat.last(name)
    except (redis.RedisError, ValueError, OSError):
        return Check(name, False, "unknown: heartbeats are in the broker, which didn’t answer", remedy)
    if last is None:
        return Check(name, False, "no heartbeat", remedy)
    detail = f"last heartbeat {last.age:.0f} s ago" if last.age < 60 else f"silent for {clock.duration(last.age)}"
    return Check(name, last.age <= HEARTBEAT_LATE, detail, remedy, age=last.age)


def worker() -> Check:
    """Is there a worker that takes tasks?"""
    return _process(heartbeat.WORKER, "celery -A portal.celery worker")


def puller() -> Check:
    """Is there a worker that pulls sources?"""
    return _process(heartbeat.PULLER, "celery -A portal.celery worker --queues pulls")


def messages(now: metrics.Measured) -> str:
    """Say how many messages wait, and how many are dead: that is for a person to mend, and the portal works all the same."""
    waiting = f"{now.messages:,} message{'' if now.messages == 1 else 's'} to deliver"
    if now.messages:
        waiting += f", the oldest for {now.oldest_message:.0f} s"
    return f"{waiting}; {now.dead:,} dead (an administrator can redeliver them)" if now.dead else waiting


def backlog() -> Check:
    """How much waits, and since when? For the eyes of people and monitors: a long queue is no reason to be taken away."""
    try:
        now = metrics.measured()
    except (DatabaseError, OSError, redis.RedisError, ValueError) as error:
        return Check("backlog", True, f"unknown ({type(error).__name__})")
    events = f"{now.pending:,} event{'' if now.pending == 1 else 's'} to read, the oldest for {now.oldest:.0f} s"
    tasks = sum(now.queues.values())
    return Check(
        "backlog",
        True,
        f"{events}; {messages(now)}; {tasks:,} tasks in the broker; the latest pull is {now.lag:.0f} s behind",
        age=now.oldest,
    )


def scheduler() -> Check:
    """Is there a scheduler that sends the periodic ones?"""
    return _process(heartbeat.BEAT, "celery -A portal.celery beat")


CHECKS: tuple[Callable[[], Check], ...] = (database, secrets, broker, worker, puller, scheduler, backlog)


def look() -> list[Check]:
    """Return the state of every part."""
    return [check() for check in CHECKS]
