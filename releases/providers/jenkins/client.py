"""Pulling Jenkins through its JSON API, with GET only, for which Jenkins needs no crumb.

One request a folder tells which jobs have new builds. Of those, the builds after the cursor are read, oldest first, and again
those that were still running the last time. Deleted jobs and builds change nothing.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from releases.providers import parse
from releases.providers.base import (
    InvalidSetting,
    Missing,
    Page,
    PullFailed,
    PullIncomplete,
    Pulling,
    PullRefused,
    Record,
    Session,
    Setting,
)
from releases.providers.jenkins.translators import JOB_FIELD
from releases.providers.signatures import basic_auth

BUILD = "pull.build"
AT_ONCE = 50
# Builds that begin while we read shift the range asked for, so it is asked for this much longer.
SLACK = 10
# The field `builds` lists at most this many.
NEWEST_LISTED = 100
MOST_JOBS = 5000
DEEPEST = 12
REMEDY = "Check the address, Folders and jobs, and what the user may read."
MULTIBRANCH = "MultiBranchProject"
JOBS = "jobs[name,url,_class,lastBuild[number],lastCompletedBuild[number]]"
FIELDS = (
    "number,url,result,building,timestamp,duration,fullDisplayName,"
    "actions[_class,causes[_class,shortDescription],lastBuiltRevision[SHA1,branch[SHA1,name]],remoteUrls],"
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
    """Return basic authentication with user and API token; none without a token."""
    user = str(config.get("user") or "").strip()
    if credential and not user:
        raise PullRefused("An API token is kept, and no user. Name the user whose token it is.")
    if not credential:
        return {}
    return {"Authorization": basic_auth(user, credential)}


def check(config: Mapping[str, Any]) -> None:
    """Raise InvalidSetting for a user that basic authentication cannot carry."""
    if ":" in str(config.get("user") or ""):
        raise InvalidSetting(
            "user", "A user's name holds no colon. Leave the token out of it; it has a field of its own."
        )


@dataclass(frozen=True, slots=True)
class Job:
    """A job with builds. `parts` are the names of its folders and its own, as the API has them; `last` and `completed` are
    the numbers of its newest builds; `branch` is set for a job of a multibranch project."""

    parts: tuple[str, ...]
    last: int
    completed: int
    branch: str = ""

    @property
    def path(self) -> str:
        """The job's full path as Jenkins shows it: shop/checkout/feature/pay-12."""
        return "/".join(unquote(part) for part in self.parts)

    @property
    def key(self) -> str:
        return "/".join(self.parts)


@dataclass(slots=True)
class _JobList:
    jobs: list[Job] = field(default_factory=list)
    folders: int = 0


def api_path(parts: tuple[str, ...]) -> str:
    """Return the path of a job or folder below Jenkins' URL."""
    return "".join(f"/job/{quote(part, safe='')}" for part in parts)


def _number(holder: object) -> int:
    number = holder.get("number") if isinstance(holder, Mapping) else None
    return number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else 0


def _get_object(session: Session, path: str, tree: str) -> Mapping[str, Any]:
    answer = session.get(f"{path}/api/json", {"tree": tree})
    document = answer.json()
    if not isinstance(document, Mapping):
        raise PullRefused(f"{answer.url} holds no object. Check that the address is Jenkins'.")
    return document


def jobs(session: Session, config: Mapping[str, Any], missing: list[str]) -> list[Job]:
    """Return every job with builds that the source reads, inside folders, organizations and multibranch projects too.

    Folders of the settings that Jenkins does not show are reported in `missing`.
    """
    found = _JobList()
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


