"""GitHub’s custom deployment protection rules: a workflow waits until an App says whether it may deploy."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from releases.providers import parse
from releases.providers.facts import DeploymentCheckAsked, Seen
from releases.providers.github.fields import first_moment, repository_of
from releases.providers.web_urls import path_of


def protection_rule(
    payload: Mapping[str, Any], config: Mapping[str, Any], received: datetime | None = None
) -> list[Seen]:
    """Return what a workflow asks. Only action, repository and sender are sure to be in the payload; without an address to
    answer at nothing is asked."""
    answer_to = parse.text_in(payload, "deployment_callback_url")
    deployment = parse.object_in(payload, "deployment")
    environment = parse.text_in(payload, "environment") or parse.text_in(deployment, "environment")
    if parse.text_in(payload, "action") != "requested" or not answer_to or not environment:
        return []
    if received is None and (received := first_moment(deployment, "created_at", "updated_at")) is None:
        return []
    repository = repository_of(payload, config, answer_to)
    attempt = [id_] if (id_ := parse.text_in(deployment, "id")) else []
    key = repository.key("deployment check", path_of(answer_to) or answer_to, environment, *attempt)
    return [
        DeploymentCheckAsked(
            key=key,
            at=received,
            thread=key,
            answer_to=answer_to[:1000],
            repository=repository.path,
            sha=parse.sha(parse.text_in(deployment, "sha")),
            environment=parse.required_name(environment, "environment"),
            installation=_number(parse.text_in(parse.object_in(payload, "installation"), "id")),
        )
    ]


def _number(text: str) -> str:
    return text if text.isascii() and text.isdigit() and len(text) < 20 else ""
