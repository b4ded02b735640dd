"""Reading Jenkins by its JSON API, with GET alone, for which it asks no crumb.

One question a folder says which jobs have news. Of those, the builds after the cursor are read oldest first; builds that
were still running the last time are read again. Jobs and builds that are gone say nothing.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from releases.providers import parse
from releases.providers.base import (
    Missing,
    NotAccepted,
    Page,
    PullFailed,
    Pulling,
    PullPartly,
    PullRefused,
    Record,
    Session,
    Setting,
)
from releases.providers.jenkins.objects import JOB
from releases.providers.signatures import basic

BUILD = "pull.build"
AT_ONCE = 50
# Builds that began meanwhile push the others along; so many more are asked for to make up for them.
SLACK = 10
NEWEST = 100
MOST_JOBS = 5000
DEEPEST = 12
REMEDY = "Check the address, Folders and jobs, and what the user may read."
MULTIBRANCH = "MultiBranchProject"
JOBS = "jobs[name,url,_class,lastBuild[number],lastCompletedBuild[number]]"
FIELDS = (
    "number,url,result,building,timestamp,duration,fullDisplayName,"
    "actions[_class,lastBuiltRevision[SHA1,branch[SHA1,name]],remoteUrls],"
    "changeSet[items[commitId]],changeSets[items[commitId]],fingerprint[fileName,hash,original[name,number]]"
)
SETTINGS = (
    Setting(
        "user", "User", "Whose API token it is. Left empty, Rodeo reads what everybody may see.", placeholder="rodeo"
    ),
    Setting(
        "folders",
        "Folders and jobs",
        "One path a line, such as shop/checkout. Left empty, everything.",
        many=True,
        placeholder="shop",
    ),
    Setting(
        "libraries",
        "Shared libraries",
        "Their repositories, one a line: a build that checks one out is not a build of it.",
        many=True,
        placeholder="shop/pipeline-library",
    ),
)


def headers(session: Session, config: Mapping[str, Any], credential: str) -> Mapping[str, str]:
    """User and API token, by basic authentication."""
    user = str(config.get("user") or "").strip()
    if credential and not user:
        raise PullRefused("An API token is kept, and no user. Name the user whose token it is.")
    if not credential:
        return {}
    return {"Authorization": basic(user, credential)}


def check(config: Mapping[str, Any]) -> None:
    """Raise NotAccepted for a user that basic authentication cannot carry."""
    if ":" in str(config.get("user") or ""):
        raise NotAccepted("user", "A user's name holds no colon. Leave the token out of it; it has a field of its own.")


@dataclass(frozen=True, slots=True)
class Job:
    """A job that has builds. `parts` are the names on its way as the API has them; `branch` that of a multibranch job."""

    parts: tuple[str, ...]
    last: int
    completed: int
    branch: str = ""

    @property
    def path(self) -> str:
        """The full path as people read it: shop/checkout/feature/pay-12."""
        return "/".join(unquote(part) for part in self.parts)

    @property
    def key(self) -> str:
        return "/".join(self.parts)


@dataclass(slots=True)
class _Found:
    jobs: list[Job] = field(default_factory=list)
    folders: int = 0


def address(parts: tuple[str, ...]) -> str:
    """Return where a job or folder is below Jenkins' own address."""
    return "".join(f"/job/{quote(part, safe='')}" for part in parts)


def _number(holder: object) -> int:
    number = holder.get("number") if isinstance(holder, Mapping) else None
    return number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else 0


def _asked(session: Session, path: str, tree: str) -> Mapping[str, Any]:
    answer = session.get(f"{path}/api/json", {"tree": tree})
    read = answer.json()
    if not isinstance(read, Mapping):
        raise PullRefused(f"{answer.url} holds no object. Check that the address is Jenkins'.")
    return read


def jobs(session: Session, config: Mapping[str, Any], missing: list[str]) -> list[Job]:
    """Return every job the source may read that has builds, through folders, organizations and multibranch jobs.

    `missing` gets the folders that are named and that nobody shows.
    """
    found = _Found()
    starts = [
        tuple(part for part in line.strip("/").split("/") if part) for line in parse.lines_in(config.get("folders"))
    ]
    for start in starts or [()]:
        try:
            _walk(session, start, "", found)
        except Missing:
            missing.append(
                f"Jenkins knows no {'/'.join(start) or 'API at this address'}, or does not show it to this user"
            )
    if missing and not found.folders and not found.jobs:
        raise PullRefused(f"{'; '.join(missing)}. {REMEDY}")
    return list({job.key: job for job in found.jobs}.values())


