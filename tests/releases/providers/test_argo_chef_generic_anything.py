"""Whatever is sent to Argo CD's, Chef's and any JSON's door: facts, nothing, or an error that says why."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releases.providers import PROVIDERS
from releases.providers.base import Message
from releases.providers.facts import MakesNothing, Unreadable

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("2026-01-01T00:00:00Z")
NAMES = st.text(max_size=6) | st.sampled_from(
    [
        "app",
        "metadata",
        "name",
        "status",
        "operationState",
        "health",
        "history",
        "startedAt",
        "phase",
        "spec",
        "source",
        "destination",
        "namespace",
        "node",
        "resources",
        "run_id",
        "success",
        "updated_resources",
        "instance_vars",
        "type",
        "after",
        "version",
        "end_time",
        "message_type",
        "chef_environment",
        "id",
        "at",
    ]
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=15
)
KINDS = [
    ("argocd", "notification"),
    ("argocd", "pull.application"),
    ("chef", "run_converge"),
    ("chef", "report"),
    ("generic", "event"),
]
CONFIGS: dict[str, dict[str, Any]] = {
    "argocd": {"environment": "{cluster}"},
    "chef": {"resources": ["*[*] = checkout"]},
    "generic": {
        "makes": "deployment",
        "key": "$.id",
        "status": "$.status",
        "service": "$..name",
        "environment": "$..namespace",
        "at": "$.at",
        "condition": "$[?@.id != null]",
    },
}


@pytest.mark.parametrize(("provider", "kind"), KINDS)
@settings(max_examples=120)
@given(document=JSON)
def test_any_json_is_read_or_refused_with_a_reason(provider: str, kind: str, document: Any) -> None:
    of, message = PROVIDERS[provider], Message({}, json.dumps(document).encode())
    assert of.label is not None
    of.label(message)
    try:
        found = of.translate(kind, message, CONFIGS[provider])
    except (Unreadable, MakesNothing) as error:
        assert str(error)
        return
    for fact in found or []:
        assert fact.key and len(fact.key) <= 500
        json.dumps(fact.data(), allow_nan=False).encode()