def _walk(session: Session, parts: tuple[str, ...], class_: str, found: _JobList) -> None:
    if len(parts) > DEEPEST:
        raise PullRefused(f"Jenkins has folders more than {DEEPEST} deep. Name those that matter in Folders and jobs.")
    folder = _get_object(session, api_path(parts), f"_class,name,lastBuild[number],lastCompletedBuild[number],{JOBS}")
    class_ = class_ or parse.text_in(folder, "_class")
    if "jobs" not in folder and _number(folder.get("lastBuild")):
        found.jobs.append(Job(parts, _number(folder.get("lastBuild")), _number(folder.get("lastCompletedBuild"))))
        return
    found.folders += 1
    listed = folder.get("jobs")
    for each in listed if isinstance(listed, list) else []:
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
    """Yield the builds of every job that has new or unfinished ones, job by job."""
    new_cursor = {key: dict(value) for key, value in cursor.items() if isinstance(value, Mapping)}
    missing: list[str] = []
    for job in jobs(session, config, missing):
        job_cursor = new_cursor.get(job.key, {})
        done = int(job_cursor.get("done") or 0)
        unfinished = {number for number in job_cursor.get("open") or () if isinstance(number, int)}
        if job.last < done:
            done, unfinished = 0, set()  # the job was made anew, or its newest builds were deleted: read all builds
        if job.last == done and not unfinished:
            continue
        yield from _builds(session, job, done, unfinished, new_cursor)
    if missing:
        raise PullIncomplete(f"{'; '.join(missing)}. All else was read. {REMEDY}")


def _builds(session: Session, job: Job, done: int, unfinished: set[int], new_cursor: dict[str, Any]) -> Iterator[Page]:
    try:
        numbers = _build_numbers(session, job, min([done, *unfinished]))
    except Missing:
        return  # deleted since it was listed
    wanted = [number for number in reversed(numbers) if number > done or number in unfinished]
    for start in range(0, len(wanted), AT_ONCE):
        batch = wanted[start : start + AT_ONCE]
        builds = _read_builds(session, job, numbers, batch)
        for number in batch:
            running = number in builds and builds[number].get("building") is True
            unfinished = unfinished | {number} if running else unfinished - {number}
        done = max([done, *batch])
        new_cursor[job.key] = {"done": done, "open": sorted(unfinished)}
        records = [_record(job, builds[number]) for number in batch if number in builds]
        yield Page(
            records, json.loads(json.dumps(new_cursor)), f"builds of {job.path}", start + len(batch), len(wanted)
        )
    deleted = unfinished - set(numbers)
    if deleted or not wanted:
        new_cursor[job.key] = {"done": max(done, job.last), "open": sorted(unfinished - deleted)}
        yield Page([], json.loads(json.dumps(new_cursor)), f"builds of {job.path}", len(wanted), len(wanted))


def _build_numbers(session: Session, job: Job, done: int) -> list[int]:
    """Return the numbers of a job's builds, newest first, at least those after `done`."""
    for which in ("builds", "allBuilds"):
        listed = _get_object(session, api_path(job.parts), f"{which}[number]").get(which)
        numbers = [number for each in listed if (number := _number(each))] if isinstance(listed, list) else []
        if len(numbers) < NEWEST_LISTED or min(numbers) <= done + 1:
            break
    return sorted(set(numbers), reverse=True)


def _read_builds(session: Session, job: Job, numbers: list[int], batch: list[int]) -> dict[int, Mapping[str, Any]]:
    """Return these builds by number, those that are not deleted. One that the range did not hold is asked for by itself."""
    first, last = numbers.index(batch[-1]), numbers.index(batch[0])
    builds: dict[int, Mapping[str, Any]] = {}
    if last - first < 2 * AT_ONCE:
        listed = _get_object(session, api_path(job.parts), f"allBuilds[{FIELDS}]{{{first},{last + 1 + SLACK}}}").get(
            "allBuilds"
        )
        builds = {_number(each): each for each in listed} if isinstance(listed, list) else {}
    for number in batch:
        if number not in builds:
            try:
                builds[number] = _get_object(session, f"{api_path(job.parts)}/{number}", FIELDS)
            except Missing:
                continue
    return builds


def _record(job: Job, build: Mapping[str, Any]) -> Record:
    job_fields = {"path": job.path, **({"branch": job.branch} if job.branch else {})}
    body = json.dumps({**build, JOB_FIELD: job_fields}, sort_keys=True, separators=(",", ":")).encode()
    return Record(BUILD, body)


def test_connection(session: Session, config: Mapping[str, Any]) -> list[str]:
    """Return how many jobs with builds can be read."""
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
    test_connection=test_connection,
    credential="The user's API token (in Jenkins: the user's page, Security, API Token). It needs Overall/Read and Job/Read.",
)
