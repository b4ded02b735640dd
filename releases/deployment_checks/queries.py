"""Which release somebody asks about, and who asked what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from django.db.models import Case, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Now

from portal.kernel import clock
from portal.kernel.names import fold_name
from portal.kernel.paging import newest
from portal.kernel.sentences import listed
from portal.kernel.versions import same_version
from releases.contents.queries import Contents, ServiceContent, contents_of
from releases.deployment_checks.models import Asker, CheckToken, DeploymentCheck, WaitingCheck
from releases.evidence.service_history import repositories_of
from releases.pipelines.models import Repository, RepositoryPart
from releases.planning.models import FormerName, Release
from squads.models import Service

SHORTEST_COMMIT = 7
# A release that went out longer ago, or is older than so many others, is only found by its name.
STILL_DEPLOYED = timedelta(days=30)
MOST_RELEASES = 200
MOST_LISTED = 3
ANYTHING = ("commit", "tag", "version", "digest")
SAY_WHICH = "Say what is to be deployed: a commit, tag, version or digest, or the release."


@dataclass(frozen=True)
class Question:
    """What somebody asks: may this be deployed? What isn't named is empty. `by` is who asks, as pages call it.

    `unknown_service` is the name of a service that there isn't, where the asker waits and can't be told to correct it.
    """

    asker: str
    by: str
    service: Service | None = None
    unknown_service: str = ""
    release: str = ""
    commit: str = ""
    tag: str = ""
    version: str = ""
    digest: str = ""
    repository: str = ""
    environment: str = ""

    @property
    def named(self) -> dict[str, str]:
        """What was named, as it was."""
        named = {"service": self.unknown_service}
        named |= {name: getattr(self, name) for name in ("release", *ANYTHING, "repository")}
        return {name: value for name, value in named.items() if value}

    @cached_property
    def services_of_repository(self) -> frozenset[int]:
        """The services that the repository is of, as people said, by their ids."""
        repositories = Repository.objects.filter(folded=fold_name(self.repository))
        owners = repositories.values_list("service_id", flat=True)
        parts = RepositoryPart.objects.filter(repository__in=repositories).values_list("service_id", flat=True)
        return frozenset(pk for pk in (*owners, *parts) if pk is not None)

    @property
    def thing(self) -> str:
        """What is to be deployed, in words."""
        said = [self.commit[:SHORTEST_COMMIT], self.tag, self.version and f"version {self.version}", self.digest[:19]]
        return listed([each for each in said if each]) or "it"

    @property
    def place(self) -> str:
        """What it is of, in words."""
        return self.service.name if self.service else self.repository


@dataclass(frozen=True, slots=True)
class Meant:
    """The release that a question means, and which of its services; `why` says why nobody can tell."""

    release: Release | None = None
    services: tuple[ServiceContent, ...] = ()
    why: str = ""


def meant_by(question: Question) -> Meant:
    """Return the release that is asked about. None or several is no release: nothing is guessed."""
    if question.unknown_service:
        return Meant(why=f"The check’s address names a service. {no_service(question.unknown_service)}")
    if question.repository and question.service is None and not question.services_of_repository:
        return Meant(why=f"The repository {question.repository} has no service yet. Choose one under “Unmapped names”.")
    if question.release:
        return _by_name(question)
    if not any(getattr(question, name) for name in ANYTHING):
        return Meant(why=SAY_WHICH)
    if not question.place:
        return Meant(why="Name the service, or the release.")
    deployable, is_cut = _deployable()
    found = [
        (release, services) for release, contents in deployable if (services := _shipped(question, release, contents))
    ]
    if len(found) == 1:
        return Meant(*found[0])
    if not found:
        of = f"None of the newest {MOST_RELEASES} releases" if is_cut else "No release"
        return Meant(
            why=f"{of} ships {question.thing} of {question.place}. Plan it for one, or name the release it belongs to."
        )
    names = [str(release) for release, _ in found]
    more = [f"{len(names) - MOST_LISTED} more"] if len(names) > MOST_LISTED else []
    return Meant(why=f"Several releases ship it: {listed([*names[:MOST_LISTED], *more])}. Name one of them.")


def _deployable() -> tuple[list[tuple[Release, Contents]], bool]:
    """Return the releases that are ahead, and those that went out lately, with what they ship; and whether there are more."""
    lately = clock.now() - STILL_DEPLOYED
    # One that is only a tag goes out of sight as one that is out does; one that people plan stays until it is out.
    recent = Q(released_at=None) | Q(released_at__gt=lately) | Q(origin=Release.Origin.PERSON)
    left = Release.objects.exclude(pk__in=Release.objects.called_off().values("pk"))
    ahead = newest(left.filter(recent, is_out=False).order_by("-created_at"), MOST_RELEASES)
    gone = Release.objects.filter(is_out=True, released_at__gt=lately)
    out = newest(gone.order_by("-released_at"), MOST_RELEASES)
    releases = [*ahead, *out]
    contents = contents_of(releases, with_history=False)
    found = [(release, contents[release.pk]) for release in releases if release.pk in contents]
    return found, bool(ahead.cut or out.cut)


def _by_name(question: Question) -> Meant:
    release = release_called(question.release)
    if release is None:
        return Meant(why=f"There’s no release “{question.release[:80]}”. Its name is the last part of its address.")
    contents = contents_of([release], with_history=False)[release.pk]
    own = tuple(each for each in contents.services if not question.place or _is_of(question, each))
    if Release.objects.called_off().filter(pk=release.pk).exists():
        return Meant(release, own, why=f"{release} was abandoned, so nothing of it is to be deployed.")
    if not question.place:
        if any(getattr(question, name) for name in ANYTHING):
            return Meant(release, why=f"Say which service {question.thing} is of.")
        return Meant(release, own)
    if not own:
        return Meant(release, why=f"{release} doesn’t ship {question.place}.")
    shipped = _shipped(question, release, contents)
    if not shipped:
        return Meant(release, own, why=_another(question, release, own[0]))
    return Meant(release, shipped)


def _another(question: Question, release: Release, content: ServiceContent) -> str:
    if question.version and same_version(question.version) != same_version(release.version):
        return f"{release} is not version {question.version}."
    known = content.sha[:SHORTEST_COMMIT] or content.tag
    if not known:
        return f"Which commit of {content.name} {release} ships isn’t known, so it may not be {question.thing}."
    return f"{release} ships {known} of {content.name}, not {question.thing}."


def release_called(slug: str) -> Release | None:
    """Return the release at an address, or that was there before it was renamed."""
    release = Release.objects.filter(slug=slug).first()
    if release is None:
        former = FormerName.objects.select_related("release").filter(slug=slug).first()
        release = former.release if former else None
    return release


def _shipped(question: Question, release: Release, contents: Contents) -> tuple[ServiceContent, ...]:
    if question.version and same_version(question.version) != same_version(release.version):
        return ()
    return tuple(each for each in contents.services if _is_of(question, each) and _is_it(question, each))


def _is_of(question: Question, content: ServiceContent) -> bool:
    if question.service is not None:
        return content.service == question.service.pk
    return content.service in question.services_of_repository


def _is_it(question: Question, content: ServiceContent) -> bool:
    if question.commit and not (
        len(question.commit) >= SHORTEST_COMMIT and content.sha.lower().startswith(question.commit.lower())
    ):
        return False
    if question.tag and content.tag != question.tag:
        return False
    return not question.digest or (bool(content.digest) and _hash(content.digest) == _hash(question.digest))


def _hash(digest: str) -> str:
    return digest.lower().rpartition(":")[2]


def service_called(name: str) -> Service | None:
    """Return the service with this name or slug, however it is spelled; the one that it was merged into."""
    return services_called([name])[name]


def services_called(names: Iterable[str]) -> dict[str, Service | None]:
    """Return the service that each of these names is of, as `service_called` does. One query."""
    folded = {name: fold_name(name) for name in names}
    known = Service.objects.select_related("merged_into").filter(Q(slug__in=folded) | Q(folded__in=folded.values()))
    # Of several with one name, the first is taken.
    rows = list(known.order_by("-pk"))
    by_slug, by_name = {row.slug: row for row in rows}, {row.folded: row for row in rows}
    found = {name: by_slug.get(name) or by_name.get(same) for name, same in folded.items()}
    return {name: (row.merged_into or row) if row else None for name, row in found.items()}


def no_service(name: str) -> str:
    """Return the refusal of a name that is no service's, with the nearest that is one."""
    said = f"There’s no service “{name[:80]}”."
    known = {fold_name(each): each for each in Service.objects.filter(merged_into=None).values_list("name", flat=True)}
    near = get_close_matches(fold_name(name), known, n=1)
    return f"{said} Did you mean “{known[near[0]]}”?" if near else f"{said} /api/v1/services/ lists them."


