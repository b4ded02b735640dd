"""Translates GitHub's objects into facts. Webhooks contain the same objects as the API; each translator takes both."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from releases.providers import facts, parse, triggers
from releases.providers.bots import BOT, is_bot
from releases.providers.facts import ArtifactSeen, ChangeMerged, DeploymentSeen, RunSeen, Seen, TicketSeen
from releases.providers.github.fields import (
    BRANCH,
    COMMITS,
    FILES,
    STATUSES,
    RepositoryRef,
    first_moment,
    moment,
    repository_of,
    required_moment,
)
from releases.providers.github.status_tables import COMMIT_STATUSES, CONCLUSIONS, DEPLOYMENTS, SUPERSEDED
from releases.providers.github.status_tables import STATUSES as RUN_STATUSES
from releases.providers.payloads import JsonObject
from releases.providers.status_tables import Meaning
from releases.providers.web_urls import link

LONGEST_TEXT = 20_000
MOST_ITEMS = 1000
ACTIONS = "github-actions"
# Actions after which an issue no longer exists in its repository, and the `gone` of its fact.
GONE_BY_ACTION = {"deleted": "deleted", "transferred": "moved"}


def _resource(payload: JsonObject, name: str) -> JsonObject:
    """Return the object in a webhook's payload; a record of the API is the object itself."""
    return parse.object_in(payload, name) if isinstance(payload.get(name), Mapping) else payload


def _objects(value: object) -> list[JsonObject]:
    return [each for each in value[:MOST_ITEMS] if isinstance(each, Mapping)] if isinstance(value, list) else []


def _status_of(resource: JsonObject) -> tuple[str, Meaning]:
    """Return the raw status of a run or check and its meaning. Only a finished one has a conclusion."""
    conclusion = parse.text_in(resource, "conclusion")
    if conclusion:
        return conclusion, CONCLUSIONS.meaning_of(conclusion)
    status = parse.text_in(resource, "status")
    return status, RUN_STATUSES.meaning_of(status)


def workflow_run(payload: JsonObject, config: JsonObject) -> list[Seen]:
    """Return the run of a workflow run. A re-run has the same id; its attempt tells it from the first.

    A branch of a fork is prefixed with its owner, because it is not ours even if it is called main. Once the fork is deleted,
    GitHub names no head repository.
    """
    resource = _resource(payload, "workflow_run")
    url = parse.text_in(resource, "html_url")
    repository = repository_of(payload, config, url or parse.text_in(resource, "url"))
    raw_status, meaning = _status_of(resource)
    at = required_moment(resource, "updated_at", "run_started_at", "created_at")
    path = parse.text_in(resource, "path").partition("@")[0].rpartition("/")[2]
    name = parse.text_in(resource, "name") or parse.text_in(parse.object_in(payload, "workflow"), "name") or path
    trigger = triggers.trigger_of(parse.text_in(resource, "event"), triggers.GITHUB_EVENTS)
    branch = parse.text_in(resource, "head_branch")
    owner = _fork_owner(resource, repository, trigger)
    attempt = parse.text_in(resource, "run_attempt")
    return [
        RunSeen(
            key=repository.key("run", parse.text_in(resource, "id")),
            at=at,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=parse.cut(raw_status, 250),
            repository=repository.path,
            pipeline=parse.cut(name or "workflow", 250),
            sha=parse.sha(parse.text_in(resource, "head_sha")),
            branch=parse.cut(f"{owner}:{branch}" if owner else branch, 250),
            trigger=triggers.FORK if owner else trigger,
            attempt=attempt[:9],
            started_at=first_moment(resource, "run_started_at", "created_at") if _began(meaning) else None,
            finished_at=at if meaning.phase == facts.FINISHED else None,
            url=link(url),
        )
    ]


def _fork_owner(resource: JsonObject, repository: RepositoryRef, trigger: str) -> str:
    """Return the owner of the fork that a run is of; "" for a run of the repository itself."""
    head = parse.object_in(resource, "head_repository")
    path = parse.text_in(head, "full_name")
    if path:
        return path.partition("/")[0] if repository.path and path.lower() != repository.path.lower() else ""
    is_gone = "head_repository" in resource and not head and trigger in (triggers.REQUEST, triggers.OTHER)
    return "deleted fork" if is_gone or head.get("fork") is True else ""


