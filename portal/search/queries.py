"""Finding anything: one function, whatever the database and whatever was typed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from django.utils.safestring import SafeString

from portal.kernel.actors import Anyone
from portal.search import code_hits, engines, operators, query_terms
from portal.search.documents import NAMES
from portal.search.hits import Hit
from portal.search.models import SearchEntry, SearchSpelling
from portal.search.query_terms import Asked
from squads.models import Comment, Membership, Retrospective, Story

KINDS = {
    "story": "Stories",
    "release": "Releases",
    "squad": "Squads",
    "service": "Services",
    "environment": "Environments",
    "person": "People",
    "source": "Sources",
    "incident": "Incidents",
    "retrospective": "Retrospectives",
    "comment": "Comments",
    "change": "Changes",
    "branch": "Branches",
}
# What is in the index, by the groups in which it is looked for.
GROUPS = {
    "story": {"story"},
    "comment": {"comment"},
    "retrospective": {"retrospective"},
    "other": frozenset(KINDS) - {"story", "comment", "retrospective", "change", "branch"},
}
# So many are looked at before the best are chosen; beyond, a longer text finds the others.
MOST = 200
KEYS, LONGEST_KEY = 20, 60


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, the best first within each kind. `meant` is what was looked for instead of a misspelling.

    `asked` is what was looked for without the operators of what was typed; `problem` says which of these mean nothing.
    """

    typed: str
    asked: Asked
    hits: list[Hit]
    meant: str = ""
    problem: str = ""
    note: str = ""
    # How many stories were found and not shown: cancelled, duplicates, or of archived squads.
    left_out: int = 0

    def groups(self, each: int | None = None) -> list[tuple[str, str, list[Hit], int]]:
        """Return (kind, its name, its first hits, how many there are) of every kind that has some."""
        made = []
        for kind, name in KINDS.items():
            own = [hit for hit in self.hits if hit.kind == kind]
            if own:
                made.append((kind, name, own[:each], len(own)))
        return made


def find(
    text: str,
    kinds: Collection[str] = tuple(KINDS),
    limit: int = MOST,
    *,
    me: Anyone | None = None,
    ended: bool = False,
) -> Found:
    """Return up to `limit` things of each kind that a text may mean, the best first: what is called exactly so, what
    begins so, then by title, then by what is written in it. When nothing has these words, the nearest spellings are
    looked for. Operators (operators.py) narrow it; `me` is who searches. Cancelled stories, duplicates and stories of
    archived squads are found by their keys, by operators, and with `ended`. Takes any text and never raises for one; a
    handful of queries whatever there is."""
    typed = query_terms.asked(text).text
    read = operators.read(typed, me, kinds)
    asked, limit = query_terms.asked(read.text), min(max(limit, 1), MOST)
    stories = None if read.stories is None else Story.objects.filter(read.stories)
    wanted = Wanted(frozenset(kinds) if read.kinds is None else read.kinds, stories, read.kinds is not None, ended)
    said: dict[str, Any] = {"problem": read.problem, "note": read.note}
    terms: Any = [(word,) for word in asked.words]
    found = NOTHING if read.problem else _matching(asked, terms, wanted, limit)
    if found.hits or found.left_out or not asked.words:
        return Found(typed, asked, found.hits, left_out=found.left_out, **said)
    terms = _corrected(asked.words)
    if terms is None:
        return Found(typed, asked, [], **said)
    likely = Asked(asked.text, tuple(word for term in terms for word in term))
    found = _matching(likely, terms, wanted, limit)
    return Found(typed, asked, found.hits, _meant(terms, found), left_out=found.left_out, **said)


class Wanted(NamedTuple):
    """What may be found: things of these kinds, and of stories only these; None where all may. `narrowed` says that an
    operator asks for it, so that words are not needed; `ended` that stories are shown however they ended."""

    kinds: frozenset[str]
    stories: "QuerySet[Story] | None"
    narrowed: bool
    ended: bool = False


