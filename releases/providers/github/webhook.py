"""GitHub's webhooks: what one is filed under, and what it says. docs/providers/github.md has the tables."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from releases.providers import parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.envelope import NotJson, as_object, payload_of, read
from releases.providers.facts import Seen, Unreadable
from releases.providers.github import objects
from releases.providers.github.client import PULLING, SETTINGS, check
from releases.providers.github.tables import COMMIT_STATUSES, CONCLUSIONS, DEPLOYMENTS, STATUSES

PULLED = "pull."
WORD = re.compile(r"[a-z0-9_]{1,60}")


def label(message: Message) -> Labelled:
    """File a delivery under GitHub's id for it, the same when it is sent again, and its event with the action."""
    delivery = message.headers.get("x-github-delivery", "").strip()
    event = message.headers.get("x-github-event", "").strip().lower()
    try:
        said = payload_of(message)
    except NotJson:
        said = None
    action = parse.text_in(said, "action") if isinstance(said, Mapping) else ""
    kind = f"{event}.{action}" if WORD.fullmatch(event) and WORD.fullmatch(action) else event
    return Labelled(parse.cut(delivery, 300), parse.cut(kind.removeprefix(PULLED), 150))


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the facts of a webhook or of a pulled record; None for kinds that Rodeo keeps without reading them."""
    event = kind.removeprefix(PULLED).partition(".")[0]
    reader = READERS.get(event)
    if reader is None:
        return None
    said = as_object(read(message, forms=True), "the event")
    if not kind.startswith(PULLED) and event in HOLDS and not isinstance(said.get(HOLDS[event]), Mapping):
        raise Unreadable(f"{HOLDS[event]} is missing")
    if event == "push":
        return objects.push(said, config, parse.moment(message.headers.get("received-at", "")))
    return reader(said, config)


READERS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], list[Seen]]] = {
    "workflow_run": objects.workflow_run,
    "check_run": objects.check_run,
    "status": objects.status,
    "deployment": objects.deployment,
    "deployment_status": objects.deployment,
    "pull_request": objects.pull_request,
    "push": objects.push,
    "release": objects.release,
    "issues": objects.issue,
}
# What an event's webhook holds its object in. Events that are the object themselves are not here.
HOLDS = {
    "workflow_run": "workflow_run",
    "check_run": "check_run",
    "deployment": "deployment",
    "deployment_status": "deployment_status",
    "pull_request": "pull_request",
    "release": "release",
    "issues": "issue",
}
PROVIDER = Provider(
    kind="github",
    name="GitHub",
    pushes=True,
    pulls=True,
    label=label,
    translate=translate,
    forms=True,
    how_to_sign="Put the source's token into the webhook's “Secret”: GitHub then signs what it sends (X-Hub-Signature-256).",
    pulling=PULLING,
    settings=SETTINGS,
    check=check,
    tables=(STATUSES, CONCLUSIONS, COMMIT_STATUSES, DEPLOYMENTS),
    tickets=True,
)
