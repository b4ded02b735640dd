"""One Argo CD application, as a notification or the API has it, and the deployments that it speaks of."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from releases.providers import facts, parse
from releases.providers.addresses import host_of, link
from releases.providers.argocd.tables import GONE_BAD, HEALTH, PHASES
from releases.providers.facts import DeploymentSeen, Seen, Unreadable

Said = Mapping[str, Any]
PLACE = re.compile(r"\{(?:(app|project|namespace|cluster)|label:([^{}]+))\}")
SERVICE, ENVIRONMENT = "{app}", "{namespace}"
# More than Argo CD keeps by itself (revisionHistoryLimit is 10).
MOST_HISTORY = 50
A_MOMENT = timedelta(microseconds=1)


def filled(template: str, app: Said) -> str:
    """Return a template with what an application is called, where it goes and how it is labelled; "" if a part is missing."""
    meta, destination = parse.part_of(app, "metadata"), parse.part_of(parse.part_of(app, "spec"), "destination")
    server = parse.text_in(destination, "server")
    parts = {
        "app": parse.text_in(meta, "name"),
        "project": parse.text_in(parse.part_of(app, "spec"), "project"),
        "namespace": parse.text_in(destination, "namespace"),
        "cluster": parse.text_in(destination, "name") or host_of(server) or server,
    }
    labels = parse.part_of(meta, "labels")
    found = [parts[each[1]] if each[1] else parse.text_in(labels, each[2]) for each in PLACE.finditer(template)]
    if not all(found):
        return ""
    values = iter(found)
    return PLACE.sub(lambda each: next(values), template)


def named_by(config: Said, setting: str, otherwise: str, app: Said) -> str:
    """Return the service or environment of an application; Unreadable names the setting that leads to none."""
    template = parse.text_in(config, setting) or otherwise
    name = filled(template, app)
    if not name:
        raise Unreadable(f"the application has nothing for {template}, which names the {setting}; change that setting")
    return parse.named(name, setting)


def application(app: Said, config: Said, received: datetime | None, host: str) -> list[Seen]:
    """Return the deployments of an application: the newest sync, and those before it that its history still has."""
    meta, status = parse.part_of(app, "metadata"), parse.part_of(app, "status")
    name = parse.text_in(meta, "name")
    if not name:
        raise Unreadable("metadata.name is missing: that is no application")
    operation = parse.part_of(status, "operationState")
    history = [each for each in _list(status, "history")[-MOST_HISTORY:] if isinstance(each, Mapping)]
    if not operation and not history:
        return []
    base: dict[str, Any] = {
        "service": named_by(config, "service", SERVICE, app),
        "environment": named_by(config, "environment", ENVIRONMENT, app),
        "url": _page(app, host, meta),
    }
    owner = parse.key_of(host_of(host) or "argocd", parse.text_in(meta, "namespace") or "argocd", name)
    newest = _newest(status, operation, received, owner, base)
    earlier = [made for each in history if (made := _earlier(each, owner, base)) is not None]
    keys = {each.key for each in newest}
    return [*(each for each in earlier if each.key not in keys), *newest]


def _list(holder: Said, name: str) -> list[Any]:
    value = holder.get(name)
    return value if isinstance(value, list) else []


def _page(app: Said, host: str, meta: Said) -> str:
    name, namespace = parse.text_in(meta, "name"), parse.text_in(meta, "namespace") or "argocd"
    return link(f"{host.rstrip('/')}/applications/{namespace}/{name}") if host else ""


def _key(owner: str, started: datetime, revision: str) -> str:
    """One deployment is one sync: the moment it began, which its place in the history has too, and what it brought."""
    return parse.key_of(owner, started.isoformat(timespec="seconds"), revision)


def _source(holder: Said, revision: str) -> dict[str, Any]:
    """Return what was synced: a commit of a repository, or a version of a chart."""
    source = parse.part_of(holder, "source") or next(
        (each for each in _list(holder, "sources") if isinstance(each, Mapping)), {}
    )
    repository = parse.repository(parse.text_in(source, "repoURL"))
    if parse.text_in(source, "chart"):
        return {"version": parse.cut(revision, 200)}
    sha = parse.sha(revision) if len(revision) in (40, 64) else ""
    return {"sha": sha, "repository": repository, "version": "" if sha else parse.cut(revision, 200)}


def _revision(holder: Said) -> str:
    return parse.text_in(holder, "revision") or next(iter(parse.texts_in(holder.get("revisions"))), "")


def _newest(status: Said, operation: Said, received: datetime | None, owner: str, base: Said) -> list[Seen]:
    """Return what became of the newest sync: its phase while it runs or where it failed, then the application's health."""
    if not operation:
        return []
    result = parse.part_of(operation, "syncResult")
    asked = parse.part_of(parse.part_of(operation, "operation"), "sync")
    if asked.get("dryRun") is True:
        return []
    revision = _revision(result) or _revision(asked)
    started, finished = parse.moment(operation.get("startedAt")), parse.moment(operation.get("finishedAt"))
    if started is None:
        raise Unreadable("status.operationState.startedAt holds no moment such as 2026-01-31T12:00:00Z")
    known = _source(result, revision)
    about = {
        "key": _key(owner, started, revision),
        "started_at": started,
        **base,
        **(known if known.get("repository") or known.get("version") else _source(status, revision)),
    }
    word = parse.text_in(operation, "phase")
    meaning, at = PHASES.read(word), finished or started
    if meaning.outcome == facts.SUCCESS:
        return list(_health(word, parse.part_of(status, "health"), at, received, about))
    ended = at if meaning.phase == facts.FINISHED else None
    said = parse.cut(word, 250)
    return [
        DeploymentSeen(at=at, phase=meaning.phase, outcome=meaning.outcome, raw_status=said, finished_at=ended, **about)
    ]


