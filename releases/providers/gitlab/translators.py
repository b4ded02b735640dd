"""Translates GitLab's objects into facts. Webhooks and the API have nearly the same fields; each translator takes both."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from releases.providers import facts, parse, triggers
from releases.providers.bots import BOT, is_bot
from releases.providers.facts import (
    CLOCK_SLACK,
    ArtifactSeen,
    ChangeMerged,
    DeploymentSeen,
    EnvironmentSeen,
    RunSeen,
    Seen,
    TicketSeen,
)
from releases.providers.gitlab.fields import ProjectRef, first_moment, moment, project_of, required_moment, trimmed
from releases.providers.gitlab.status_tables import DEPLOYMENTS, PIPELINES
from releases.providers.payloads import JsonObject
from releases.providers.web_urls import link

COMMITS = "_commits"
LONGEST_TEXT = 20_000
MOST_COMMITS = 1000
COMMIT_IN_URL = re.compile(r"/commits?/([0-9a-f]{7,64})(?:[/?#]|$)", re.IGNORECASE)
# Review apps come and go with their branch, so an environment of one is only shown once it has a deployment.
REVIEW_APP_TIER = "development"
TRAIN_REF = re.compile(r"refs/merge-requests/\d+/train")


def pipeline(payload: JsonObject, config: JsonObject) -> list[Seen]:
    """Return the run of a pipeline. A child pipeline has no sha: only its parent's outcome counts for the commit."""
    # A webhook holds the pipeline in object_attributes; the API's object is the pipeline.
    resource = trimmed(parse.object_in(payload, "object_attributes")) or dict(payload)
    url = parse.text_in(resource, "web_url", "url")
    project = project_of(payload, config, url)
    id_ = parse.text_in(resource, "id")
    raw_status = parse.text_in(resource, "status")
    meaning = PIPELINES.meaning_of(raw_status)
    finished = first_moment(resource, "finished_at", "updated_at") if meaning.phase == facts.FINISHED else None
    at = required_moment(
        finished or first_moment(resource, "updated_at", "created_at"), "finished_at, updated_at, created_at"
    )
    source = parse.text_in(resource, "source")
    if not url and project.path:
        url = f"{parse.text_in(parse.object_in(payload, 'project'), 'web_url')}/-/pipelines/{id_}"
    return [
        RunSeen(
            key=project.key("pipeline", id_),
            at=at,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=parse.cut(raw_status, 250),
            repository=project.path,
            pipeline=parse.cut(parse.text_in(resource, "name") or source or "pipeline", 250),
            sha="" if source == "parent_pipeline" else parse.sha(parse.text_in(resource, "sha")),
            branch=parse.cut(_branch(payload, resource, source), 250),
            trigger=_trigger(payload, resource, source),
            started_at=moment(resource.get("started_at")),
            finished_at=finished,
            url=link(url),
        )
    ]


def _branch(payload: JsonObject, resource: JsonObject, source: str) -> str:
    """Return the branch of a pipeline: for one of a merge request that request's ref, as its branch may be a fork's "main"."""
    ref = parse.text_in(resource, "ref")
    request = parse.object_in(payload, "merge_request")
    if source == "merge_request_event" and request and ref == parse.text_in(request, "source_branch"):
        return f"refs/merge-requests/{parse.text_in(request, 'iid')}/head"
    return ref


def _trigger(payload: JsonObject, resource: JsonObject, source: str) -> str:
    """Return what started a pipeline. A merge train tests the very commit that the mainline becomes; a fork tests its own."""
    request = parse.object_in(payload, "merge_request")
    of, into = parse.text_in(request, "source_project_id"), parse.text_in(request, "target_project_id")
    if TRAIN_REF.fullmatch(parse.text_in(resource, "ref")):
        return triggers.MERGE_QUEUE
    if of and into and of != into:
        return triggers.FORK
    trigger = triggers.trigger_of(source, triggers.GITLAB_SOURCES)
    return triggers.TAG if trigger == triggers.PUSH and resource.get("tag") is True else trigger


