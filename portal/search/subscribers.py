"""What news does to the index. portal/subscriptions.py says which news."""

from collections.abc import Callable
from typing import Any

from portal.kernel.outbox import publish
from portal.search.actions import AT_ONCE, index
from portal.search.documents import SOURCES
from portal.search.models import SearchEntry


def indexes(kind: str) -> Callable[[dict[str, Any]], None]:
    """Return what answers news of one thing (id) or of many (ids) of a kind."""

    def told(payload: dict[str, Any]) -> None:
        index(kind, payload["ids"] if "ids" in payload else [payload["id"]])

    return told


def emptied(payload: dict[str, Any]) -> None:
    """Have everything indexed that is there, or was when it was indexed, in messages of a few hundred each, so that no
    transaction is long."""
    for kind, source in SOURCES.items():
        known = SearchEntry.objects.filter(kind=kind).values_list("ref", flat=True)
        refs = sorted({each.ref for each in source(None)} | set(known))
        for start in range(0, len(refs), AT_ONCE):
            publish("search.stale", kind=kind, ids=refs[start : start + AT_ONCE])


def stale(payload: dict[str, Any]) -> None:
    """Index these things of this kind."""
    index(payload["kind"], payload["ids"])
