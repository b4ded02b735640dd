"""A session of 40 people: how soon a card is on all their screens. Each waits as the page does, then reads its parts anew."""

import asyncio
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from typing import Any

from django.conf import settings

from portal.accounts.models import User
from portal.ops.broker import embedded
from portal.settings.embedded import broker_socket
from squads.models import Membership, RetrospectiveSession
from squads.retrospective_sessions.actions import move_phase, open_session
from squads.retrospective_sessions.contributing import add_card, write_card
from squads.retrospectives.actions import create
from tests.bench import data
from tests.bench.live import _sessions
from tests.bench.postgres import free_port

PEOPLE, CARDS, ROUNDS = 40, 60, 15
# As live.js and parts.js wait: not everybody in the same moment, and once for several changes.
SPREAD, WAIT = 0.25, 0.15
Row = dict[str, Any]


class Screens:
    """The browsers: each hears of changes, and then asks for the parts of its page over a connection it keeps."""

    def __init__(self, stream: int, web: int, session: RetrospectiveSession, keys: list[str]) -> None:
        self.stream, self.web, self.topic, self.keys = stream, web, session.topic, keys
        self.place = f"{session.get_absolute_url()}parts/"
        self.opened, self.wanted = 0, ""
        self.shown: dict[int, float] = {}
        self.kept: list[Any] = []
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def open(self) -> None:
        for number, key in enumerate(self.keys):
            asyncio.run_coroutine_threadsafe(self._one(number, key), self.loop).add_done_callback(self._failed)

    def _failed(self, done: Any) -> None:
        if not done.cancelled() and done.exception():
            print(f"a screen failed: {done.exception()!r}", file=sys.stderr)

    async def _one(self, number: int, key: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.stream)
        asking = await asyncio.open_connection("127.0.0.1", self.web)
        self.kept.append((reader, writer, asking))
        head = f"Host: 127.0.0.1\r\nCookie: sessionid={key}\r\n\r\n"
        writer.write(f"GET /events/?topic={self.topic} HTTP/1.1\r\n{head}".encode())
        status = await reader.readline()
        assert b" 200 " in status, status
        due: asyncio.Task[None] | None = None
        async for line in reader:
            if line == b"event: hello\n":
                self.opened += 1
            elif line == b"event: changed\n" and (due is None or due.done()):
                due = asyncio.create_task(self._look(number, head, *asking))

    async def _look(self, number: int, head: str, reader: Any, writer: Any) -> None:
        await asyncio.sleep(random.random() * SPREAD + WAIT)
        writer.write(f"GET {self.place} HTTP/1.1\r\n{head}".encode())
        status, length = await reader.readline(), 0
        assert b" 200 " in status, status
        while (line := await reader.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        body = await reader.readexactly(length)
        if self.wanted and self.wanted.encode() in body:
            self.shown.setdefault(number, time.perf_counter())

    def close(self) -> None:
        """End every stream."""

        async def end() -> None:
            tasks = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)


def _session() -> tuple[RetrospectiveSession, User]:
    by = User.objects.get_or_create(username="bench")[0]
    squad = data.squads(1, "R")[0]
    Membership.objects.get_or_create(squad=squad, user=by)
    row = create(squad, by=by, kind="incident", title="Bench", facilitator=by)
    session = open_session(row, by=by, anonymous=False)
    for number in range(CARDS):
        text = f"Card {number} says what somebody saw, in a sentence of some length."
        write_card(session, by=by, section=("factors", "went_well")[number % 2], text=text, signed=True)
    return move_phase(session, "group", by=by), by


def run() -> list[Row]:
    """Measure, with the processes that `make run` starts."""
    from tests.bench.one import process, row, until, web

    session, by = _session()
    broker = None
    if not os.environ.get("BROKER_URL"):
        command = embedded(broker_socket(settings.STATE_DIR), settings.STATE_DIR / "broker")
        broker = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    port = free_port()
    stream = ("gunicorn", "portal.live.asgi", "-c", "python:portal.live.gunicorn", "--bind", f"127.0.0.1:{port}")
    last: list[float] = []
    waited: list[float] = []
    try:
        with process(*stream), web() as pages:
            time.sleep(3)
            screens = Screens(port, pages, session, _sessions(PEOPLE))
            screens.open()
            until(lambda: screens.opened == PEOPLE, 30)
            for number in range(ROUNDS + 2):
                screens.shown.clear()
                screens.wanted = f"Round {number} of the bench"
                start = time.perf_counter()
                add_card(session, by=by, section="factors", text=screens.wanted, signed=True)
                until(lambda: len(screens.shown) == PEOPLE, 20)
                # The first ones open connections and read templates.
                if number >= 2:
                    waited += [at - start for at in screens.shown.values()]
                    last.append(max(screens.shown.values()) - start)
                time.sleep(0.3)
            screens.close()
    finally:
        if broker is not None:
            broker.terminate()
            broker.wait(10)
    return [
        row(f"a card on one of {PEOPLE} screens, median", statistics.median(waited), "s"),
        row(f"a card on the last of {PEOPLE} screens, median", statistics.median(last), "s", 1),
        row(f"a card on the last of {PEOPLE} screens, worst", max(last), "s"),
    ]
