"""The page where a mapping is tried; and real bodies at the doors of Chef and of any JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client

from portal.accounts.models import User
from portal.kernel.outbox import deliver
from releases.inbox.models import Fact, InboundEvent, Source
from releases.models import Deployment
from tests.releases.conftest import source

BODY = {"id": 17, "state": "live", "app": "checkout", "ended": "2026-01-01T10:00:00Z"}
MAPPING = {
    "makes": "deployment",
    "key": "$.id",
    "status": "$.state",
    "service": "$.app",
    "environment": "production",
    "finished_at": "$.ended",
    "words": "live=success",
}
Send = Callable[..., HttpResponse]


@pytest.fixture
def ours(db: None) -> Source:
    return source("ours", "generic")


@pytest.fixture
def admin(client: Client, django_user_model: type[User]) -> Client:
    client.force_login(django_user_model.objects.create_superuser("root@example.org", password="p"))
    return client


def test_a_mapping_is_tried_without_keeping_anything(admin: Client, ours: Source, send: Send, drained: Any) -> None:
    assert send("/hooks/ours/", BODY).status_code == 202
    drained()
    assert InboundEvent.objects.get().state == "ignored"
    page = admin.post("/sources/ours/try/", {**MAPPING, "do": "try"})
    assert page.status_code == 200
    [line] = page.context["tried"].lines
    assert ("service", "checkout") in line.said and ("outcome", "success") in line.said
    ours.refresh_from_db()
    assert ours.config == {} and not Fact.objects.exists()


def test_saving_reads_all_the_source_sent(admin: Client, ours: Source, send: Send, drained: Any) -> None:
    send("/hooks/ours/", BODY)
    drained()
    assert admin.post("/sources/ours/try/", {**MAPPING, "do": "save"}).status_code == 302
    deliver()
    drained()
    row = Deployment.objects.get()
    assert (row.service.name, row.outcome) == ("checkout", "success")


def test_pasted_text_is_tried_in_place_of_an_event(admin: Client, ours: Source) -> None:
    page = admin.post("/sources/ours/try/", {**MAPPING, "do": "try", "body": json.dumps(BODY)})
    assert page.context["tried"].lines and not InboundEvent.objects.exists()
    page = admin.post("/sources/ours/try/", {**MAPPING, "do": "try", "body": "no json"})
    assert page.status_code == 200 and "not JSON" in page.context["tried"].error


def test_what_cannot_work_is_told_at_its_field(admin: Client, ours: Source) -> None:
    page = admin.post("/sources/ours/try/", {**MAPPING, "do": "save", "sha": "$..a..b"})
    assert page.status_code == 400 and "at most once" in page.context["form"].errors["sha"][0]


def test_an_event_of_another_source_is_not_shown(admin: Client, ours: Source, ci: Source, send: Send) -> None:
    send("/hooks/ci/", {"secret": "theirs"})
    other = InboundEvent.objects.get()
    for chosen in (str(other.pk), str(uuid4()), "x"):
        assert b"theirs" not in admin.get("/sources/ours/try/", {"event": chosen}).content


def test_only_sources_with_a_mapping_have_the_page(admin: Client, ci: Source) -> None:
    assert admin.get("/sources/ci/try/").status_code == 404


@pytest.mark.parametrize("kind", ["chef", "generic"])
def test_real_bodies_are_taken_or_refused_and_nothing_breaks(
    kind: str, db: None, client: Client, real_data: Path, drained: Any
) -> None:
    source("real", kind, config={"resources": ["*[*] = x"]} if kind == "chef" else {})
    files = [each for name in ("chef", "slack") for each in sorted((real_data / "webhooks" / name).iterdir())]
    assert files
    for each in files:
        answer = client.post(
            "/hooks/real/",
            each.read_bytes(),
            content_type="application/json",
            headers={"Authorization": "Bearer a-token-of-the-tests"},
        )
        assert answer.status_code in (202, 400)
    drained()
    assert not InboundEvent.objects.filter(state="failed").exists()
