"""Pulling Jenkins through its JSON API, with GET only, for which Jenkins needs no crumb.

One request a folder tells which jobs have new builds. Of those, the builds after the cursor are read, oldest first, and again
those that were still running the last time. Deleted jobs and builds change nothing. The cursor keeps when the newest build of
a job began: a build of that number that began at another time is one of a job made anew, and a job of another name whose build
of that number began then is the same job, renamed.
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
REMEDY = "Check the address, Folders and jobs, and the user’s access."
MULTIBRANCH = "MultiBranchProject"
LAST = "lastBuild[number,timestamp],lastCompletedBuild[number]"
JOBS = f"jobs[name,url,_class,{LAST}]"
FIELDS = (
    "number,url,result,building,timestamp,duration,fullDisplayName,"
    "actions[_class,causes[_class,shortDescription],lastBuiltRevision[SHA1,branch[SHA1,name]],remoteUrls],"
    "changeSet[items[commitId]],changeSets[items[commitId]],fingerprint[fileName,hash,original[name,number]]"
)
SETTINGS = (
    Setting("user", "User", "The owner of the API token. Leave empty to read only what’s public.", placeholder="rodeo"),
    Setting(
        "folders",
        "Folders and jobs",
        "One path per line, such as shop/checkout. Leave empty for everything.",
        many=True,
        placeholder="shop",
    ),
    Setting(
        "libraries",
        "Shared libraries",
        "Their repositories, one per line. Builds that check one out aren’t builds of it.",
        many=True,
        placeholder="shop/pipeline-library",
    ),
)


def headers(session: Session, config: Mapping[str, Any], credential: str) -> Mapping[str, str]:
    """Return basic authentication with user and API token; none without a token."""
    user = str(config.get("user") or "").strip()
    if credential and not user:
        raise PullRefused("There’s an API token but no user. Enter its user.")
    if not credential:
        return {}
    return {"Authorization": basic_auth(user, credential)}


def check(config: Mapping[str, Any]) -> None:
    """Raise InvalidSetting for a user that basic authentication cannot carry."""
    if ":" in str(config.get("user") or ""):
        raise InvalidSetting("user", "User names have no colon. Put the token in its own field.")


@dataclass(frozen=True, slots=True)
class Job:
    """A job with builds. `parts` are the names of its folders and its own, as the API has them; `last` and `completed` are
    the numbers of its newest builds, `last_at` when the newest began, in milliseconds since 1970; `branch` is set for a job of
    a multibranch project."""

    parts: tuple[str, ...]
    last: int
    completed: int
    branch: str = ""
    last_at: int = 0

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


def _number(holder: object, name: str = "number") -> int:
    number = holder.get(name) if isinstance(holder, Mapping) else None
    return number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else 0


def _get_object(session: Session, path: str, tree: str) -> Mapping[str, Any]:
    answer = session.get(f"{path}/api/json", {"tree": tree})
    document = answer.json()
    if not isinstance(document, Mapping):
        raise PullRefused(f"{answer.url} returned no object. Check that this is Jenkins’s address.")
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
                f"Jenkins has no {'/'.join(start) or 'API at this address'}, or doesn’t show it to this user"
            )
    if missing and not found.folders and not found.jobs:
        raise PullRefused(f"{'; '.join(missing)}. {REMEDY}")
    return list({job.key: job for job in found.jobs}.values())


def _walk(session: Session, parts: tuple[str, ...], class_: str, found: _JobList) -> None:
    if len(parts) > DEEPEST:
        raise PullRefused(
            f"Jenkins has folders more than {DEEPEST} deep. List the ones you need under Folders and jobs."
        )
    folder = _get_object(session, api_path(parts), f"_class,name,{LAST},{JOBS}")
    class_ = class_ or parse.text_in(folder, "_class")
    if "jobs" not in folder and _number(folder.get("lastBuild")):
        found.jobs.append(_job(parts, folder))
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
            found.jobs.append(_job(own, each, branch))
        elif _holds_jobs(kind):
            try:
                _walk(session, own, kind, found)
            except Missing:
                continue  # deleted since it was listed
        if len(found.jobs) + found.folders > MOST_JOBS:
            raise PullRefused(
                f"Jenkins has more than {MOST_JOBS:,} jobs and folders. List the ones you need under Folders and jobs."
            )


def _job(parts: tuple[str, ...], listed: Mapping[str, Any], branch: str = "") -> Job:
    last, completed = listed.get("lastBuild"), listed.get("lastCompletedBuild")
    return Job(parts, _number(last), _number(completed), branch, _number(last, "timestamp"))


def _holds_jobs(class_: str) -> bool:
    return "Folder" in class_ or MULTIBRANCH in class_


def pages(session: Session, config: Mapping[str, Any], cursor: Mapping[str, Any], now: datetime) -> Iterator[Page]:
    """Yield the builds of every job that has new or unfinished ones, job by job."""
    new_cursor = {key: dict(value) for key, value in cursor.items() if isinstance(value, Mapping)}
    missing: list[str] = []
    listed = jobs(session, config, missing)
    # Jobs that were read before and are listed no more: deleted, or renamed.
    lost = new_cursor.keys() - {job.key for job in listed}
    for job in listed:
        progress = _progress(new_cursor.get(job.key, {}))
        if _is_anew(progress, job.last, job.last_at):
            progress = Progress()
        if job.last == progress.done and not progress.open:
            continue
        yield from _builds(session, job, progress, new_cursor, lost)
    if missing:
        raise PullIncomplete(f"{'; '.join(missing)}. Everything else was read. {REMEDY}")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job was read: to the build `done`, which began `at`; `open` were still running; `was` is its former name."""

    done: int = 0
    open: frozenset[int] = frozenset()
    at: int = 0
    was: str = ""

    def as_cursor(self) -> dict[str, Any]:
        """Return it as the cursor keeps it."""
        kept = {"done": self.done, "open": sorted(self.open)}
        return kept | ({"at": self.at} if self.at else {}) | ({"was": self.was} if self.was and self.open else {})


