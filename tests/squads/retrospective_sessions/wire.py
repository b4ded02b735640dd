"""What somebody who listens at the broker has: all that is told to open pages, and all keys with what they hold."""

from typing import Any
from uuid import uuid4

import redis

from portal.kernel import live
from portal.kernel.broker import client


class Wire:
    """Listens to the live stream of a real broker, and reads all of its keys, since it was made."""

    def __init__(self, url: str) -> None:
        self.broker: Any = client(url, timeout=5)
        # Others may listen to the same broker.
        self.end = f"end of what was told so far, {uuid4()}"
        self.ear = self.broker.pubsub()
        self.ear.subscribe(live.CHANNEL)
        self._until(lambda message: message["type"] == "subscribe")
        self.known = set(self._keys())

    def take(self) -> list[str]:
        """Return what was told and what came into the keys since the last time."""
        live._teller.waiting.join()
        self.broker.publish(live.CHANNEL, self.end)
        told = self._until(lambda message: message["data"] == self.end.encode())
        keys = self._keys()
        new = [each for each in keys if each not in self.known]
        self.known.update(new)
        return [message["data"].decode() for message in told] + new

    def close(self) -> None:
        """Stop listening."""
        self.ear.close()
        self.broker.close()

    def _until(self, is_last: Any) -> list[dict[str, Any]]:
        heard: list[dict[str, Any]] = []
        while True:
            message = self.ear.get_message(timeout=10)
            assert message is not None, "the broker passes on what is published"
            if is_last(message):
                return heard
            heard.append(message)

    def _keys(self) -> list[str]:
        """Return every key with what it holds, as text."""
        read = {
            b"string": lambda key: [self.broker.get(key)],
            b"list": lambda key: self.broker.lrange(key, 0, -1),
            b"hash": lambda key: sorted(self.broker.hgetall(key).items()),
            b"set": lambda key: sorted(self.broker.smembers(key)),
            b"zset": lambda key: self.broker.zrange(key, 0, -1, withscores=True),
            b"stream": lambda key: self.broker.xrange(key),
            b"none": lambda key: [],
        }
        try:
            return [
                f"{key!r} {each!r}"
                for key in sorted(self.broker.scan_iter())
                for each in read[self.broker.type(key)](key)
            ]
        except redis.ResponseError:
            # A key went, or became another, between two questions.
            return self._keys()
