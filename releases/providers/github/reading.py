"""What all of GitHub's objects have in common: the repository they belong to, and when they were so."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from releases.providers import parse
from releases.providers.addresses import host_of, path_of
from releases.providers.facts import Unreadable

REPOSITORY, COMMITS, FILES, STATUSES, BRANCH = "_repository", "_commits", "_files", "_statuses", "_branch"
REPOSITORY_FIELDS = ("full_name", "html_url", "default_branch")
LINKS = frozenset({"html_url", "target_url", "log_url", "environment_url", "details_url"})
# What these hold is known elsewhere, or changes while the thing itself does not.
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
class Place:
    """A repository: its host, its path there ("shop/checkout") and the branch that counts, each "" if unknown."""

    host: str
    path: str
    branch: str

    def key(self, kind: str, *ids: str) -> str:
        """Return the key of an object of this host."""
        if not all(ids):
            raise Unreadable(f"the {kind} has no id")
        return parse.key_of(self.host or "github.com", kind, *ids)


def place(said: Mapping[str, Any], config: Mapping[str, Any], url: str = "") -> Place:
    """Return the repository that a webhook or a record speaks of; `url` is an address of the thing itself, if it has one.

    The host is the one that people see, for the API may live on another: api.github.com speaks of github.com.
    """
    repository = parse.part_of(said, REPOSITORY) or parse.part_of(said, "repository")
    home = parse.text_in(repository, "html_url")
    configured = config.get("url")
    host = host_of(home, url, configured if isinstance(configured, str) else "").removeprefix("api.")
    path = parse.text_in(repository, "full_name") or path_of(home)
    if not path and url:
        parts = path_of(url).removeprefix("api/v3/").removeprefix("repos/").split("/")
        path = "/".join(parts[:2])
    return Place(host=host, path=parse.cut(path, 250), branch=parse.text_in(repository, "default_branch"))


def moment(value: object) -> datetime | None:
    """Read ISO 8601, or seconds since 1970 as pushes write them; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**11:
        return datetime.fromtimestamp(value, UTC)
    return parse.moment(value)


def first_moment(holder: Mapping[str, Any], *names: str) -> datetime | None:
    """Return the first of the named fields that holds a moment."""
    return next((found for name in names if (found := moment(holder.get(name))) is not None), None)


def needed(holder: Mapping[str, Any], *names: str) -> datetime:
    """Return the first moment in the named fields; Unreadable names those that could have held it."""
    found = first_moment(holder, *names)
    if found is None:
        raise Unreadable(f"none of {', '.join(names)} holds a moment such as 2026-01-31T12:00:00Z")
    return found


def slim(value: Any) -> Any:
    """Return an object of the API without what is kept elsewhere: links to the API, people beyond their names.

    Counters of stars and the like would make news of an object that has none.
    """
    kind = type(value)
    if kind is list:
        return [slim(each) for each in value]
    if kind is not dict:
        return value
    if "login" in value:
        return {"login": value["login"]}
    if "full_name" in value:
        return {name: value.get(name) for name in REPOSITORY_FIELDS if name in value}
    return {
        name: slim(each) if type(each) in NESTED else each
        for name, each in value.items()
        if (name[-4:] != "_url" and name not in DROPPED) or name in LINKS
    }