def job(payload: JsonObject, config: JsonObject) -> list[Seen]:
    """Return the run of the pipeline of a job, as queued or running; only the pipeline itself has an outcome.

    A job of a child pipeline has no sha, as its pipeline has none.
    """
    raw_status = parse.text_in(payload, "build_status")
    pipeline_id = parse.text_in(payload, "pipeline_id")
    if not raw_status or not pipeline_id:
        return []
    project = project_of(payload, config, parse.text_in(parse.object_in(payload, "repository"), "homepage"))
    waits = PIPELINES.meaning_of(raw_status).phase in (facts.QUEUED, facts.WAITING)
    at = first_moment(payload, "build_finished_at", "build_started_at", "build_created_at")
    return [
        RunSeen(
            key=project.key("pipeline", pipeline_id),
            at=required_moment(at, "build_finished_at, build_started_at, build_created_at"),
            phase=facts.QUEUED if waits else facts.RUNNING,
            repository=project.path,
            sha="" if parse.object_in(payload, "source_pipeline") else parse.sha(parse.text_in(payload, "sha")),
        )
    ]


def deployment(payload: JsonObject, config: JsonObject) -> list[Seen]:
    """Return a deployment of the project. The webhook has a short sha only; the full one is in commit_url."""
    job = parse.object_in(payload, "deployable")
    near = parse.text_in(parse.object_in(job, "pipeline"), "web_url") or parse.text_in(job, "web_url")
    project = project_of(payload, config, near or parse.text_in(payload, "deployable_url", "commit_url"))
    raw_status = parse.text_in(payload, "status")
    meaning = DEPLOYMENTS.meaning_of(raw_status)
    changed = moment(payload.get("status_changed_at"))
    at = changed or first_moment(payload, "finished_at")
    if meaning.phase == facts.FINISHED:
        at = at or first_moment(job, "finished_at")
    at = required_moment(
        at or first_moment(payload, "updated_at", "created_at"), "status_changed_at, updated_at, created_at"
    )
    started = first_moment(job, "started_at") or (changed if meaning.phase == facts.RUNNING else None)
    environment = parse.object_in(payload, "environment")
    return [
        DeploymentSeen(
            key=project.key("deployment", parse.text_in(payload, "deployment_id", "id"), "deployment_id"),
            at=at,
            repository=project.path,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=parse.cut(raw_status, 250),
            environment=parse.required_name(parse.text_in(environment, "name", "id"), "environment"),
            sha=_sha(payload, job),
            version=parse.cut(parse.text_in(payload, "ref"), 200) if job.get("tag") is True else "",
            started_at=started,
            finished_at=at if meaning.phase == facts.FINISHED else None,
            url=link(parse.text_in(payload, "deployable_url") or parse.text_in(job, "web_url")),
        )
    ]


def _sha(payload: JsonObject, job: JsonObject) -> str:
    found = COMMIT_IN_URL.search(parse.text_in(payload, "commit_url"))
    full = parse.sha(parse.text_in(payload, "sha")) or (parse.sha(found[1]) if found else "")
    return (
        full
        or parse.sha(parse.text_in(parse.object_in(job, "commit"), "id"))
        or parse.sha(parse.text_in(payload, "short_sha"))
    )