def _began(meaning: Meaning) -> bool:
    return meaning.phase in (facts.RUNNING, facts.FINISHED)


def check_run(payload: JsonObject, config: JsonObject) -> list[Seen]:
    """Return the run of another CI system's check. Jobs of GitHub Actions are left out: their workflow's run covers them."""
    resource = _resource(payload, "check_run")
    url = parse.text_in(resource, "html_url")
    if _is_job(resource):
        return []
    repository = repository_of(payload, config, url or parse.text_in(resource, "url"))
    raw_status, meaning = _status_of(resource)
    ended = first_moment(resource, "completed_at") if meaning.phase == facts.FINISHED else None
    at = ended or required_moment(resource, "started_at", "completed_at", "created_at")
    return [
        RunSeen(
            key=repository.key("check", parse.text_in(resource, "id")),
            at=at,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=parse.cut(raw_status, 250),
            repository=repository.path,
            pipeline=parse.cut(parse.text_in(resource, "name") or "check", 250),
            sha=parse.sha(parse.text_in(resource, "head_sha")),
            branch=parse.cut(
                parse.text_in(parse.object_in(resource, "check_suite"), "head_branch")
                or parse.text_in(payload, BRANCH),
                250,
            ),
            started_at=moment(resource.get("started_at")) if _began(meaning) else None,
            finished_at=(ended or at) if meaning.phase == facts.FINISHED else None,
            url=link(parse.text_in(resource, "details_url") or url),
        )
    ]


def _is_job(resource: JsonObject) -> bool:
    """Say whether a check is a job of Actions. A check that a step of a workflow reports has no external id of Actions."""
    if parse.text_in(parse.object_in(resource, "app"), "slug") != ACTIONS:
        return False
    urls = parse.text_in(resource, "html_url") + " " + parse.text_in(resource, "details_url")
    return bool(parse.text_in(resource, "external_id")) or "/actions/runs/" in urls


def status(payload: JsonObject, config: JsonObject) -> list[Seen]:
    """Return the run of a commit status; its pipeline is the context. Later statuses of a commit and context are one run."""
    sha = parse.sha(parse.text_in(payload, "sha"))
    context = parse.text_in(payload, "context") or "default"
    repository = repository_of(payload, config, parse.text_in(payload, "url"))
    raw_status = parse.text_in(payload, "state")
    meaning = COMMIT_STATUSES.meaning_of(raw_status)
    at = required_moment(payload, "updated_at", "created_at")
    return [
        RunSeen(
            key=repository.key("status", repository.path, sha, context),
            at=at,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=parse.cut(raw_status, 250),
            repository=repository.path,
            pipeline=parse.cut(context, 250),
            sha=sha,
            branch=parse.cut(_branch(payload, repository), 250),
            started_at=at if meaning.phase == facts.RUNNING else None,
            finished_at=at if meaning.phase == facts.FINISHED else None,
            url=link(parse.text_in(payload, "target_url")),
        )
    ]


def _branch(payload: JsonObject, repository: RepositoryRef) -> str:
    """Return the branch of a status: the default branch, if the commit is the head of several."""
    names = [name for each in _objects(payload.get("branches")) if (name := parse.text_in(each, "name"))]
    return parse.text_in(payload, BRANCH) or (
        repository.branch if repository.branch in names else next(iter(names), "")
    )


def deployment(payload: JsonObject, config: JsonObject) -> list[Seen]:
    """Return a deployment and each of its statuses in the payload. "inactive" (superseded) is no outcome and is left out."""
    resource = _resource(payload, "deployment")
    new_status = payload.get("deployment_status")
    statuses = [new_status] if isinstance(new_status, Mapping) else _objects(payload.get(STATUSES))
    if isinstance(new_status, Mapping) and parse.text_in(new_status, "state").lower() == SUPERSEDED:
        return []
    repository = repository_of(payload, config, parse.text_in(resource, "url"))
    created = required_moment(resource, "created_at", "updated_at")
    seen: list[Seen] = [_deployment(resource, repository, created, Meaning(facts.QUEUED), "")]
    for each in statuses:
        raw_status = parse.text_in(each, "state")
        if raw_status.lower() != SUPERSEDED:
            at = first_moment(each, "created_at", "updated_at") or created
            url = parse.text_in(each, "log_url") or parse.text_in(each, "target_url")
            seen.append(_deployment(resource, repository, at, DEPLOYMENTS.meaning_of(raw_status), raw_status, url))
    return seen


