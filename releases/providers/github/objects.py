"""Facts from GitHub's objects. A webhook holds the object that the API answers with: each reader takes both."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from releases.providers import facts, parse
from releases.providers.addresses import link
from releases.providers.facts import ArtifactSeen, ChangeMerged, DeploymentSeen, RunSeen, Seen, TicketSeen
from releases.providers.github.reading import (
    BRANCH,
    COMMITS,
    FILES,
    STATUSES,
    Place,
    first_moment,
    moment,
    needed,
    place,
)
from releases.providers.github.tables import COMMIT_STATUSES, CONCLUSIONS, DEPLOYMENTS, SUPERSEDED
from releases.providers.github.tables import STATUSES as RUN_STATUSES
from releases.providers.tables import Meaning

LONGEST_TEXT = 20_000
MOST = 1000
ACTIONS = "github-actions"
# What GitHub does to an issue that is then no more where it was.
GONE = {"deleted": "deleted", "transferred": "moved"}
Said = Mapping[str, Any]


def _inner(said: Said, name: str) -> Said:
    """Return the object of a webhook; a record of the API is the object itself."""
    return parse.part_of(said, name) if isinstance(said.get(name), Mapping) else said


def _listed(value: object) -> list[Said]:
    return [each for each in value[:MOST] if isinstance(each, Mapping)] if isinstance(value, list) else []


def _state(inner: Said) -> tuple[str, Meaning]:
    """Return GitHub's word for where a run or check is, and what it means. Only what ended has a conclusion."""
    conclusion = parse.text_in(inner, "conclusion")
    if conclusion:
        return conclusion, CONCLUSIONS.read(conclusion)
    status = parse.text_in(inner, "status")
    return status, RUN_STATUSES.read(status)


def workflow_run(said: Said, config: Said) -> list[Seen]:
    """A run of a workflow. Running it again is the same run, which ends anew.

    The branch of a fork is not ours, even if it is called main.
    """
    inner = _inner(said, "workflow_run")
    url = parse.text_in(inner, "html_url")
    where = place(said, config, url or parse.text_in(inner, "url"))
    word, meaning = _state(inner)
    at = needed(inner, "updated_at", "run_started_at", "created_at")
    path = parse.text_in(inner, "path").partition("@")[0].rpartition("/")[2]
    name = parse.text_in(inner, "name") or parse.text_in(parse.part_of(said, "workflow"), "name") or path
    branch = parse.text_in(inner, "head_branch")
    head = parse.text_in(parse.part_of(inner, "head_repository"), "full_name")
    if head and where.path and head.lower() != where.path.lower():
        branch = f"{head.partition('/')[0]}:{branch}"
    return [
        RunSeen(
            key=where.key("run", parse.text_in(inner, "id")),
            at=at,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=parse.cut(word, 250),
            repository=where.path,
            pipeline=parse.cut(name or "workflow", 250),
            sha=parse.sha(parse.text_in(inner, "head_sha")),
            branch=parse.cut(branch, 250),
            started_at=first_moment(inner, "run_started_at", "created_at") if _began(meaning) else None,
            finished_at=at if meaning.phase == facts.FINISHED else None,
            url=link(url),
        )
    ]


def _began(meaning: Meaning) -> bool:
    return meaning.phase in (facts.RUNNING, facts.FINISHED)


def check_run(said: Said, config: Said) -> list[Seen]:
    """A check of another CI system is a run. A job of GitHub Actions is one too, but its workflow's run speaks for it."""
    inner = _inner(said, "check_run")
    url = parse.text_in(inner, "html_url")
    if _is_job(inner):
        return []
    where = place(said, config, url or parse.text_in(inner, "url"))
    word, meaning = _state(inner)
    ended = first_moment(inner, "completed_at") if meaning.phase == facts.FINISHED else None
    at = ended or needed(inner, "started_at", "completed_at", "created_at")
    return [
        RunSeen(
            key=where.key("check", parse.text_in(inner, "id")),
            at=at,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=parse.cut(word, 250),
            repository=where.path,
            pipeline=parse.cut(parse.text_in(inner, "name") or "check", 250),
            sha=parse.sha(parse.text_in(inner, "head_sha")),
            branch=parse.cut(
                parse.text_in(parse.part_of(inner, "check_suite"), "head_branch") or parse.text_in(said, BRANCH), 250
            ),
            started_at=moment(inner.get("started_at")) if _began(meaning) else None,
            finished_at=(ended or at) if meaning.phase == facts.FINISHED else None,
            url=link(parse.text_in(inner, "details_url") or url),
        )
    ]


