"""What all lists of a repository share: how far back they are read, what is read again, and making records."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from releases.providers.base import Record
from releases.providers.github.conditional_requests import PER_PAGE, EtagClient, has_next_page, objects_in
from releases.providers.github.fields import REPOSITORY, REPOSITORY_FIELDS, moment, slim
from releases.providers.payloads import JsonObject

# Runs and deployments of these days are read again, because they change without moving in their lists. The window starts
# at midnight, so that its URLs, and therefore their ETags, stay the same for a day.
REREAD_WINDOW = timedelta(days=3)
OVERLAP = timedelta(minutes=1)
# GitHub gives up on a run after 35 days.
LONGEST_RUN = timedelta(days=36)
MOST_OPEN = 100
# Keys are not sorted: sorting those of many thousand runs takes longer than storing a run twice, which is harmless.
_encode_json = json.JSONEncoder(separators=(",", ":")).encode
# How far a list was read; kept in the source's cursor.
Mark = dict[str, Any]


def iso8601(at: datetime) -> str:
    """Return a time in UTC as GitHub's parameters take it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def start_of_day(at: datetime) -> datetime:
    """Return midnight of that day."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(slots=True)
class RepositoryReader:
    """Reads one repository. `info` is its JSON, `days` the history to read, `done` the number of its records so far."""

    client: EtagClient
    info: JsonObject
    days: int
    now: datetime
    done: int = 0
    # Part of every record, so that it can be translated by itself.
    repository_fields: JsonObject = field(init=False)

    def __post_init__(self) -> None:
        self.repository_fields = {name: self.info[name] for name in REPOSITORY_FIELDS if name in self.info}

    @property
    def path(self) -> str:
        """Return the path of the repository in the API."""
        return f"/repos/{quote(self.info['full_name'])}"

    @property
    def since(self) -> datetime:
        """Return the start of the history that is read."""
        return start_of_day(self.now - timedelta(days=self.days))

    def reread_since(self, mark: Mark) -> datetime:
        """Return the start of the window that is read again: REREAD_WINDOW before the list's last complete pull."""
        last = moment(mark.get("day")) or self.now
        return max(start_of_day(min(last, self.now) - REREAD_WINDOW), self.since)

    def record(self, kind: str, each: JsonObject, **extra: Any) -> Record:
        """Return a record of an object of the API, with its repository."""
        self.done += 1
        body = {**slim(each), **extra, REPOSITORY: self.repository_fields}
        return Record(f"pull.{kind}", _encode_json(body).encode())

    def read_all(self, path: str, most: int) -> list[dict[str, Any]]:
        """Return all objects of a short list, about `most` at the most, without an ETag."""
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            answer = self.client.get(path, {"per_page": PER_PAGE, "page": page})
            objects = objects_in(answer)
            found += objects
            page += 1
            if not objects or not has_next_page(answer) or len(found) >= most:
                return found