def _deployment(
    resource: JsonObject, repository: RepositoryRef, at: datetime, meaning: Meaning, raw_status: str, url: str = ""
) -> Seen:
    return DeploymentSeen(
        key=repository.key("deployment", parse.text_in(resource, "id")),
        at=at,
        repository=repository.path,
        environment=parse.required_name(parse.text_in(resource, "environment"), "environment"),
        deployment="rollback" if parse.text_in(resource, "task") == "rollback" else "deploy",
        phase=meaning.phase,
        outcome=meaning.outcome,
        raw_status=parse.cut(raw_status, 250),
        sha=parse.sha(parse.text_in(resource, "sha")),
        started_at=at if meaning.phase == facts.RUNNING else None,
        finished_at=at if meaning.phase == facts.FINISHED else None,
        url=link(url),
    )


def pull_request(payload: JsonObject, config: JsonObject) -> list[Seen]:
    """Return the change of a pull request that was merged into the default branch; its key is the merge commit.

    Its original commits are included where a squash or rebase left them out of the mainline; only pulls have those.
    """
    resource = _resource(payload, "pull_request")
    merged = moment(resource.get("merged_at"))
    sha = parse.sha(parse.text_in(resource, "merge_commit_sha"))
    url = parse.text_in(resource, "html_url")
    repository = repository_of(payload, config, url or parse.text_in(resource, "url"))
    target = parse.text_in(parse.object_in(resource, "base"), "ref")
    if merged is None or not sha or (repository.branch and target and target != repository.branch):
        return []
    title, user = parse.text_in(resource, "title"), parse.object_in(resource, "user")
    texts = (
        ("title", title),
        ("description", parse.text_in(resource, "body")),
        ("branch", parse.text_in(parse.object_in(resource, "head"), "ref")),
    )
    return [
        ChangeMerged(
            key=sha,
            at=merged,
            merged_at=merged,
            repository=repository.path or "unknown",
            url=link(url),
            subject=parse.cut(title, 300),
            author=parse.cut(parse.text_in(user, "login"), 200),
            author_type=BOT if parse.text_in(user, "type") == "Bot" else "",
            texts=tuple((kind, parse.cut(text, LONGEST_TEXT)) for kind, text in texts if text),
            commits=tuple(_originals(resource)),
            paths=tuple(parse.texts_in(resource.get(FILES) or [])[:MOST_ITEMS]),
        )
    ]


def _originals(resource: JsonObject) -> Iterator[tuple[str, datetime]]:
    for each in _objects(resource.get(COMMITS)):
        sha, at = parse.sha(parse.text_in(each, "sha")), moment(each.get("at"))
        if sha and at:
            yield sha, at


def push(payload: JsonObject, config: JsonObject, received: datetime | None = None) -> list[Seen]:
    """Return the changes of a push to the default branch, merged at the time of the push."""
    repository = repository_of(payload, config)
    commits = [each for each in _objects(payload.get("commits")) if parse.sha(parse.text_in(each, "id"))]
    if not repository.branch or parse.text_in(payload, "ref") != f"refs/heads/{repository.branch}":
        return []
    times = [at for each in commits if (at := moment(each.get("timestamp"))) is not None]
    pushed = moment(parse.object_in(payload, "repository").get("pushed_at")) or max(times, default=received)
    if pushed is None:
        return []
    # Commit times come from the author's clock, which may run ahead of the time of receipt.
    at = min(pushed, received) if received is not None else pushed
    return [_pushed(each, at, repository) for each in commits if each.get("distinct") is not False]