class Matches(NamedTuple):
    """What was found: the hits, how many stories are left out since they ended other than done, and all entries."""

    hits: list[Hit]
    left_out: int
    rows: "list[_Row]"


NOTHING = Matches([], 0, [])


def _matching(asked: Asked, terms: engines.Terms, wanted: Wanted, limit: int) -> Matches:
    """Return what there is with these words, the best first within each kind."""
    kinds = wanted.kinds
    if not asked.text and not wanted.narrowed:
        return NOTHING
    every = _entries(asked, terms, wanted) if asked.text else _newest(wanted)
    found = every if wanted.ended or wanted.stories is not None else _without_ended(every, asked)
    hits: list[Hit] = []
    for kind in KINDS:
        if kind in kinds:
            own = [row for row in found if row.kind == kind]
            # Without words nothing fits better than the newest.
            ranked = sorted(own, key=lambda row: _rank(row, asked, terms)) if asked.text else own
            hits += _hits(kind, ranked[:limit], asked.words)
    if "change" in kinds:
        hits += code_hits.changes(asked, terms, limit)
    if "branch" in kinds:
        hits += code_hits.branches(asked, limit)
    return Matches(hits, len(every) - len(found), every)


def _without_ended(rows: "list[_Row]", asked: Asked) -> "list[_Row]":
    """Leave out stories that were cancelled, are duplicates, or belong to archived squads, but those called exactly so."""
    wanted = asked.text.casefold()
    others = [row for row in rows if row.kind == "story" and wanted not in (row.key.casefold(), *_other_names(row))]
    if not others:
        return rows
    gone = Story.objects.filter(~Q(ending="") | Q(squad__archived_at__isnull=False), pk__in=[row.ref for row in others])
    refs = {str(pk) for pk in gone.order_by().values_list("pk", flat=True)}
    return [row for row in rows if row.kind != "story" or row.ref not in refs]


# Entries


class _Row(NamedTuple):
    kind: str
    ref: str
    key: str
    title: str
    body: str
    url: str
    pk: int


COLUMNS = ("kind", "ref", "key", "title", "body", "url", "pk")


def _newest(wanted: Wanted) -> list[_Row]:
    """Return the newest entries of what operators ask for."""
    rows = SearchEntry.objects.filter(kind__in=wanted.kinds)
    if wanted.stories is not None:
        newest = wanted.stories.order_by("-pk").values_list("pk", flat=True)[:MOST]
        rows = rows.filter(kind="story", ref__in=[str(pk) for pk in newest])
    return _still_public([_Row._make(row) for row in rows.order_by("-pk").values_list(*COLUMNS)[:MOST]])


def _entries(asked: Asked, terms: engines.Terms, wanted: Wanted) -> list[_Row]:
    """Return the entries that may be meant: by key, by the words of keys and titles, and, if these are few, by any word."""
    ids: dict[int, None] = {}
    for group in engines.GROUPS:
        if not GROUPS[group] & wanted.kinds:
            continue
        stories = wanted.stories if group == "story" else None
        if group == "retrospective":
            # Few have all these words; only where there are more than are looked at, titles go first.
            own = engines.candidates(terms, MOST, head=False, group=group)
            own += engines.candidates(terms, MOST, head=True, group=group) if len(own) == MOST else []
            ids.update(dict.fromkeys(own))
            continue
        # Of a comment nothing is a title.
        own = engines.candidates(terms, MOST, head=True, group=group, stories=stories) if group != "comment" else []
        if len(own) < MOST:
            own += engines.candidates(terms, MOST, head=False, group=group, stories=stories)
        ids.update(dict.fromkeys(own))
    if len(asked.text) <= LONGEST_KEY and " " not in asked.text:
        ids.update(dict.fromkeys(engines.by_key(asked.text, KEYS)))
    rows = SearchEntry.objects.filter(pk__in=ids, kind__in=wanted.kinds).order_by().values_list(*COLUMNS)
    found = _still_public([_Row._make(row) for row in rows])
    if wanted.stories is None:
        return found
    fitting = set(wanted.stories.filter(pk__in=[row.ref for row in found]).values_list("pk", flat=True))
    return [row for row in found if int(row.ref) in fitting]


