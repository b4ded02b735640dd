"""Reaching the broker, whichever it is."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def address(url: str) -> str:
    """Return Celery's broker address as redis-py writes it: redis+socket:///p?virtual_host=2 is unix:///p?db=2."""
    if not url.startswith("redis+socket://"):
        return url
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if database := options.pop("virtual_host", None):
        options["db"] = database.strip("/")
    return f"unix://{parts.path}" + (f"?{urlencode(options)}" if options else "")


def client(url: str, timeout: float = 2) -> redis.Redis:
    """Return a connection to the broker that gives up after `timeout` seconds. ValueError if it is no Redis address.

    A connection that the broker closed is made anew once. One that answers nothing is not asked again: by default it would
    be three times, with pauses.
    """
    once = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return redis.Redis.from_url(
        address(url), socket_connect_timeout=timeout, socket_timeout=timeout, health_check_interval=30, retry=once
    )