def _health(phase: str, health: Said, ended: datetime, received: datetime | None, about: Said) -> Iterator[Seen]:
    """Yield what an application's health says of a sync that succeeded.

    Once it was healthy, the deployment succeeded, and what becomes of it later is its health, not its outcome. So an
    outcome that is no success is told as of the sync's beginning, where any "healthy" outdoes it, whenever that came.
    """
    state = parse.text_in(health, "status", "id")
    meaning = HEALTH.read(state)
    at = max(ended, parse.moment(health.get("lastTransitionTime")) or received or ended)
    told: dict[str, Any] = {
        **about,
        "phase": meaning.phase,
        "raw_status": parse.cut(f"{phase}, {state or 'no health'}", 250),
        "finished_at": ended if meaning.phase == facts.FINISHED else None,
    }
    if meaning.phase != facts.FINISHED or meaning.outcome == facts.SUCCESS:
        yield DeploymentSeen(at=at, outcome=meaning.outcome, healthy=True if meaning.outcome else None, **told)
        return
    bad = False if state.lower() in GONE_BAD else None
    yield DeploymentSeen(at=about["started_at"], outcome=meaning.outcome, healthy=bad, **told)
    if bad is not None:
        yield DeploymentSeen(at=at, healthy=bad, **told)


def _earlier(entry: Said, owner: str, base: Said) -> Seen | None:
    """A sync that others followed. It succeeded; how healthy it became, only who saw it then can say: so this is told as
    of before it began, and anything that was seen outdoes it."""
    started, deployed = parse.moment(entry.get("deployStartedAt")), parse.moment(entry.get("deployedAt"))
    revision = _revision(entry)
    if started is None or deployed is None:
        return None
    return DeploymentSeen(
        key=_key(owner, started, revision),
        at=started - A_MOMENT,
        phase=facts.FINISHED,
        outcome=facts.UNKNOWN,
        raw_status="in the history, its health not seen",
        started_at=started,
        finished_at=max(started, deployed),
        **_source(entry, revision),
        **base,
    )
