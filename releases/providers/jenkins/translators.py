"""Translates Jenkins' builds into facts: records of its API, and payloads of the notification plugin."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from releases.providers import facts, parse, triggers
from releases.providers.facts import ArtifactSeen, MakesNothing, RunSeen, Seen, Unreadable
from releases.providers.jenkins.status_tables import PHASES, RESULTS
from releases.providers.payloads import JsonObject
from releases.providers.web_urls import host_of, link, path_of

JOB_FIELD = "_job"
MD5 = re.compile(r"[0-9a-f]{32}")
MOST_ARTIFACTS = 200
REMOTE_PREFIXES = ("refs/remotes/origin/", "remotes/origin/", "refs/heads/", "origin/")
DETACHED = ("detached", "HEAD")
# How multibranch projects call the job of a request.
OF_REQUEST = re.compile(r"(PR|MR)-\d+(-head|-merge)?")
# The last part of a cause's class. What another job began, or an unknown plugin, tells nothing.
CAUSES = {
    "SCMTriggerCause": triggers.PUSH,
    "GitHubPushCause": triggers.PUSH,
    "BitBucketPushCause": triggers.PUSH,
    "BranchEventCause": triggers.PUSH,
    "BranchIndexingCause": triggers.PUSH,
    "GhprbCause": triggers.REQUEST,
    "GitHubPRCause": triggers.REQUEST,
    "UserIdCause": triggers.MANUAL,
    "UserCause": triggers.MANUAL,
    "ReplayCause": triggers.MANUAL,
    "RemoteCause": triggers.API,
    "TimerTriggerCause": triggers.SCHEDULE,
}
FIRST_CAUSE = (triggers.REQUEST, triggers.PUSH, "", triggers.MANUAL, triggers.API, triggers.SCHEDULE)


def unix_milliseconds(value: object) -> datetime | None:
    """Parse milliseconds since 1970; None for 0 ("never") and for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e14:
        return None
    return datetime.fromtimestamp(value // 1000, UTC) + timedelta(milliseconds=value % 1000)


def job_names(url: str) -> tuple[str, ...]:
    """Return the names of a job's folders and its own, from the URL of it or of one of its builds: /job/shop/job/main/7/.

    The name of a branch with a slash is escaped twice there.
    """
    parts = path_of(url).split("/") if "://" in url else url.strip("/").split("/")
    return tuple(
        unquote(unquote(parts[at + 1])) for at in range(len(parts) - 1) if parts[at] == "job" and at + 1 < len(parts)
    )


def branch(text: str) -> str:
    """Return a branch's name without git's prefixes; "" for a detached checkout."""
    text = text.strip()
    for start in REMOTE_PREFIXES:
        text = text.removeprefix(start)
    return "" if text in DETACHED else parse.cut(text, 250)


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit that a build checked out, of its own repository or of a shared library."""

    sha: str
    branch: str
    repository: str


def checkouts(build: JsonObject) -> list[Checkout]:
    """Return the checkouts of a build, each commit once."""
    found: dict[tuple[str, str], Checkout] = {}
    for action in _objects(build.get("actions")):
        revision = parse.object_in(action, "lastBuiltRevision")
        sha = parse.sha(parse.text_in(revision, "SHA1"))
        if not sha:
            continue
        names = [branch(parse.text_in(each, "name")) for each in _objects(revision.get("branch"))]
        remote = next(iter(parse.texts_in(action.get("remoteUrls"))), "")
        checkout = Checkout(sha, next((name for name in names if name), ""), parse.repository(remote))
        found.setdefault((sha, checkout.repository), checkout)
    return list(found.values())


def main_checkout(
    found: list[Checkout], build: JsonObject, path: str, job_branch: str, libraries: list[str]
) -> Checkout | None:
    """Return the checkout of the build's own repository; None where several are possible.

    Shared libraries in the source's settings are left out. Of the rest it is the only one, or the one on the job's branch,
    the one whose commit is among the build's changes, or the one whose repository's name is in the job's path.
    """
    shared = {parse.repository(name) for name in libraries}
    found = [each for each in found if each.repository not in shared] or found
    changes = set(_changes(build))
    names_in_path = {each.lower() for each in path.split("/")}
    for is_candidate in (
        lambda each: True,
        lambda each: bool(job_branch) and each.branch == job_branch,
        lambda each: each.sha in changes,
        lambda each: each.repository.rpartition("/")[2].lower() in names_in_path,
    ):
        candidates = [each for each in found if is_candidate(each)]
        if len(candidates) == 1:
            return candidates[0]
    return None


def trigger(build: JsonObject, path: str) -> str:
    """Return what started a build: its job, where that is one of a request, else the most telling of its causes.

    A restart of a build keeps the causes of the first. "" where nothing tells, as in the notification plugin's messages.
    """
    if OF_REQUEST.fullmatch(path.rpartition("/")[2]):
        return triggers.REQUEST
    causes = [each for action in _objects(build.get("actions")) for each in _objects(action.get("causes"))]
    names = {re.split(r"[.$]", parse.text_in(each, "_class"))[-1] for each in causes}
    found = {CAUSES.get(name, "") for name in names if name}
    return next((each for each in FIRST_CAUSE if each in found), "")


def _objects(value: object) -> list[JsonObject]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _changes(build: JsonObject) -> Iterator[str]:
    for changes in [parse.object_in(build, "changeSet"), *_objects(build.get("changeSets"))]:
        for item in _objects(changes.get("items")):
            yield parse.sha(parse.text_in(item, "commitId"))


def _key(url: str, host: str, path: str, number: str, source: str) -> str:
    """Return the key of a build: its URL without the scheme, or without a URL its job and number."""
    if host_of(url):
        return parse.key_of(f"{parse.installation(host_of(url), source, 'jenkins')}/{path_of(url)}")
    if not path or not number:
        raise Unreadable("the build's url is missing, and so is its job or its number")
    below = "/".join(f"job/{quote(name, safe='')}" for name in path.split("/"))
    return parse.key_of(f"{parse.installation(host, source, 'jenkins')}/{below}/{number}")


def _former_url(url: str, job: JsonObject) -> str:
    """Return the URL that a build had while it was running, before its job was renamed: what was told of it then is its key."""
    was, number = parse.text_in(job, "was"), url.rstrip("/").rpartition("/")[2]
    before = url.partition("/job/")[0]
    return f"{before}{''.join(f'/job/{quote(part)}' for part in was.split('/'))}/{number}/" if was else url


def _pipeline(path: str, of_branch: str) -> str:
    """Return the pipeline of a job: jobs in one folder that are called after their branches are one pipeline."""
    return parse.cut(path.removesuffix(f"/{of_branch}") if of_branch else path, 250)


def _job(path: str) -> str:
    return parse.cut(path, 250) if "/" in path else ""


def _source_url(config: JsonObject) -> str:
    url = config.get("url")
    return url.rstrip("/") if isinstance(url, str) else ""


def build(payload: JsonObject, config: JsonObject, source: str = "") -> list[Seen]:
    """Return the run of a build and, once it is finished, its artifacts. While it is running its result is no outcome yet."""
    job = parse.object_in(payload, JOB_FIELD)
    url, number = parse.text_in(payload, "url"), parse.text_in(payload, "number")
    title = parse.text_in(payload, "fullDisplayName").rpartition(" #")[0]
    path = parse.text_in(job, "path") or "/".join(job_names(url)) or "/".join(title.split(" » "))
    started = unix_milliseconds(payload.get("timestamp"))
    if started is None:
        raise Unreadable("timestamp isn’t the start of the build in milliseconds since 1970")
    raw_status = parse.text_in(payload, "result")
    building = payload.get("building") is True or (not raw_status and payload.get("building") is not False)
    meaning = RESULTS.meaning_of(raw_status)
    duration = payload.get("duration")
    duration = (
        duration if isinstance(duration, int | float) and not isinstance(duration, bool) and 0 < duration < 1e12 else 0
    )
    finished = None if building else started + timedelta(milliseconds=duration)
    job_branch = parse.text_in(job, "branch")
    libraries = parse.texts_in(config.get("libraries"))
    checkout = main_checkout(checkouts(payload), payload, path, job_branch, libraries) or Checkout("", "", "")
    run = RunSeen(
        key=_key(_former_url(url, job), host_of(_source_url(config)), path, number, source),
        numbered_at=started,
        at=finished or started,
        phase=facts.RUNNING if building else facts.FINISHED,
        outcome="" if building else meaning.outcome,
        raw_status=parse.cut(raw_status or ("building" if building else ""), 250),
        repository=checkout.repository,
        pipeline=_pipeline(path, job_branch or checkout.branch),
        job=_job(path),
        sha=checkout.sha,
        branch=job_branch or checkout.branch,
        trigger=trigger(payload, path),
        started_at=started,
        finished_at=finished,
        url=link(url),
    )
    return [run] if building else [run, *_artifacts(payload, checkout, finished or started)]


def _artifacts(payload: JsonObject, checkout: Checkout, at: datetime) -> Iterator[Seen]:
    """Yield the artifacts that a build made: fingerprints with this build as their origin. Others were copied into it."""
    number = parse.text_in(payload, "number")
    for each in _objects(payload.get("fingerprint"))[:MOST_ARTIFACTS]:
        name, md5 = parse.text_in(each, "fileName"), parse.text_in(each, "hash").lower()
        origin = parse.object_in(each, "original")
        made_here = not origin or parse.text_in(origin, "number") == number
        if name and MD5.fullmatch(md5) and made_here:
            purl = f"pkg:generic/{quote(name.rpartition('/')[2][:200], safe='')}?checksum=md5:{md5}"
            yield ArtifactSeen(
                key=parse.purl(purl), at=at, sha=checkout.sha, repository=checkout.repository, packaged_at=at
            )


def notification(payload: JsonObject, received: datetime | None, config: JsonObject, source: str = "") -> list[Seen]:
    """Return the run in a payload of the notification plugin, which sends up to four of a build: one for each phase.

    FINALIZED repeats COMPLETED after everything is archived, so its time is not when the build finished.
    """
    build = parse.object_in(payload, "build")
    phase = parse.text_in(build, "phase").upper()
    if phase not in PHASES.meanings:
        raise MakesNothing(f"The phase {parse.cut(phase, 40)} is only a note, not a step of a build.")
    relative = parse.text_in(build, "url") or parse.text_in(payload, "url")
    root = _source_url(config)
    url = parse.text_in(build, "full_url") or (f"{root}/{relative.lstrip('/')}" if root and relative else "")
    path = "/".join(job_names(relative) or job_names(url)) or parse.text_in(payload, "name")
    at = unix_milliseconds(build.get("timestamp")) or received
    if at is None:
        raise Unreadable("build.timestamp is missing, and it’s unknown when the message arrived")
    meaning, raw_status = PHASES.meaning_of(phase), parse.text_in(build, "status")
    ended = meaning.phase == facts.FINISHED
    scm = parse.object_in(payload, "scm") or parse.object_in(build, "scm")
    exact = phase == "COMPLETED" and unix_milliseconds(build.get("timestamp")) is not None
    checked_out = branch(parse.text_in(scm, "branch"))
    return [
        RunSeen(
            key=_key(url, host_of(root), path, parse.text_in(build, "number"), source),
            numbered_at=_began(build, phase),
            at=at,
            phase=meaning.phase,
            outcome=RESULTS.meaning_of(raw_status).outcome if ended else "",
            raw_status=parse.cut(raw_status if ended else phase, 250),
            repository=parse.repository(parse.text_in(scm, "url")),
            pipeline=_pipeline(path, checked_out),
            job=_job(path),
            sha=parse.sha(parse.text_in(scm, "commit")),
            branch=checked_out,
            trigger=trigger(build, path),
            started_at=at if phase == "STARTED" else None,
            finished_at=at if exact else None,
            url=link(url),
        )
    ]


def _began(build: JsonObject, phase: str) -> datetime | None:
    """Return when a build of a notification began, as the API tells it too; None where it cannot be known."""
    told = unix_milliseconds(build.get("started"))
    at, duration = unix_milliseconds(build.get("timestamp")), build.get("duration")
    if told is not None or at is None:
        return told
    if phase == "STARTED":
        return at
    if phase != "COMPLETED" or isinstance(duration, bool) or not isinstance(duration, int | float):
        return None
    return at - timedelta(milliseconds=duration) if 0 < duration < 1e12 else None
