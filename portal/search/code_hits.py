"""Changes and branches, which are found in their own tables: what is read from git is never out of date there."""

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from portal.search import engines, query_terms
from portal.search.hits import Hit
from portal.search.query_terms import Asked
from releases.models import Change, Run, StoryLink

SHORTEST_SHA = 4
# Without an index of subjects (SQLite), only so many of the newest changes are read.
CHANGES_READ = 20_000


def changes(asked: Asked, terms: engines.Terms, limit: int) -> list[Hit]:
    """Return changes whose sha begins as was typed; where there are none, those with these words in their subject."""
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
    """Return where a change is shown: with its story or release, at its provider, its service, else with what is unlinked."""
    if story:
        return reverse("squads:stories:changes", args=[story])
    if change.release:
        return reverse("releases:planning:changes", args=[change.release.slug])
    service = change.repository.service
    return change.url or (service.get_absolute_url() if service else reverse("releases:evidence:unlinked_changes"))


def _said_of(change: Change, story: str | None) -> str:
    parts = (change.repository.key, f"of {story}" if story else "", change.author)
    return ", ".join(part for part in parts if part)


def branches(asked: Asked, limit: int) -> list[Hit]:
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
