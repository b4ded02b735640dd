"""Whatever is sent, reading it gives facts, nothing, or an error that says why."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from releases.providers.base import Message
from releases.providers.cdevents.webhook import TRANSLATORS, label, translate
from releases.providers.facts import MakesNothing, Unreadable
from releases.providers.report.webhook import KINDS
from releases.providers.report.webhook import translate as translate_report

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = [
    "id",
    "name",
    "source",
    "title",
    "outcome",
    "artifactId",
    "environment",
    "service",
    "repository",
    "change",
    "testCase",
    "testSuite",
    "pipelineRun",
    "pipelineName",
    "url",
    "story",
    "stories",
    "commit",
    "startedAt",
]
LOOSE = st.dictionaries(st.sampled_from(NAMES), JSON | st.just("PAY-12") | st.just({"id": "x"}), max_size=8)
EVENTS = st.fixed_dictionaries(
    {
        "context": st.fixed_dictionaries(
            {
                "version": st.just("0.4.1"),
                "id": st.text(min_size=1, max_size=8) | JSON,
                "source": st.just("/x") | JSON,
                "type": st.sampled_from([f"dev.cdevents.{what}.0.2.0" for what in TRANSLATORS]),
                "timestamp": st.just("2026-01-01T00:00:00Z") | JSON,
            }
        ),
        "subject": st.fixed_dictionaries({"id": st.text(min_size=1, max_size=400) | JSON, "content": LOOSE | JSON}),
    },
    optional={"customData": LOOSE | JSON},
)


def read(body: bytes, headers: dict[str, str]) -> None:
    message = Message(headers, body)
    label(message)
    try:
        found = translate("", message, {})
    except (Unreadable, MakesNothing) as error:
        assert str(error)
        return
    for fact in found or []:
        assert fact.key and len(fact.key) <= 500
        json.dumps(fact.data(), allow_nan=False).encode()


@settings(max_examples=300)
@given(EVENTS)
def test_any_content_is_read_or_refused_with_a_reason(event: Any) -> None:
    read(json.dumps(event).encode(), {})


@settings(max_examples=150)
@given(JSON, st.booleans())
def test_any_json_is_read_or_refused_with_a_reason(document: Any, binary: bool) -> None:
    read(json.dumps(document).encode(), {"ce-id": "1", "ce-type": "dev.cdevents.change.merged.0.2.0"} if binary else {})


@settings(max_examples=150)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_reason(body: bytes) -> None:
    read(body, {})


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from([*NAMES, "phase", "kind", "on", "flag", "at", "healthy", "artifact", "finished_at", "version"]),
        JSON | st.just("production") | st.just("finished") | st.just("2026-01-01T00:00:00Z"),
        max_size=9,
    ),
    st.sampled_from(KINDS),
)
def test_any_report_is_read_or_refused_with_a_reason(document: Any, kind: str) -> None:
    try:
        found = translate_report(kind, Message({}, json.dumps(document).encode()), {})
    except (Unreadable, MakesNothing) as error:
        assert str(error)
        return
    for fact in found or []:
        json.dumps(fact.data(), allow_nan=False).encode()
