"""Translates an Argo CD application, from a notification or the API, into deployments."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from releases.providers import facts, parse
from releases.providers.argocd.status_tables import HEALTH, PHASES, UNHEALTHY
from releases.providers.facts import DeploymentSeen, MakesNothing, Seen, Unreadable
from releases.providers.payloads import JsonObject
from releases.providers.web_urls import host_of, link

PLACEHOLDER = re.compile(r"\{(?:(app|project|namespace|cluster)|label:([^{}]+))\}")
SERVICE, ENVIRONMENT = "{app}", "{namespace}"
# More than Argo CD keeps by itself (revisionHistoryLimit is 10).
MOST_HISTORY = 50
MICROSECOND = timedelta(microseconds=1)
# The key holds a sync's start, so whatever is told of it later, health above all, is about that one attempt.
ONE_SYNC = "1"


def fill_template(template: str, app: JsonObject) -> str:
    """Return a template with its placeholders replaced by the application's values; "" if the application lacks one."""
    meta, destination = parse.object_in(app, "metadata"), parse.object_in(parse.object_in(app, "spec"), "destination")
    server = parse.text_in(destination, "server")
    parts = {
        "app": parse.text_in(meta, "name"),
        "project": parse.text_in(parse.object_in(app, "spec"), "project"),
        "namespace": parse.text_in(destination, "namespace"),
        "cluster": parse.text_in(destination, "name") or host_of(server) or server,
    }
    labels = parse.object_in(meta, "labels")
    found = [parts[each[1]] if each[1] else parse.text_in(labels, each[2]) for each in PLACEHOLDER.finditer(template)]
    if not all(found):
        return ""
    values = iter(found)
    return PLACEHOLDER.sub(lambda each: next(values), template)


def name_from_template(config: JsonObject, setting: str, default: str, app: JsonObject) -> str:
    """Return the service or environment of an application; Unreadable names the setting whose template gives none."""
    template = parse.text_in(config, setting) or default
    name = fill_template(template, app)
    if not name:
        raise Unreadable(f"the application has no {template}, which the setting {setting} uses; change that setting")
    return parse.required_name(name, setting)


def application(
    app: JsonObject, config: JsonObject, received: datetime | None, host: str, source: str = ""
) -> list[Seen]:
    """Return the deployments of an application: the newest sync, and earlier ones in its history."""
    meta, status = parse.object_in(app, "metadata"), parse.object_in(app, "status")
    name = parse.text_in(meta, "name")
    if not name:
        raise Unreadable("metadata.name is missing: this isn’t an application")
    operation = parse.object_in(status, "operationState")
    history = [each for each in _list(status, "history")[-MOST_HISTORY:] if isinstance(each, Mapping)]
    if not operation and not history:
        raise MakesNothing(f"The application {parse.cut(name, 100)} has never synced.")
    base: dict[str, Any] = {
        "service": name_from_template(config, "service", SERVICE, app),
        "environment": name_from_template(config, "environment", ENVIRONMENT, app),
        "url": _application_url(app, host, meta),
    }
    owner = parse.key_of(
        parse.installation(host_of(host), source, "argocd"), parse.text_in(meta, "namespace") or "argocd", name
    )
    newest = _newest(status, operation, received, owner, base)
    earlier = [made for each in history if (made := _earlier(each, owner, base)) is not None]
    keys = {each.key for each in newest}
    found = [*(each for each in earlier if each.key not in keys), *newest]
    if not found:
        raise MakesNothing("A dry run, which deploys nothing.")
    return found


def _list(holder: JsonObject, name: str) -> list[Any]:
    value = holder.get(name)
    return value if isinstance(value, list) else []


def _application_url(app: JsonObject, host: str, meta: JsonObject) -> str:
    name, namespace = parse.text_in(meta, "name"), parse.text_in(meta, "namespace") or "argocd"
    return link(f"{host.rstrip('/')}/applications/{namespace}/{name}") if host else ""


def _key(owner: str, started: datetime) -> str:
    """Return the key of a sync: its start, which its entry in the history has too. An application has one sync at a time.

    What was synced is no part of it: notifications do not tell it of an application with several sources.
    """
    return parse.key_of(owner, started.isoformat(timespec="seconds"))


