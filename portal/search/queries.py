"""Finding anything: one function, whatever the database and whatever was typed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.safestring import SafeString

from portal.search import engines, query_terms
from portal.search.documents import NAMES
from portal.search.models import SearchEntry, SearchSpelling
from portal.search.query_terms import Asked
from releases.models import Change, Run, StoryLink

KINDS = {
    "story": "Stories",
    "release": "Releases",
    "squad": "Squads",
    "service": "Services",
    "environment": "Environments",
    "change": "Changes",
    "branch": "Branches",
}
OTHERS = frozenset(KINDS) - {"story", "change", "branch"}
# So many are looked at before the best are chosen; beyond, a longer text finds the others.
MOST = 200
KEYS, LONGEST_KEY = 20, 60
SHORTEST_SHA = 4
# Without an index of subjects (SQLite), only so many of the newest changes are read.
CHANGES_READ = 20_000


class Hit(NamedTuple):
    """One thing that was found. `title` and `excerpt` are HTML in which the words that were looked for are marked."""

    kind: str
    key: str
    plain: str
    title: SafeString
    excerpt: SafeString
    url: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, the best first within each kind. `meant` is what was looked for instead of a misspelling."""

    asked: Asked
    hits: list[Hit]
    meant: str = ""

    def groups(self, each: int | None = None) -> list[tuple[str, str, list[Hit], int]]:
        """Return (kind, its name, its first hits, how many there are) of every kind that has some."""
        made = []
        for kind, name in KINDS.items():
            own = [hit for hit in self.hits if hit.kind == kind]
            if own:
                made.append((kind, name, own[:each], len(own)))
        return made


def find(text: str, kinds: Collection[str] = tuple(KINDS), limit: int = MOST) -> Found:
    """Return up to `limit` things of each kind that a text may mean, the best first: what is called exactly so, what
    begins so, then by title, then by what is written in it. When nothing has these words, the nearest spellings are
    looked for. Takes any text and never raises for one; a handful of queries whatever there is."""
    asked = query_terms.asked(text)
    limit = min(max(limit, 1), MOST)
    hits = _matching(asked, [(word,) for word in asked.words], kinds, limit)
    if hits or not asked.words:
        return Found(asked, hits)
    terms = _corrected(asked.words)
    if terms is None:
        return Found(asked, [])
    likely = Asked(asked.text, tuple(word for term in terms for word in term))
    return Found(asked, _matching(likely, terms, kinds, limit), " ".join(term[0] for term in terms))


def _matching(asked: Asked, terms: engines.Terms, kinds: Collection[str], limit: int) -> list[Hit]:
    if not asked.text:
        return []
    found = _entries(asked, terms, kinds)
    hits: list[Hit] = []
    for kind in KINDS:
        if kind in kinds:
            ranked = sorted((_rank(row, asked, terms), row) for row in found if row.kind == kind)
            hits += [_hit(row, asked.words) for _, row in ranked[:limit]]
    if "change" in kinds:
        hits += _changes(asked, terms, limit)
    if "branch" in kinds:
        hits += _branches(asked, limit)
    return hits


# Entries


class _Row(NamedTuple):
    kind: str
    key: str
    title: str
    body: str
    url: str
    pk: int


def _entries(asked: Asked, terms: engines.Terms, kinds: Collection[str]) -> list[_Row]:
    """Return the entries that may be meant: by key, by the words of keys and titles, and, if these are few, by any word."""
    ids: dict[int, None] = {}
    for stories in (True, False):
        if not ({"story"} if stories else OTHERS) & set(kinds):
            continue
        own = engines.candidates(terms, MOST, head=True, stories=stories)
        if len(own) < MOST:
            own += engines.candidates(terms, MOST, head=False, stories=stories)
        ids.update(dict.fromkeys(own))
    if len(asked.text) <= LONGEST_KEY and " " not in asked.text:
        ids.update(dict.fromkeys(engines.by_key(asked.text, KEYS)))
    columns = ("kind", "key", "title", "body", "url", "pk")
    rows = SearchEntry.objects.filter(pk__in=ids, kind__in=kinds).order_by().values_list(*columns)
    return [_Row._make(row) for row in rows]


def _rank(row: _Row, asked: Asked, terms: engines.Terms) -> tuple[Any, ...]:
    """Order hits of one kind, the least first."""
    key, wanted = row.key.casefold(), asked.text.casefold()
    head, title = query_terms.split(f"{row.key} {row.title}"), row.title.casefold()
    # What is written in a story begins with what else it is called.
    others = row.body.partition("\n")[0].casefold().split(NAMES) if row.kind == "story" else ()
    if wanted in (key, title, *others):
        level = 0
    elif key.startswith(wanted):
        level = 1
    elif title.startswith(wanted):
        level = 2
    elif all(any(word in head for word in term) for term in terms):
        level = 3
    elif all(any(each.startswith(tuple(term)) for each in head) for term in terms):
        level = 4
    else:
        level = 5
    # Keys of one length count up: PAY-2 before PAY-12. Of equals the newest comes first.
    return (
        level,
        len(row.key) if level == 1 else 0,
        row.key if level == 1 else "",
        len(head) if level == 3 else 0,
        -row.pk,
    )


