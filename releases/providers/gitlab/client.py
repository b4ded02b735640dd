"""Pulling GitLab through its REST API: everything that changed since the last pull, in the order of change.

Lists are read oldest change first, a hundred at a time. After a full page, the next request starts at the time of its last
object; asking for page 2 would miss objects that move between pages while they are read. The last page is asked for again by
the next pull with its ETag, so that a pull without changes is answered 304 throughout.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from releases.providers import parse
from releases.providers.base import (
    Answer,
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
from releases.providers.gitlab.fields import PROJECT, PROJECT_FIELDS, moment
from releases.providers.gitlab.translators import COMMITS

PER_PAGE = 100
MOST_PROJECTS = 1000
MOST_REFUSALS = 5
COUNTED_PROJECTS = 20
# An object may become visible a little later than others with a newer timestamp.
OVERLAP = timedelta(minutes=1)
OFF = "disabled"
UPDATED, CREATED = "updated", "created"
Params = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Step:
    """One list of a project. `level` is the project's setting that disables it; `order` the time it is sorted by, or ""."""

    kind: str
    path: str
    many: str
    level: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    order: str = UPDATED


STEPS = (
    Step(
        "merge_request",
        "merge_requests",
        "merge requests",
        "merge_requests_access_level",
        {"state": "merged", "scope": "all"},
    ),
    Step("pipeline", "pipelines", "pipelines", "builds_access_level"),
    Step("deployment", "deployments", "deployments", "environments_access_level"),
    Step("issue", "issues", "issues", "issues_access_level", {"scope": "all", "confidential": "false"}),
    Step("environment", "environments", "environments", "environments_access_level", {"states": "available"}, ""),
    Step("release", "releases", "releases", "releases_access_level", {}, CREATED),
)
SETTINGS = (
    Setting(
        "projects",
        "Projects",
        "One per line, as in its address: group/project. Leave empty for all the token’s owner is a member of.",
        many=True,
        placeholder="shop/checkout",
    ),
    Setting(
        "since", "Read from", "A date such as 2026-01-31. Leave empty to read everything.", placeholder="2026-01-31"
    ),
)


def check(config: Mapping[str, Any]) -> None:
    """Raise InvalidSetting for projects that are not named as in their address, and for a date that is none."""
    for name in projects_in(config):
        if "://" in name or not ("/" in name or name.isdigit()):
            raise InvalidSetting(
                "projects", f"{parse.cut(name, 80)} isn’t a project. Write group/project, without the host."
            )
    since = config.get("since")
    if since and _since(config) is None:
        raise InvalidSetting("since", "This isn’t a date. Write it as 2026-01-31.")


