"""Buildbot at the door: how it signs in, what is missing, and real messages."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.http import HttpResponse
from django.test import Client

from releases.inbox.models import InboundEvent
from releases.models import Run
from releases.reading.actions import drain_inbox
from tests.releases.conftest import source


def build(**more: Any) -> dict[str, Any]:
    return {
        "buildid": 107,
        "number": 7,
        "builderid": 3,
        "complete": True,
        "results": 0,
        "started_at": 1772000000,
        "complete_at": 1772000060,
        "builder": {"name": "checkout-main"},
        **more,
    }


def test_a_build_without_a_number_fails_and_names_what_is_missing(db: None, send: Callable[..., HttpResponse]) -> None:
    source("bot", "buildbot")
    assert send("/hooks/bot", build(number=None, url="")).status_code == 202
    drain_inbox()
    event = InboundEvent.objects.get()
    assert (event.state, Run.objects.count()) == ("failed", 0)
    assert "number or builderid is missing" in event.error


def test_what_has_no_times_was_so_when_it_came(db: None, send: Callable[..., HttpResponse]) -> None:
    source("bot", "buildbot")
    assert send("/hooks/bot", build(started_at=None, complete_at=None)).status_code == 202
    drain_inbox()
    assert Run.objects.get().outcome == "success"


def test_the_password_that_buildbot_sends_opens_the_door_with_and_without_a_slash(db: None, client: Client) -> None:
    source("bot", "buildbot", secret="a-b")
    for path, password, status in (
        ("/hooks/bot", "YS1i", 202),
        ("/hooks/bot/", "YS1i", 200),
        ("/hooks/bot", "YS1j", 401),
    ):
        body = json.dumps(build()).encode()
        # rodeo:a-b, and one letter off
        answer = client.post(
            path, body, content_type="application/json", headers={"Authorization": f"Basic cm9kZW86{password}"}
        )
        assert answer.status_code == status, path


def test_real_messages_are_runs_and_again_change_nothing(
    real_data: Path, db: None, send: Callable[..., HttpResponse]
) -> None:
    source("bot", "buildbot")
    files = sorted((real_data / "webhooks" / "buildbot").glob("*.json"))
    assert files
    for _ in range(2):
        for file in files:
            assert send("/hooks/bot/", file.read_bytes()).status_code < 300
        drain_inbox()
        assert list(Run.objects.values_list("pipeline", "phase", "outcome", "raw_status", "finished_at", "url")) == [
            (
                "runtests",
                "finished",
                "success",
                "SUCCESS",
                datetime(2019, 3, 30, 1, 49, 12, tzinfo=UTC),
                "http://exampleurl.com/#/builders/1/builds/33",
            )
        ]
    assert InboundEvent.objects.count() == len(files)
