"""Any JSON by a mapping, and paths that would keep a worker busy."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from releases.providers.base import InvalidSetting, Message
from releases.providers.facts import MakesNothing, Unreadable
from releases.providers.generic.field_mapping import check
from releases.providers.generic.json_paths import (
    MOST_ELEMENTS,
    BadPath,
    DocumentTooLarge,
    check_size,
    compile_path,
    values_at,
)
from releases.providers.generic.webhook import translate

DEPLOYS: dict[str, Any] = {
    "makes": "deployment",
    "key": "$.id",
    "status": "$.state",
    "service": "$.app",
    "environment": "production",
    "sha": "$.labels[?@.name == 'commit'].value",
    "finished_at": "$.ended",
    "words": ["all good=success"],
}
BODY = {
    "id": 17,
    "state": "all good",
    "app": "checkout",
    "labels": [{"name": "commit", "value": "ABCDEF1"}],
    "ended": 1767261600000,
}


def read(body: Any = BODY, config: Any = DEPLOYS) -> Any:
    return translate("event", Message({"received-at": "2026-01-02T00:00:00Z"}, json.dumps(body).encode()), config)


def test_a_mapping_makes_a_deployment() -> None:
    check(DEPLOYS)
    [seen] = read()
    assert (seen.service, seen.environment, seen.sha, seen.outcome) == ("checkout", "production", "abcdef1", "success")
    assert seen.raw_status == "all good" and seen.finished_at == datetime(2026, 1, 1, 10, tzinfo=UTC)


def test_words_that_nobody_explained_are_unknown() -> None:
    assert read({**BODY, "state": "splendid"})[0].outcome == "unknown"


@pytest.mark.parametrize(
    ("config", "body", "kind"),
    [
        ({"makes": "run", "key": "$.n", "status": "$.s", "repository": "$.r"}, {"n": 1, "s": "ok", "r": "a/b"}, "run"),
        (
            {"makes": "acceptance", "key": "$.n", "status": "$.s", "environment": "staging", "story": "$.t"},
            {"n": 1, "s": "failed", "t": "see PAY-12"},
            "acceptance",
        ),
        (
            {"makes": "change", "sha": "$.c", "repository": "$.r", "title": "$.m"},
            {"c": "abcdef1", "r": "a/b", "m": "PAY-12 x"},
            "change",
        ),
        (
            {"makes": "incident", "key": "$.n", "title": "$.t", "status": "$.s"},
            {"n": 1, "t": "down", "s": "open"},
            "incident",
        ),
    ],
)
def test_everything_else_that_can_be_made(config: Any, body: Any, kind: str) -> None:
    check(config)
    [seen] = read(body, config)
    assert seen.kind == kind and seen.at == datetime(2026, 1, 2, tzinfo=UTC)
    if kind == "incident":
        assert seen.resolved_at is None
        assert read({**body, "s": "ok"}, config)[0].resolved_at is not None
    if kind == "acceptance":
        assert (seen.story, seen.outcome) == ("PAY-12", "failure")


@pytest.mark.parametrize(
    ("said", "maintenance"),
    [(True, True), ("Yes", True), (1, True), ("maintenance", True), (False, False), ("no", False), (0, False)],
)
def test_an_incident_can_be_marked_as_planned_work(said: object, maintenance: bool) -> None:
    config = {"makes": "incident", "key": "$.n", "maintenance": "$.planned"}
    check(config)
    assert read({"n": 1, "planned": said}, config)[0].maintenance is maintenance
    assert read({"n": 1}, config)[0].maintenance is None
    assert read({"n": 1, "planned": said}, {"makes": "incident", "key": "$.n"})[0].maintenance is None


def test_what_is_neither_yes_nor_no_marks_nothing() -> None:
    config = {"makes": "incident", "key": "$.n", "maintenance": "$.planned"}
    assert read({"n": 1, "planned": "perhaps"}, config)[0].maintenance is None


def test_without_a_mapping_or_where_its_condition_fails_nothing_is_read() -> None:
    with pytest.raises(MakesNothing, match="has no mapping yet"):
        read(config={})
    with pytest.raises(MakesNothing, match=r"doesn’t match the mapping’s condition: \$\.deploy"):
        read(config={**DEPLOYS, "condition": "$.deploy"})
    assert read({**BODY, "deploy": True}, {**DEPLOYS, "condition": "$.deploy"})


def test_what_a_field_lacks_is_told_with_its_place() -> None:
    with pytest.raises(Unreadable, match=r"key is missing: \$\.id leads to no text"):
        read({**BODY, "id": None})
    with pytest.raises(Unreadable, match="at: "):
        read(config={**DEPLOYS, "at": "$.nowhere"})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key": ""}, "key"),
        ({"environment": ""}, "environment"),
        ({"service": ""}, "service"),
        ({"key": "17"}, "key"),
        ({"words": ["ok"]}, "words"),
        ({"words": ["ok=splendid"]}, "words"),
        ({"sha": "$.["}, "sha"),
        ({"condition": "yes"}, "condition"),
        ({"sha": "$.a[?search(@.x, '(a+)+$')]"}, "sha"),
    ],
)
def test_a_mapping_that_cannot_work_names_the_field(change: Any, field: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        check({**DEPLOYS, **change})
    assert refused.value.field == field and len(str(refused.value)) > 10


@pytest.mark.parametrize(
    "path",
    [
        "$..a..b",
        "$[*,*]",
        "$[0,0]",
        "$.a[?match(@.n, '(a+)+$')]",
        "$.a[?@.n =~ /(a+)+$/]",
        "$.a[?length(@) > 1]",
        "$.a[?@.n == @.m]",
        "$.a[?@.n == $.n]",
        "$.a[?$..x]",
        "$.a[?@..x]",
        "$.a[?@[?@.b]]",
        "$[?@.a][?@.b]",
        "$.a | $.b",
        "$.a & $.b",
        "^.a",
        "$.~a",
        "a",
        "",
        "$[",
        "$" + "[0]" * 21,
        "$." + "a" * 400,
        "$[" + "9" * 40 + "]",
        "$[?" + "!" * 280 + "@.a]",
        "$[?@.a in ['x']]",
    ],
)
def test_paths_that_could_keep_a_worker_busy_are_refused(path: str) -> None:
    with pytest.raises(BadPath):
        compile_path(path)


def test_an_element_is_looked_at_once_however_a_path_asks() -> None:
    """Counted, not timed: the dictionary counts how often it is looked into."""
    looks = 0

    class Counting(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            nonlocal looks
            looks += 1
            return super().__getitem__(name)

    document = {"rows": [Counting(a="x", b={"c": 1}) for _ in range(1000)]}
    values_at("$..[?@.a == 'y' || @.b.c == 2].a", document)
    assert 0 < looks <= 1000 * 4


def test_documents_are_bounded_in_elements_and_depth() -> None:
    check_size([0] * 1000)
    with pytest.raises(DocumentTooLarge, match="elements"):
        check_size([0] * (MOST_ELEMENTS + 1))
    deep: Any = 0
    for _ in range(61):
        deep = [deep]
    with pytest.raises(DocumentTooLarge, match="deeper"):
        check_size(deep)
    with pytest.raises(Unreadable, match="elements"):
        read([0] * (MOST_ELEMENTS + 1))


@pytest.mark.parametrize("text", ["{", "0{", '{"id": 17}', "[" * 100_000])
def test_a_text_in_json_is_a_text_and_is_not_read_as_json_again(text: str) -> None:
    assert (values_at("$.id", text), values_at("$..*", text), values_at("$", text)) == ([], [], [text])
    with pytest.raises(MakesNothing):
        translate("event", Message({}, json.dumps(text).encode()), {**DEPLOYS, "condition": "$.id"})
