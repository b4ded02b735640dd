"""Facts from Jenkins' builds, as its API shows them and as the notification plugin tells them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from releases.providers import facts, parse
from releases.providers.addresses import host_of, link, path_of
from releases.providers.facts import ArtifactSeen, RunSeen, Seen, Unreadable
from releases.providers.jenkins.tables import PHASES, RESULTS

JOB = "_job"
MD5 = re.compile(r"[0-9a-f]{32}")
MOST_ARTIFACTS = 200
REMOTES = ("refs/remotes/origin/", "remotes/origin/", "refs/heads/", "origin/")
NAMELESS = ("detached", "HEAD")

Said = Mapping[str, Any]


def milliseconds(value: object) -> datetime | None:
    """Read milliseconds since 1970; None for anything else, 0 ("never") too."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e14:
        return None
    return datetime.fromtimestamp(value // 1000, UTC) + timedelta(milliseconds=value % 1000)


def job_in(url: str) -> tuple[str, ...]:
    """Return the names on the way to a job, from the address of it or of one of its builds: /job/shop/job/main/7/.

    A branch with a slash in its name is escaped twice there.
    """
    parts = path_of(url).split("/") if "://" in url else url.strip("/").split("/")
    return tuple(
        unquote(unquote(parts[at + 1])) for at in range(len(parts) - 1) if parts[at] == "job" and at + 1 < len(parts)
    )


def branch(text: str) -> str:
    """Return a branch's name without what git puts before it; "" for a checkout that is on none."""
    text = text.strip()
    for start in REMOTES:
        text = text.removeprefix(start)
    return "" if text in NAMELESS else parse.cut(text, 250)


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit that a build checked out: of its own repository, or of a library that its pipeline uses."""

    sha: str
    branch: str
    repository: str


def checkouts(build: Said) -> list[Checkout]:
    """Return what a build checked out, each commit once."""
    found: dict[tuple[str, str], Checkout] = {}
    for action in _objects(build.get("actions")):
        revision = parse.part_of(action, "lastBuiltRevision")
        sha = parse.sha(parse.text_in(revision, "SHA1"))
        if not sha:
            continue
        names = [branch(parse.text_in(each, "name")) for each in _objects(revision.get("branch"))]
        remote = next(iter(parse.texts_in(action.get("remoteUrls"))), "")
        own = Checkout(sha, next((name for name in names if name), ""), parse.repository(remote))
        found.setdefault((sha, own.repository), own)
    return list(found.values())


def chosen(found: list[Checkout], build: Said, path: str, of_branch: str, libraries: list[str]) -> Checkout | None:
    """Return the checkout that a build is of; None where several could be it and nothing tells them apart.

    Libraries that the source names are out. Of the rest it is the one on the job's branch, the one whose commits the
    build lists as its changes, or the one whose repository the job is called after.
    """
    known = {parse.repository(name) for name in libraries}
    found = [each for each in found if each.repository not in known] or found
    changes = set(_changes(build))
    called = {each.lower() for each in path.split("/")}
    for fits in (
        lambda each: True,
        lambda each: bool(of_branch) and each.branch == of_branch,
        lambda each: each.sha in changes,
        lambda each: each.repository.rpartition("/")[2].lower() in called,
    ):
        fitting = [each for each in found if fits(each)]
        if len(fitting) == 1:
            return fitting[0]
    return None


def _objects(value: object) -> list[Said]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _changes(build: Said) -> Iterator[str]:
    for changes in [parse.part_of(build, "changeSet"), *_objects(build.get("changeSets"))]:
        for item in _objects(changes.get("items")):
            yield parse.sha(parse.text_in(item, "commitId"))


def _key(url: str, host: str, path: str, number: str) -> str:
    """A build is known by its address, whose scheme does not matter; where there is none, by job and number."""
    if host_of(url):
        return parse.key_of(f"{host_of(url)}/{path_of(url)}")
    if not path or not number:
        raise Unreadable("the build's url is missing, and so is its job or its number")
    below = "/".join(f"job/{quote(name, safe='')}" for name in path.split("/"))
    return parse.key_of(f"{host or 'jenkins'}/{below}/{number}")


def _configured(config: Said) -> str:
    url = config.get("url")
    return url.rstrip("/") if isinstance(url, str) else ""


def build(said: Said, config: Said) -> list[Seen]:
    """A build is a run of its job, known by its address. While it is being built its result is no outcome yet."""
    job = parse.part_of(said, JOB)
    url, number = parse.text_in(said, "url"), parse.text_in(said, "number")
    title = parse.text_in(said, "fullDisplayName").rpartition(" #")[0]
    path = parse.text_in(job, "path") or "/".join(job_in(url)) or "/".join(title.split(" » "))
    started = milliseconds(said.get("timestamp"))
    if started is None:
        raise Unreadable("timestamp is not the milliseconds since 1970 at which the build began")
    word = parse.text_in(said, "result")
    building = said.get("building") is True or (not word and said.get("building") is not False)
    meaning = RESULTS.read(word)
    took = said.get("duration")
    took = took if isinstance(took, int | float) and not isinstance(took, bool) and 0 < took < 1e12 else 0
    finished = None if building else started + timedelta(milliseconds=took)
    own_branch = parse.text_in(job, "branch")
    libraries = parse.texts_in(config.get("libraries"))
    of = chosen(checkouts(said), said, path, own_branch, libraries) or Checkout("", "", "")
    run = RunSeen(
        key=_key(url, host_of(_configured(config)), path, number),
        at=finished or started,
        phase=facts.RUNNING if building else facts.FINISHED,
        outcome="" if building else meaning.outcome,
        raw_status=parse.cut(word or ("building" if building else ""), 250),
        repository=of.repository,
        pipeline=parse.cut(path, 250),
        sha=of.sha,
        branch=own_branch or of.branch,
        started_at=started,
        finished_at=finished,
        url=link(url),
    )
    return [run] if building else [run, *_artifacts(said, of, finished or started)]


def _artifacts(said: Said, of: Checkout, at: datetime) -> Iterator[Seen]:
    """Yield what a build made: those fingerprints that began with it. What it only copied was made elsewhere."""
    number = parse.text_in(said, "number")
    for each in _objects(said.get("fingerprint"))[:MOST_ARTIFACTS]:
        name, md5 = parse.text_in(each, "fileName"), parse.text_in(each, "hash").lower()
        origin = parse.part_of(each, "original")
        made_here = not origin or parse.text_in(origin, "number") == number
        if name and MD5.fullmatch(md5) and made_here:
            purl = f"pkg:generic/{quote(name.rpartition('/')[2][:200], safe='')}?checksum=md5:{md5}"
            yield ArtifactSeen(key=parse.purl(purl), at=at, sha=of.sha, repository=of.repository, packaged_at=at)


def notification(said: Said, received: datetime | None, config: Said) -> list[Seen]:
    """The notification plugin tells of one build up to four times; FINALIZED repeats COMPLETED once all is stored."""
    told = parse.part_of(said, "build")
    phase = parse.text_in(told, "phase").upper()
    if phase not in PHASES.words:
        return []
    relative = parse.text_in(told, "url") or parse.text_in(said, "url")
    root = _configured(config)
    url = parse.text_in(told, "full_url") or (f"{root}/{relative.lstrip('/')}" if root and relative else "")
    path = "/".join(job_in(relative) or job_in(url)) or parse.text_in(said, "name")
    at = milliseconds(told.get("timestamp")) or received
    if at is None:
        raise Unreadable("build.timestamp is missing, and nobody noted when the message came")
    meaning, word = PHASES.read(phase), parse.text_in(told, "status")
    ended = meaning.phase == facts.FINISHED
    scm = parse.part_of(said, "scm") or parse.part_of(told, "scm")
    exact = phase == "COMPLETED" and milliseconds(told.get("timestamp")) is not None
    return [
        RunSeen(
            key=_key(url, host_of(root), path, parse.text_in(told, "number")),
            at=at,
            phase=meaning.phase,
            outcome=RESULTS.read(word).outcome if ended else "",
            raw_status=parse.cut(word if ended else phase, 250),
            repository=parse.repository(parse.text_in(scm, "url")),
            pipeline=parse.cut(path, 250),
            sha=parse.sha(parse.text_in(scm, "commit")),
            branch=branch(parse.text_in(scm, "branch")),
            started_at=at if phase == "STARTED" else None,
            finished_at=at if exact else None,
            url=link(url),
        )
    ]
