"""Facts from GitLab's objects. A webhook's object and the API's have the same fields but for a few: each reader takes both."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from releases.providers import facts, parse
from releases.providers.addresses import link
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
from releases.providers.gitlab.reading import Place, first_moment, moment, needed, place, trimmed
from releases.providers.gitlab.tables import DEPLOYMENTS, PIPELINES

COMMITS = "_commits"
LONGEST_TEXT = 20_000
MOST_COMMITS = 1000
COMMIT_IN_URL = re.compile(r"/commits?/([0-9a-f]{7,64})(?:[/?#]|$)", re.IGNORECASE)
# Review apps come and go with their branch; one is shown once something was deployed to it.
PASSING = "development"

Said = Mapping[str, Any]


def pipeline(said: Said, config: Said) -> list[Seen]:
    """A pipeline is a run. One started by another pipeline of the project says nothing about the commit: its parent does."""
    # A webhook holds the pipeline in object_attributes; the API's object is the pipeline.
    inner = trimmed(parse.part_of(said, "object_attributes")) or dict(said)
    url = parse.text_in(inner, "web_url", "url")
    where = place(said, config, url)
    id_ = parse.text_in(inner, "id")
    word = parse.text_in(inner, "status")
    meaning = PIPELINES.read(word)
    finished = first_moment(inner, "finished_at", "updated_at") if meaning.phase == facts.FINISHED else None
    at = needed(finished or first_moment(inner, "updated_at", "created_at"), "finished_at, updated_at, created_at")
    source = parse.text_in(inner, "source")
    if not url and where.path:
        url = f"{parse.text_in(parse.part_of(said, 'project'), 'web_url')}/-/pipelines/{id_}"
    return [
        RunSeen(
            key=where.key("pipeline", id_),
            at=at,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=parse.cut(word, 250),
            repository=where.path,
            pipeline=parse.cut(parse.text_in(inner, "name") or source or "pipeline", 250),
            sha="" if source == "parent_pipeline" else parse.sha(parse.text_in(inner, "sha")),
            branch=parse.cut(_branch(said, inner, source), 250),
            started_at=moment(inner.get("started_at")),
            finished_at=finished,
            url=link(url),
        )
    ]


def _branch(said: Said, inner: Said, source: str) -> str:
    """A merge request's pipeline runs beside the branches, whatever its source branch (in a fork, "main") is called."""
    ref = parse.text_in(inner, "ref")
    request = parse.part_of(said, "merge_request")
    if source == "merge_request_event" and request and ref == parse.text_in(request, "source_branch"):
        return f"refs/merge-requests/{parse.text_in(request, 'iid')}/head"
    return ref


def job(said: Said, config: Said) -> list[Seen]:
    """A job says that its pipeline has come, or has begun; never how it ended, which only the pipeline knows.

    It is the same run. A child pipeline's job names no commit, as its pipeline does not.
    """
    word = parse.text_in(said, "build_status")
    pipeline_id = parse.text_in(said, "pipeline_id")
    if not word or not pipeline_id:
        return []
    where = place(said, config, parse.text_in(parse.part_of(said, "repository"), "homepage"))
    waits = PIPELINES.read(word).phase in (facts.QUEUED, facts.WAITING)
    at = first_moment(said, "build_finished_at", "build_started_at", "build_created_at")
    return [
        RunSeen(
            key=where.key("pipeline", pipeline_id),
            at=needed(at, "build_finished_at, build_started_at, build_created_at"),
            phase=facts.QUEUED if waits else facts.RUNNING,
            repository=where.path,
            sha="" if parse.part_of(said, "source_pipeline") else parse.sha(parse.text_in(said, "sha")),
        )
    ]


