"""How gunicorn serves the streams: `gunicorn -c python:portal.live.gunicorn portal.live.asgi`. One process: it holds a few
thousand of them, and reads what changed once for all."""

import signal
from typing import Any

from portal.ops.parent_death import die_with_parent

worker_class = "asgi"
workers = 1
worker_connections = 10_000
# A stream never ends by itself; browsers come again by themselves.
graceful_timeout = 2
timeout = 60
keepalive = 5
control_socket_disable = True
loglevel = "error"


def post_fork(server: Any, worker: Any) -> None:
    """Leave no worker behind when its master is killed."""
    die_with_parent(signal.SIGTERM)
