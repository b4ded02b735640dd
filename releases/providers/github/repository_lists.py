"""The lists of one repository: pull requests, deployments, releases, issues, statuses and checks.

Each list is read from its `Mark` on, yields complete pages of records and moves the mark. Lists with numbered pages shift
while they are read, because new objects come first. So an object may come twice, and the next pull starts a little before
the newest object that this one saw.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from releases.providers import parse
from releases.providers.base import Missing, Record
from releases.providers.github.conditional_requests import PER_PAGE, Params, has_next_page, objects_in
from releases.providers.github.fields import BRANCH, COMMITS, FILES, STATUSES, moment, slim
from releases.providers.github.repository_reader import (
    LONGEST_RUN,
    MOST_OPEN,
    OVERLAP,
    Mark,
    RepositoryReader,
    iso8601,
    start_of_day,
)
from releases.providers.github.status_tables import SUPERSEDED
from releases.providers.github.workflow_runs import runs
from releases.providers.payloads import JsonObject

# For lists that need a further request for each object: even a pull that is stopped after every page gets on.
SMALL_PAGE = 20
NEWEST_COMMITS = 5
MOST_COMMITS = 250
ENDED = frozenset({"success", "failure", "error", SUPERSEDED})


# Lists in pages of numbers, newest first


def _numbered(
    reader: RepositoryReader,
    mark: Mark,
    name: str,
    params: Params,
    is_last: Callable[[JsonObject], bool],
    is_wanted: Callable[[JsonObject], bool],
    to_record: Callable[[JsonObject], Record | None],
) -> Iterator[list[Record]]:
    """Yield a record for each wanted object, newest first, up to the first page whose last object fulfils `is_last`.

    After an interruption it goes on with the page it was at: objects not read before have moved to later pages only.
    """
    path = f"{reader.path}/{name}"
    page: int | None = int(mark.get("page") or 1)
    while page:
        numbered: Params = {**params, "page": page}
        answer, remembered = reader.client.get_if_changed(path, numbered)
        if answer is not None:
            found = objects_in(answer)
            remembered = [page + 1 if has_next_page(answer) else None, _times(found[-1]) if found else {}]
            for each in found:
                mark["newest"] = max(str(mark.get("newest") or ""), parse.text_in(each, "updated_at", "created_at"))
            records = [record for each in filter(is_wanted, found) if (record := to_record(each)) is not None]
            reader.client.remember(path, numbered, answer, remembered)
            mark["page"] = (None if is_last(remembered[1]) else remembered[0]) or 1
            yield records
        page = None if is_last(remembered[1]) else remembered[0]
    if mark.get("newest"):
        mark["seen"] = mark["newest"]
    mark.pop("page", None)


def _times(each: JsonObject) -> dict[str, Any]:
    return {name: each[name] for name in ("created_at", "updated_at", "published_at") if each.get(name)}


def _moment_of(each: JsonObject, *names: str) -> datetime | None:
    return next((at for name in names if (at := moment(each.get(name))) is not None), None)


def pull_requests(reader: RepositoryReader, mark: Mark) -> Iterator[list[Record]]:
    """Yield merged pull requests, last changed first, each with the commits that a squash or rebase left out."""
    seen = moment(mark.get("seen"))
    begin = max(reader.since, seen - OVERLAP) if seen else reader.since

    def is_old(each: JsonObject) -> bool:
        at = _moment_of(each, "updated_at")
        return at is not None and at < begin

    def with_commits(each: JsonObject) -> Record:
        return reader.record("pull_request", each, **_merge_fields(reader, each))

    yield from _numbered(
        reader,
        mark,
        "pulls",
        {"state": "closed", "sort": "updated", "direction": "desc", "per_page": SMALL_PAGE},
        is_old,
        lambda each: bool(each.get("merged_at")) and not is_old(each),
        with_commits,
    )


def _merge_fields(reader: RepositoryReader, request: JsonObject) -> dict[str, Any]:
    """Return the files that a merge touched, and the commits it left out: none, for a merge commit with two parents."""
    sha = parse.sha(parse.text_in(request, "merge_commit_sha"))
    if not sha:
        return {}
    try:
        commit = reader.client.get(f"{reader.path}/commits/{sha}").json()
        if not isinstance(commit, Mapping):
            return {}
        files = commit.get("files")
        changed = [each for each in files if isinstance(each, Mapping)] if isinstance(files, list) else []
        names = [parse.text_in(each, "filename") for each in changed]
        parents = commit.get("parents")
        if isinstance(parents, list) and len(parents) > 1:
            return {FILES: names}
        number = quote(parse.text_in(request, "number"))
        commits = reader.read_all(f"{reader.path}/pulls/{number}/commits", MOST_COMMITS)
    except Missing:
        return {}
    return {FILES: names, COMMITS: [_original(each) for each in commits]}


def _original(each: JsonObject) -> dict[str, str]:
    author = parse.object_in(parse.object_in(each, "commit"), "author")
    return {"sha": parse.text_in(each, "sha"), "at": parse.text_in(author, "date")}


def deployments(reader: RepositoryReader, mark: Mark) -> Iterator[list[Record]]:
    """Yield deployments with all their statuses; unfinished ones are read again by each pull until they end."""
    seen = moment(mark.get("seen"))
    begin = reader.reread_since(mark) if seen else reader.since
    unfinished = [dict(each) for each in mark.get("open") or [] if isinstance(each, Mapping)]
    records = [record for each in unfinished if (record := _reread(reader, mark, each)) is not None]
    if records:
        yield records

    def is_old(each: JsonObject) -> bool:
        at = _moment_of(each, "created_at")
        return at is not None and at < begin

    def is_wanted(each: JsonObject) -> bool:
        at, created = _moment_of(each, "updated_at", "created_at"), _moment_of(each, "created_at")
        fresh = seen is None or at is None or at >= seen - OVERLAP
        return fresh and (created is None or created >= reader.since)

    yield from _numbered(
        reader,
        mark,
        "deployments",
        {"per_page": SMALL_PAGE},
        is_old,
        is_wanted,
        lambda each: _deployment(reader, mark, each, once=True),
    )
    mark["day"] = iso8601(start_of_day(reader.now))


def _deployment(reader: RepositoryReader, mark: Mark, each: JsonObject, *, once: bool) -> Record | None:
    id_ = parse.text_in(each, "id")
    path, params = f"{reader.path}/deployments/{quote(id_)}/statuses", Params(per_page=PER_PAGE)
    answer, _ = (reader.client.get(path, params), None) if once else reader.client.get_if_changed(path, params)
    if answer is None:
        return None
    statuses = objects_in(answer)
    unfinished = [other for other in mark.get("open") or [] if parse.text_in(other, "id") != id_]
    if not any(parse.text_in(status, "state").lower() in ENDED for status in statuses) and len(unfinished) < MOST_OPEN:
        unfinished.append(slim(each))
        reader.client.remember(path, params, answer, None)
    mark["open"] = unfinished
    return reader.record("deployment", each, **{STATUSES: slim(statuses)})


def _reread(reader: RepositoryReader, mark: Mark, each: JsonObject) -> Record | None:
    created = _moment_of(each, "created_at")
    try:
        if created is not None and created >= reader.now - LONGEST_RUN:
            return _deployment(reader, mark, each, once=False)
    except Missing:
        pass  # deleted since: nothing more will be known about it
    mark["open"] = [
        other for other in mark.get("open") or [] if parse.text_in(other, "id") != parse.text_in(each, "id")
    ]
    return None


def releases(reader: RepositoryReader, mark: Mark) -> Iterator[list[Record]]:
    """Yield releases that are no drafts."""
    begin = reader.reread_since(mark) if mark.get("seen") else reader.since

    def is_old(each: JsonObject) -> bool:
        at = _moment_of(each, "published_at", "created_at")
        return at is not None and at < begin

    yield from _numbered(
        reader,
        mark,
        "releases",
        {"per_page": PER_PAGE},
        is_old,
        lambda each: not each.get("draft") and not is_old(each),
        lambda each: reader.record("release", each),
    )
    mark["day"] = iso8601(start_of_day(reader.now))


# Issues; statuses and checks of commits


def issues(reader: RepositoryReader, mark: Mark) -> Iterator[list[Record]]:
    """Yield issues in the order in which they changed. The last page is asked for again by the next pull."""
    path, page = f"{reader.path}/issues", 1
    after = str(mark.get("after") or iso8601(reader.since))
    while True:
        params: Params = {
            "state": "all",
            "sort": "updated",
            "direction": "asc",
            "since": after,
            "per_page": PER_PAGE,
            "page": page,
        }
        answer, _ = reader.client.get_if_changed(path, params)
        if answer is None:
            return
        found = objects_in(answer)
        last = _moment_of(found[-1], "updated_at") if found else None
        has_next = last is not None and has_next_page(answer)
        if not has_next:
            reader.client.remember(path, params, answer, None)
        elif last is not None and iso8601(last) > after:
            after, page = iso8601(last), 1
            mark["after"] = after
        else:
            page += 1
        yield [reader.record("issues", each) for each in found if "pull_request" not in each]
        if not has_next:
            return


def checks(reader: RepositoryReader, mark: Mark) -> Iterator[list[Record]]:
    """Yield statuses and checks of the newest commits of the default branch; none for a repository without commits."""
    branch = parse.text_in(reader.info, "default_branch")
    if not branch:
        return
    try:
        answer, head = reader.client.get_if_changed(f"{reader.path}/branches/{quote(branch, safe='')}")
    except Missing:
        return
    if answer is not None:
        document = answer.json()
        head = parse.text_in(parse.object_in(document, "commit"), "sha") if isinstance(document, Mapping) else ""
        reader.client.remember(f"{reader.path}/branches/{quote(branch, safe='')}", None, answer, head)
    if not head:
        return
    params: Params = {"sha": head, "per_page": NEWEST_COMMITS}
    answer, shas = reader.client.get_if_changed(f"{reader.path}/commits", params)
    if answer is not None:
        shas = [sha for each in objects_in(answer) if (sha := parse.sha(parse.text_in(each, "sha")))]
        reader.client.remember(f"{reader.path}/commits", params, answer, shas)
    for sha in shas:
        records = _statuses_of(reader, sha, "status", f"{reader.path}/commits/{sha}/statuses", "", branch)
        records += _statuses_of(
            reader, sha, "check_run", f"{reader.path}/commits/{sha}/check-runs", "check_runs", branch
        )
        if records:
            yield records


def _statuses_of(reader: RepositoryReader, sha: str, kind: str, path: str, within: str, branch: str) -> list[Record]:
    params: Params = {"per_page": PER_PAGE}
    answer, _ = reader.client.get_if_changed(path, params)
    if answer is None:
        return []
    found = objects_in(answer, within)
    reader.client.remember(path, params, answer, None)
    own = {"sha": sha} if kind == "status" else {}
    return [reader.record(kind, each, **own, **{BRANCH: branch}) for each in found]


# The name of each list (and of the setting that leaves it out), its objects' name in the plural, and its reader.
LISTS: tuple[tuple[str, str, Callable[[RepositoryReader, Mark], Iterator[list[Record]]]], ...] = (
    ("runs", "runs", runs),
    ("pull_requests", "pull requests", pull_requests),
    ("deployments", "deployments", deployments),
    ("releases", "releases", releases),
    ("issues", "issues", issues),
    ("checks", "statuses and checks", checks),
)