def _is_job(inner: Said) -> bool:
    """Say whether a check is a job of Actions itself; what a step of a workflow reports has no id of Actions' own."""
    if parse.text_in(parse.part_of(inner, "app"), "slug") != ACTIONS:
        return False
    urls = parse.text_in(inner, "html_url") + " " + parse.text_in(inner, "details_url")
    return bool(parse.text_in(inner, "external_id")) or "/actions/runs/" in urls


def status(said: Said, config: Said) -> list[Seen]:
    """A commit status is a run of what its context names. Each later status of the same context is the same run."""
    sha = parse.sha(parse.text_in(said, "sha"))
    context = parse.text_in(said, "context") or "default"
    where = place(said, config, parse.text_in(said, "url"))
    word = parse.text_in(said, "state")
    meaning = COMMIT_STATUSES.read(word)
    at = needed(said, "updated_at", "created_at")
    return [
        RunSeen(
            key=where.key("status", where.path, sha, context),
            at=at,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=parse.cut(word, 250),
            repository=where.path,
            pipeline=parse.cut(context, 250),
            sha=sha,
            branch=parse.cut(_branch(said, where), 250),
            started_at=at if meaning.phase == facts.RUNNING else None,
            finished_at=at if meaning.phase == facts.FINISHED else None,
            url=link(parse.text_in(said, "target_url")),
        )
    ]


def _branch(said: Said, where: Place) -> str:
    """Return the branch a status is on: the default one, if the commit is the head of that and of others."""
    names = [name for each in _listed(said.get("branches")) if (name := parse.text_in(each, "name"))]
    return parse.text_in(said, BRANCH) or (where.branch if where.branch in names else next(iter(names), ""))


def deployment(said: Said, config: Said) -> list[Seen]:
    """A deployment, and each status it was given that is with it. Superseded (inactive) is not an outcome: it says nothing."""
    inner = _inner(said, "deployment")
    given = said.get("deployment_status")
    states = [given] if isinstance(given, Mapping) else _listed(said.get(STATUSES))
    if isinstance(given, Mapping) and parse.text_in(given, "state").lower() == SUPERSEDED:
        return []
    where = place(said, config, parse.text_in(inner, "url"))
    created = needed(inner, "created_at", "updated_at")
    seen: list[Seen] = [_deployment(inner, where, created, Meaning(facts.QUEUED), "")]
    for each in states:
        word = parse.text_in(each, "state")
        if word.lower() != SUPERSEDED:
            at = first_moment(each, "created_at", "updated_at") or created
            url = parse.text_in(each, "log_url") or parse.text_in(each, "target_url")
            seen.append(_deployment(inner, where, at, DEPLOYMENTS.read(word), word, url))
    return seen


def _deployment(inner: Said, where: Place, at: datetime, meaning: Meaning, word: str, url: str = "") -> Seen:
    return DeploymentSeen(
        key=where.key("deployment", parse.text_in(inner, "id")),
        at=at,
        repository=where.path,
        environment=parse.named(parse.text_in(inner, "environment"), "environment"),
        deployment="rollback" if parse.text_in(inner, "task") == "rollback" else "deploy",
        phase=meaning.phase,
        outcome=meaning.outcome,
        raw_status=parse.cut(word, 250),
        sha=parse.sha(parse.text_in(inner, "sha")),
        started_at=at if meaning.phase == facts.RUNNING else None,
        finished_at=at if meaning.phase == facts.FINISHED else None,
        url=link(url),
    )


def pull_request(said: Said, config: Said) -> list[Seen]:
    """A pull request that was merged into the default branch is the commit it became there.

    Its original commits are told where a squash or rebase left them out of the mainline: the pull asks for them then.
    """
    inner = _inner(said, "pull_request")
    merged = moment(inner.get("merged_at"))
    sha = parse.sha(parse.text_in(inner, "merge_commit_sha"))
    url = parse.text_in(inner, "html_url")
    where = place(said, config, url or parse.text_in(inner, "url"))
    target = parse.text_in(parse.part_of(inner, "base"), "ref")
    if merged is None or not sha or (where.branch and target and target != where.branch):
        return []
    title = parse.text_in(inner, "title")
    texts = (
        ("pull_request", title),
        ("pull_request", parse.text_in(inner, "body")),
        ("branch", parse.text_in(parse.part_of(inner, "head"), "ref")),
    )
    return [
        ChangeMerged(
            key=sha,
            at=merged,
            merged_at=merged,
            repository=where.path or "unknown",
            url=link(url),
            subject=parse.cut(title, 300),
            author=parse.cut(parse.text_in(parse.part_of(inner, "user"), "login"), 200),
            texts=tuple((rule, parse.cut(text, LONGEST_TEXT)) for rule, text in texts if text),
            commits=tuple(_originals(inner)),
            paths=tuple(parse.texts_in(inner.get(FILES) or [])[:MOST]),
        )
    ]


