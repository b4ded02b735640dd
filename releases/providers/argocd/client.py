"""Reading Argo CD's applications by its API, in one question. What did not change since is not kept again."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from releases.providers import parse
from releases.providers.argocd.objects import ENVIRONMENT, PLACE, SERVICE
from releases.providers.base import NotAccepted, Page, Pulling, PullRefused, Record, Session, Setting

APPLICATION = "pull.application"
PER_PAGE = 200
# What is kept of an application. The rest moves with every look that Argo CD takes at the cluster.
META, SPEC = ("name", "namespace", "labels"), ("project", "destination", "source", "sources")
STATUS = ("history", "health", "summary")
OPERATION = ("phase", "startedAt", "finishedAt", "operation", "syncResult")
RESULT = ("revision", "revisions", "source", "sources")
SETTINGS = (
    Setting(
        "projects", "Projects", "One a line. Left empty, all applications that the token's account sees.", many=True
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
    """Raise NotAccepted for a template with a part that no application has."""
    for name in ("service", "environment"):
        template = parse.text_in(config, name)
        if "{" in (left := PLACE.sub("", template)) or "}" in left:
            raise NotAccepted(name, "Use {app}, {project}, {namespace}, {cluster} or {label:name} in it, nothing else.")
        if template and not PLACE.search(template) and name == "service":
            raise NotAccepted(name, "All applications would be one service. Use {app} or {label:name} in it.")


def headers(session: Session, config: Mapping[str, Any], credential: str) -> Mapping[str, str]:
    """The token of an account with the apiKey capability."""
    return {"Authorization": f"Bearer {credential}"} if credential else {}


def _applications(session: Session, config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for project in parse.texts_in(config.get("projects")) or [""]:
        answer = session.get("/api/v1/applications", {"projects": project.strip()} if project else None)
        read = answer.json()
        if not isinstance(read, Mapping) or "items" not in read:
            raise PullRefused(f"{answer.url} lists no applications. Check that the address is Argo CD's.")
        items = read["items"] if isinstance(read["items"], list) else []
        for app in items:
            meta = parse.part_of(app, "metadata") if isinstance(app, Mapping) else {}
            if name := parse.text_in(meta, "name"):
                found[parse.text_in(meta, "namespace"), name] = app
    return [found[each] for each in sorted(found)]


def _some(holder: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: holder[name] for name in names if name in holder}


def trimmed(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of an application says something about its deployments."""
    status = parse.part_of(app, "status")
    operation = parse.part_of(status, "operationState")
    kept = _some(operation, OPERATION)
    if "syncResult" in kept:
        kept["syncResult"] = _some(parse.part_of(operation, "syncResult"), RESULT)
    return {
        "metadata": _some(parse.part_of(app, "metadata"), META),
        "spec": _some(parse.part_of(app, "spec"), SPEC),
        "status": {**_some(status, STATUS), **({"operationState": kept} if kept else {})},
    }


def pages(session: Session, config: Mapping[str, Any], cursor: Mapping[str, Any], now: datetime) -> Iterator[Page]:
    """Yield the applications that are not as they were. A record is filed with its time: what is so again, is news."""
    apps = _applications(session, config)
    known = {name: text for name, text in cursor.items() if isinstance(text, str)}
    left: dict[str, str] = {}
    records: list[Record] = []
    for number, app in enumerate(apps, 1):
        body = json.dumps(trimmed(app), sort_keys=True, separators=(",", ":")).encode()
        meta = parse.part_of(app, "metadata")
        name = f"{parse.text_in(meta, 'namespace')}/{parse.text_in(meta, 'name')}"
        left[name] = hashlib.sha256(body).hexdigest()[:20]
        if known.get(name) != left[name]:
            records.append(Record(APPLICATION, body, parse.key_of(name, left[name], now.isoformat(timespec="seconds"))))
        if len(records) == PER_PAGE:
            yield Page(records, {**known, **left}, "applications", number, len(apps))
            records = []
    yield Page(records, left, "applications", len(apps), len(apps))


def look(session: Session, config: Mapping[str, Any]) -> list[str]:
    """Say how many applications there are."""
    count = len(_applications(session, config))
    return [f"{count:,} application{'' if count == 1 else 's'}"]


PULLING = Pulling(
    headers=headers,
    pages=pages,
    look=look,
    credential="A token of an account with the apiKey capability that may get applications.",
    per_minute=60,
)
