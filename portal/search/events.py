"""What the search tells itself through the outbox: one class for each topic."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from portal.kernel.events import Event


@dataclass(frozen=True, kw_only=True)
class SearchStale(Event):
    """The index entries of some things may be out of date. Published by the search itself, a few hundred at a time.

    kind: what they are, as documents.py calls it: story, release, squad and so on.
    ids: their primary keys.
    """

    topic: ClassVar[str] = "search.stale"
    kind: str
    ids: Sequence[Any]


@dataclass(frozen=True, kw_only=True)
class SearchEmptied(Event):
    """Everything is to be indexed again. Published when the sample company is removed, and by a migration."""

    topic: ClassVar[str] = "search.emptied"
