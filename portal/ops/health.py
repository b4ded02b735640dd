"""Is everything there that the portal needs? One answer per part, with its remedy."""

import shutil
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
from portal.kernel.models import Mail
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
        """Return what /readyz and /status say of it."""
        said: dict[str, Any] = {"ok": self.ok, "detail": self.detail}
        if self.age is not None:
            said["age_seconds"] = round(self.age, 1)
        if not self.ok:
            said["remedy"] = self.remedy
        return said


# From when on somebody must look, in seconds: unread events, undelivered messages, unsent mails.
BACKLOG_LATE, MESSAGE_LATE, MAIL_LATE = 1800, 3600, 900
# There is too little room below both: in bytes, and as a share of the disk.
LEAST_FREE, LEAST_SHARE = 1 * 2**30, 0.05
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
            if model is Mail:
                # A mail that cannot be read is one failed mail; everybody else can still come in.
                continue
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


def _process(name: str, command: str, broker_answers: bool) -> Check:
    """Was a process heard of lately? A broker that doesn't answer is not asked for each of them: that takes its time."""
    remedy = f"{START}`{command}`."
    unknown = Check(name, False, "unknown: heartbeats are in the broker, which didn’t answer", remedy)
    if not broker_answers:
        return unknown
    try:
        last = heartbeat.last(name)
    except (redis.RedisError, ValueError, OSError):
        return unknown
    if last is None:
        return Check(name, False, "no heartbeat", remedy)
    detail = f"last heartbeat {last.age:.0f} s ago" if last.age < 60 else f"silent for {clock.duration(last.age)}"
    return Check(name, last.age <= HEARTBEAT_LATE, detail, remedy, age=last.age)


# Processes that are heard of through the broker, and how each is started where `make run` does not.
PROCESSES = {
    heartbeat.WORKER: "celery -A portal.celery worker",
    heartbeat.PULLER: "celery -A portal.celery worker --queues pulls",
    heartbeat.BEAT: "celery -A portal.celery beat",
}


def _waiting(count: int, what: str, oldest: float) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}" + (
        f", the oldest for {clock.duration(oldest)}" if count else ""
    )


def _backlog(now: metrics.Measured) -> Check:
    """How much waits to be read, and since when?"""
    tasks = f"{sum(now.queues.values()):,}" if now.queues else "unknown"
    return Check(
        "backlog",
        now.oldest <= BACKLOG_LATE,
        f"{_waiting(now.pending, 'unread event', now.oldest)}; {tasks} tasks in the broker; "
        f"the latest pull is {now.lag:.0f} s behind",
        "Check the worker and its log. After a large import, wait: events are read in their order.",
        age=now.oldest,
    )


def _messages(now: metrics.Measured) -> Check:
    """Does follow-up work get done?"""
    detail = _waiting(now.messages, "waiting message", now.oldest_message)
    detail += f"; {now.dead:,} dead" if now.dead else ""
    remedy = "Fix the cause, then redeliver them. Administrators see both under Dead messages."
    return Check("messages", not now.dead and now.oldest_message <= MESSAGE_LATE, detail, remedy)


def _mails(now: metrics.Measured) -> Check:
    """Do mails reach the mail server?"""
    detail = _waiting(now.mails, "waiting mail", now.oldest_mail)
    detail += f"; {now.failed_mails:,} failed" if now.failed_mails else ""
    remedy = "Check RODEO_EMAIL_URL and the mail server. Administrators see the errors under Unsent mails."
    return Check("mails", not now.failed_mails and now.oldest_mail <= MAIL_LATE, detail, remedy)


def waiting(broker_answers: bool = True) -> list[Check]:
    """What waits, and does any of it wait too long or need somebody?"""
    try:
        now = metrics.measured(with_queues=broker_answers)
    except (DatabaseError, OSError, redis.RedisError, ValueError) as error:
        # The check of the part that is away says so.
        unknown = f"unknown ({type(error).__name__})"
        return [Check(name, True, unknown) for name in ("backlog", "messages", "mails")]
    return [_backlog(now), _messages(now), _mails(now)]


def disk() -> Check:
    """Is there room in the state folder, where the embedded database and broker, git mirrors and static files are?"""
    remedy = "Make room on that disk. Until then, changes and events may be refused; nothing that was saved is lost."
    try:
        found = shutil.disk_usage(settings.STATE_DIR)
    except OSError as error:
        return Check("disk", False, f"the state folder can’t be read ({type(error).__name__})", remedy)
    free = f"{found.free / 2**30:.1f} GiB of {found.total / 2**30:.1f} GiB free"
    return Check("disk", found.free >= min(LEAST_FREE, found.total * LEAST_SHARE), free, remedy)


NEEDED_TO_SERVE: tuple[Callable[[], Check], ...] = (database, secrets)


def readiness() -> list[Check]:
    """Return the state of what a web process needs to serve people."""
    return [check() for check in NEEDED_TO_SERVE]


def look() -> list[Check]:
    """Return the state of every part, and of what waits."""
    reached = broker()
    processes = [_process(name, command, reached.ok) for name, command in PROCESSES.items()]
    return [*readiness(), reached, *processes, disk(), *waiting(reached.ok)]