def deployment(said: Said, config: Said) -> list[Seen]:
    """A deployment of what the project makes. The webhook has a short sha only: the full one is in commit_url."""
    job = parse.part_of(said, "deployable")
    near = parse.text_in(parse.part_of(job, "pipeline"), "web_url") or parse.text_in(job, "web_url")
    where = place(said, config, near or parse.text_in(said, "deployable_url", "commit_url"))
    word = parse.text_in(said, "status")
    meaning = DEPLOYMENTS.read(word)
    changed = moment(said.get("status_changed_at"))
    at = changed or first_moment(said, "finished_at")
    if meaning.phase == facts.FINISHED:
        at = at or first_moment(job, "finished_at")
    at = needed(at or first_moment(said, "updated_at", "created_at"), "status_changed_at, updated_at, created_at")
    started = first_moment(job, "started_at") or (changed if meaning.phase == facts.RUNNING else None)
    environment = parse.part_of(said, "environment")
    return [
        DeploymentSeen(
            key=where.key("deployment", parse.text_in(said, "deployment_id", "id"), "deployment_id"),
            at=at,
            repository=where.path,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=parse.cut(word, 250),
            environment=parse.named(parse.text_in(environment, "name", "id"), "environment"),
            sha=_sha(said, job),
            version=parse.cut(parse.text_in(said, "ref"), 200) if job.get("tag") is True else "",
            started_at=started,
            finished_at=at if meaning.phase == facts.FINISHED else None,
            url=link(parse.text_in(said, "deployable_url") or parse.text_in(job, "web_url")),
        )
    ]


def _sha(said: Said, job: Said) -> str:
    found = COMMIT_IN_URL.search(parse.text_in(said, "commit_url"))
    full = parse.sha(parse.text_in(said, "sha")) or (parse.sha(found[1]) if found else "")
    return (
        full
        or parse.sha(parse.text_in(parse.part_of(job, "commit"), "id"))
        or parse.sha(parse.text_in(said, "short_sha"))
    )


def merge_request(said: Said, config: Said) -> list[Seen]:
    """A merged merge request is what its merge commit, or its squashed commit, brought to the mainline.

    Without either it was fast-forwarded: its last commit is on the mainline, unless it was squashed and nobody says so.
    """
    inner = trimmed(parse.part_of(said, "object_attributes")) or dict(said)
    if parse.text_in(inner, "state").lower() != "merged" and parse.text_in(inner, "action").lower() != "merge":
        return []
    url = parse.text_in(inner, "web_url", "url")
    where = place(said, config, url)
    target = parse.text_in(inner, "target_branch")
    if where.branch and target and where.branch != target:
        return []
    merged = first_moment(inner, "merged_at", "updated_at", "created_at")
    at = needed(merged, "merged_at, updated_at, created_at")
    texts = [
        ("pull_request", parse.text_in(inner, "title")),
        ("pull_request", parse.text_in(inner, "description")),
        ("branch", parse.text_in(inner, "source_branch")),
    ]
    author = parse.part_of(inner, "author")
    originals = tuple(_originals(inner))
    return [
        ChangeMerged(
            key=sha,
            at=at,
            merged_at=at,
            repository=where.path or "unknown",
            url=link(url),
            subject=parse.cut(parse.text_in(inner, "title"), 300),
            author=parse.cut(parse.text_in(author, "name", "username"), 200),
            texts=tuple((rule, parse.cut(text, LONGEST_TEXT)) for rule, text in texts if text),
            commits=originals if sha == parse.sha(parse.text_in(inner, "squash_commit_sha")) else (),
        )
        for sha in _on_mainline(inner)
    ]


def _on_mainline(inner: Said) -> list[str]:
    """Return the commits that a merge put on the mainline. A squash below a merge commit puts two there."""
    merge = parse.sha(parse.text_in(inner, "merge_commit_sha"))
    squash = parse.sha(parse.text_in(inner, "squash_commit_sha"))
    if merge or squash:
        return list(dict.fromkeys(sha for sha in (merge, squash) if sha))
    if inner.get("squash") is False:
        head = parse.text_in(parse.part_of(inner, "last_commit"), "id") or parse.text_in(inner, "sha")
        return [sha for sha in (parse.sha(head),) if sha]
    return []


def _originals(inner: Said) -> Iterator[tuple[str, datetime]]:
    commits = inner.get(COMMITS)
    for each in commits[:MOST_COMMITS] if isinstance(commits, list) else []:
        if isinstance(each, Mapping):
            sha = parse.sha(parse.text_in(each, "id"))
            at = first_moment(each, "committed_date", "created_at")
            if sha and at:
                yield sha, at


def push(said: Said, config: Said, received: datetime | None = None) -> list[Seen]:
    """Commits pushed to the default branch are on the mainline since its newest one was made, as far as anybody says.

    That is what its author's clock said: it may run ahead, but the commit was not pushed after the news of it came.
    """
    where = place(said, config)
    ref = parse.text_in(said, "ref")
    commits = said.get("commits")
    if not where.branch or ref != f"refs/heads/{where.branch}" or not isinstance(commits, list):
        return []
    given = [each for each in commits[:MOST_COMMITS] if isinstance(each, Mapping) and parse.sha(_id(each))]
    newest = max((at for each in given if (at := moment(each.get("timestamp"))) is not None), default=None)
    if newest is None:
        return []
    newest = min(newest, received) if received is not None else newest
    return [_pushed(each, newest, where) for each in given]


