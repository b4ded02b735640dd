"""The worker and the scheduler say "still here" in the broker, where every web process can read it."""

import json
import logging
import os
import socket
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import redis
from celery import bootsteps
from celery.beat import Scheduler
from django.conf import settings

from portal.kernel.broker import client
from portal.schedule import HEARTBEAT_EVERY

logger = logging.getLogger(__name__)
WORKER, PULLER, BEAT = "worker", "puller", "scheduler"
# Who says so by taking from which queue.
BY_QUEUE = {"celery": WORKER, "pulls": PULLER}
# Kept long after it is late, so that the health page can say since when nothing was heard.
REMEMBERED = 7 * 86400


@dataclass(frozen=True)
class Heartbeat:
    """When a process last said it is there. `age` is in seconds.

    Another machine's clock tells it at first sight, and from then on a clock that nobody can set: a process that died just
    before the time was set back does not look alive.
    """

    at: float
    host: str
    pid: int
    age: float


@lru_cache(maxsize=2)
def _client(url: str) -> redis.Redis:
    return client(url, timeout=1)


def _key(name: str) -> str:
    return f"rodeo:heartbeat:{name}"


def beat(name: str) -> None:
    """Say that the process called `name` is there. Never raises: a broker that is away is not the heart's business."""
    value = json.dumps({"at": time.time(), "host": socket.gethostname(), "pid": os.getpid()})
    try:
        _client(settings.BROKER_URL).set(_key(name), value, ex=REMEMBERED)
    except (redis.RedisError, ValueError, OSError) as error:
        logger.debug("no heartbeat of %s: %s", name, error)


def forget(*names: str) -> None:
    """Remove heartbeats, so that those of processes that have ended convince nobody. Never raises."""
    try:
        _client(settings.BROKER_URL).delete(*map(_key, names))
    except (redis.RedisError, ValueError, OSError) as error:
        logger.debug("heartbeats were not removed: %s", error)


class _Sight(NamedTuple):
    """The newest value of a heartbeat: how old it was at first sight, and when that was by the monotonic clock."""

    value: bytes
    age: float
    moment: float


_seen: dict[str, _Sight] = {}


def _age(name: str, value: bytes, at: float) -> float:
    sight = _seen.get(name)
    if sight is None or sight.value != value:
        sight = _seen[name] = _Sight(value, max(0.0, time.time() - at), time.monotonic())
    return sight.age + time.monotonic() - sight.moment


def last(name: str) -> Heartbeat | None:
    """Return the newest heartbeat of `name`, None if none is known. Raises redis.RedisError if the broker is away."""
    found = _client(settings.BROKER_URL).get(_key(name))
    if not isinstance(found, bytes):
        return None
    try:
        value = json.loads(found)
        at = float(value["at"])
        return Heartbeat(at, str(value["host"]), int(value["pid"]), _age(name, found, at))
    except (ValueError, KeyError, TypeError):
        return None


class WorkerHeartbeat(bootsteps.StartStopStep):  # type: ignore[misc]
    """Beats from the worker's own loop once it takes tasks: a worker that hangs or lost its broker falls silent."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.timer: Any = None

    def start(self, parent: Any) -> None:
        """Begin to beat."""
        taken = [name for queue, name in BY_QUEUE.items() if queue in parent.app.amqp.queues.consume_from]
        self._beat(taken)
        self.timer = parent.timer.call_repeatedly(HEARTBEAT_EVERY, self._beat, (taken,))

    def _beat(self, names: list[str]) -> None:
        for name in names:
            beat(name)

    def stop(self, parent: Any) -> None:
        """Fall silent."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class BeatingScheduler(Scheduler):  # type: ignore[misc]
    """Celery's scheduler, kept in memory (nothing in portal/schedule.py needs to be remembered), with a heartbeat."""

    max_interval = HEARTBEAT_EVERY
    # How far the time may run away from the monotonic clock between two looks, in seconds, before it was set.
    TOLERANCE = 2.0

    def __init__(self, app: Any, *args: Any, max_interval: Any = None, **options: Any) -> None:
        self.offset = time.time() - time.monotonic()
        super().__init__(app, *args, max_interval=max_interval or self.max_interval, **options)

    def tick(self, *args: Any, **options: Any) -> Any:
        """Send what is due; return the seconds until the next thing is."""
        offset = time.time() - time.monotonic()
        if abs(offset - self.offset) > self.TOLERANCE:
            self._begin_anew(offset - self.offset)
        self.offset = offset
        wait = super().tick(*args, **options)
        beat(BEAT)
        return wait

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send a task; a broker that doesn't take it is one line in the log, not the two stacks that Celery writes."""
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except Exception as error:
            cause = error.__context__ or error
            logger.warning("the broker doesn’t take what is due (%s); it is sent again at its next turn", cause)

    def _begin_anew(self, seconds: float) -> None:
        """Have everything due now: by the old time, the next turn may be hours away."""
        logger.warning("the clock was set by %+.0f s; everything periodic starts anew", seconds)
        for entry in self.schedule.values():
            entry.last_run_at = entry.default_now() - timedelta(days=1)
        self._heap = None
