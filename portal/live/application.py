"""The ASGI application behind /events/: one long answer per browser, of server-sent events."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.db import DatabaseError

from portal.live.hub import Hub, Stream, TooMany, hello
from portal.live.listening import Listener
from portal.live.people import audible, in_thread, listener, session_of
from portal.live.topics import event, sensible

logger = logging.getLogger(__name__)
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HEARTBEAT = 15.0
BEAT = event("beat", {})
MOST_TOPICS = 50
STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # nginx would otherwise keep events until it has a page full of them.
    (b"x-accel-buffering", b"no"),
]


def origin_of(url: str) -> str:
    """Return scheme, host and port of an address, as browsers write an origin."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class Application:
    """Serves the streams; its tasks live as long as the server does."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.listener = Listener(self.hub)
        self.tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.tasks = [asyncio.create_task(work()) for work in (self.listener.listen, self.listener.tell, self._check)]
        # Whoever comes first shall miss nothing; but without a broker pages still get their stream, and look for themselves.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.listener.hearing.wait(), 3)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in self.tasks:
            task.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    async def _check(self) -> None:
        """Ask of every session, each minute, whether it still may listen; end the streams of the others."""
        while True:
            await asyncio.sleep(settings.RODEO_EVENTS_CHECK_EVERY)
            for session in list(self.hub.sessions):
                try:
                    if await in_thread(listener, session) != session:
                        self.hub.end_session(session)
                    for stream in list(self.hub.sessions.get(session, ())):
                        if await in_thread(audible, session, stream.topics) != stream.topics:
                            stream.end()
                except (DatabaseError, OSError) as error:
                    # Nobody is thrown out because the database is away, and nobody new comes in.
                    logger.warning("sessions could not be checked: %s", error)
                    break

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = self._shared_with(scope["headers"])
        path = scope["path"].rstrip("/")
        if scope["method"] != "GET" or not path.endswith(("/events", "/healthz")):
            await _say(send, 404, {"detail": "Streams are at /events/."}, headers)
        elif path.endswith("/healthz"):
            alive = self.listener.hearing.is_set() and not any(task.done() for task in self.tasks)
            await _say(send, 200 if alive else 503, {"alive": alive, "streams": len(self.hub.streams)}, headers)
        else:
            await self._stream(scope, receive, send, headers)

    def _shared_with(self, asked: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Let pages of the portal read the answer with their cookies, when they come from another port; nobody else."""
        origin = next((value.decode("latin-1") for name, value in asked if name == b"origin"), "")
        if origin != origin_of(settings.RODEO_BASE_URL):
            return [(b"vary", b"Origin")]
        return [
            (b"access-control-allow-origin", origin.encode()),
            (b"access-control-allow-credentials", b"true"),
            (b"vary", b"Origin"),
        ]

    async def _stream(self, scope: Scope, receive: Receive, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        topics = _topics_of(scope["query_string"])
        try:
            session = await in_thread(listener, session_of(scope["headers"]))
            heard = await in_thread(audible, session, topics) if session is not None else topics
        except (DatabaseError, OSError):
            await _say(send, 503, {"detail": "The database does not answer."}, headers)
            return
        if session is None:
            await _say(send, 403, {"detail": "Sign in first."}, headers)
            return
        if not topics:
            await _say(send, 400, {"detail": "Add a topic: ?topic=squad:SLUG, release:SLUG or story:KEY."}, headers)
            return
        if not heard:
            await _say(
                send, 403, {"detail": "You can’t hear of this. Ask somebody who takes part to add you."}, headers
            )
            return
        try:
            stream = self.hub.open(session, heard)
        except TooMany:
            await _say(send, 429, {"detail": "This session has too many streams open."}, headers)
            return
        await self._serve(stream, receive, send, headers)

    async def _serve(self, stream: Stream, receive: Receive, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        work = [
            asyncio.create_task(self._write(stream, send, headers)),
            asyncio.create_task(_gone(receive)),
            asyncio.create_task(stream.ended.wait()),
        ]
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.hub.close(stream)
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
        # An end that the browser can tell from a lost connection is not needed: it comes again either way. One that
        # does not read would keep this waiting for ever.
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(send({"type": "http.response.body", "body": b"", "more_body": False}), 1)

    async def _write(self, stream: Stream, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [*STREAM, *headers]})
        message = hello(len(self.hub.streams))
        while True:
            await send({"type": "http.response.body", "body": message, "more_body": True})
            try:
                message = await asyncio.wait_for(stream.queue.get(), HEARTBEAT)
            except TimeoutError:
                # No comment: pages cannot see those, and this is how they tell a quiet stream from a dead one.
                message = BEAT


def _topics_of(query: bytes) -> frozenset[str]:
    """Return what an address asks to hear; nothing for one with more parts than any page sends."""
    try:
        asked = parse_qs(query.decode("latin-1"), max_num_fields=MOST_TOPICS * 4, encoding="utf-8")
    except ValueError:
        return frozenset()
    return sensible(asked.get("topic", ())[:MOST_TOPICS])


async def _gone(receive: Receive) -> None:
    """Return when the browser has gone."""
    while (await receive())["type"] != "http.disconnect":
        continue


async def _say(send: Send, status: int, message: dict[str, Any], headers: list[tuple[bytes, bytes]]) -> None:
    body = json.dumps(message).encode()
    plain = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": [*plain, (b"cache-control", b"no-store")]})
    await send({"type": "http.response.body", "body": body})
