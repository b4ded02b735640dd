"""Reaching the broker, whichever it is."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import redis


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
    """Return a connection to the broker that gives up after `timeout` seconds. ValueError if it is no Redis address."""
    return redis.Redis.from_url(
        address(url), socket_connect_timeout=timeout, socket_timeout=timeout, health_check_interval=30
    )
