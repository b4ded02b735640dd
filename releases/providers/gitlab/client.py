"""Reading GitLab by its REST API: everything that changed since the last time, in the order in which it changed.

Lists are read oldest change first, a hundred at a time. A full page moves the window to where it ended rather than to
page 2, which would miss what slips between pages while they are read. The page that was not full is asked for again next
time, with the tag it came with, so that a pull without news is answered 304 throughout.
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
from releases.providers.gitlab.objects import COMMITS
from releases.providers.gitlab.reading import PROJECT, PROJECT_FIELDS, moment

PER_PAGE = 100
MOST_PROJECTS = 1000
MOST_REFUSALS = 5
LOOKED_AT = 20
# What becomes visible may have been stamped a little earlier than what was seen before it.
OVERLAP = timedelta(minutes=1)
OFF = "disabled"
UPDATED, CREATED = "updated", "created"
Params = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Step:
    """One list of a project. `level` is the setting that switches it off; `order` what it is ordered by, "" for nothing."""

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
        "One a line, as in its address: group/project. Left empty, all that the token's owner is a member of.",
        many=True,
        placeholder="shop/checkout",
    ),
    Setting(
        "since", "Read from", "A date such as 2026-01-31. Left empty, everything there is.", placeholder="2026-01-31"
    ),
)


def check(config: Mapping[str, Any]) -> None:
    """Raise NotAccepted for projects that are not named as in their address, and for a date that is none."""
    for name in projects_in(config):
        if "://" in name or not ("/" in name or name.isdigit()):
            raise NotAccepted(
                "projects", f"{parse.cut(name, 80)} is no project. Write group/project, without the host."
            )
    since = config.get("since")
    if since and _since(config) is None:
        raise NotAccepted("since", "That is no date. Write it as 2026-01-31.")


def projects_in(config: Mapping[str, Any]) -> list[str]:
    """Return the projects that a source names, each once."""
    return list(dict.fromkeys(name for line in parse.lines_in(config.get("projects")) if (name := line.strip("/"))))


def _since(config: Mapping[str, Any]) -> datetime | None:
    written = str(config.get("since") or "").strip()
    return parse.moment(f"{written[:10]}T00:00:00Z") if written else None


def headers(session: Session, config: Mapping[str, Any], credential: str) -> Mapping[str, str]:
    """A token of a person, a group or a project; without one, GitLab shows what is public."""
    return {"PRIVATE-TOKEN": credential} if credential else {}


# Paging


def following(answer: Answer, params: Params) -> Params | None:
    """Return the parameters of the next page, by keyset or by number; None on the last one.

    Only what stands behind the question mark is taken from a Link: GitLab may write it for another host than the one
    we speak to.
    """
    for part in answer.headers.get("link", "").split(","):
        address, _, rest = part.partition(";")
        if 'rel="next"' in rest.replace("'", '"'):
            return {**params, **dict(parse_qsl(urlsplit(address.strip().strip("<>")).query))}
    page = answer.headers.get("x-next-page", "").strip()
    return {**params, "page": int(page)} if page.isdecimal() and len(page) < 9 else None


def listed(answer: Answer) -> list[Mapping[str, Any]]:
    """Return the objects in a list; PullRefused when the answer is something else."""
    read = answer.json()
    if not isinstance(read, list):
        raise PullRefused(f"{answer.url} holds no list. Check that the address is GitLab's.")
    return [each for each in read if isinstance(each, Mapping)]


def _projects(session: Session, config: Mapping[str, Any], missing: list[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the projects a source names, or all that its token belongs to. `missing` gets those nobody knows."""
    named = projects_in(config)
    for name in named:
        try:
            read = session.get(f"/api/v4/projects/{quote(name, safe='')}").json()
        except Missing:
            missing.append(f"GitLab knows no project {name}, or does not show it to this token")
            continue
        if isinstance(read, Mapping) and parse.text_in(read, "id"):
            yield read
        else:
            missing.append(f"what GitLab says about {name} is no project")
    if named:
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
        fresh = [each for each in listed(answer) if parse.text_in(each, "id") not in seen]
        seen |= {parse.text_in(each, "id") for each in fresh}
        if len(seen) > MOST_PROJECTS:
            raise PullRefused(
                f"The token sees more than {MOST_PROJECTS:,} projects. Name those that matter in Projects."
            )
        yield from fresh
        params = following(answer, params) if fresh else None


# Pages