def _pushed(commit: JsonObject, at: datetime, repository: RepositoryRef) -> Seen:
    message = parse.text_in(commit, "message")
    touched = [path for name in ("added", "modified", "removed") for path in parse.texts_in(commit.get(name) or [])]
    return ChangeMerged(
        key=parse.sha(parse.text_in(commit, "id")),
        at=at,
        merged_at=at,
        repository=repository.path or "unknown",
        subject=parse.cut(message.partition("\n")[0], 300),
        url=link(parse.text_in(commit, "url")),
        author=parse.cut(_called(parse.object_in(commit, "author")), 200),
        author_type=BOT if is_bot(parse.text_in(parse.object_in(commit, "author"), "email")) else "",
        texts=(("message", parse.cut(message, LONGEST_TEXT)),) if message else (),
        paths=tuple(dict.fromkeys(touched))[:MOST_ITEMS],
    )


def _called(author: JsonObject) -> str:
    """Return what a commit's author is called: the login of a bot, which its name may hide, else the name."""
    login, name = parse.text_in(author, "username"), parse.text_in(author, "name")
    return login if is_bot(login) else name or login


def release(payload: JsonObject, config: JsonObject) -> list[Seen]:
    """Return the published artifact of a release; nothing for a draft or for one that was deleted or unpublished."""
    resource = _resource(payload, "release")
    url = parse.text_in(resource, "html_url")
    repository = repository_of(payload, config, url or parse.text_in(resource, "url"))
    tag = parse.text_in(resource, "tag_name")
    gone = parse.text_in(payload, "action") in ("deleted", "unpublished")
    published = moment(resource.get("published_at"))
    if gone or not tag or not repository.path or resource.get("draft") is True or published is None:
        return []
    target = parse.text_in(resource, "target_commitish")
    elsewhere = f"?repository_url={repository.host}" if repository.host not in ("", "github.com") else ""
    purl = parse.purl(f"pkg:github/{repository.path.lower()}@{tag.replace('/', '%2F')}{elsewhere}", "tag_name")
    sha = parse.sha(target) if len(target) >= 40 else ""
    return [ArtifactSeen(key=purl, at=published, sha=sha, repository=repository.path, published_at=published)]


def issue(payload: JsonObject, config: JsonObject) -> list[Seen]:
    """Return the ticket of an issue; nothing for pull requests, which the API lists as issues.

    A deleted or transferred issue is `gone`, the latter with its new URL.
    """
    resource = _resource(payload, "issue")
    if "pull_request" in resource:
        return []
    url = parse.text_in(resource, "html_url")
    repository = repository_of(payload, config, url or parse.text_in(resource, "url"))
    number, state = parse.text_in(resource, "number"), parse.text_in(resource, "state")
    if not number or not repository.path:
        return []
    labels = _labels(resource)
    type_name = parse.text_in(parse.object_in(resource, "type"), "name", "id")
    gone = GONE_BY_ACTION.get(parse.text_in(payload, "action"), "")
    moved = parse.object_in(parse.object_in(payload, "changes"), "new_issue") if gone == "moved" else {}
    return [
        TicketSeen(
            key=parse.key_of(f"{repository.path}#{number}"),
            at=required_moment(resource, "updated_at", "created_at"),
            title=parse.cut(parse.text_in(resource, "title"), 300),
            closed=state.lower() == "closed",
            body=parse.cut(parse.text_in(resource, "body"), parse.LONGEST_ISSUE),
            raw_status=parse.cut(state, 250),
            type=parse.ticket_type(type_name, *labels),
            type_name=parse.cut(type_name, 100),
            gone=gone,
            moved_to=link(parse.text_in(moved, "html_url")),
            author=parse.cut(parse.text_in(parse.object_in(resource, "user"), "login"), 200),
            labels=tuple(labels[:50]),
            created_at=moment(resource.get("created_at")),
            closed_at=moment(resource.get("closed_at")),
            url=link(url),
        )
    ]


def _labels(resource: JsonObject) -> list[str]:
    labels = resource.get("labels")
    found = [
        parse.text_in(each, "name") if isinstance(each, Mapping) else each
        for each in (labels if isinstance(labels, list) else ())
    ]
    return [parse.cut(each.strip(), 100) for each in found if isinstance(each, str) and each.strip()]
