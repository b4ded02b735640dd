"""GitHub's webhooks: their label and their translation. docs/providers/github.md has the tables."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from releases.providers import parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.facts import Seen, Unreadable
from releases.providers.github import translators
from releases.providers.github.client import PULLING, SETTINGS, check
from releases.providers.github.protection_rules import protection_rule
from releases.providers.github.status_tables import COMMIT_STATUSES, CONCLUSIONS, DEPLOYMENTS, STATUSES
from releases.providers.payloads import NotJson, as_object, payload_of, read_json

PULLED = "pull."
PROTECTION_RULE = "deployment_protection_rule"
NAME = re.compile(r"[a-z0-9_]{1,60}")


def label(message: Message) -> Labelled:
    """Label a webhook with GitHub's delivery id, which stays the same when it is sent again, and its event and action."""
    delivery = message.headers.get("x-github-delivery", "").strip()
    event = message.headers.get("x-github-event", "").strip().lower()
    try:
        payload = payload_of(message)
    except NotJson:
        payload = None
    action = parse.text_in(payload, "action") if isinstance(payload, Mapping) else ""
    kind = f"{event}.{action}" if NAME.fullmatch(event) and NAME.fullmatch(action) else event
    return Labelled(parse.cut(delivery, 300), parse.cut(kind.removeprefix(PULLED), 150))


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the facts of a webhook or of a pulled record; None for kinds that are not translated."""
    event = kind.removeprefix(PULLED).partition(".")[0]
    translator = TRANSLATORS.get(event)
    if translator is None and event != PROTECTION_RULE:
        return None
    payload = as_object(read_json(message, forms=True), "the event")
    if (
        not kind.startswith(PULLED)
        and event in RESOURCE_FIELDS
        and not isinstance(payload.get(RESOURCE_FIELDS[event]), Mapping)
    ):
        raise Unreadable(f"{RESOURCE_FIELDS[event]} is missing")
    received = parse.moment(message.headers.get("received-at", ""))
    if event == PROTECTION_RULE:
        return protection_rule(payload, config, received)
    if event == "push":
        return translators.push(payload, config, received)
    assert translator is not None
    return translator(payload, config)


TRANSLATORS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], list[Seen]]] = {
    "workflow_run": translators.workflow_run,
    "check_run": translators.check_run,
    "status": translators.status,
    "deployment": translators.deployment,
    "deployment_status": translators.deployment,
    "pull_request": translators.pull_request,
    "push": translators.push,
    "release": translators.release,
    "issues": translators.issue,
}
# The field of each event's payload that holds its object. Events whose payload is the object itself are not here.
RESOURCE_FIELDS = {
    "workflow_run": "workflow_run",
    "check_run": "check_run",
    "deployment": "deployment",
    "deployment_status": "deployment_status",
    "pull_request": "pull_request",
    "release": "release",
    "issues": "issue",
}
NOTHING = {
    "push": "It added no commits to the default branch.",
    "pull_request": "The pull request isn’t merged into the default branch.",
    "check_run": "A GitHub Actions job. Its workflow run has the result.",
    "deployment": "The deployment was superseded, which has no result.",
    "deployment_status": "The deployment was superseded, which has no result.",
    "release": "The release is a draft, or is no longer published.",
    "issues": "A pull request, not an issue.",
    "deployment_protection_rule": "It has no environment, or no address where GitHub waits for the answer.",
}
PROVIDER = Provider(
    kind="github",
    name="GitHub",
    pushes=True,
    pulls=True,
    label=label,
    translate=translate,
    forms=True,
    how_to_sign="Put the source’s secret into the webhook’s “Secret”. GitHub then signs its messages (X-Hub-Signature-256).",
    pulling=PULLING,
    settings=SETTINGS,
    check=check,
    tables=(STATUSES, CONCLUSIONS, COMMIT_STATUSES, DEPLOYMENTS),
    nothing=NOTHING,
    tickets=True,
)
