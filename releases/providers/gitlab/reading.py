"""What all of GitLab's objects share: moments in several spellings, and the project something belongs to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from releases.providers import parse
from releases.providers.addresses import host_of, path_of
from releases.providers.facts import Unreadable

# What a pulled record carries of its project; what else there is changes from day to day and would make a new record.
PROJECT = "_project"
PROJECT_FIELDS = ("id", "path_with_namespace", "web_url", "default_branch")
NAMED_ZONE = re.compile(r"\s*(?:UTC|GMT)$")
SPACED_ZONE = re.compile(r"\s+([+-]\d{2}:?\d{2})$")


def moment(text: object) -> datetime | None:
    """Read "2017-09-15 16:50:55 UTC", "2021-04-28 21:50:00 +0200" or ISO 8601; None for anything else."""
    if not isinstance(text, str):
        return None
    return parse.moment(SPACED_ZONE.sub(r"\1", NAMED_ZONE.sub("+00:00", text.strip())))


def first_moment(holder: Mapping[str, Any], *names: str) -> datetime | None:
    """Return the first of the named fields that holds a moment."""
    return next((found for name in names if (found := moment(holder.get(name))) is not None), None)


def needed(at: datetime | None, fields: str) -> datetime:
    """Return when it was so; Unreadable names the fields that could have said it."""
    if at is None:
        raise Unreadable(f"none of {fields} holds a moment such as 2026-01-31T12:00:00Z")
    return at


@dataclass(frozen=True, slots=True)
class Place:
    """A project: the host it is on, its path there ("shop/checkout") and the branch that counts, each "" if unknown."""

    host: str
    path: str
    branch: str

    def key(self, kind: str, id_: str, field: str = "id") -> str:
        """Return the key of an object of this host; its id is unique there."""
        if not id_:
            raise Unreadable(f"{field} is missing")
        return parse.key_of(self.host or "gitlab", kind, id_)


def place(said: Mapping[str, Any], config: Mapping[str, Any], url: str = "") -> Place:
    """Return the project that a webhook or a record speaks of; `url` is the address of the thing itself, if it has one."""
    project = parse.part_of(said, PROJECT) or parse.part_of(said, "project")
    home = parse.text_in(project, "web_url", "homepage")
    path = parse.text_in(project, "path_with_namespace") or path_of(home) or path_of(url).partition("/-/")[0]
    configured = config.get("url")
    return Place(
        host=host_of(home, url, configured if isinstance(configured, str) else ""),
        path=parse.cut(path.strip("/"), 250),
        branch=parse.text_in(project, "default_branch"),
    )


def trimmed(holder: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object whose field names lost the spaces around them, as some senders write them."""
    return {name.strip(): value for name, value in holder.items()}
