"""Keeping the index true to what there is."""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any

from django.db import transaction

from portal.kernel import clock
from portal.search import query_terms
from portal.search.documents import SOURCES, Entry
from portal.search.models import SearchEntry, SearchSpelling

AT_ONCE = 500


def index(kind: str, refs: Collection[Any]) -> int:
    """Bring the entries of these things up to date; of those that are gone, take the entries away. Return how many stay."""
    ids = list(dict.fromkeys(refs))
    kept = 0
    for some in _batches(ids):
        found = list(SOURCES[kind](some))
        with transaction.atomic():
            kept += _write(kind, found)
            gone = {str(ref) for ref in some} - {each.ref for each in found}
            if gone:
                SearchEntry.objects.filter(kind=kind, ref__in=gone).delete()
    return kept


def reindex() -> dict[str, int]:
    """Build the whole index anew, a few hundred things at a time, while it stays in use. Return how many of each kind."""
    counts = {}
    SearchSpelling.objects.all().delete()
    for kind, source in SOURCES.items():
        before = clock.now()
        counts[kind] = sum(_write(kind, some) for some in _batches(source(None)))
        SearchEntry.objects.filter(kind=kind, updated_at__lt=before).delete()
    SearchEntry.objects.exclude(kind__in=SOURCES).delete()
    return counts


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(rows)
    while some := list(islice(left, AT_ONCE)):
        yield some


@transaction.atomic
def _write(kind: str, found: list[Entry]) -> int:
    now = clock.now()
    SearchEntry.objects.bulk_create(
        (
            SearchEntry(
                kind=kind,
                ref=each.ref,
                key=each.key[:340],
                title=each.title[:300],
                body=each.body,
                url=each.url[:400],
                updated_at=now,
            )
            for each in found
        ),
        update_conflicts=True,
        unique_fields=["kind", "ref"],
        update_fields=["key", "title", "body", "url", "updated_at"],
    )
    _learn(
        {
            word
            for each in found
            for word in query_terms.split(f"{each.title} {each.body}")
            if query_terms.correctable(word)
        }
    )
    return len(found)


def _learn(terms: set[str]) -> None:
    """Remember words that were not known before, so that misspelling them leads to them."""
    known: set[str] = set()
    for some in _batches(sorted(terms)):
        known.update(SearchSpelling.objects.filter(spelling__in=some, word__in=some).values_list("word", flat=True))
    fresh = sorted(terms - known)
    for some in _batches(fresh):
        SearchSpelling.objects.bulk_create(
            (
                SearchSpelling(spelling=spelling, word=word)
                for word in some
                for spelling in sorted(query_terms.spellings(word))
            ),
            ignore_conflicts=True,
            batch_size=2000,
        )
