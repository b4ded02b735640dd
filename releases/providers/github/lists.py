"""The lists of one repository, each read on from its mark. A reader yields complete pages of records and moves the mark.

Where only numbered pages are to be had, what is new moves the rest to later pages while they are read: it may come twice,
and the next pull begins before the newest that this one saw.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from releases.providers import parse
from releases.providers.base import Missing, Record
from releases.providers.github.paging import PER_PAGE, Params, has_next, listed
from releases.providers.github.reading import BRANCH, COMMITS, FILES, STATUSES, moment, slim
from releases.providers.github.repository import (
    LONGEST_RUN,
    MOST_OPEN,
    OVERLAP,
    Mark,
    Repository,
    Said,
    morning,
    written,
)
from releases.providers.github.runs import runs
from releases.providers.github.tables import SUPERSEDED

# What needs more requests for each comes in small pages: a pull that stops behind each of them must still get on.
LOT = 20
NEWEST_COMMITS = 5
MOST_COMMITS = 250
ENDED = frozenset({"success", "failure", "error", SUPERSEDED})


# Lists in pages of numbers, newest first


def _numbered(
    this: Repository,
    mark: Mark,
    name: str,
    params: Params,
    until: Callable[[Said], bool],
    wanted: Callable[[Said], bool],
    more: Callable[[Said], Record | None],
) -> Iterator[list[Record]]:
    """Yield records of what is wanted, page after page, up to the first page that ends with something `until` knows.

    A reading that was broken off goes on with the page it was at; what it had not seen then has moved to later pages.
    """
    path = f"{this.path}/{name}"
    page: int | None = int(mark.get("page") or 1)
    while page:
        asked: Params = {**params, "page": page}
        answer, note = this.asker.ask(path, asked)
        if answer is not None:
            found = listed(answer)
            note = [page + 1 if has_next(answer) else None, _times(found[-1]) if found else {}]
            for each in found:
                mark["newest"] = max(str(mark.get("newest") or ""), parse.text_in(each, "updated_at", "created_at"))
            records = [record for each in filter(wanted, found) if (record := more(each)) is not None]
            this.asker.keep(path, asked, answer, note)
            mark["page"] = (None if until(note[1]) else note[0]) or 1
            yield records
        page = None if until(note[1]) else note[0]
    if mark.get("newest"):
        mark["seen"] = mark["newest"]
    mark.pop("page", None)


def _times(each: Said) -> dict[str, Any]:
    return {name: each[name] for name in ("created_at", "updated_at", "published_at") if each.get(name)}


def _at(each: Said, *names: str) -> datetime | None:
    return next((at for name in names if (at := moment(each.get(name))) is not None), None)


def pull_requests(this: Repository, mark: Mark) -> Iterator[list[Record]]:
    """Merged pull requests, last changed first, each with its commits where they did not reach the mainline themselves."""
    seen = moment(mark.get("seen"))
    begin = max(this.since, seen - OVERLAP) if seen else this.since

    def is_old(each: Said) -> bool:
        at = _at(each, "updated_at")
        return at is not None and at < begin

    def with_commits(each: Said) -> Record:
        return this.record("pull_request", each, **_merge(this, each))

    yield from _numbered(
        this,
        mark,
        "pulls",
        {"state": "closed", "sort": "updated", "direction": "desc", "per_page": LOT},
        is_old,
        lambda each: bool(each.get("merged_at")) and not is_old(each),
        with_commits,
    )


def _merge(this: Repository, request: Said) -> dict[str, Any]:
    """Return what a merge left out, and the files it touched. A merge with two parents left nothing out."""
    sha = parse.sha(parse.text_in(request, "merge_commit_sha"))
    if not sha:
        return {}
    try:
        commit = this.asker.plain(f"{this.path}/commits/{sha}").json()
        if not isinstance(commit, Mapping):
            return {}
        files = commit.get("files")
        changed = [each for each in files if isinstance(each, Mapping)] if isinstance(files, list) else []
        names = [parse.text_in(each, "filename") for each in changed]
        parents = commit.get("parents")
        if isinstance(parents, list) and len(parents) > 1:
            return {FILES: names}
        number = quote(parse.text_in(request, "number"))
        commits = this.every(f"{this.path}/pulls/{number}/commits", MOST_COMMITS)
    except Missing:
        return {}
    return {FILES: names, COMMITS: [_original(each) for each in commits]}


def _original(each: Said) -> dict[str, str]:
    author = parse.part_of(parse.part_of(each, "commit"), "author")
    return {"sha": parse.text_in(each, "sha"), "at": parse.text_in(author, "date")}


def deployments(this: Repository, mark: Mark) -> Iterator[list[Record]]:
    """Deployments with all their statuses; those that were not over are looked at again until they are."""
    seen = moment(mark.get("seen"))
    begin = this.again(mark) if seen else this.since
    open_ = [dict(each) for each in mark.get("open") or [] if isinstance(each, Mapping)]
    records = [record for each in open_ if (record := _look_again(this, mark, each)) is not None]
    if records:
        yield records

    def is_old(each: Said) -> bool:
        at = _at(each, "created_at")
        return at is not None and at < begin

    def wanted(each: Said) -> bool:
        at, created = _at(each, "updated_at", "created_at"), _at(each, "created_at")
        fresh = seen is None or at is None or at >= seen - OVERLAP
        return fresh and (created is None or created >= this.since)

    yield from _numbered(
        this,
        mark,
        "deployments",
        {"per_page": LOT},
        is_old,
        wanted,
        lambda each: _deployment(this, mark, each, once=True),
    )
    mark["day"] = written(morning(this.now))


def _deployment(this: Repository, mark: Mark, each: Said, *, once: bool) -> Record | None:
    id_ = parse.text_in(each, "id")
    path, params = f"{this.path}/deployments/{quote(id_)}/statuses", Params(per_page=PER_PAGE)
    answer, _ = (this.asker.plain(path, params), None) if once else this.asker.ask(path, params)
    if answer is None:
        return None
    statuses = listed(answer)
    kept = [other for other in mark.get("open") or [] if parse.text_in(other, "id") != id_]
    if not any(parse.text_in(status, "state").lower() in ENDED for status in statuses) and len(kept) < MOST_OPEN:
        kept.append(slim(each))
        this.asker.keep(path, params, answer, None)
    mark["open"] = kept
    return this.record("deployment", each, **{STATUSES: slim(statuses)})


def _look_again(this: Repository, mark: Mark, each: Said) -> Record | None:
    created = _at(each, "created_at")
    try:
        if created is not None and created >= this.now - LONGEST_RUN:
            return _deployment(this, mark, each, once=False)
    except Missing:
        pass  # taken away since: nobody will say more about it
    mark["open"] = [
        other for other in mark.get("open") or [] if parse.text_in(other, "id") != parse.text_in(each, "id")
    ]
    return None


def releases(this: Repository, mark: Mark) -> Iterator[list[Record]]:
    """Releases that are no drafts."""
    begin = this.again(mark) if mark.get("seen") else this.since

    def is_old(each: Said) -> bool:
        at = _at(each, "published_at", "created_at")
        return at is not None and at < begin

    yield from _numbered(
        this,
        mark,
        "releases",
        {"per_page": PER_PAGE},
        is_old,
        lambda each: not each.get("draft") and not is_old(each),
        lambda each: this.record("release", each),
    )
    mark["day"] = written(morning(this.now))


# Issues, and what others say about commits


def issues(this: Repository, mark: Mark) -> Iterator[list[Record]]:
    """Issues in the order in which they changed. The page that was not full is asked for again the next time."""
    path, page = f"{this.path}/issues", 1
    after = str(mark.get("after") or written(this.since))
    while True:
        params: Params = {
            "state": "all",
            "sort": "updated",
            "direction": "asc",
            "since": after,
            "per_page": PER_PAGE,
            "page": page,
        }
        answer, _ = this.asker.ask(path, params)
        if answer is None:
            return
        found = listed(answer)
        last = _at(found[-1], "updated_at") if found else None
        follows = last is not None and has_next(answer)
        if not follows:
            this.asker.keep(path, params, answer, None)
        elif last is not None and written(last) > after:
            after, page = written(last), 1
            mark["after"] = after
        else:
            page += 1
        yield [this.record("issues", each) for each in found if "pull_request" not in each]
        if not follows:
            return


def checks(this: Repository, mark: Mark) -> Iterator[list[Record]]:
    """Statuses and checks of the newest commits of the branch that counts. A repository without commits has none."""
    branch = parse.text_in(this.home, "default_branch")
    if not branch:
        return
    try:
        answer, head = this.asker.ask(f"{this.path}/branches/{quote(branch, safe='')}")
    except Missing:
        return
    if answer is not None:
        read = answer.json()
        head = parse.text_in(parse.part_of(read, "commit"), "sha") if isinstance(read, Mapping) else ""
        this.asker.keep(f"{this.path}/branches/{quote(branch, safe='')}", None, answer, head)
    if not head:
        return
    params: Params = {"sha": head, "per_page": NEWEST_COMMITS}
    answer, shas = this.asker.ask(f"{this.path}/commits", params)
    if answer is not None:
        shas = [sha for each in listed(answer) if (sha := parse.sha(parse.text_in(each, "sha")))]
        this.asker.keep(f"{this.path}/commits", params, answer, shas)
    for sha in shas:
        records = _said_of(this, sha, "status", f"{this.path}/commits/{sha}/statuses", "", branch)
        records += _said_of(this, sha, "check_run", f"{this.path}/commits/{sha}/check-runs", "check_runs", branch)
        if records:
            yield records


def _said_of(this: Repository, sha: str, kind: str, path: str, within: str, branch: str) -> list[Record]:
    params: Params = {"per_page": PER_PAGE}
    answer, _ = this.asker.ask(path, params)
    if answer is None:
        return []
    found = listed(answer, within)
    this.asker.keep(path, params, answer, None)
    own = {"sha": sha} if kind == "status" else {}
    return [this.record(kind, each, **own, **{BRANCH: branch}) for each in found]


# The setting that leaves a list out (or its name), what its objects are called, and its reader.
LISTS: tuple[tuple[str, str, Callable[[Repository, Mark], Iterator[list[Record]]]], ...] = (
    ("runs", "runs", runs),
    ("pull_requests", "pull requests", pull_requests),
    ("deployments", "deployments", deployments),
    ("releases", "releases", releases),
    ("issues", "issues", issues),
    ("checks", "statuses and checks", checks),
)
