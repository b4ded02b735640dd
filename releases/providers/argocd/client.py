"""Pulling Argo CD's applications through its API, in one request a project. Unchanged ones are not stored again."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from releases.providers import parse
from releases.providers.argocd.translators import ENVIRONMENT, PLACEHOLDER, SERVICE
from releases.providers.base import InvalidSetting, Page, Pulling, PullRefused, Record, Session, Setting

APPLICATION = "pull.application"
PER_PAGE = 200
# The fields of an application that are stored. Others change whenever Argo CD refreshes the application.
METADATA_FIELDS, SPEC_FIELDS = ("name", "namespace", "labels"), ("project", "destination", "source", "sources")
STATUS_FIELDS = ("history", "health", "summary")
OPERATION_FIELDS = ("phase", "startedAt", "finishedAt", "operation", "syncResult")
RESULT_FIELDS = ("revision", "revisions", "source", "sources")
SETTINGS = (
    Setting(
        "projects", "Projects", "One per line. Leave empty for all applications the token’s account can see.", many=True
    ),
    Setting(
        "service",
        "Service",
        "How an application names its service: {app}, {project}, {namespace}, {cluster} or "
        "{label:name}, and text around them.",
        placeholder=SERVICE,
    ),
    Setting(
        "environment",
        "Environment",
        "How an application names its environment, in the same way: {namespace}, {cluster}-{namespace}, {label:env}.",
        placeholder=ENVIRONMENT,
    ),
)


def check(config: Mapping[str, Any]) -> None:
    """Raise InvalidSetting for a template with an unknown placeholder, or that gives all applications one service."""
    for name in ("service", "environment"):
        template = parse.text_in(config, name)
        if "{" in (rest := PLACEHOLDER.sub("", template)) or "}" in rest:
            raise InvalidSetting(name, "Use only {app}, {project}, {namespace}, {cluster} or {label:name}.")
        if template and not PLACEHOLDER.search(template) and name == "service":
            raise InvalidSetting(name, "All applications would be one service. Use {app} or {label:name}.")


def headers(session: Session, config: Mapping[str, Any], credential: str) -> Mapping[str, str]:
    """Return the authorization with the token of an account that has the apiKey capability."""
    return {"Authorization": f"Bearer {credential}"} if credential else {}


def _applications(session: Session, config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for project in parse.texts_in(config.get("projects")) or [""]:
        answer = session.get("/api/v1/applications", {"projects": project.strip()} if project else None)
        document = answer.json()
        if not isinstance(document, Mapping) or "items" not in document:
            raise PullRefused(f"{answer.url} returned no list of applications. Check that this is Argo CD’s address.")
        items = document["items"] if isinstance(document["items"], list) else []
        for app in items:
            meta = parse.object_in(app, "metadata") if isinstance(app, Mapping) else {}
            if name := parse.text_in(meta, "name"):
                found[parse.text_in(meta, "namespace"), name] = app
    return [found[each] for each in sorted(found)]


def _pick(holder: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: holder[name] for name in names if name in holder}


def trimmed(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an application that concern its deployments."""
    status = parse.object_in(app, "status")
    operation = parse.object_in(status, "operationState")
    kept_operation = _pick(operation, OPERATION_FIELDS)
    if "syncResult" in kept_operation:
        kept_operation["syncResult"] = _pick(parse.object_in(operation, "syncResult"), RESULT_FIELDS)
    return {
        "metadata": _pick(parse.object_in(app, "metadata"), METADATA_FIELDS),
        "spec": _pick(parse.object_in(app, "spec"), SPEC_FIELDS),
        "status": {**_pick(status, STATUS_FIELDS), **({"operationState": kept_operation} if kept_operation else {})},
    }


def pages(session: Session, config: Mapping[str, Any], cursor: Mapping[str, Any], now: datetime) -> Iterator[Page]:
    """Yield the applications that changed since the last pull; the cursor holds a digest of each.

    The delivery id contains the time, so that an application which returns to an earlier state is stored again.
    """
    apps = _applications(session, config)
    previous = {name: text for name, text in cursor.items() if isinstance(text, str)}
    digests: dict[str, str] = {}
    records: list[Record] = []
    for number, app in enumerate(apps, 1):
        body = json.dumps(trimmed(app), sort_keys=True, separators=(",", ":")).encode()
        meta = parse.object_in(app, "metadata")
        name = f"{parse.text_in(meta, 'namespace')}/{parse.text_in(meta, 'name')}"
        digests[name] = hashlib.sha256(body).hexdigest()[:20]
        if previous.get(name) != digests[name]:
            records.append(
                Record(APPLICATION, body, parse.key_of(name, digests[name], now.isoformat(timespec="seconds")))
            )
        if len(records) == PER_PAGE:
            yield Page(records, {**previous, **digests}, "applications", number, len(apps))
            records = []
    yield Page(records, digests, "applications", len(apps), len(apps))


def test_connection(session: Session, config: Mapping[str, Any]) -> list[str]:
    """Return how many applications can be read."""
    count = len(_applications(session, config))
    return [f"{count:,} application{'' if count == 1 else 's'}"]


PULLING = Pulling(
    headers=headers,
    pages=pages,
    test_connection=test_connection,
    credential="A token of an account with the apiKey capability that may get applications.",
    per_minute=60,
)