def merge_request(payload: JsonObject, config: JsonObject) -> list[Seen]:
    """Return the changes of a merge request that was merged: its merge commit, its squash commit, or both.

    Without either it was fast-forwarded and its last commit is the change, unless it may have been squashed.
    """
    resource = trimmed(parse.object_in(payload, "object_attributes")) or dict(payload)
    if parse.text_in(resource, "state").lower() != "merged" and parse.text_in(resource, "action").lower() != "merge":
        return []
    url = parse.text_in(resource, "web_url", "url")
    project = project_of(payload, config, url)
    target = parse.text_in(resource, "target_branch")
    if project.branch and target and project.branch != target:
        return []
    merged = first_moment(resource, "merged_at", "updated_at", "created_at")
    at = required_moment(merged, "merged_at, updated_at, created_at")
    texts = [
        ("title", parse.text_in(resource, "title")),
        ("description", parse.text_in(resource, "description")),
        ("branch", parse.text_in(resource, "source_branch")),
    ]
    author = _author(resource)
    originals = tuple(_originals(resource))
    return [
        ChangeMerged(
            key=sha,
            at=at,
            merged_at=at,
            repository=project.path or "unknown",
            url=link(url),
            subject=parse.cut(parse.text_in(resource, "title"), 300),
            author=parse.cut(parse.text_in(author, "name", "username"), 200),
            author_type=BOT if _is_program(author) else "",
            texts=tuple((kind, parse.cut(text, LONGEST_TEXT)) for kind, text in texts if text),
            commits=originals if sha == parse.sha(parse.text_in(resource, "squash_commit_sha")) else (),
        )
        for sha in _on_mainline(resource)
    ]


def _author(resource: JsonObject) -> JsonObject:
    """Return who wrote a merge request. A webhook names no author; who made its last commit tells only that of a bot."""
    author = parse.object_in(resource, "author")
    last = parse.object_in(parse.object_in(resource, "last_commit"), "author")
    return author or (last if _is_program(last) else author)


def _is_program(author: JsonObject) -> bool:
    return is_bot(parse.text_in(author, "username", "name")) or is_bot(parse.text_in(author, "email"))


def _on_mainline(resource: JsonObject) -> list[str]:
    """Return the commits that a merge added to the mainline; two, for a squash commit below a merge commit."""
    merge = parse.sha(parse.text_in(resource, "merge_commit_sha"))
    squash = parse.sha(parse.text_in(resource, "squash_commit_sha"))
    if merge or squash:
        return list(dict.fromkeys(sha for sha in (merge, squash) if sha))
    if resource.get("squash") is False:
        head = parse.text_in(parse.object_in(resource, "last_commit"), "id") or parse.text_in(resource, "sha")
        return [sha for sha in (parse.sha(head),) if sha]
    return []


def _originals(resource: JsonObject) -> Iterator[tuple[str, datetime]]:
    commits = resource.get(COMMITS)
    for each in commits[:MOST_COMMITS] if isinstance(commits, list) else []:
        if isinstance(each, Mapping):
            sha = parse.sha(parse.text_in(each, "id"))
            at = first_moment(each, "committed_date", "created_at")
            if sha and at:
                yield sha, at


def push(payload: JsonObject, config: JsonObject, received: datetime | None = None) -> list[Seen]:
    """Return the changes of a push to the default branch, merged at the time of its newest commit: there is no other time.

    Commit times come from the author's clock, which may run ahead, so the time of receipt is the latest possible.
    """
    project = project_of(payload, config)
    ref = parse.text_in(payload, "ref")
    commits = payload.get("commits")
    if not project.branch or ref != f"refs/heads/{project.branch}" or not isinstance(commits, list):
        return []
    pushed = [each for each in commits[:MOST_COMMITS] if isinstance(each, Mapping) and parse.sha(_id(each))]
    newest = max((at for each in pushed if (at := moment(each.get("timestamp"))) is not None), default=None)
    if newest is None:
        return []
    newest = min(newest, received) if received is not None else newest
    return [_pushed(each, newest, project) for each in pushed]


def _id(commit: JsonObject) -> str:
    return parse.text_in(commit, "id")


def _pushed(commit: JsonObject, at: datetime, project: ProjectRef) -> Seen:
    message = parse.text_in(commit, "message", "title")
    return ChangeMerged(
        key=parse.sha(_id(commit)),
        at=at,
        merged_at=at,
        repository=project.path or "unknown",
        subject=parse.cut(message.partition("\n")[0], 300),
        url=link(parse.text_in(commit, "url")),
        author=parse.cut(parse.text_in(parse.object_in(commit, "author"), "name"), 200),
        author_type=BOT if is_bot(parse.text_in(parse.object_in(commit, "author"), "email")) else "",
        texts=(("message", parse.cut(message, LONGEST_TEXT)),) if message else (),
    )


