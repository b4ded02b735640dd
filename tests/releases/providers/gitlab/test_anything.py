"""Whatever GitLab or somebody with its token sends: facts, nothing, or an error that says why."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from releases.providers.base import Message
from releases.providers.facts import Unreadable
from releases.providers.gitlab.webhook import TRANSLATORS, label, translate

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("2026-01-01 00:00:00 UTC")
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
PAYLOADS = [json.loads(each.read_text()) for each in sorted(Path(__file__).parent.glob("*__*.json"))]


def read(kind: str, body: bytes) -> None:
    message = Message({}, body)
    label(message)
    try:
        found = translate(kind, message, {"url": "https://gitlab.example"})
    except Unreadable as error:
        assert str(error)
        return
    for fact in found or []:
        assert fact.key and len(fact.key) <= 500
        json.dumps(fact.data(), allow_nan=False).encode()


@settings(max_examples=150)
@given(JSON, st.sampled_from(sorted(TRANSLATORS)))
def test_any_json_is_read_or_refused_with_a_reason(document: Any, kind: str) -> None:
    read(kind, json.dumps(document).encode())


@settings(max_examples=300)
@given(st.sampled_from(PAYLOADS), st.sampled_from(sorted(TRANSLATORS)), st.data())
def test_a_payload_with_any_field_replaced_is_read_or_refused(payload: Any, kind: str, data: st.DataObject) -> None:
    document = json.loads(json.dumps(payload))
    holder = document
    if isinstance(document.get("object_attributes"), dict) and data.draw(st.booleans()):
        holder = document["object_attributes"]
    holder[data.draw(st.sampled_from(sorted(holder)))] = data.draw(JSON)
    read(kind, json.dumps(document).encode())
