"""Telling open pages what changed, once it is committed.

Telling is cheap and may be lost: a page that missed something asks again by itself. What is told is only *which* stories
changed; the stream process (portal/live) reads them once and sends them to every page that shows them.
"""

import json
import logging
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from django.db import transaction

from portal.kernel.broker import client

logger = logging.getLogger(__name__)
CHANNEL = "rodeo:live"


@lru_cache(maxsize=2)
def _client(url: str) -> redis.Redis:
    return client(url, timeout=1)


def touch(story_ids: Iterable[int], **what: Any) -> None:
    """Tell, after the commit, that what is shown of these stories may have changed. Never raises.

    `what` may say more, such as comment=7; it travels as JSON.
    """
    ids = sorted(set(story_ids))
    if ids:
        transaction.on_commit(lambda: _publish({"stories": ids, **what}))


def _publish(payload: dict[str, Any]) -> None:
    if not getattr(settings, "RODEO_WAKE", True):
        return
    try:
        _client(settings.BROKER_URL).publish(CHANNEL, json.dumps(payload))
    except (redis.RedisError, ValueError, OSError) as error:
        logger.debug("open pages were not told: %s", error)
