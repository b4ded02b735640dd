"""Who may hear: the session of the pages, asked in threads of this process's own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.contrib.auth import get_user
from django.db import DatabaseError, close_old_connections, connections
from django.http import HttpRequest, parse_cookie

from portal.kernel.policy import may_read
from portal.live.topics import GUARDED, allowed

P = ParamSpec("P")
T = TypeVar("T")
# Two: one reads what changed, the other lets people in meanwhile.
THREADS = ThreadPoolExecutor(2, "rodeo-live")


def _fresh(ask: Callable[[], T]) -> T:
    """Ask the database over a connection that works; one that was lost is opened again, once."""
    close_old_connections()
    try:
        return ask()
    except DatabaseError:
        connections.close_all()
        return ask()
    finally:
        close_old_connections()


async def in_thread(ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Ask the database something without holding up the streams."""
    return await asyncio.get_running_loop().run_in_executor(THREADS, lambda: _fresh(lambda: ask(*args, **kwargs)))


def session_of(headers: list[tuple[bytes, bytes]]) -> str:
    """Return the session key that a browser sent; "" if none."""
    cookies = "; ".join(value.decode("latin-1") for name, value in headers if name == b"cookie")
    return parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME, "")


def _person_of(session: str) -> Any:
    request: Any = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session or None)
    return get_user(request)


def listener(session: str) -> str | None:
    """Return whose stream it is: the session of somebody who may read now, "" for nobody in particular where reading is
    open to all, None when neither. Signing out, a new password and closing the account end a session."""
    user = _person_of(session)
    if not may_read(user):
        return None
    return session if user.is_authenticated else ""


def audible(session: str, topics: frozenset[str]) -> frozenset[str]:
    """Return those of these topics that the person of a session may hear now; asks nothing where all of them are for all."""
    if not any(topic.partition(":")[0] in GUARDED for topic in topics):
        return topics
    return allowed(topics, _person_of(session))