def _id(commit: Said) -> str:
    return parse.text_in(commit, "id")


def _pushed(commit: Said, at: datetime, where: Place) -> Seen:
    message = parse.text_in(commit, "message", "title")
    return ChangeMerged(
        key=parse.sha(_id(commit)),
        at=at,
        merged_at=at,
        repository=where.path or "unknown",
        subject=parse.cut(message.partition("\n")[0], 300),
        url=link(parse.text_in(commit, "url")),
        author=parse.cut(parse.text_in(parse.part_of(commit, "author"), "name"), 200),
        texts=(("message", parse.cut(message, LONGEST_TEXT)),) if message else (),
    )


def release(said: Said, config: Said) -> list[Seen]:
    """A release publishes what its tag names; one that is announced for later is not published yet."""
    if parse.text_in(said, "action") == "delete":
        return []
    url = parse.text_in(parse.part_of(said, "_links"), "self") or parse.text_in(said, "url")
    where = place(said, config, url)
    tag = parse.text_in(said, "tag_name", "tag")
    sha = parse.sha(parse.text_in(parse.part_of(said, "commit"), "id"))
    if not tag or not where.path:
        return []
    created, released = moment(said.get("created_at")), moment(said.get("released_at"))
    at = needed(created or released, "created_at, released_at")
    if released is not None and released > at + CLOCK_SLACK:
        released = None
    elsewhere = f"?repository_url={where.host}" if where.host not in ("", "gitlab.com") else ""
    purl = parse.purl(f"pkg:gitlab/{where.path}@{tag.replace('/', '%2F')}{elsewhere}", "tag")
    return [ArtifactSeen(key=purl, at=at, sha=sha, repository=where.path, published_at=released)]


def issue(said: Said, config: Said) -> list[Seen]:
    """An issue is a ticket. A confidential one stays where it is; one that was moved to another project is gone."""
    inner = trimmed(parse.part_of(said, "object_attributes")) or dict(said)
    if inner.get("confidential") is True or parse.text_in(said, "event_type").startswith("confidential"):
        return []
    url = parse.text_in(inner, "web_url", "url")
    where = place(said, config, url)
    number, state = parse.text_in(inner, "iid"), parse.text_in(inner, "state")
    if not number or not where.path:
        return []
    at = needed(first_moment(inner, "updated_at", "created_at"), "updated_at, created_at")
    labels = [parse.cut(label, 100) for label in _labels(inner) or _labels(said)]
    type_name = parse.text_in(inner, "issue_type", "type")
    closed = moment(inner.get("closed_at"))
    return [
        TicketSeen(
            key=parse.key_of(f"{where.path}#{number}"),
            at=at,
            title=parse.cut(parse.text_in(inner, "title"), 300),
            closed=state == "closed",
            body=parse.cut(parse.text_in(inner, "description"), parse.LONGEST_ISSUE),
            type=parse.ticket_type(type_name, *labels),
            type_name=parse.cut(type_name, 100),
            gone="moved" if parse.text_in(inner, "moved_to_id") else "",
            raw_status=parse.cut(state, 250),
            author=parse.cut(parse.text_in(parse.part_of(inner, "author"), "name", "username"), 200),
            labels=tuple(labels[:50]),
            created_at=moment(inner.get("created_at")),
            closed_at=closed,
            url=link(url),
        )
    ]


def _labels(holder: Said) -> list[str]:
    labels = holder.get("labels")
    found = (
        [parse.text_in(each, "title", "name") if isinstance(each, Mapping) else each for each in labels or ()]
        if (isinstance(labels, list))
        else []
    )
    return [each.strip() for each in found if isinstance(each, str) and each.strip()]


def environment(said: Said, config: Said) -> list[Seen]:
    """An environment that is open. One that a project stopped may still be another project's, so it is not gone."""
    name = parse.text_in(said, "name")
    if parse.text_in(said, "state") != "available" or ("/" in name and parse.text_in(said, "tier") in ("", PASSING)):
        return []
    at = needed(first_moment(said, "created_at", "updated_at"), "created_at, updated_at")
    return [EnvironmentSeen(key=parse.named(name, "name"), at=at, name=parse.cut(name, 120))]
