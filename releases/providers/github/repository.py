"""One repository that is being read: how far back, since when again, and how its records are written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from releases.providers.base import Record
from releases.providers.github.paging import PER_PAGE, Asker, has_next, listed
from releases.providers.github.reading import REPOSITORY, REPOSITORY_FIELDS, moment, slim

# Runs and deployments of so many days are looked at again, for they change without moving in their lists. The window
# begins with a day, so that its addresses, and their tags, stay the same for a day.
AGAIN = timedelta(days=3)
OVERLAP = timedelta(minutes=1)
# GitHub gives up on a run after 35 days.
LONGEST_RUN = timedelta(days=36)
MOST_OPEN = 100
# Fields stay in GitHub's order: sorting each of many thousand runs takes longer than keeping a run twice, which changes nothing.
_encode = json.JSONEncoder(separators=(",", ":")).encode
Said = Mapping[str, Any]
Mark = dict[str, Any]


def written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def morning(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(slots=True)
class Repository:
    """One repository that is being read. `done` counts its records."""

    asker: Asker
    home: Said
    days: int
    now: datetime
    done: int = 0
    # What every record says of where it belongs.
    place: Said = field(init=False)

    def __post_init__(self) -> None:
        self.place = {name: self.home[name] for name in REPOSITORY_FIELDS if name in self.home}

    @property
    def path(self) -> str:
        """Return where its lists are."""
        return f"/repos/{quote(self.home['full_name'])}"

    @property
    def since(self) -> datetime:
        """Return how far back history is read."""
        return morning(self.now - timedelta(days=self.days))

    def again(self, mark: Mark) -> datetime:
        """Return from when on things are looked at again: some days before the last complete pull."""
        last = moment(mark.get("day")) or self.now
        return max(morning(min(last, self.now) - AGAIN), self.since)

    def record(self, kind: str, each: Said, **more: Any) -> Record:
        """Return a record of an object, with what it belongs to."""
        self.done += 1
        body = {**slim(each), **more, REPOSITORY: self.place}
        return Record(f"pull.{kind}", _encode(body).encode())

    def every(self, path: str, most: int) -> list[dict[str, Any]]:
        """Return a short list that is read only once, to its end."""
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            answer = self.asker.plain(path, {"per_page": PER_PAGE, "page": page})
            some = listed(answer)
            found += some
            page += 1
            if not some or not has_next(answer) or len(found) >= most:
                return found