def _originals(inner: Said) -> Iterator[tuple[str, datetime]]:
    for each in _listed(inner.get(COMMITS)):
        sha, at = parse.sha(parse.text_in(each, "sha")), moment(each.get("at"))
        if sha and at:
            yield sha, at


def push(said: Said, config: Said, received: datetime | None = None) -> list[Seen]:
    """Commits pushed to the default branch are on the mainline since they were pushed."""
    where = place(said, config)
    given = [each for each in _listed(said.get("commits")) if parse.sha(parse.text_in(each, "id"))]
    if not where.branch or parse.text_in(said, "ref") != f"refs/heads/{where.branch}":
        return []
    times = [at for each in given if (at := moment(each.get("timestamp"))) is not None]
    pushed = moment(parse.part_of(said, "repository").get("pushed_at")) or max(times, default=received)
    if pushed is None:
        return []
    # A commit's time is what its author's clock said, and it was not pushed after the news of it came.
    at = min(pushed, received) if received is not None else pushed
    return [_pushed(each, at, where) for each in given if each.get("distinct") is not False]


def _pushed(commit: Said, at: datetime, where: Place) -> Seen:
    message = parse.text_in(commit, "message")
    touched = [path for name in ("added", "modified", "removed") for path in parse.texts_in(commit.get(name) or [])]
    return ChangeMerged(
        key=parse.sha(parse.text_in(commit, "id")),
        at=at,
        merged_at=at,
        repository=where.path or "unknown",
        subject=parse.cut(message.partition("\n")[0], 300),
        url=link(parse.text_in(commit, "url")),
        author=parse.cut(parse.text_in(parse.part_of(commit, "author"), "name", "username"), 200),
        texts=(("message", parse.cut(message, LONGEST_TEXT)),) if message else (),
        paths=tuple(dict.fromkeys(touched))[:MOST],
    )


def release(said: Said, config: Said) -> list[Seen]:
    """A release publishes what its tag names. A draft publishes nothing yet, and one that is taken back nothing any more."""
    inner = _inner(said, "release")
    url = parse.text_in(inner, "html_url")
    where = place(said, config, url or parse.text_in(inner, "url"))
    tag = parse.text_in(inner, "tag_name")
    gone = parse.text_in(said, "action") in ("deleted", "unpublished")
    published = moment(inner.get("published_at"))
    if gone or not tag or not where.path or inner.get("draft") is True or published is None:
        return []
    target = parse.text_in(inner, "target_commitish")
    elsewhere = f"?repository_url={where.host}" if where.host not in ("", "github.com") else ""
    purl = parse.purl(f"pkg:github/{where.path.lower()}@{tag.replace('/', '%2F')}{elsewhere}", "tag_name")
    sha = parse.sha(target) if len(target) >= 40 else ""
    return [ArtifactSeen(key=purl, at=published, sha=sha, repository=where.path, published_at=published)]


def issue(said: Said, config: Said) -> list[Seen]:
    """An issue is a ticket. The API lists pull requests among issues: they are none. One that is deleted or transferred is
    a ticket that is gone, and says where to."""
    inner = _inner(said, "issue")
    if "pull_request" in inner:
        return []
    url = parse.text_in(inner, "html_url")
    where = place(said, config, url or parse.text_in(inner, "url"))
    number, state = parse.text_in(inner, "number"), parse.text_in(inner, "state")
    if not number or not where.path:
        return []
    labels = _labels(inner)
    type_name = parse.text_in(parse.part_of(inner, "type"), "name", "id")
    gone = GONE.get(parse.text_in(said, "action"), "")
    moved = parse.part_of(parse.part_of(said, "changes"), "new_issue") if gone == "moved" else {}
    return [
        TicketSeen(
            key=parse.key_of(f"{where.path}#{number}"),
            at=needed(inner, "updated_at", "created_at"),
            title=parse.cut(parse.text_in(inner, "title"), 300),
            closed=state.lower() == "closed",
            body=parse.cut(parse.text_in(inner, "body"), parse.LONGEST_ISSUE),
            raw_status=parse.cut(state, 250),
            type=parse.ticket_type(type_name, *labels),
            type_name=parse.cut(type_name, 100),
            gone=gone,
            moved_to=link(parse.text_in(moved, "html_url")),
            author=parse.cut(parse.text_in(parse.part_of(inner, "user"), "login"), 200),
            labels=tuple(labels[:50]),
            created_at=moment(inner.get("created_at")),
            closed_at=moment(inner.get("closed_at")),
            url=link(url),
        )
    ]


def _labels(inner: Said) -> list[str]:
    labels = inner.get("labels")
    found = [
        parse.text_in(each, "name") if isinstance(each, Mapping) else each
        for each in (labels if isinstance(labels, list) else ())
    ]
    return [parse.cut(each.strip(), 100) for each in found if isinstance(each, str) and each.strip()]
