"""Fields that all of GitHub's objects share: their repository and their times."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from releases.providers import parse
from releases.providers.facts import Unreadable
from releases.providers.web_urls import host_of, path_of

REPOSITORY, COMMITS, FILES, STATUSES, BRANCH = "_repository", "_commits", "_files", "_statuses", "_branch"
REPOSITORY_FIELDS = ("full_name", "html_url", "default_branch")
LINKS = frozenset({"html_url", "target_url", "log_url", "environment_url", "details_url"})
# Fields not stored: they are known from elsewhere, or change while the object itself does not.
DROPPED = frozenset(
    {
        "_links",
        "permissions",
        "reactions",
        "assets",
        "verification",
        "node_id",
        "score",
        "plan",
        "repo_info",
        "workflow_permissions",
        "requested_reviewers",
        "requested_teams",
        "assignees",
        "assignee",
        "milestone",
    }
)

NESTED = frozenset({dict, list})


@dataclass(frozen=True, slots=True)
class RepositoryRef:
    """A repository: its host, its path there ("shop/checkout") and its default branch, each "" if unknown."""

    host: str
    path: str
    branch: str

    def key(self, kind: str, *ids: str) -> str:
        """Return the key of an object on this host; Unreadable if an id is empty."""
        if not all(ids):
            raise Unreadable(f"the {kind} has no id")
        return parse.key_of(self.host or "github.com", kind, *ids)


def repository_of(payload: Mapping[str, Any], config: Mapping[str, Any], url: str = "") -> RepositoryRef:
    """Return the repository of a webhook or record; `url` is the URL of the object itself, if it has one.

    The host is that of the web pages, not of the API: github.com, not api.github.com.
    """
    repository = parse.object_in(payload, REPOSITORY) or parse.object_in(payload, "repository")
    home = parse.text_in(repository, "html_url")
    configured = config.get("url")
    host = host_of(home, url, configured if isinstance(configured, str) else "").removeprefix("api.")
    path = parse.text_in(repository, "full_name") or path_of(home)
    if not path and url:
        parts = path_of(url).removeprefix("api/v3/").removeprefix("repos/").split("/")
        path = "/".join(parts[:2])
    return RepositoryRef(host=host, path=parse.cut(path, 250), branch=parse.text_in(repository, "default_branch"))


def moment(value: object, field: str = "") -> datetime | None:
    """Parse ISO 8601, or seconds since 1970 as in pushes; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**11:
        return datetime.fromtimestamp(value, UTC)
    return parse.moment(value, field=field)


def first_moment(holder: Mapping[str, Any], *names: str) -> datetime | None:
    """Return the first time in the named fields, or None."""
    return next((found for name in names if (found := moment(holder.get(name), name)) is not None), None)


def required_moment(holder: Mapping[str, Any], *names: str) -> datetime:
    """Return the first time in the named fields; Unreadable names the fields when none has one."""
    found = first_moment(holder, *names)
    if found is None:
        raise Unreadable(f"none of {', '.join(names)} is a time such as 2026-01-31T12:00:00Z")
    return found


def slim(value: Any) -> Any:
    """Return an object of the API without URLs of the API, DROPPED fields, and all but the names of people (and that one
    is a bot) and repositories.

    Counters of stars and the like would make an unchanged object look new.
    """
    kind = type(value)
    if kind is list:
        return [slim(each) for each in value]
    if kind is not dict:
        return value
    if "login" in value:
        return {name: value[name] for name in ("login", "type") if name == "login" or value.get(name) == "Bot"}
    if "full_name" in value:
        return {name: value.get(name) for name in REPOSITORY_FIELDS if name in value}
    return {
        name: slim(each) if type(each) in NESTED else each
        for name, each in value.items()
        if (name[-4:] != "_url" and name not in DROPPED) or name in LINKS
    }
