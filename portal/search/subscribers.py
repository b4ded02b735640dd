"""What news does to the index. portal/subscriptions.py says which news."""

from collections.abc import Callable

from portal.kernel.events import AboutSome
from portal.kernel.outbox import publish
from portal.search.actions import AT_ONCE, index
from portal.search.documents import SOURCES
from portal.search.events import SearchEmptied, SearchStale
from portal.search.models import SearchEntry


def indexes(kind: str) -> Callable[[AboutSome], None]:
    """Return what indexes things of this kind anew when there is news of them."""

    def told(event: AboutSome) -> None:
        index(kind, event.ids)

    return told


def emptied(event: SearchEmptied) -> None:
    """Have everything indexed that is there, or was when it was indexed, in messages of a few hundred each, so that no
    transaction is long."""
    for kind, source in SOURCES.items():
        known = SearchEntry.objects.filter(kind=kind).values_list("ref", flat=True)
        refs = sorted({each.ref for each in source(None)} | set(known))
        for start in range(0, len(refs), AT_ONCE):
            publish(SearchStale(kind=kind, ids=refs[start : start + AT_ONCE]))


def stale(event: SearchStale) -> None:
    """Index these things of this kind."""
    index(event.kind, event.ids)
