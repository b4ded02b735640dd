"""Finding anything: one function, whatever the database and whatever was typed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.urls import reverse

from portal.search import code_hits, engines, query_terms
from portal.search.documents import NAMES
from portal.search.hits import Hit
from portal.search.models import SearchEntry, SearchSpelling
from portal.search.query_terms import Asked
from squads.models import Comment, Membership

KINDS = {
    "story": "Stories",
    "release": "Releases",
    "squad": "Squads",
    "service": "Services",
    "environment": "Environments",
    "person": "People",
    "source": "Sources",
    "comment": "Comments",
    "change": "Changes",
    "branch": "Branches",
}
# What is in the index, by the groups in which it is looked for.
GROUPS = {
    "story": {"story"},
    "comment": {"comment"},
    "other": frozenset(KINDS) - {"story", "comment", "change", "branch"},
}
# So many are looked at before the best are chosen; beyond, a longer text finds the others.
MOST = 200
KEYS, LONGEST_KEY = 20, 60


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
            hits += _hits(kind, [row for _, row in ranked[:limit]], asked.words)
    if "change" in kinds:
        hits += code_hits.changes(asked, terms, limit)
    if "branch" in kinds:
        hits += code_hits.branches(asked, limit)
    return hits


# Entries


class _Row(NamedTuple):
    kind: str
    ref: str
    key: str
    title: str
    body: str
    url: str
    pk: int


def _entries(asked: Asked, terms: engines.Terms, kinds: Collection[str]) -> list[_Row]:
    """Return the entries that may be meant: by key, by the words of keys and titles, and, if these are few, by any word."""
    ids: dict[int, None] = {}
    for group in engines.GROUPS:
        if not GROUPS[group] & set(kinds):
            continue
        # Of a comment nothing is a title.
        own = engines.candidates(terms, MOST, head=True, group=group) if group != "comment" else []
        if len(own) < MOST:
            own += engines.candidates(terms, MOST, head=False, group=group)
        ids.update(dict.fromkeys(own))
    if len(asked.text) <= LONGEST_KEY and " " not in asked.text:
        ids.update(dict.fromkeys(engines.by_key(asked.text, KEYS)))
    columns = ("kind", "ref", "key", "title", "body", "url", "pk")
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


def _hits(kind: str, rows: list[_Row], wanted: Sequence[str]) -> list[Hit]:
    """Return the hits of rows of one kind. Where people are shown, and who said something, is read with them."""
    if not rows:
        return []
    if kind == "person":
        return _people(rows, wanted)
    authors = _authors(rows) if kind == "comment" else {}
    return [
        Hit(
            row.kind,
            row.key,
            row.title,
            query_terms.marked(f"{authors[row.ref]}: {row.title}" if row.ref in authors else row.title, wanted),
            query_terms.excerpt(row.body, wanted),
            row.url,
        )
        for row in rows
    ]


def _authors(rows: list[_Row]) -> dict[str, str]:
    comments = Comment.objects.filter(pk__in=[row.ref for row in rows]).select_related("author")
    return {str(comment.pk): comment.author.name for comment in comments}


def _people(rows: list[_Row], wanted: Sequence[str]) -> list[Hit]:
    """Return people with the squads they are in; the page of the first one shows them."""
    squads: dict[str, list[Any]] = {}
    memberships = Membership.objects.filter(user__in=[row.ref for row in rows]).select_related("squad")
    for each in memberships.order_by("squad__name"):
        squads.setdefault(str(each.user_id), []).append(each.squad)
    hits = []
    for row in rows:
        own = squads.get(row.ref, [])
        where = reverse("squads:teams:people", args=[own[0].slug]) if own else reverse("squads:teams:list")
        names = query_terms.marked(", ".join(squad.name for squad in own) or "in no squad", ())
        hits.append(Hit("person", row.key, row.title, query_terms.marked(row.title, wanted), names, where))
    return hits


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
    return any(engines.candidates([(word,)], 1, head=False, group=group) for group in engines.GROUPS)


def _likely(word: str) -> list[str]:
    if not query_terms.correctable(word):
        return []
    known = SearchSpelling.objects.filter(spelling__in=query_terms.spellings(word)).values_list("word", flat=True)
    return query_terms.nearest(word, known.distinct()[:500])