def _still_public(rows: list[_Row]) -> list[_Row]:
    """Leave out retrospectives that were restricted a moment ago: the index hears of it later."""
    refs = [row.ref for row in rows if row.kind == "retrospective"]
    if not refs:
        return rows
    public = {str(pk) for pk in Retrospective.objects.public().filter(pk__in=refs).values_list("pk", flat=True)}
    return [row for row in rows if row.kind != "retrospective" or row.ref in public]


def _other_names(row: _Row) -> Sequence[str]:
    """Return what else a story is called: what is written in it begins with that."""
    return row.body.partition("\n")[0].casefold().split(NAMES) if row.kind == "story" else ()


def _rank(row: _Row, asked: Asked, terms: engines.Terms) -> tuple[Any, ...]:
    """Order hits of one kind, the least first."""
    key, wanted = row.key.casefold(), asked.text.casefold()
    head, title = query_terms.split(f"{row.key} {row.title}"), row.title.casefold()
    others = _other_names(row)
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
    """Return the hits of rows of one kind. Which squads people are in, and who said something, is read with them."""
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
    """Return people with the squads they are in."""
    squads: dict[str, list[str]] = {}
    memberships = Membership.objects.filter(user__in=[row.ref for row in rows]).order_by("squad__name")
    for user, squad in memberships.values_list("user_id", "squad__name"):
        squads.setdefault(str(user), []).append(squad)
    return [
        Hit(
            "person",
            row.key,
            row.title,
            query_terms.marked(row.title, wanted),
            query_terms.marked(", ".join(squads.get(row.ref, [])) or "in no squad", ()),
            row.url,
        )
        for row in rows
    ]


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


def _meant(terms: engines.Terms, matches: Matches) -> str:
    """Return the words that something found has, for what was misspelt: of each the most likely one.

    Words outlive what they were written in, which may be hidden by now.
    """
    texts = [f"{row.key} {row.title} {row.body}" for row in matches.rows]
    texts += [f"{hit.key} {hit.plain}" for hit in matches.hits]
    said = (
        next((word for word in term if any(query_terms.begins(word, text) for text in texts)), "") for term in terms
    )
    return " ".join(filter(None, said)) if matches.hits or matches.left_out else ""


def _begins_something(word: str) -> bool:
    return any(engines.candidates([(word,)], 1, head=False, group=group) for group in engines.GROUPS)


def _likely(word: str) -> list[str]:
    if not query_terms.correctable(word):
        return []
    known = SearchSpelling.objects.filter(spelling__in=query_terms.spellings(word)).values_list("word", flat=True)
    return query_terms.nearest(word, known.distinct()[:500])


# Retrospectives, for their own page


def retrospective_refs(text: str, most: int) -> list[str]:
    """Return the ids of up to so many published retrospectives that everyone can read and that have all these words."""
    words = query_terms.asked(text).words
    return [ref for ref, _ in engines.retrospectives([(word,) for word in words], most, head=False)]


def retrospectives_alike(words: Collection[str], most: int) -> list[tuple[str, str]]:
    """Return the ids and titles of up to so many published retrospectives that have any of these words in their titles, of
    those that everyone can read."""
    asked = tuple(part for word in words for part in query_terms.split(word))
    return engines.retrospectives([asked], most, head=True) if asked else []


def retrospective_excerpts(text: str, refs: Collection[str]) -> dict[str, SafeString]:
    """Return where the words stand in these retrospectives, by id."""
    rows = SearchEntry.objects.filter(kind="retrospective", ref__in=refs).order_by().values_list("ref", "body")
    words = query_terms.asked(text).words
    return {ref: found for ref, body in rows if (found := query_terms.excerpt(body, words))}