def _walk(session: Session, parts: tuple[str, ...], class_: str, found: _Found) -> None:
    if len(parts) > DEEPEST:
        raise PullRefused(f"Jenkins has folders more than {DEEPEST} deep. Name those that matter in Folders and jobs.")
    read = _asked(session, address(parts), f"_class,name,lastBuild[number],lastCompletedBuild[number],{JOBS}")
    class_ = class_ or parse.text_in(read, "_class")
    if "jobs" not in read and _number(read.get("lastBuild")):
        found.jobs.append(Job(parts, _number(read.get("lastBuild")), _number(read.get("lastCompletedBuild"))))
        return
    found.folders += 1
    inner = read.get("jobs")
    for each in inner if isinstance(inner, list) else []:
        name = parse.text_in(each, "name") if isinstance(each, Mapping) else ""
        if not name:
            continue
        own, kind = (*parts, name), parse.text_in(each, "_class")
        if _number(each.get("lastBuild")):
            branch = unquote(name) if MULTIBRANCH in class_ else ""
            found.jobs.append(Job(own, _number(each["lastBuild"]), _number(each.get("lastCompletedBuild")), branch))
        elif _holds_jobs(kind):
            try:
                _walk(session, own, kind, found)
            except Missing:
                continue  # deleted since it was listed
        if len(found.jobs) + found.folders > MOST_JOBS:
            raise PullRefused(
                f"Jenkins has more than {MOST_JOBS:,} jobs and folders. Name those that matter in Folders and jobs."
            )


def _holds_jobs(class_: str) -> bool:
    return "Folder" in class_ or MULTIBRANCH in class_


def pages(session: Session, config: Mapping[str, Any], cursor: Mapping[str, Any], now: datetime) -> Iterator[Page]:
    """Read the builds of every job that has news, job by job."""
    left = {key: dict(value) for key, value in cursor.items() if isinstance(value, Mapping)}
    missing: list[str] = []
    for job in jobs(session, config, missing):
        mark = left.get(job.key, {})
        done = int(mark.get("done") or 0)
        still = {number for number in mark.get("open") or () if isinstance(number, int)}
        if job.last < done:
            done, still = 0, set()  # made anew under its old name, or its newest builds were deleted: read it all
        if job.last == done and not still:
            continue
        yield from _builds(session, job, done, still, left)
    if missing:
        raise PullPartly(f"{'; '.join(missing)}. All else was read. {REMEDY}")


def _builds(session: Session, job: Job, done: int, still: set[int], left: dict[str, Any]) -> Iterator[Page]:
    try:
        numbers = _numbers(session, job, min([done, *still]))
    except Missing:
        return  # deleted since it was listed
    wanted = [number for number in reversed(numbers) if number > done or number in still]
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        read = _read(session, job, numbers, some)
        for number in some:
            running = number in read and read[number].get("building") is True
            still = still | {number} if running else still - {number}
        done = max([done, *some])
        left[job.key] = {"done": done, "open": sorted(still)}
        records = [_record(job, read[number]) for number in some if number in read]
        yield Page(records, json.loads(json.dumps(left)), f"builds of {job.path}", start + len(some), len(wanted))
    gone = still - set(numbers)
    if gone or not wanted:
        left[job.key] = {"done": max(done, job.last), "open": sorted(still - gone)}
        yield Page([], json.loads(json.dumps(left)), f"builds of {job.path}", len(wanted), len(wanted))


def _numbers(session: Session, job: Job, done: int) -> list[int]:
    """Return the numbers of a job's builds, newest first, at least those after `done`."""
    for which in ("builds", "allBuilds"):
        inner = _asked(session, address(job.parts), f"{which}[number]").get(which)
        numbers = [number for each in inner if (number := _number(each))] if isinstance(inner, list) else []
        if len(numbers) < NEWEST or min(numbers) <= done + 1:
            break
    return sorted(set(numbers), reverse=True)


def _read(session: Session, job: Job, numbers: list[int], some: list[int]) -> dict[int, Mapping[str, Any]]:
    """Return these builds by number. One that the range did not hold is asked for by itself, and may be gone."""
    first, last = numbers.index(some[-1]), numbers.index(some[0])
    read: dict[int, Mapping[str, Any]] = {}
    if last - first < 2 * AT_ONCE:
        inner = _asked(session, address(job.parts), f"allBuilds[{FIELDS}]{{{first},{last + 1 + SLACK}}}").get(
            "allBuilds"
        )
        read = {_number(each): each for each in inner} if isinstance(inner, list) else {}
    for number in some:
        if number not in read:
            try:
                read[number] = _asked(session, f"{address(job.parts)}/{number}", FIELDS)
            except Missing:
                continue
    return read


def _record(job: Job, build: Mapping[str, Any]) -> Record:
    named = {"path": job.path, **({"branch": job.branch} if job.branch else {})}
    body = json.dumps({**build, JOB: named}, sort_keys=True, separators=(",", ":")).encode()
    return Record(BUILD, body)


def look(session: Session, config: Mapping[str, Any]) -> list[str]:
    """Say how many jobs with builds there are to see."""
    missing: list[str] = []
    found = jobs(session, config, missing)
    if missing:
        raise PullRefused(f"{'; '.join(missing)}. {REMEDY}")
    if not found:
        raise PullFailed(
            "Jenkins shows no job that has builds. Check the folders named here, and what the user may read."
        )
    return [f"{len(found):,} {'job' if len(found) == 1 else 'jobs'} with builds"]


PULLING = Pulling(
    headers=headers,
    pages=pages,
    look=look,
    credential="The user's API token (in Jenkins: the user's page, Security, API Token). It needs Overall/Read and Job/Read.",
)