def _hit(row: _Row, wanted: Sequence[str]) -> Hit:
    return Hit(
        row.kind,
        row.key,
        row.title,
        query_terms.marked(row.title, wanted),
        query_terms.excerpt(row.body, wanted),
        row.url,
    )


# Misspelling


def _corrected(wanted: Sequence[str]) -> list[tuple[str, ...]] | None:
    """Return what each word may have meant, itself where some entry has a word that begins so; None if one has nothing."""
    terms: list[tuple[str, ...]] = []
    changed = False
    for word in wanted:
        if _begins_something(word):
            terms.append((word,))
            continue
        likely = _likely(word)
        if not likely:
            return None
        terms.append(tuple(likely))
        changed = True
    return terms if changed else None


def _begins_something(word: str) -> bool:
    return any(engines.candidates([(word,)], 1, head=False, stories=stories) for stories in (True, False))


def _likely(word: str) -> list[str]:
    if not query_terms.correctable(word):
        return []
    known = SearchSpelling.objects.filter(spelling__in=query_terms.spellings(word)).values_list("word", flat=True)
    return query_terms.nearest(word, known.distinct()[:500])


# What is read straight from the tables of changes and runs


def _changes(asked: Asked, terms: engines.Terms, limit: int) -> list[Hit]:
    sha = asked.text.lower()
    rows, beside = Change.objects.order_by("-committed_at", "pk"), ("repository__service", "release")
    found: list[Change] = []
    if len(sha) >= SHORTEST_SHA and not sha.strip("0123456789abcdef"):
        # A range, which every database finds in its index of shas; "g" comes after every digit of one.
        found = list(rows.filter(sha__gte=sha, sha__lt=sha + "g").select_related(*beside)[:limit])
    if not found and terms:
        found = list(rows.filter(_subject(terms, limit)).select_related(*beside)[:limit])
    links = dict(
        StoryLink.objects.asking()
        .filter(change__in=[row.pk for row in found])
        .order_by("-key")
        .values_list("change_id", "story__key")
    )
    homes = {row.pk: _home_of(row, links.get(row.pk)) for row in found}
    return [
        Hit(
            "change",
            row.sha[:8],
            row.subject,
            query_terms.marked(row.subject or row.sha, asked.words),
            query_terms.marked(_said_of(row, links.get(row.pk)), ()),
            homes[row.pk],
        )
        for row in found
        if homes[row.pk]
    ]


def _subject(terms: engines.Terms, limit: int) -> Q:
    ids = engines.changes(terms, limit)
    if ids is not None:
        return Q(pk__in=ids)
    newest = Change.objects.order_by("-committed_at", "pk").values_list("committed_at", flat=True)
    since = list(newest[CHANGES_READ : CHANGES_READ + 1])
    query = Q(committed_at__gte=since[0]) if since and since[0] else Q()
    for term in terms:
        any_of = Q()
        for word in term:
            any_of |= Q(subject__icontains=word)
        query &= any_of
    return query


def _home_of(change: Change, story: str | None) -> str:
    """Return where a change is shown: with its story or release, else at its provider or service; "" for nowhere."""
    if story:
        return reverse("squads:stories:changes", args=[story])
    if change.release:
        return reverse("releases:planning:changes", args=[change.release.slug])
    service = change.repository.service
    return change.url or (service.get_absolute_url() if service else "")


def _said_of(change: Change, story: str | None) -> str:
    parts = (change.repository.key, f"of {story}" if story else "", change.author)
    return ", ".join(part for part in parts if part)


def _branches(asked: Asked, limit: int) -> list[Hit]:
    """Return branches that begin as was typed, each with its newest run."""
    if len(asked.text) < 2 or " " in asked.text:
        return []
    begins = Run.objects.filter(branch__startswith=asked.text).exclude(url="")
    newer = Run.objects.filter(
        branch=OuterRef("branch"), repository=OuterRef("repository"), finished_at__gt=OuterRef("finished_at")
    ).exclude(url="")
    rows = begins.filter(~Exists(newer)).select_related("repository").order_by("branch", "-finished_at", "pk")
    seen: dict[tuple[int | None, str], Run] = {}
    for run in rows[:limit]:
        seen.setdefault((run.repository_id, run.branch), run)
    return [
        Hit(
            "branch",
            "",
            run.branch,
            query_terms.marked(run.branch, asked.words),
            query_terms.marked(
                " ".join(filter(None, (str(run.repository or ""), run.pipeline, run.outcome or run.phase))), ()
            ),
            run.url,
        )
        for run in seen.values()
    ]