# Tokens


def token_behind(secret: str) -> CheckToken | None:
    """Return the open token with this secret; nothing if it is unknown, revoked or expired."""
    return CheckToken.objects.select_related("service").behind(secret)


def about_another(token: CheckToken, name: str) -> str:
    """Say why a token can't ask about a service that is named; "" if it can. Which others there are isn't its business."""
    if not name or service_called(name) == token.service:
        return ""
    return f"This token asks about {token.service} only, not “{name[:80]}”. Leave the service out, or name {token.service}."


# As many can be open as a page shows; it must not show closed ones instead.
OPEN_FIRST = (Case(When(revoked_at=None, expires_at__gt=Now(), then=0), default=1), "-created_at", "-pk")


def tokens_of(service: Service) -> "QuerySet[CheckToken]":
    """Return the tokens that ask about a service, the revoked ones as well, newest first."""
    return CheckToken.objects.filter(service=service).select_related("created_by", "revoked_by", "service")


# What was asked


@dataclass(frozen=True, slots=True)
class Asked:
    """A service, and when its pipeline asked last: at all, and about one release."""

    service: Service
    last: DeploymentCheck | None
    here: DeploymentCheck | None = None

    @property
    def never(self) -> bool:
        """Whether no pipeline of it ever asked."""
        return self.last is None


