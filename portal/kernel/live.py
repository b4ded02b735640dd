"""Telling open pages what changed, once it is committed.

Telling is cheap and may be lost: a page that missed something asks again by itself. What is told is only *which* stories
changed; the stream process (portal/live) reads them once and sends them to every page that shows them. One thread per
process tells: a request never waits for the broker.
"""

import atexit
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from django.db import transaction

from portal.kernel.broker import client

logger = logging.getLogger(__name__)
CHANNEL = "rodeo:live"
# What waits to be told while the broker does not answer; more is left out. A process that ends waits so long, in seconds.
MOST_WAITING = 1000
LAST_WORDS = 1.0


@lru_cache(maxsize=2)
def _client(url: str) -> redis.Redis:
    return client(url, timeout=1)


def touch(story_ids: Iterable[int], **what: Any) -> None:
    """Tell, after the commit, that what is shown of these stories may have changed. Returns at once and never raises.

    `what` may say more, such as comment=7; it travels as JSON.
    """
    ids = sorted(set(story_ids))
    if ids:
        transaction.on_commit(lambda: _publish({"stories": ids, **what}))


def touch_topic(topic: str, version: int) -> None:
    """Tell, after the commit, that what pages of a topic show is at this version now. Returns at once and never raises.

    For what isn't a story. Pages learn that something changed, and ask for it with their own rights.
    """
    transaction.on_commit(lambda: _publish({"topics": {topic: version}}))


def _publish(payload: dict[str, Any]) -> None:
    if getattr(settings, "RODEO_WAKE", True):
        _teller.tell(json.dumps(payload))


class _Teller:
    """The thread of one process; a forked child starts its own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process = 0
        self.waiting: queue.Queue[str] = queue.Queue(MOST_WAITING)

    def tell(self, text: str) -> None:
        if self.process != os.getpid():
            with self.lock:
                if self.process != os.getpid():
                    # What a parent has not told yet is its own to tell.
                    self.waiting = queue.Queue(MOST_WAITING)
                    threading.Thread(target=self.run, args=(self.waiting,), name="rodeo-live", daemon=True).start()
                    self.process = os.getpid()
                    atexit.register(self.finish)
        try:
            self.waiting.put_nowait(text)
        except queue.Full:
            logger.debug("open pages were not told: too much waits")

    def run(self, waiting: "queue.Queue[str]") -> None:
        while True:
            text = waiting.get()
            try:
                _client(settings.BROKER_URL).publish(CHANNEL, text)
            except (redis.RedisError, ValueError, OSError) as error:
                logger.debug("open pages were not told: %s", error)
            finally:
                waiting.task_done()

    def finish(self) -> None:
        """Let a process that ends tell what it did last, if the broker takes it at once."""
        end = time.monotonic() + LAST_WORDS
        while self.process == os.getpid() and self.waiting.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.01)


_teller = _Teller()
