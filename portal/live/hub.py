"""The open streams and who hears what. Pure bookkeeping of one event loop; no network, no database."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from portal.live.topics import event

# How many tellings a browser may be behind before it has to start over: a slow one must not cost the others memory.
LONGEST_QUEUE = 100
# Browsers share one stream between their tabs, so a person has one or a few. Nobody in particular is everybody who only
# reads, where reading is open to all.
STREAMS_A_SESSION, STREAMS_OF_NOBODY = 20, 2000


class TooMany(Exception):
    """This session has as many streams as one may have."""


class Stream:
    """One open connection, of a session ("" for nobody in particular). What waits to be sent is in `queue`."""

    def __init__(self, session: str, topics: frozenset[str]) -> None:
        self.session, self.topics = session, topics
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(LONGEST_QUEUE)
        self.ended = asyncio.Event()

    def push(self, message: bytes) -> None:
        """Have this sent. When the browser is too far behind the stream ends: it comes again and looks for itself."""
        try:
            self.queue.put_nowait(message)
        except asyncio.QueueFull:
            self.ended.set()

    def end(self) -> None:
        """End the stream; the browser asks for another by itself, and is let in or not."""
        self.ended.set()


class Hub:
    """All streams, by topic and by session."""

    def __init__(self) -> None:
        self.streams: set[Stream] = set()
        self.topics: dict[str, set[Stream]] = defaultdict(set)
        self.sessions: dict[str, set[Stream]] = defaultdict(set)

    def open(self, session: str, topics: frozenset[str]) -> Stream:
        """Add a stream. Raises TooMany."""
        if len(self.sessions.get(session, ())) >= (STREAMS_A_SESSION if session else STREAMS_OF_NOBODY):
            raise TooMany
        stream = Stream(session, topics)
        self.streams.add(stream)
        self.sessions[session].add(stream)
        for topic in topics:
            self.topics[topic].add(stream)
        return stream

    def close(self, stream: Stream) -> None:
        """Forget a stream."""
        self.streams.discard(stream)
        for index, names in ((self.sessions, [stream.session]), (self.topics, stream.topics)):
            for name in names:
                index[name].discard(stream)
                if not index[name]:
                    del index[name]

    def broadcast(self, topic: str, message: bytes) -> None:
        """Send to every stream of a topic. The text is shared between them."""
        for stream in list(self.topics.get(topic, ())):
            stream.push(message)

    def tell_all(self, message: bytes) -> None:
        """Send to every stream."""
        for stream in list(self.streams):
            stream.push(message)

    def end_session(self, session: str) -> None:
        """End every stream of a session, such as when its person signed out."""
        for stream in list(self.sessions.get(session, ())):
            stream.end()

    def heard(self, kinds: Iterable[str]) -> bool:
        """Say whether anybody listens to a topic of one of these kinds."""
        wanted = tuple(f"{kind}:" for kind in kinds)
        return any(topic.startswith(wanted) for topic in self.topics)


def hello(streams: int) -> bytes:
    """Return what a new stream begins with: after how long to come again (not all at once) and that it is open."""
    message: dict[str, Any] = {"streams": streams}
    return f"retry: {random.randint(1000, 3000)}\n".encode() + event("hello", message)