def by_programs() -> "QuerySet[DeploymentCheck]":
    """Return what programs asked: a person who looks is no pipeline."""
    return DeploymentCheck.objects.exclude(asker=Asker.PERSON)


def services_asked() -> "QuerySet[Service]":
    """Return the services that there are, with the id of what their pipelines asked last; those that never did first."""
    last = by_programs().filter(service=OuterRef("pk")).order_by("-at", "-pk")
    services = Service.objects.filter(merged_into=None).select_related("squad")
    return services.annotate(
        last_check=Subquery(last.values("pk")[:1]), last_at=Subquery(last.values("at")[:1])
    ).order_by("last_at", "name")


def asked(services: Sequence[Service]) -> list[Asked]:
    """Return what was asked last of these services of `services_asked`. One query."""
    checks = DeploymentCheck.objects.select_related("release", "service").in_bulk(
        [pk for each in services if (pk := getattr(each, "last_check", None)) is not None]
    )
    rows = [Asked(each, checks.get(getattr(each, "last_check", 0))) for each in services]
    return sorted(rows, key=lambda row: not row.never)


def asked_about(release: Release) -> list[Asked]:
    """Return the services that a release ships, with what their pipelines asked last; those that never did first."""
    shipped = [each.service for each in contents_of([release], with_history=False)[release.pk].services]
    here = by_programs().filter(service=OuterRef("pk"), release=release).order_by("-at", "-pk").values("pk")[:1]
    services = list(services_asked().filter(pk__in=shipped).annotate(here=Subquery(here)))
    ids = {pk for each in services for pk in (each.last_check, each.here) if pk is not None}  # type: ignore[attr-defined]
    checks = DeploymentCheck.objects.select_related("release", "service").in_bulk(ids)
    rows = [Asked(each, checks.get(each.last_check), checks.get(each.here)) for each in services]  # type: ignore[attr-defined]
    return sorted(rows, key=lambda row: (not row.never, row.service.name))


def checks_of(service: Service) -> "QuerySet[DeploymentCheck]":
    """Return what was asked about a service, people included, newest first."""
    return DeploymentCheck.objects.filter(service=service).select_related("release")


def waiting_for(service: Service, most: int = 20) -> "QuerySet[WaitingCheck]":
    """Return the newest questions about a service that wait for an answer, or could not be answered."""
    services, repositories = _waited_for()
    names = [name for name, found in services.items() if found == service]
    own = set(Repository.objects.filter(pk__in=repositories_of(service.name)).values_list("folded", flat=True))
    keys = [key for key in repositories if fold_name(key) in own]
    return _unanswered().filter(Q(service_name__in=names) | Q(service_name="", repository__in=keys))[:most]


def waiting_for_none(most: int = 20) -> "QuerySet[WaitingCheck]":
    """Return the newest such questions that no service's page shows: they name none that there is, nor a repository of one."""
    services, repositories = _waited_for()
    names = [name for name, found in services.items() if found is None]
    shown = Q(service__isnull=False) | Q(key__in=Service.objects.values("name"))
    shown |= Q(pk__in=RepositoryPart.objects.values("repository"))
    owned = set(Repository.objects.filter(shown).values_list("folded", flat=True))
    keys = [key for key in repositories if fold_name(key) not in owned]
    return _unanswered().filter(Q(service_name__in=names) | Q(service_name="", repository__in=keys))[:most]


def _waited_for() -> tuple[dict[str, Service | None], set[str]]:
    """Return the names of services in questions without an answer, with the service that each means, and the repositories."""
    named = set(_unanswered().order_by().values_list("service_name", "repository").distinct())
    return services_called(name for name, _ in named if name), {key for name, key in named if not name}


def _unanswered() -> "QuerySet[WaitingCheck]":
    open_ = WaitingCheck.objects.filter(state__in=(WaitingCheck.State.WAITING, WaitingCheck.State.FAILED))
    return open_.select_related("source").order_by("-asked_at")


def question_of(row: WaitingCheck) -> Question:
    """Return what a system asks that waits for the answer."""
    named: dict[str, Any] = {"release": row.release_slug}
    service = service_called(row.service_name) if row.service_name else None
    if row.service_name and service is None:
        named["unknown_service"] = row.service_name
    # Where the configuration names the release, the merge request may be of another repository than the service's.
    if not row.release_slug or service is None:
        named |= {"commit": row.sha, "repository": row.repository}
    asker = Asker.GITHUB if row.source.kind == "github" else Asker.GITLAB
    return Question(asker, row.source.name[:200], service=service, environment=row.environment, **named)
