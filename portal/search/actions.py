"""Keeping the index true to what there is."""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from django.db import transaction

from portal.kernel import clock
from portal.search import query_terms
from portal.search.documents import SOURCES, Entry
from portal.search.models import SearchEntry, SearchSpelling

AT_ONCE = 500
COLUMNS = ("ref", "key", "title", "body", "url")


class Difference(NamedTuple):
    """Where the index was not what the tables say. `problem` is missing, outdated or gone: indexed, but not there."""

    kind: str
    problem: str
    ref: str
    name: str


def index(kind: str, refs: Collection[Any]) -> int:
    """Bring the entries of these things up to date; of those that are gone, take the entries away. Return how many stay."""
    ids = list(dict.fromkeys(refs))
    kept = 0
    for some in _batches(ids):
        found = [each.fitted() for each in SOURCES[kind](some)]
        with transaction.atomic():
            kept += _write(kind, found)
            gone = {str(ref) for ref in some} - {each.ref for each in found}
            if gone:
                _forget(kind, gone)
    return kept


def _forget(kind: str, refs: Collection[str]) -> None:
    """Take entries away; those of stories with the entries of their comments, which nothing else tells of."""
    entries = SearchEntry.objects.filter(kind=kind, ref__in=refs)
    if kind == "story":
        keys = list(entries.values_list("key", flat=True))
        comments = SearchEntry.objects.filter(kind="comment", key__in=keys)
        index("comment", [int(ref) for ref in comments.values_list("ref", flat=True)])
    entries.delete()


def reindex() -> tuple[dict[str, int], list[Difference]]:
    """Build the whole index anew, a few hundred things at a time, while it stays in use.

    Return how many of each kind there are, and where the index was wrong before.
    """
    counts: dict[str, int] = {}
    differences: list[Difference] = []
    SearchSpelling.objects.all().delete()
    for kind, source in SOURCES.items():
        before = clock.now()
        counts[kind] = 0
        for some in _batches(each.fitted() for each in source(None)):
            differences += _compared(kind, some)
            counts[kind] += _write(kind, some)
        stale = SearchEntry.objects.filter(kind=kind, updated_at__lt=before)
        differences += _gone(kind, stale)
        stale.delete()
    differences += _gone("", SearchEntry.objects.exclude(kind__in=SOURCES))
    SearchEntry.objects.exclude(kind__in=SOURCES).delete()
    return counts, differences


def differences() -> list[Difference]:
    """Return where the index is not what the tables say, without changing it."""
    found: list[Difference] = []
    for kind, source in SOURCES.items():
        there: set[str] = set()
        for some in _batches(each.fitted() for each in source(None)):
            there |= {each.ref for each in some}
            found += _compared(kind, some)
        found += [each for each in _gone(kind, SearchEntry.objects.filter(kind=kind)) if each.ref not in there]
    return found + _gone("", SearchEntry.objects.exclude(kind__in=SOURCES))


def _compared(kind: str, some: list[Entry]) -> list[Difference]:
    rows = SearchEntry.objects.filter(kind=kind, ref__in=[each.ref for each in some]).values_list(*COLUMNS)
    known = {row[0]: Entry(*row) for row in rows}
    return [
        Difference(kind, "outdated" if each.ref in known else "missing", each.ref, each.key or each.title)
        for each in some
        if known.get(each.ref) != each
    ]


def _gone(kind: str, rows: Any) -> list[Difference]:
    entries = rows.order_by("pk").values_list("kind", "ref", "key", "title").iterator(2000)
    return [Difference(kind or own, "gone", ref, key or title) for own, ref, key, title in entries]


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(rows)
    while some := list(islice(left, AT_ONCE)):
        yield some


@transaction.atomic
def _write(kind: str, found: list[Entry]) -> int:
    now = clock.now()
    SearchEntry.objects.bulk_create(
        (SearchEntry(kind=kind, updated_at=now, **each._asdict()) for each in found),
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