def _progress(kept: Mapping[str, Any]) -> Progress:
    unfinished = frozenset(number for number in kept.get("open") or () if isinstance(number, int))
    return Progress(int(kept.get("done") or 0), unfinished, int(kept.get("at") or 0), str(kept.get("was") or ""))


def _is_anew(progress: Progress, number: int, began: int) -> bool:
    """Say whether a job was made anew, by one of its builds: numbers begin again, or one was given out a second time."""
    return number < progress.done or (number == progress.done and 0 < progress.at != began > 0)


def _builds(
    session: Session, job: Job, progress: Progress, new_cursor: dict[str, Any], lost: set[str]
) -> Iterator[Page]:
    try:
        starts = _build_starts(session, job, min([progress.done, *progress.open]))
        if _is_anew(progress, progress.done, starts.get(progress.done, 0)):
            progress = Progress()
            starts = _build_starts(session, job, 0)
    except Missing:
        return  # deleted since it was listed
    if not progress.done:
        progress = _former(starts, new_cursor, lost)
    numbers = list(starts)
    wanted = [number for number in reversed(numbers) if number > progress.done or number in progress.open]
    for start in range(0, len(wanted), AT_ONCE):
        batch = wanted[start : start + AT_ONCE]
        builds = _read_builds(session, job, numbers, batch)
        running = {number for number in batch if builds.get(number, {}).get("building") is True}
        records = [
            _record(job, builds[number], progress.was if number in progress.open else "")
            for number in batch
            if number in builds
        ]
        done = max([progress.done, *batch])
        unfinished = frozenset((progress.open - set(batch)) | running)
        progress = Progress(done, unfinished, starts.get(done, progress.at), progress.was)
        yield _page(job, records, progress, new_cursor, start + len(batch), len(wanted))
    deleted = progress.open - set(numbers)
    if deleted or not wanted:
        done = max(progress.done, job.last)
        at = starts.get(done, job.last_at if done == job.last else progress.at)
        progress = Progress(done, progress.open - deleted, at, progress.was)
        yield _page(job, [], progress, new_cursor, len(wanted), len(wanted))


def _page(job: Job, records: list[Record], progress: Progress, new_cursor: dict[str, Any], done: int, of: int) -> Page:
    new_cursor[job.key] = progress.as_cursor()
    return Page(records, json.loads(json.dumps(new_cursor)), f"builds of {job.path}", done, of)


def _former(starts: Mapping[int, int], new_cursor: dict[str, Any], lost: set[str]) -> Progress:
    """Return how far a job was read under the name that it had before, which the cursor then forgets; else nothing."""
    for key in sorted(lost):
        before = _progress(new_cursor[key])
        if before.at and starts.get(before.done) == before.at:
            lost.discard(key)
            del new_cursor[key]
            return Progress(before.done, before.open, before.at, key)
    return Progress()


def _build_starts(session: Session, job: Job, done: int) -> dict[int, int]:
    """Return when each of a job's builds began, newest first, at least of those after `done`, by their numbers."""
    for which in ("builds", "allBuilds"):
        listed = _get_object(session, api_path(job.parts), f"{which}[number,timestamp]").get(which)
        found = {_number(each): _number(each, "timestamp") for each in listed} if isinstance(listed, list) else {}
        found.pop(0, None)
        if len(found) < NEWEST_LISTED or min(found) <= done + 1:
            break
    return dict(sorted(found.items(), reverse=True))


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


def _record(job: Job, build: Mapping[str, Any], was: str) -> Record:
    job_fields = {"path": job.path, **({"branch": job.branch} if job.branch else {}), **({"was": was} if was else {})}
    body = json.dumps({**build, JOB_FIELD: job_fields}, sort_keys=True, separators=(",", ":")).encode()
    return Record(BUILD, body)


def test_connection(session: Session, config: Mapping[str, Any]) -> list[str]:
    """Return how many jobs with builds can be read."""
    missing: list[str] = []
    found = jobs(session, config, missing)
    if missing:
        raise PullRefused(f"{'; '.join(missing)}. {REMEDY}")
    if not found:
        raise PullFailed("Jenkins shows no jobs with builds. Check the folders and the user’s access.")
    return [f"{len(found):,} {'job' if len(found) == 1 else 'jobs'} with builds"]


PULLING = Pulling(
    headers=headers,
    pages=pages,
    test_connection=test_connection,
    credential="The user’s API token (in Jenkins: user page, Security, API Token). It needs Overall/Read and Job/Read.",
)