def release(payload: JsonObject, config: JsonObject) -> list[Seen]:
    """Return the artifact of a release; one announced for later is not published yet."""
    if parse.text_in(payload, "action") == "delete":
        return []
    url = parse.text_in(parse.object_in(payload, "_links"), "self") or parse.text_in(payload, "url")
    project = project_of(payload, config, url)
    tag = parse.text_in(payload, "tag_name", "tag")
    sha = parse.sha(parse.text_in(parse.object_in(payload, "commit"), "id"))
    if not tag or not project.path:
        return []
    created, released = moment(payload.get("created_at")), moment(payload.get("released_at"))
    at = required_moment(created or released, "created_at, released_at")
    if released is not None and released > at + CLOCK_SLACK:
        released = None
    elsewhere = f"?repository_url={project.host}" if project.host not in ("", "gitlab.com") else ""
    purl = parse.purl(f"pkg:gitlab/{project.path}@{tag.replace('/', '%2F')}{elsewhere}", "tag")
    return [ArtifactSeen(key=purl, at=at, sha=sha, repository=project.path, published_at=released)]


def issue(payload: JsonObject, config: JsonObject) -> list[Seen]:
    """Return the ticket of an issue. A confidential one is left out; one moved to another project is `gone`."""
    resource = trimmed(parse.object_in(payload, "object_attributes")) or dict(payload)
    if resource.get("confidential") is True or parse.text_in(payload, "event_type").startswith("confidential"):
        return []
    url = parse.text_in(resource, "web_url", "url")
    project = project_of(payload, config, url)
    number, state = parse.text_in(resource, "iid"), parse.text_in(resource, "state")
    if not number or not project.path:
        return []
    at = required_moment(first_moment(resource, "updated_at", "created_at"), "updated_at, created_at")
    labels = [parse.cut(label, 100) for label in _labels(resource) or _labels(payload)]
    type_name = parse.text_in(resource, "issue_type", "type")
    closed = moment(resource.get("closed_at"))
    return [
        TicketSeen(
            key=parse.key_of(f"{project.path}#{number}"),
            at=at,
            title=parse.cut(parse.text_in(resource, "title"), 300),
            closed=state == "closed",
            body=parse.cut(parse.text_in(resource, "description"), parse.LONGEST_ISSUE),
            type=parse.ticket_type(type_name, *labels),
            type_name=parse.cut(type_name, 100),
            gone="moved" if parse.text_in(resource, "moved_to_id") else "",
            raw_status=parse.cut(state, 250),
            author=parse.cut(parse.text_in(parse.object_in(resource, "author"), "name", "username"), 200),
            labels=tuple(labels[:50]),
            created_at=moment(resource.get("created_at")),
            closed_at=closed,
            url=link(url),
        )
    ]


def _labels(holder: JsonObject) -> list[str]:
    labels = holder.get("labels")
    found = (
        [parse.text_in(each, "title", "name") if isinstance(each, Mapping) else each for each in labels or ()]
        if (isinstance(labels, list))
        else []
    )
    return [each.strip() for each in found if isinstance(each, str) and each.strip()]


def environment(payload: JsonObject, config: JsonObject) -> list[Seen]:
    """Return an available environment. A stopped one is left out and not `gone`: other projects may still use the name."""
    name = parse.text_in(payload, "name")
    if parse.text_in(payload, "state") != "available" or (
        "/" in name and parse.text_in(payload, "tier") in ("", REVIEW_APP_TIER)
    ):
        return []
    at = required_moment(first_moment(payload, "created_at", "updated_at"), "created_at, updated_at")
    return [EnvironmentSeen(key=parse.required_name(name, "name"), at=at, name=parse.cut(name, 120))]