def pages(session: Session, config: Mapping[str, Any], cursor: Mapping[str, Any], now: datetime) -> Iterator[Page]:
    """Read each project's lists on from where the cursor says; whatever could not be read is said at the end."""
    missing: list[str] = []
    whole = 0
    left: dict[str, Any] = {key: dict(value) for key, value in cursor.items() if isinstance(value, Mapping)}
    for project in _projects(session, config, missing):
        id_, path = parse.text_in(project, "id"), parse.text_in(project, "path_with_namespace")
        for step in STEPS:
            if project.get(step.level) == OFF:
                continue
            own = left.setdefault(id_, {})
            reader = _Reader(session, project, step, dict(own.get(step.kind) or {}), _since(config))
            try:
                for records, mark in reader.read():
                    own[step.kind] = mark
                    yield Page(records, {**left, id_: dict(own)}, f"{step.many} of {path}", reader.done)
                whole += 1
            except Missing:
                missing.append(f"{step.many} of {path} are not shown to this token")
            except PullRefused as refused:
                missing.append(f"{step.many} of {path}: {refused}")
            if len(missing) >= MOST_REFUSALS:
                break
        if len(missing) >= MOST_REFUSALS:
            break
    if missing:
        remedy = "Give the token the scope read_api and at least the role Reporter there, or take the project out of Projects."
        if whole and len(missing) < MOST_REFUSALS:
            raise PullPartly(f"{'; '.join(missing)}. All else was read. {remedy}")
        raise PullRefused(f"{'; '.join(missing)}. {remedy}")


class _Reader:
    """One list of one project. Its mark: `after` (where the window begins), `tag` (of the page asked for first the next
    time), `seen` (how far it was read)."""

    def __init__(
        self, session: Session, project: Mapping[str, Any], step: Step, mark: dict[str, Any], since: datetime | None
    ) -> None:
        self.session, self.step, self.mark, self.done = session, step, mark, 0
        self.path = f"/api/v4/projects/{parse.text_in(project, 'id')}/{step.path}"
        self.project = {name: project[name] for name in PROJECT_FIELDS if name in project}
        self.seen = moment(mark.get("seen"))
        if step.order == UPDATED and since is not None and "after" not in mark:
            mark["after"] = _written(since)

    def read(self) -> Iterator[tuple[list[Record], dict[str, Any]]]:
        """Yield complete pages of what is new, each with the mark that is true once it is kept."""
        params: Params | None = self._first()
        tag, first, newest = str(self.mark.get("tag") or ""), "", self.seen
        page, before = 0, b""
        while params is not None:
            answer = self.session.get(self.path, params, {"If-None-Match": tag} if tag and not page else {})
            if answer.status == 304:
                return
            if answer.body == before and "page" in params:
                raise PullFailed(f"{answer.url} gave the same page twice, so there would be no end of it.")
            page, before = page + 1, answer.body
            found = listed(answer)
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
        """Go on where this page ended. Only while a page holds one single moment does the next number follow it."""
        follows = following(answer, params)
        if follows is None or not found:
            return None
        last = self._at(found[-1])
        if self.step.order == CREATED and last and self.seen and last < self.seen - OVERLAP:
            return None
        if self.step.order != UPDATED or last is None:
            return follows
        after = _written(last - timedelta(milliseconds=1))
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
        """Move the mark. What is read newest first has been seen only when it was read to its end."""
        self.mark.pop("tag", None)
        if newest is not None and (self.step.order == UPDATED or follows is None):
            self.mark["seen"] = _written(newest)
        if tag and follows is None:
            self.mark["tag"] = tag

    def _record(self, each: Mapping[str, Any]) -> Record:
        body = {**each, PROJECT: self.project}
        if self.step.kind == "merge_request" and each.get("squash_commit_sha"):
            body[COMMITS] = self._commits(parse.text_in(each, "iid"))
        return Record(f"pull.{self.step.kind}", json.dumps(body, sort_keys=True, separators=(",", ":")).encode())

    def _commits(self, iid: str) -> list[Mapping[str, Any]]:
        """Return the commits that a squash left out of the mainline."""
        params: Params | None = {"per_page": PER_PAGE}
        found: list[Mapping[str, Any]] = []
        while params is not None:
            try:
                answer = self.session.get(f"{self.path}/{quote(iid, safe='')}/commits", params)
            except Missing:
                return found
            some = listed(answer)
            found += [{name: each.get(name) for name in ("id", "committed_date", "created_at")} for each in some]
            params = following(answer, params) if some and len(found) < 1000 else None
        return found


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def look(session: Session, config: Mapping[str, Any]) -> list[str]:
    """Say what there is to see: projects, and the pipelines and environments of the first of them."""
    missing: list[str] = []
    projects = list(_projects(session, config, missing))
    if missing:
        raise PullRefused(f"{'; '.join(missing)}. Check its name, and that the token may read it.")
    counts = {"pipelines": 0, "environments": 0}
    for project in projects[:LOOKED_AT]:
        for step in STEPS:
            if step.many in counts and project.get(step.level) != OFF:
                counts[step.many] += _count(session, parse.text_in(project, "id"), step.path)
    some = f" in the first {LOOKED_AT}" if len(projects) > LOOKED_AT else ""
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
    return int(total) if total.isdecimal() and len(total) < 12 else len(listed(answer))


def _counted(number: int, one: str) -> str:
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


PULLING = Pulling(
    headers=headers,
    pages=pages,
    look=look,
    default_url="https://gitlab.com",
    credential="A token with the scope read_api, of a project, a group or a person who has at least the role Reporter.",
    per_minute=600,
)
