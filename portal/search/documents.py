"""What is findable, kind by kind: which rows, under which words, at which address."""

from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse

from portal.accounts.models import User
from releases.incidents.queries import written_about
from releases.models import Environment, Incident, Release, Source
from releases.providers import PROVIDERS
from squads.models import Comment, Retrospective, Service, Squad, Story, StoryAlias
from squads.teams.keys import foreign_key_of

LONGEST_BODY, LONGEST_TITLE, LONGEST_KEY, LONGEST_URL = 20_000, 300, 340, 400
# What else a story is called stands in the first line of what is written in it, with this between.
NAMES = "\t"
AT_ONCE = 500


class Entry(NamedTuple):
    """One thing, ready to be written into the index."""

    ref: str
    key: str
    title: str
    body: str
    url: str

    def fitted(self) -> "Entry":
        """Return it as the columns of the index take it."""
        key, title = self.key[:LONGEST_KEY], self.title.replace("\0", "")[:LONGEST_TITLE]
        return Entry(self.ref, key, title, self.body, self.url[:LONGEST_URL])


def _some(rows: "QuerySet[Any]", refs: Collection[Any] | None) -> "QuerySet[Any]":
    return rows if refs is None else rows.filter(pk__in=refs)


def _joined(*parts: str) -> str:
    return "\n".join(part.replace("\0", "") for part in parts if part)[:LONGEST_BODY]


def _aliases(refs: Collection[Any] | None) -> "QuerySet[StoryAlias]":
    rows = StoryAlias.objects.order_by("pk")
    return rows if refs is None else rows.filter(story__in=refs)


def stories(refs: Collection[Any] | None) -> Iterator[Entry]:
    """Stories by key and title, then by what is written in them."""
    # Once: a reverse() per story costs more than the story.
    prefix = reverse("squads:stories:list")
    columns = ("pk", "key", "title", "description", "acceptance_criteria", "production_checks", "squad__name", "flag")
    aliases: dict[int, list[str]] = {}
    for pk, key in _aliases(refs).values_list("story_id", "key"):
        aliases.setdefault(pk, []).append(key)
    rows = _some(Story.objects.order_by("pk"), refs).values_list("external", *columns)
    for external, pk, key, title, *rest in rows.iterator(2000):
        names = dict.fromkeys(filter(None, (foreign_key_of(external, key), *aliases.get(pk, ()))))
        yield Entry(str(pk), key, title, _joined(NAMES.join(names), *rest), f"{prefix}{key}/")


def releases(refs: Collection[Any] | None) -> Iterator[Entry]:
    """Releases by version and line, then by their notes."""
    for each in _some(Release.objects.order_by("pk"), refs).iterator(2000):
        yield Entry(str(each.pk), each.version, str(each)[:300], _joined(each.notes), each.get_absolute_url())


def squads(refs: Collection[Any] | None) -> Iterator[Entry]:
    """Squads by the prefix of their keys and their name, then by their mission."""
    for each in _some(Squad.objects.order_by("pk"), refs).iterator(2000):
        yield Entry(str(each.pk), each.key_prefix, each.name, _joined(each.mission), each.get_absolute_url())


def services(refs: Collection[Any] | None) -> Iterator[Entry]:
    """Services by name, then by what is said of them, who owns them and their repositories."""
    rows = Service.objects.unmerged().select_related("squad").prefetch_related("repositories").order_by("pk")
    for each in _some(rows, refs).iterator(2000):
        repositories = " ".join(row.key for row in each.repositories.all())
        body = _joined(each.description, each.squad.name if each.squad else "", repositories)
        yield Entry(str(each.pk), each.slug, each.name, body, each.get_absolute_url())


def comments(refs: Collection[Any] | None) -> Iterator[Entry]:
    """Comments by what they say, under the key of their story; those that were removed say nothing."""
    rows = _some(Comment.objects.filter(removed_at=None).order_by("pk"), refs)
    prefix = reverse("squads:stories:list")
    for pk, key, body in rows.values_list("pk", "story__key", "body").iterator(2000):
        start = " ".join(body[:1000].split())[:120]
        yield Entry(str(pk), key, start, _joined(body), f"{prefix}{key}/#comment-{pk}")


def people(refs: Collection[Any] | None) -> Iterator[Entry]:
    """People who can sign in, by user name and name. What is shown of them is what they have to do."""
    prefix = reverse("squads:stories:list")
    for each in _some(User.objects.filter(is_active=True, program_of=None).order_by("pk"), refs).iterator(2000):
        yield Entry(str(each.pk), each.username, each.name, "", f"{prefix}?{urlencode({'assignee': each.username})}")


def sources(refs: Collection[Any] | None) -> Iterator[Entry]:
    """Sources by key and name, then by the system and the repository."""
    rows = Source.objects.select_related("repository").order_by("pk")
    for each in _some(rows, refs).iterator(2000):
        system = PROVIDERS[each.kind].name if each.kind in PROVIDERS else each.kind
        body = _joined(system, each.repository.key if each.repository else "")
        yield Entry(str(each.pk), each.key, each.name, body, each.get_absolute_url())


def environments(refs: Collection[Any] | None) -> Iterator[Entry]:
    """Environments that are there, by key and name, then by tier and where they are."""
    for each in _some(Environment.objects.unmerged().filter(gone_at=None).order_by("pk"), refs).iterator(2000):
        body = _joined(each.tier, each.location, each.cluster, each.realm)
        yield Entry(str(each.pk), each.key, each.name, body, each.get_absolute_url())


def retrospectives(refs: Collection[Any] | None) -> Iterator[Entry]:
    """Published retrospectives that everyone can read, by title, then by what is written in them and their themes.

    Restricted ones and drafts are in no index: not even their words may be offered as a spelling.
    """
    # The newest are indexed last, since a search looks at those first.
    rows = _some(Retrospective.objects.public().order_by("shown_at", "pk"), refs).select_related("squad")
    for each in rows.prefetch_related("sections", "themes", "services").iterator(500):
        names = " ".join([*(theme.name for theme in each.themes.all()), *(row.name for row in each.services.all())])
        body = _joined(*(section.text for section in each.sections.all()), names, each.squad.name)
        yield Entry(str(each.pk), "", each.title, body, each.get_absolute_url())


def incidents(refs: Collection[Any] | None) -> Iterator[Entry]:
    """Incidents by key and title, then by their services and what is written on them. Those that were merged into another, or
    that nothing reports any more, aren't found; what people wrote on the former is found with the other one."""
    rows = _some(Incident.objects.standing().order_by("pk"), refs).prefetch_related("services")
    found = rows.iterator(AT_ONCE)
    while some := list(islice(found, AT_ONCE)):
        written = written_about([each.pk for each in some])
        for each in some:
            names = " ".join(sorted(row.name for row in each.services.all()))
            body = _joined(*written.get(each.pk, ()), names)
            yield Entry(str(each.pk), each.key, each.title or each.key, body, each.get_absolute_url())


SOURCES: dict[str, Callable[[Collection[Any] | None], Iterator[Entry]]] = {
    "story": stories,
    "release": releases,
    "squad": squads,
    "service": services,
    "environment": environments,
    "person": people,
    "source": sources,
    "comment": comments,
    "retrospective": retrospectives,
    "incident": incidents,
}
