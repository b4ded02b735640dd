"""Any JSON as its form and its page describe it: paths, the first of several, parts of texts, conditions; and what it refuses."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from releases.models import Deployment, InboundEvent, Run
from releases.reading.actions import drain_inbox
from tests.releases.conftest import source

pytestmark = pytest.mark.django_db
Send = Callable[..., HttpResponse]
SHA = "4d" * 20
RUN = {"makes": "run", "key": "$.id", "status": "$.state", "service": "web", "sha": "$.commit", "at": "$.at"}
BODY = {"id": 7, "state": "ok", "commit": SHA, "at": "2026-01-05T10:00:00Z"}


def read(send: Send, as_root: Client, mapping: dict[str, Any], *bodies: Any) -> list[InboundEvent]:
    source("ours", "generic")
    saved = as_root.patch("/api/v1/sources/ours/", {"settings": mapping}, content_type="application/json")
    assert saved.status_code == 200, saved.content
    for each in bodies:
        assert send("/hooks/ours/", each).status_code == 202
    drain_inbox()
    return list(InboundEvent.objects.order_by("received_at"))


@pytest.mark.parametrize(
    "condition",
    [
        "$.type == 'workflow-completed'",
        '$.type == "workflow-completed"',
        "$.type = workflow-completed",
        "$.type equals workflow-completed",
        "$[?@.type == 'workflow-completed']",
        "$.type != 'job-completed'",
    ],
)
def test_a_condition_compares_a_field_with_a_text(condition: str, send: Send, as_root: Client) -> None:
    mapping = {
        "makes": "run",
        "condition": condition,
        "key": "$.workflow.id",
        "status": "$.workflow.status",
        "repository": "$.pipeline.vcs.target_repository_url",
        "sha": "$.pipeline.vcs.revision",
        "branch": "$.pipeline.vcs.branch",
        "pipeline": "$.workflow.name",
    }
    vcs = {"revision": SHA, "target_repository_url": "https://git.example/shop/web", "branch": "main"}
    done = {"type": "workflow-completed", "workflow": {"id": "7", "name": "all", "status": "success"}}
    events = read(send, as_root, mapping, {**done, "pipeline": {"vcs": vcs}}, {**done, "type": "job-completed"})
    assert [each.state for each in events] == ["processed", "ignored"]
    assert f"It doesn’t match the mapping’s condition: {condition}" in events[1].reason
    row = Run.objects.get()
    assert row.repository is not None
    assert (row.sha, row.branch, row.repository.key, row.outcome) == (SHA, "main", "shop/web", "success")


@pytest.mark.parametrize(
    ("value", "holds"), [(True, True), (0, True), ("no", True), (False, False), ("", False), (None, False), ([], False)]
)
def test_a_condition_without_a_comparison_asks_whether_there_is_something(
    value: Any, holds: bool, send: Send, as_root: Client
) -> None:
    [event] = read(send, as_root, {**RUN, "condition": "$.build"}, {**BODY, "build": value})
    assert event.state == ("processed" if holds else "ignored")


@pytest.mark.parametrize(
    ("place", "body"),
    [
        ("$.links.commit.href", {"links": {"commit": {"href": f"https://git.example/repositories/a/b/commit/{SHA}"}}}),
        ("$.links.commit.href after /", {"links": {"commit": {"href": f"https://git.example/a/b/commit/{SHA}"}}}),
        ("$.revision or $.image after :", {"image": f"registry.example:5000/shop/web:{SHA}"}),
        ("$.revision or $.image after @", {"revision": "", "image": f"shop/web@{SHA}"}),
        ("$.revision or $['a or b'].sha or $.never", {"a or b": {"sha": SHA}}),
    ],
)
def test_a_field_is_the_first_of_several_places_and_a_part_of_a_text(
    place: str, body: Any, send: Send, as_root: Client
) -> None:
    [event] = read(send, as_root, {**RUN, "sha": place}, {**BODY, **body})
    assert event.state == "processed", event.error
    assert Run.objects.get().sha == SHA


def test_the_last_place_may_be_a_text_that_is_always_the_same(send: Send, as_root: Client) -> None:
    mapping = {**RUN, "makes": "deployment", "environment": "$.where after / or $.env or production"}
    read(send, as_root, mapping, BODY, {**BODY, "id": 8, "env": "staging"}, {**BODY, "id": 9, "where": "eu/testing"})
    assert {each.environment.key for each in Deployment.objects.all()} == {"production", "staging", "testing"}


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("at", "yesterday", "at: $.x leads to “yesterday”, which isn’t a time such as"),
        ("finished_at", {"s": 1}, "finished_at: $.x leads to an object, which isn’t a time"),
        ("started_at", "12:00", "started_at: $.x leads to “12:00”, which isn’t a time"),
        ("sha", "main", "sha: $.x leads to “main”, which isn’t a commit"),
        ("service", ["web"], "service: $.x leads to a list, which isn’t text"),
        ("branch", {"name": "main"}, "branch: $.x leads to an object, which isn’t text"),
        ("status", None, "status is missing: $.x leads to no text"),
    ],
)
def test_what_cannot_be_read_fails_with_its_field_and_the_reason(
    field: str, value: Any, error: str, send: Send, as_root: Client
) -> None:
    [event] = read(send, as_root, {**RUN, field: "$.x"}, {**BODY, "x": value})
    assert event.state == "failed" and error in event.error
    assert not Run.objects.exists()


def test_an_event_without_a_time_or_with_a_link_that_is_none_says_what_became_of_that(
    send: Send, as_root: Client
) -> None:
    mapping = {name: value for name, value in RUN.items() if name != "at"} | {"url": "$.link"}
    [event] = read(send, as_root, mapping, {**BODY, "link": "builds/7"})
    assert event.state == "processed"
    assert "It has no time, so its arrival counts." in event.reason
    assert "Its link is left out: “builds/7” isn’t a web address." in event.reason


def test_an_event_of_a_source_without_a_mapping_says_so(send: Send, as_root: Client) -> None:
    [event] = read(send, as_root, {}, BODY)
    assert event.state == "ignored" and "The source has no mapping yet" in event.reason


@pytest.mark.parametrize(
    ("field", "text", "error"),
    [
        ("sha", "$.a after #", "begins after the last /, : or @"),
        ("sha", "$.a or $.[", "This path isn’t supported"),
        ("key", "$.a or seven", "Enter a path, such as $.build.id"),
        ("sha", " or ".join(["$.a"] * 6), "the first of at most 5 paths"),
        ("condition", "type == 'x'", "Enter a path"),
        ("condition", "$.a[", "or compare with a text"),
    ],
)
def test_a_place_that_cannot_be_followed_is_refused_with_the_remedy(
    field: str, text: str, error: str, as_root: Client
) -> None:
    source("ours", "generic")
    settings = {"settings": {**RUN, field: text}}
    refused = as_root.patch("/api/v1/sources/ours/", settings, content_type="application/json")
    assert refused.status_code == 400 and error in refused.content.decode()
