"""Fields that all of GitLab's objects share: times in several formats, and their project."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from releases.providers import parse
from releases.providers.facts import Unreadable
from releases.providers.web_urls import host_of, path_of

# The fields of its project that a pulled record contains. Others change from day to day and would make a new record.
PROJECT = "_project"
PROJECT_FIELDS = ("id", "path_with_namespace", "web_url", "default_branch")
NAMED_ZONE = re.compile(r"\s*(?:UTC|GMT)$")
SPACED_ZONE = re.compile(r"\s+([+-]\d{2}:?\d{2})$")


def moment(text: object, field: str = "") -> datetime | None:
    """Parse "2017-09-15 16:50:55 UTC", "2021-04-28 21:50:00 +0200" or ISO 8601; None for anything else."""
    if not isinstance(text, str):
        return None
    return parse.moment(SPACED_ZONE.sub(r"\1", NAMED_ZONE.sub("+00:00", text.strip())), field=field)


def first_moment(holder: Mapping[str, Any], *names: str) -> datetime | None:
    """Return the first time in the named fields, or None."""
    return next((found for name in names if (found := moment(holder.get(name), name)) is not None), None)


def required_moment(at: datetime | None, fields: str) -> datetime:
    """Return the time if there is one; else raise Unreadable naming the fields that could have had it."""
    if at is None:
        raise Unreadable(f"none of {fields} is a time such as 2026-01-31T12:00:00Z")
    return at


@dataclass(frozen=True, slots=True)
class ProjectRef:
    """A project: its host, its path there ("shop/checkout") and its default branch, each "" if unknown."""

    host: str
    path: str
    branch: str

    def key(self, kind: str, id_: str, field: str = "id") -> str:
        """Return the key of an object on this host, where its id is unique; Unreadable without an id."""
        if not id_:
            raise Unreadable(f"{field} is missing")
        return parse.key_of(self.host or "gitlab", kind, id_)


def project_of(payload: Mapping[str, Any], config: Mapping[str, Any], url: str = "") -> ProjectRef:
    """Return the project of a webhook or record; `url` is the URL of the object itself, if it has one."""
    project = parse.object_in(payload, PROJECT) or parse.object_in(payload, "project")
    home = parse.text_in(project, "web_url", "homepage")
    path = parse.text_in(project, "path_with_namespace") or path_of(home) or path_of(url).partition("/-/")[0]
    configured = config.get("url")
    return ProjectRef(
        host=host_of(home, url, configured if isinstance(configured, str) else ""),
        path=parse.cut(path.strip("/"), 250),
        branch=parse.text_in(project, "default_branch"),
    )


def trimmed(holder: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with its field names stripped: some senders put spaces around them."""
    return {name.strip(): value for name, value in holder.items()}
