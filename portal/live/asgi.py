"""The ASGI application the stream process serves: `gunicorn -c python:portal.live.gunicorn portal.live.asgi`."""

import django

from portal.settings.environment import choose_settings

choose_settings()
django.setup()

from portal.live.application import Application  # noqa: E402 - models are read after the setup

application = Application()
