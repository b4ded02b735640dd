"""The ASGI application the stream process serves: `gunicorn -c python:portal.live.gunicorn portal.live.asgi`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.local")
django.setup()

from portal.live.application import Application  # noqa: E402 - models are read after the setup

application = Application()