def projects_in(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the projects in a source's settings, each once."""
    return list(dict.fromkeys(name for line in parse.lines_in(config.get("projects")) if (name := line.strip("/"))))


def _since(config: Mapping[str, Any]) -> datetime | None:
    written = str(config.get("since") or "").strip()
    return parse.moment(f"{written[:10]}T00:00:00Z") if written else None


def headers(session: Session, config: Mapping[str, Any], credential: str) -> Mapping[str, str]:
    """Return the header with the token of a person, group or project; none for public projects."""
    return {"PRIVATE-TOKEN": credential} if credential else {}


# Paging


def next_params(answer: Answer, params: Params) -> Params | None:
    """Return the parameters of the next page, by keyset or by number; None on the last one.

    Only the query of a Link header's URL is used: GitLab may write it for another host than the one we ask.
    """
    for part in answer.headers.get("link", "").split(","):
        address, _, rest = part.partition(";")
        if 'rel="next"' in rest.replace("'", '"'):
            return {**params, **dict(parse_qsl(urlsplit(address.strip().strip("<>")).query))}
    page = answer.headers.get("x-next-page", "").strip()
    return {**params, "page": int(page)} if page.isdecimal() and len(page) < 9 else None


def objects_in(answer: Answer) -> list[Mapping[str, Any]]:
    """Return the objects in a list; PullRefused when the answer is something else."""
    document = answer.json()
    if not isinstance(document, list):
        raise PullRefused(f"{answer.url} returned no list. Check that this is GitLab’s address.")
    return [each for each in document if isinstance(each, Mapping)]


def _projects(session: Session, config: Mapping[str, Any], missing: list[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the projects in the settings, or all that the token is a member of; `missing` gets those GitLab does not show."""
    names = projects_in(config)
    for name in names:
        try:
            document = session.get(f"/api/v4/projects/{quote(name, safe='')}").json()
        except Missing:
            missing.append(f"GitLab has no project {name}, or this token can’t see it")
            continue
        if isinstance(document, Mapping) and parse.text_in(document, "id"):
            yield document
        else:
            missing.append(f"GitLab’s answer about {name} isn’t a project")
    if names:
        return
    params: Params | None = {
        "membership": "true",
        "archived": "false",
        "pagination": "keyset",
        "order_by": "id",
        "sort": "asc",
        "per_page": PER_PAGE,
    }
    seen: set[str] = set()
    while params is not None:
        answer = session.get("/api/v4/projects", params)
        fresh = [each for each in objects_in(answer) if parse.text_in(each, "id") not in seen]
        seen |= {parse.text_in(each, "id") for each in fresh}
        if len(seen) > MOST_PROJECTS:
            raise PullRefused(
                f"The token sees more than {MOST_PROJECTS:,} projects. List the ones you need under Projects."
            )
        yield from fresh
        params = next_params(answer, params) if fresh else None


# Pages


def pages(session: Session, config: Mapping[str, Any], cursor: Mapping[str, Any], now: datetime) -> Iterator[Page]:
    """Yield what is new in each project's lists since the cursor; raise at the end naming what could not be read."""
    missing: list[str] = []
    complete_lists = 0
    new_cursor: dict[str, Any] = {key: dict(value) for key, value in cursor.items() if isinstance(value, Mapping)}
    for project in _projects(session, config, missing):
        id_, path = parse.text_in(project, "id"), parse.text_in(project, "path_with_namespace")
        for step in STEPS:
            if project.get(step.level) == OFF:
                continue
            own_marks = new_cursor.setdefault(id_, {})
            reader = _Reader(session, project, step, dict(own_marks.get(step.kind) or {}), _since(config))
            try:
                for records, mark in reader.read():
                    own_marks[step.kind] = mark
                    yield Page(records, {**new_cursor, id_: dict(own_marks)}, f"{step.many} of {path}", reader.done)
                complete_lists += 1
            except Missing:
                missing.append(f"this token can’t see {step.many} of {path}")
            except PullRefused as refused:
                missing.append(f"{step.many} of {path}: {refused}")
            if len(missing) >= MOST_REFUSALS:
                break
        if len(missing) >= MOST_REFUSALS:
            break
    if missing:
        remedy = (
            "Give the token the scope read_api and at least the role Reporter, or remove the project from Projects."
        )
        if complete_lists and len(missing) < MOST_REFUSALS:
            raise PullIncomplete(f"{'; '.join(missing)}. Everything else was read. {remedy}")
        raise PullRefused(f"{'; '.join(missing)}. {remedy}")


class _Reader:
    """Reads one list of one project. Its mark is kept in the cursor: `after` (the start of the time window), `tag` (the ETag
    of the page that the next pull asks for first), `seen` (the newest time read)."""

    def __init__(
        self, session: Session, project: Mapping[str, Any], step: Step, mark: dict[str, Any], since: datetime | None
    ) -> None:
        self.session, self.step, self.mark, self.done = session, step, mark, 0
        self.path = f"/api/v4/projects/{parse.text_in(project, 'id')}/{step.path}"
        self.project = {name: project[name] for name in PROJECT_FIELDS if name in project}
        self.seen = moment(mark.get("seen"))
        if step.order == UPDATED and since is not None and "after" not in mark:
            mark["after"] = _iso8601(since)

    def read(self) -> Iterator[tuple[list[Record], dict[str, Any]]]:
        """Yield pages of what is new, each with the mark to keep once its records are stored."""
        params: Params | None = self._first()
        tag, first, newest = str(self.mark.get("tag") or ""), "", self.seen
        page, before = 0, b""
        while params is not None:
            answer = self.session.get(self.path, params, {"If-None-Match": tag} if tag and not page else {})
            if answer.status == 304:
                return
            if answer.body == before and "page" in params:
                raise PullFailed(f"{answer.url} returned the same page twice, so the pull was stopped.")
            page, before = page + 1, answer.body
            found = objects_in(answer)
            params = self._next(answer, found, params)
            newest = max([at for each in found if (at := self._at(each))] + ([newest] if newest else []), default=None)
            first = first or answer.headers.get("etag", "")
            self._note(
                newest, first if self.step.order == CREATED or page == 1 else answer.headers.get("etag", ""), params
            )
            records = [self._record(each) for each in found if self._is_new(each)]
            self.done += len(records)
            yield records, dict(self.mark)

    def _first(self) -> Params:
        params: Params = {**self.step.params, "per_page": PER_PAGE}
        if self.step.order == UPDATED:
            params |= {"order_by": "updated_at", "sort": "asc"}
            if self.mark.get("after"):
                params["updated_after"] = str(self.mark["after"])
        elif self.step.order == CREATED:
            params |= {"order_by": "created_at", "sort": "desc"}
        return params

    def _next(self, answer: Answer, found: list[Mapping[str, Any]], params: Params) -> Params | None:
        """Return the parameters of the next page: from this page's last time on, or by number if it has only one time."""
        follows = next_params(answer, params)
        if follows is None or not found:
            return None
        last = self._at(found[-1])
        if self.step.order == CREATED and last and self.seen and last < self.seen - OVERLAP:
            return None
        if self.step.order != UPDATED or last is None:
            return follows
        after = _iso8601(last - timedelta(milliseconds=1))
        if after == params.get("updated_after"):
            return follows
        self.mark["after"] = after
        return self._first()

    def _at(self, each: Mapping[str, Any]) -> datetime | None:
        return moment(each.get(f"{self.step.order}_at")) if self.step.order else None

    def _is_new(self, each: Mapping[str, Any]) -> bool:
        at = self._at(each)
        return self.seen is None or at is None or at >= self.seen - OVERLAP

    def _note(self, newest: datetime | None, tag: str, follows: Params | None) -> None:
        """Move the mark; for a list that is read newest first only once it was read to its end."""
        self.mark.pop("tag", None)
        if newest is not None and (self.step.order == UPDATED or follows is None):
            self.mark["seen"] = _iso8601(newest)
        if tag and follows is None:
            self.mark["tag"] = tag

    def _record(self, each: Mapping[str, Any]) -> Record:
        body = {**each, PROJECT: self.project}
        if self.step.kind == "merge_request" and each.get("squash_commit_sha"):
            body[COMMITS] = self._commits(parse.text_in(each, "iid"))
        return Record(f"pull.{self.step.kind}", json.dumps(body, sort_keys=True, separators=(",", ":")).encode())

    def _commits(self, iid: str) -> list[Mapping[str, Any]]:
        """Return the original commits of a squashed merge request."""
        params: Params | None = {"per_page": PER_PAGE}
        found: list[Mapping[str, Any]] = []
        while params is not None:
            try:
                answer = self.session.get(f"{self.path}/{quote(iid, safe='')}/commits", params)
            except Missing:
                return found
            some = objects_in(answer)
            found += [{name: each.get(name) for name in ("id", "committed_date", "created_at")} for each in some]
            params = next_params(answer, params) if some and len(found) < 1000 else None
        return found


def _iso8601(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_connection(session: Session, config: Mapping[str, Any]) -> list[str]:
    """Return how many projects can be read, and how many pipelines and environments the first of them have."""
    missing: list[str] = []
    projects = list(_projects(session, config, missing))
    if missing:
        raise PullRefused(f"{'; '.join(missing)}. Check its name and the token’s access.")
    counts = {"pipelines": 0, "environments": 0}
    for project in projects[:COUNTED_PROJECTS]:
        for step in STEPS:
            if step.many in counts and project.get(step.level) != OFF:
                counts[step.many] += _count(session, parse.text_in(project, "id"), step.path)
    some = f" in the first {COUNTED_PROJECTS}" if len(projects) > COUNTED_PROJECTS else ""
    return [
        _counted(len(projects), "project"),
        *(_counted(count, many.removesuffix("s")) + some for many, count in counts.items()),
    ]


def _count(session: Session, id_: str, path: str) -> int:
    try:
        answer = session.get(f"/api/v4/projects/{id_}/{path}", {"per_page": 1})
    except Missing:
        return 0
    total = answer.headers.get("x-total", "")
    return int(total) if total.isdecimal() and len(total) < 12 else len(objects_in(answer))


def _counted(number: int, one: str) -> str:
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


PULLING = Pulling(
    headers=headers,
    pages=pages,
    test_connection=test_connection,
    default_url="https://gitlab.com",
    credential="A project, group or personal token with the scope read_api and at least the role Reporter.",
    per_minute=600,
)
