"""News that nobody publishes, that nobody hears, or that an older version wrote differently."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from portal import subscriptions
from portal.kernel import outbox
from portal.kernel.events import Event

ROOT = Path(__file__).resolve().parents[2]
APPS = ("portal", "squads", "releases")
PAYLOADS = Path(__file__).with_name("payloads.json")
# Topics that nothing in the product publishes (yet), each with the reason.
UNPUBLISHED: dict[str, str] = {
    "events.outdated": "a migration leaves it behind",
    "mail.written": "an earlier version leaves it behind",
}


def subclasses(cls: type[Event]) -> Iterator[type[Event]]:
    for each in cls.__subclasses__():
        yield each
        yield from subclasses(each)


def ours() -> list[type[Event]]:
    """Every class of the product that describes a topic."""
    found = {cls for cls in subclasses(Event) if cls.__module__.split(".")[0] in APPS and cls.topic}
    return sorted(found, key=lambda cls: cls.topic)


def published() -> set[str]:
    """The names of the classes that the product hands to `publish` or `publish_many`."""
    found = set()
    for path in (path for app in APPS for path in (ROOT / app).rglob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        for call in calls:
            if called(call) == "publish":
                found |= {called(each) for each in call.args if isinstance(each, ast.Call)}
            elif called(call) == "publish_many":
                # Whoever publishes many makes them in the same module.
                found |= {called(each) for each in calls}
    return found


def called(call: ast.Call) -> str:
    return ast.unparse(call.func).split(".")[-1]


def test_there_are_topics_to_look_at() -> None:
    assert len(ours()) > 15


def test_every_topic_is_published() -> None:
    names = published()
    unpublished = {cls.topic for cls in ours() if cls.__name__ not in names}
    assert unpublished == set(UNPUBLISHED), "nobody publishes it: remove the class, or list it here with a reason"


def test_every_topic_is_heard_or_listed_with_a_reason() -> None:
    heard = {known.event for known in outbox.SUBSCRIPTIONS.values() if known.handlers}
    listed = set(subscriptions.TOPICS_WITHOUT_SUBSCRIBER)
    assert {cls for cls in ours() if cls not in heard} == listed, "subscribe to it, or list it with a reason"
    assert all(subscriptions.TOPICS_WITHOUT_SUBSCRIBER.values())


def test_every_topic_is_known_to_the_process_that_delivers() -> None:
    assert {cls.topic: cls for cls in ours()} == {topic: known.event for topic, known in outbox.SUBSCRIPTIONS.items()}


@pytest.mark.parametrize("cls", ours(), ids=lambda cls: cls.topic)
def test_a_topic_says_what_it_means_and_what_its_fields_are(cls: type[Event]) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", cls.topic)
    doc = cls.__doc__ or ""
    assert "Published" in doc
    described = {name for names in re.findall(r"^    ([a-z_, ]+): ", doc, re.M) for name in names.split(", ")}
    assert described == {field.name for field in fields(cls)}, "describe each field in the docstring"


def test_every_publisher_hands_over_an_instance() -> None:
    """`publish("story.created", id=1)` would fail only when it is reached."""
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        if "outbox" in path.read_text()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("publish", "outbox.publish")
        and not (len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Constant))
    ]
    assert wrong == []


def written() -> list[tuple[str, dict[str, Any]]]:
    """Payloads as versions so far stored them. Add to the file, never change it: such rows may wait anywhere."""
    return [(topic, each) for topic, payloads in json.loads(PAYLOADS.read_text()).items() for each in payloads]


@pytest.mark.parametrize(("topic", "payload"), written())
def test_what_earlier_versions_stored_can_be_read(topic: str, payload: dict[str, Any]) -> None:
    event = outbox.SUBSCRIPTIONS[topic].event.read(payload)
    again = json.loads(json.dumps(event.payload()))
    assert outbox.SUBSCRIPTIONS[topic].event.read(again).payload() == again
    said = payload if "id" not in payload or "id" in again else {**payload, "ids": [payload["id"]]}
    assert {name: value for name, value in again.items() if name in said} == {
        name: value for name, value in said.items() if name in again
    }


def test_every_topic_has_a_stored_payload_to_stay_readable() -> None:
    assert {topic for topic, _ in written()} == {cls.topic for cls in ours()}, f"add what it stores to {PAYLOADS.name}"
