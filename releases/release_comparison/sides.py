"""The two things that are compared: a release or an artifact each, and the commit of every service in it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import F, QuerySet

from releases.artifacts.models import Artifact
from releases.contents.queries import Contents, contents_of
from releases.pipelines.models import Change, Run
from releases.planning.models import FormerName, Release
from squads.models import Service

ARTIFACT = "pkg:"
MOST_OFFERED = 200


@dataclass(frozen=True, slots=True)
class Piece:
    """One service of a side: the commit of it, or why that isn't known."""

    service: int
    name: str
    slug: str
    sha: str
    label: str
    why: str


@dataclass(frozen=True, slots=True)
class Side:
    """A release or an artifact, as `asked` names it: the slug of the one, the purl of the other."""

    asked: str
    name: str
    url: str
    pieces: dict[int, Piece] = field(default_factory=dict)
    # Stories that are planned for it; an artifact has none.
    planned: tuple[tuple[int, str], ...] = ()
    # Why nothing can be said of it at all.
    why_not: str = ""


def sides_of(asked: Iterable[str]) -> dict[str, Side]:
    """Return the sides that these slugs and purls name; what there is nothing called so is left out. 14 queries at most."""
    wanted = list(dict.fromkeys(each for each in asked if each))
    purls = [each for each in wanted if each.startswith(ARTIFACT)]
    found = {each.purl: _of_artifact(each) for each in _artifacts(purls)}
    return found | _releases([each for each in wanted if not each.startswith(ARTIFACT)])


def _releases(slugs: list[str]) -> dict[str, Side]:
    if not slugs:
        return {}
    rows = {each.slug: each for each in Release.objects.filter(slug__in=slugs)}
    former = FormerName.objects.filter(slug__in=set(slugs) - rows.keys()).select_related("release")
    rows |= {each.slug: each.release for each in former}
    contents = contents_of({each.pk: each for each in rows.values()}.values(), with_history=False)
    return {slug: _of_release(slug, release, contents[release.pk]) for slug, release in rows.items()}


def _of_release(asked: str, release: Release, contents: Contents) -> Side:
    pieces = {
        each.service: Piece(each.service, each.name, each.slug, each.sha, each.tag or each.sha[:7], each.why)
        for each in contents.services
    }
    why_not = "" if pieces else f"{release} ships no service that Rodeo knows of."
    return Side(asked, str(release), release.get_absolute_url(), pieces, contents.stories, why_not)


def _artifacts(purls: list[str]) -> "QuerySet[Artifact]":
    return Artifact.objects.filter(purl__in=purls).select_related("repository__service")


def _of_artifact(artifact: Artifact) -> Side:
    name = artifact.purl
    service = _service_of(artifact)
    if service is None:
        return Side(artifact.purl, name, "", why_not=f"Nothing tells which service {name} is of.")
    why = "" if artifact.sha else "The commit it was made from isn’t known."
    piece = Piece(service.pk, service.name, service.slug, artifact.sha, artifact.sha[:7], why)
    return Side(artifact.purl, name, "", {service.pk: piece})


def _service_of(artifact: Artifact) -> Service | None:
    """Return the service that an artifact is of: its run's, else its repository's, else that of its commit."""
    run = Run.objects.filter(artifact=artifact, service__isnull=False).select_related("service").order_by("pk").first()
    if run is not None:
        return run.service
    if artifact.repository is not None:
        return artifact.repository.service
    same = Change.objects.filter(sha=artifact.sha, repository__service__isnull=False) if artifact.sha else None
    ids = list(same.values_list("repository__service", flat=True).distinct()[:2]) if same is not None else []
    return Service.objects.filter(pk=ids[0]).first() if len(ids) == 1 else None


def offered() -> list[tuple[str, str]]:
    """Return what is offered to choose from, as (slug or purl, name): the newest releases and artifacts."""
    releases = Release.objects.newest_first()[:MOST_OFFERED]
    artifacts = Artifact.objects.exclude(sha="").order_by(
        F("published_at").desc(nulls_last=True), "-packaged_at", "purl"
    )
    return [
        *((release.slug, str(release)) for release in releases),
        *((purl, purl) for purl in artifacts.values_list("purl", flat=True)[:MOST_OFFERED]),
    ]
