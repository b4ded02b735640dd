"""What news does to the index. portal/subscriptions.py says which news."""

from collections.abc import Callable, Iterable
from typing import Any

from portal.kernel.events import AboutSome
from portal.kernel.outbox import publish
from portal.search.actions import AT_ONCE, index
from portal.search.documents import SOURCES
from portal.search.events import SearchEmptied, SearchStale
from portal.search.models import SearchEntry
from squads.events import ServiceChanged, SquadSaved, StoryMoved
from squads.models import Comment, Service, Squad, Story


def indexes(kind: str) -> Callable[[AboutSome], None]:
    """Return what indexes things of this kind anew when there is news of them."""

    def told(event: AboutSome) -> None:
        index(kind, event.ids)

    return told


def squads_saved(event: SquadSaved) -> None:
    """Index squads; where one is called otherwise now, its stories and services as well, which name it."""
    entries = SearchEntry.objects.filter(kind="squad", ref__in=[str(pk) for pk in event.ids])
    before = dict(entries.values_list("ref", "title"))
    index("squad", event.ids)
    for pk, name in Squad.objects.filter(pk__in=event.ids).values_list("pk", "name"):
        if before.get(str(pk), name) != name:
            _publish_stale("story", Story.objects.filter(squad=pk).order_by("pk").values_list("pk", flat=True))
            _publish_stale("service", Service.objects.filter(squad=pk).order_by("pk").values_list("pk", flat=True))


def service_changed(event: ServiceChanged) -> None:
    """Index a service that got or lost repositories, which it is found by."""
    index("service", [event.id])


def story_moved(event: StoryMoved) -> None:
    """Index a story under its new key, and its comments, which lead to it."""
    index("story", event.ids)
    _publish_stale("comment", Comment.objects.filter(story__in=event.ids).order_by("pk").values_list("pk", flat=True))


def _publish_stale(kind: str, ids: Iterable[Any]) -> None:
    """Have these things indexed in messages of a few hundred each, so that no transaction is long."""
    refs = list(ids)
    for start in range(0, len(refs), AT_ONCE):
        publish(SearchStale(kind=kind, ids=refs[start : start + AT_ONCE]))


def emptied(event: SearchEmptied) -> None:
    """Have everything indexed that is there, or was when it was indexed."""
    for kind, source in SOURCES.items():
        known = SearchEntry.objects.filter(kind=kind).values_list("ref", flat=True)
        _publish_stale(kind, sorted({each.ref for each in source(None)} | set(known)))


def stale(event: SearchStale) -> None:
    """Index these things of this kind."""
    index(event.kind, event.ids)
