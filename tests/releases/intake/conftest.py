"""Sources of every kind, and having the inbox read."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from releases.intake.actions import drain_inbox
from releases.intake.models import Source
from releases.pipelines.providers.signatures import digest

TOKEN = "a-token-of-the-tests"


def source(key: str, kind: str, **fields: Any) -> Source:
    values = {"name": key, "secret": TOKEN, "token_digest": digest(TOKEN), **fields}
    return Source.objects.create(key=key, kind=kind, **values)


@pytest.fixture
def ci(db: None) -> Source:
    """A source of CDEvents."""
    return source("ci", "cdevents")


@pytest.fixture
def scripts(db: None) -> Source:
    """A source of reports."""
    return source("scripts", "report")


@pytest.fixture
def send(client: Client) -> Callable[..., HttpResponse]:
    """Post JSON (or bytes as they are) with the token: `send("/hooks/ci/", {...})`."""

    def post(path: str, body: Any, content_type: str = "application/json", **headers: str) -> HttpResponse:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {
            "Authorization": f"Bearer {TOKEN}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return client.post(path, data, content_type=content_type, headers=given)  # type: ignore[return-value]

    return post


@pytest.fixture
def drained() -> Callable[[], int]:
    """Have the inbox read, as the worker does."""
    return drain_inbox
