"""Reports with a squad's API token: stored under a source of the squad, and about the squad's own things only."""

from collections.abc import Iterable

from django.db import transaction
from rest_framework import exceptions

from portal.accounts.models import ApiToken
from portal.kernel.actors import Anyone
from portal.kernel.outbox import publish
from releases.artifacts.models import Artifact
from releases.events import SourceSaved
from releases.inbox.models import Source
from releases.mappings import engine
from releases.mappings.fact_mapper import current_rules
from releases.pipelines.models import Repository
from releases.providers.facts import FlagSeen, Seen
from squads.models import Service, Squad, Story


def source_of(token: ApiToken) -> Source:
    """Return the source that a squad's tokens report through, created with the first report.

    It has no secret, so its webhook address takes nothing. An administrator can pause it like any other.
    """
    squad = token.squad
    if squad is None:
        raise exceptions.PermissionDenied("Reports need a squad’s token; this is a person’s.")
    named = {"name": f"Tokens of squad {squad}"[:120], "kind": "report"}
    with transaction.atomic():
        source, is_new = Source.objects.get_or_create(key=f"tokens-{squad.pk}", defaults=named)
        if is_new:
            publish(SourceSaved(ids=[source.pk]))
    if source.state != Source.State.ACTIVE:
        raise exceptions.PermissionDenied(f"{source} is paused. An administrator can resume it.")
    return source


def check_reported(user: Anyone, reported: Iterable[Seen], source: Source) -> None:
    """Refuse reports of a squad's token about services, repositories, commits, stories or flags of another squad.

    Names that mapping rules give are checked as well, so that no other name leads to another squad's service.
    """
    squad_id = getattr(user, "program_of_id", None)
    if squad_id is None:
        return
    facts = list(reported)
    facts += engine.apply_rules(facts, current_rules(), source.pk).facts
    squad = Squad.objects.get(pk=squad_id)
    services, keys, repositories = (_named(facts, field) for field in ("service", "story", "repository"))
    meant_services = Service.objects.named(services)
    own_services = {name for name, service in meant_services.items() if service.squad_id == squad.pk}
    _refuse(squad, services - own_services, "the service", "Create or claim it for the squad first")
    meant = Story.objects.named(keys)
    own = set(Story.objects.filter(squad=squad, pk__in=meant.values()).values_list("pk", flat=True))
    _refuse(squad, {key for key in keys if meant.get(key) not in own}, "the story", "Its own squad has to report it")
    own_repositories = Repository.objects.filter(service__squad=squad, key__in=repositories).values_list(
        "key", flat=True
    )
    _refuse(
        squad,
        repositories - set(own_repositories),
        "the repository",
        "Add it to one of the squad’s services first",
    )
    _check_commits(squad, _named(facts, "sha"), _named(facts, "artifact"))
    flags = {each.key for each in facts if isinstance(each, FlagSeen)}
    used = Story.objects.filter(flag__in=flags).exclude(squad=squad).values_list("flag", flat=True)
    _refuse(squad, set(used), "the flag", "Other squads’ stories use it, so report it through a source")
    if not (services or keys or repositories or flags):
        raise exceptions.PermissionDenied(
            f"{squad}’s tokens can only report about the squad’s own services, stories and repositories. Name one of them."
        )


def _check_commits(squad: Squad, shas: set[str], artifacts: set[str]) -> None:
    """Refuse commits that only another squad's repositories hold, and artifacts made from one."""
    for sha in sorted(shas):
        holders = Repository.objects.filter(changes__sha__startswith=sha, service__squad__isnull=False)
        if holders.exists() and not holders.filter(service__squad=squad).exists():
            _refuse(squad, {sha}, "the commit", "It belongs to a repository of another squad")
    foreign = Artifact.objects.filter(purl__in=artifacts, repository__service__squad__isnull=False)
    named = foreign.exclude(repository__service__squad=squad).values_list("purl", flat=True)
    _refuse(squad, set(named), "the artifact", "It was made from a repository of another squad")


def _named(reported: Iterable[Seen], field: str) -> set[str]:
    return {name for each in reported if isinstance(name := getattr(each, field, ""), str) and name}


def _refuse(squad: Squad, foreign_names: set[str], what: str, remedy: str) -> None:
    if foreign_names:
        raise exceptions.PermissionDenied(
            f"{squad}’s tokens can’t report about {what} {sorted(foreign_names)[0]}. {remedy}."
        )
