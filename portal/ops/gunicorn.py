"""How gunicorn serves the portal: `gunicorn --config python:portal.ops.gunicorn portal.wsgi`.

Units of systemd name this file and only what a machine decides (docs/production.md), so that they fit older and newer code.
"""

import signal
from typing import Any

from django.conf import settings

from portal.ops.parent_death import die_with_parent
from portal.settings.environment import choose_settings

worker_class = "portal.ops.web_worker.WebWorker"
workers = 2
threads = 8
# Boards ask again every few seconds: with the default of 2 they would reconnect each time.
keepalive = 75
graceful_timeout = 2
timeout = 60
control_socket_disable = True
loglevel = "warning"


def on_starting(server: Any) -> None:
    """Refuse settings that cannot be used before any worker starts.

    When two workers refuse them at the same moment, gunicorn ends with a traceback instead of their exit code.
    """
    choose_settings()
    settings.INSTALLED_APPS  # noqa: B018 - reading one loads them all


def post_fork(server: Any, worker: Any) -> None:
    """Leave no worker behind when its master is killed."""
    die_with_parent(signal.SIGTERM)
