"""500 open boards: what they cost the stream process, and how soon a change is on all of them."""

import asyncio
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from portal.accounts.models import User
from portal.ops.broker import embedded
from portal.settings.embedded import broker_socket
from releases.planning.models import Release
from squads.models import Story
from squads.stories.actions import create_story
from tests.bench import data
from tests.bench.postgres import free_port

STREAMS, MOVES = 500, 20
SLUG = "bench-live-1.0"
Row = dict[str, Any]


class Boards:
    """The browsers: one event loop in a thread, each stream noting when a card arrived."""

    def __init__(self, port: int, sessions: list[str]) -> None:
        self.port, self.sessions = port, sessions
        self.opened = 0
        self.kept: list[Any] = []
        self.arrived: list[float] = []
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def open(self) -> None:
        for session in self.sessions:
            asyncio.run_coroutine_threadsafe(self._one(session), self.loop).add_done_callback(self._failed)

    def close(self) -> None:
        """End every stream."""

        async def end() -> None:
            tasks = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)

    def _failed(self, done: Any) -> None:
        if not done.cancelled() and done.exception():
            print(f"a stream failed: {done.exception()!r}", file=sys.stderr)

    async def _one(self, session: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        # asyncio itself only half remembers who waits for a connection.
        self.kept.append((reader, writer))
        writer.write(
            f"GET /events/?topic=release:{SLUG} HTTP/1.1\r\nHost: bench\r\nCookie: sessionid={session}\r\n\r\n".encode()
        )
        status = await reader.readline()
        assert b" 200 " in status, status
        async for line in reader:
            if line == b"event: hello\n":
                self.opened += 1
            elif line == b"event: card\n":
                self.arrived.append(time.perf_counter())


def _until(so: Any, seconds: float) -> None:
    end = time.perf_counter() + seconds
    while not so():
        if time.perf_counter() > end:
            raise TimeoutError(f"not so within {seconds} s")
        time.sleep(0.005)


def _sessions(count: int) -> list[str]:
    """Sign somebody in that many times, each in a browser of its own."""
    user = User.objects.get_or_create(username="bench")[0]
    keys = []
    for _ in range(count):
        session = SessionStore()
        session.update(
            {
                SESSION_KEY: str(user.pk),
                BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
                HASH_SESSION_KEY: user.get_session_auth_hash(),
            }
        )
        session.save()
        keys.append(str(session.session_key))
    return keys


def _memory(pid: int) -> float:
    """The resident memory of a process and those it started, in MB."""
    table = subprocess.run(["ps", "-eo", "pid=,ppid=,rss="], capture_output=True, text=True, check=True).stdout
    rows = [tuple(map(int, line.split())) for line in table.splitlines()]
    family = {pid}
    while more := {child for child, parent, _ in rows if parent in family} - family:
        family |= more
    return sum(rss for child, _, rss in rows if child in family) / 1024


def _said(port: int) -> str:
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/healthz').read())",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout


def run() -> list[Row]:
    """Measure the stream process as `make run` and production start it."""
    from tests.bench.one import row

    release = Release.objects.get_or_create(version="live", line="bench", slug=SLUG)[0]
    squad = data.squads(1, "W")[0]
    by = User.objects.get_or_create(username="bench")[0]
    broker = None
    if not os.environ.get("BROKER_URL"):
        broker = subprocess.Popen(
            embedded(broker_socket(settings.STATE_DIR), settings.STATE_DIR / "broker"), stdout=subprocess.DEVNULL
        )
    port = free_port()
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gunicorn",
            "portal.live.asgi",
            "-c",
            "python:portal.live.gunicorn",
            "--bind",
            f"127.0.0.1:{port}",
        ],
        env={**os.environ},
        start_new_session=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        _until(lambda: "true" in _said(port), 30)
        stories = [create_story(squad, by=by, title=f"Timed {n}", release=release) for n in range(4)]
        first = Boards(port, _sessions(1))
        first.open()
        _until(lambda: first.opened == 1, 10)
        _moves(stories, first, 1, 4)
        none = _memory(server.pid)
        boards = Boards(port, _sessions(STREAMS))
        boards.open()
        _until(lambda: boards.opened == STREAMS, 60)
        times = _moves(stories, boards, STREAMS, MOVES)
        used = _memory(server.pid)
        streams = re.search(r'"streams": (\d+)', _said(port))
        assert streams is not None and int(streams[1]) == STREAMS + 1, "some streams were lost"
        first.close()
        boards.close()
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        if broker is not None:
            broker.terminate()
            broker.wait(10)
    return [
        row("stream process, 1 open board", none, "MB"),
        row(f"stream process, {STREAMS} open boards, more by", used - none, "MB", 300),
        row(f"from a move to {STREAMS} boards, median of {MOVES} × all", statistics.median(times), "s", 1),
        row(f"from a move to the last of {STREAMS} boards, worst of {MOVES}", max(times), "s", 1),
    ]


def _moves(stories: list[Story], boards: Boards, each: int, count: int) -> list[float]:
    """Move stories one after another; return how long each board waited for each card, from before the commit."""
    waited = []
    time.sleep(0.5)
    for number in range(count):
        boards.arrived.clear()
        story = stories[number % len(stories)]
        story.refresh_from_db()
        start = time.perf_counter()
        story.move_progress("in_progress" if story.progress != "in_progress" else "dev_done", by=story.created_by)
        _until(lambda: len(boards.arrived) >= each, 10)
        waited += [at - start for at in boards.arrived]
        time.sleep(0.2)
    return waited
