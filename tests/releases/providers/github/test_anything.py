"""Whatever GitHub or somebody with its secret sends: facts, nothing, or an error that says why."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releases.providers.base import Message
from releases.providers.facts import Unreadable
from releases.providers.github.fields import slim
from releases.providers.github.webhook import TRANSLATORS, label, translate

AT = "2026-03-01T10:00:00Z"
PLACE = {"full_name": "shop/checkout", "html_url": "https://github.example/shop/checkout", "default_branch": "main"}
TIMES = {
    "created_at": AT,
    "updated_at": AT,
    "run_started_at": AT,
    "merged_at": AT,
    "published_at": AT,
    "started_at": AT,
}
THING = {
    **TIMES,
    "id": 1,
    "number": 1,
    "name": "CI",
    "status": "completed",
    "conclusion": "success",
    "state": "success",
    "environment": "production",
    "sha": "a" * 40,
    "merge_commit_sha": "a" * 40,
    "tag_name": "v1",
    "labels": [{"name": "bug"}],
    "base": {"ref": "main"},
    "head": {"ref": "x"},
    "_commits": [{"sha": "b" * 40, "at": AT}],
    "_files": ["a"],
    "_statuses": [{"state": "failure", "created_at": AT}],
    "app": {"slug": "other"},
    "html_url": "https://github.example/x",
}
HELD = ("workflow_run", "check_run", "deployment", "deployment_status", "pull_request", "release", "issue")
PUSH = {"ref": "refs/heads/main", "commits": [{"id": "a" * 40, "timestamp": AT, "message": "x", "added": ["a"]}]}
WHOLE = {**THING, **PUSH, "context": "ci", "branches": [{"name": "main"}], "repository": PLACE}
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(AT)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
KINDS = sorted([*TRANSLATORS, *(f"pull.{kind}" for kind in TRANSLATORS)])


def read(kind: str, body: bytes, content_type: str = "") -> None:
    message = Message({"x-github-event": kind, "received-at": AT}, body, content_type)
    label(message)
    try:
        found = translate(kind, message, {"url": "https://github.example/api/v3"})
    except Unreadable as error:
        assert str(error)
        return
    for fact in found or []:
        assert fact.key and len(fact.key) <= 500
        json.dumps(fact.data(), allow_nan=False).encode()


@settings(max_examples=150)
@given(JSON, st.sampled_from(KINDS))
def test_any_json_is_read_or_refused_with_a_reason(document: Any, kind: str) -> None:
    read(kind, json.dumps(document).encode())
    json.dumps(slim(document))


@settings(max_examples=300)
@given(st.sampled_from(KINDS), st.sampled_from(sorted(WHOLE)), st.sampled_from((*HELD, "")), JSON)
def test_a_payload_with_any_field_replaced_is_read_or_refused(kind: str, field: str, held: str, other: Any) -> None:
    document = {**WHOLE, **{name: {**THING, **({field: other} if name == held else {})} for name in HELD}}
    read(kind, json.dumps(document if held else {**document, field: other}).encode())


@settings(max_examples=100)
@given(st.binary(max_size=40), st.sampled_from(KINDS))
def test_any_bytes_are_read_or_refused_as_a_form_too(body: bytes, kind: str) -> None:
    read(kind, body)
    read(kind, b"payload=" + body, "application/x-www-form-urlencoded")
    read(kind, body, "application/x-www-form-urlencoded; charset=utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_facts_from_a_json_body_and_the_same_from_a_form(kind: str) -> None:
    document = {**WHOLE, **({} if kind.startswith("pull.") else dict.fromkeys(HELD, THING))}
    body = json.dumps(document).encode()
    plain = translate(kind, Message({"received-at": AT}, body), {})
    form = Message(
        {"received-at": AT}, urlencode({"payload": body.decode()}).encode(), "application/x-www-form-urlencoded"
    )
    assert plain and plain == translate(kind, form, {})


def test_a_job_of_actions_is_not_counted_beside_its_run_and_a_fork_is_not_our_main() -> None:
    job = {**THING, "app": {"slug": "github-actions"}, "external_id": "u-1"}
    assert translate("check_run", Message({}, json.dumps({"check_run": job, "repository": PLACE}).encode()), {}) == []
    run = {**THING, "head_branch": "main", "head_repository": {"full_name": "somebody/checkout"}}
    (fact,) = (
        translate("workflow_run", Message({}, json.dumps({"workflow_run": run, "repository": PLACE}).encode()), {})
        or []
    )
    assert fact.data()["branch"] == "somebody:main"