def _source(holder: JsonObject, revision: str) -> dict[str, Any]:
    """Return the fields for what was synced: a commit of a repository, or the version of a chart."""
    several = [each for each in _list(holder, "sources") if isinstance(each, Mapping)]
    # With several sources Argo CD keeps an empty one beside them.
    source = next(
        (each for each in (parse.object_in(holder, "source"), *several) if parse.text_in(each, "repoURL")), {}
    )
    repository = parse.repository(parse.text_in(source, "repoURL"))
    if parse.text_in(source, "chart"):
        return {"version": parse.cut(revision, 200)}
    sha = parse.sha(revision) if len(revision) in (40, 64) else ""
    return {"sha": sha, "repository": repository, "version": "" if sha else parse.cut(revision, 200)}


def _revision(holder: JsonObject) -> str:
    return parse.text_in(holder, "revision") or next(iter(parse.texts_in(holder.get("revisions"))), "")


def _newest(
    status: JsonObject, operation: JsonObject, received: datetime | None, owner: str, base: JsonObject
) -> list[Seen]:
    """Return the newest sync: by its phase while it runs or when it failed, by the application's health once it succeeded."""
    if not operation:
        return []
    result = parse.object_in(operation, "syncResult")
    sync = parse.object_in(parse.object_in(operation, "operation"), "sync")
    if sync.get("dryRun") is True:
        return []
    revision = _revision(result) or _revision(sync)
    started, finished = (
        parse.moment(operation.get("startedAt"), field="startedAt"),
        parse.moment(operation.get("finishedAt"), field="finishedAt"),
    )
    if started is None:
        raise Unreadable("status.operationState.startedAt isn’t a time such as 2026-01-31T12:00:00Z")
    known = _source(result, revision)
    common = {
        "key": _key(owner, started),
        "attempt": ONE_SYNC,
        "started_at": started,
        **base,
        **(known if known.get("repository") or known.get("version") else _source(status, revision)),
    }
    raw_status = parse.text_in(operation, "phase")
    meaning, at = PHASES.meaning_of(raw_status), finished or started
    if meaning.outcome == facts.SUCCESS:
        return list(_health(raw_status, parse.object_in(status, "health"), at, received, common))
    ended = at if meaning.phase == facts.FINISHED else None
    short = parse.cut(raw_status, 250)
    return [
        DeploymentSeen(
            at=at, phase=meaning.phase, outcome=meaning.outcome, raw_status=short, finished_at=ended, **common
        )
    ]


def _health(
    phase: str, health: JsonObject, ended: datetime, received: datetime | None, common: JsonObject
) -> Iterator[Seen]:
    """Yield the deployment of a sync that succeeded, by the application's health.

    The first "healthy" makes the deployment a success; worse health later changes its health, not its outcome. Therefore a
    failed outcome gets the sync's start as its time: a "healthy", earlier or later, is then always the newer fact and wins.
    """
    state = parse.text_in(health, "status", "id")
    meaning = HEALTH.meaning_of(state)
    at = max(ended, parse.moment(health.get("lastTransitionTime"), field="lastTransitionTime") or received or ended)
    fields: dict[str, Any] = {
        **common,
        "phase": meaning.phase,
        "raw_status": parse.cut(f"{phase}, {state or 'no health'}", 250),
        "finished_at": ended if meaning.phase == facts.FINISHED else None,
    }
    if meaning.phase != facts.FINISHED or meaning.outcome == facts.SUCCESS:
        yield DeploymentSeen(at=at, outcome=meaning.outcome, healthy=True if meaning.outcome else None, **fields)
        return
    healthy = False if state.lower() in UNHEALTHY else None
    yield DeploymentSeen(at=common["started_at"], outcome=meaning.outcome, healthy=healthy, **fields)
    if healthy is not None:
        yield DeploymentSeen(at=at, healthy=healthy, **fields)


def _earlier(entry: JsonObject, owner: str, base: JsonObject) -> Seen | None:
    """Return an earlier sync from the history, which has only syncs that succeeded and not their health.

    Its time is just before the sync's start, so that any fact about the sync that was seen at the time wins.
    """
    started, deployed = (
        parse.moment(entry.get("deployStartedAt"), field="deployStartedAt"),
        parse.moment(entry.get("deployedAt"), field="deployedAt"),
    )
    revision = _revision(entry)
    if started is None or deployed is None:
        return None
    return DeploymentSeen(
        key=_key(owner, started),
        attempt=ONE_SYNC,
        at=started - MICROSECOND,
        phase=facts.FINISHED,
        outcome=facts.UNKNOWN,
        raw_status="in the history, health unknown",
        started_at=started,
        finished_at=max(started, deployed),
        **_source(entry, revision),
        **base,
    )
