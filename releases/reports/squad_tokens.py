"""Reports with a squad's API token: filed under a source of the squad's own, and about its own things only."""

from collections.abc import Iterable

from rest_framework import exceptions

from portal.accounts.models import ApiToken
from portal.kernel.actors import Anyone
from releases.artifacts.models import Artifact
from releases.inbox.models import Source
from releases.mappings import rules
from releases.mappings.apply import in_force
from releases.pipelines.models import Repository
from releases.providers.facts import FlagSeen, Seen
from squads.models import Service, Squad, Story


def source_of(token: ApiToken) -> Source:
    """Return the source that a squad's tokens report through, made when the first report comes.

    It has no secret, so its own door stays shut. An administrator can pause it like any other.
    """
    squad = token.squad
    if squad is None:
        raise exceptions.PermissionDenied("Reports need a token of a squad; this one is a person's.")
    source, _ = Source.objects.get_or_create(
        key=f"tokens-{squad.pk}", defaults={"name": f"Tokens of squad {squad}"[:120], "kind": "report"}
    )
    if source.state != Source.State.ACTIVE:
        raise exceptions.PermissionDenied(f"{source} is paused. An administrator can resume it.")
    return source


def check(user: Anyone, seen: Iterable[Seen], source: Source) -> None:
    """Refuse what a squad's token says about services, repositories, commits, stories or flags of another squad.

    What mapping rules make of a name counts as said too: no other name leads to another squad's service.
    """
    own = getattr(user, "program_of_id", None)
    if own is None:
        return
    said = list(seen)
    said += rules.apply(said, in_force(), source.pk).facts
    squad = Squad.objects.get(pk=own)
    services, keys, places = (_named(said, field) for field in ("service", "story", "repository"))
    mine = Service.objects.filter(squad=squad, name__in=services).values_list("name", flat=True)
    _refuse(squad, services - set(mine), "the service", "Create or claim it for the squad first")
    ours = Story.objects.filter(squad=squad, key__in=keys).values_list("key", flat=True)
    _refuse(squad, keys - set(ours), "the story", "Its own squad reports about it")
    held = Repository.objects.filter(service__squad=squad, key__in=places).values_list("key", flat=True)
    _refuse(squad, places - set(held), "the repository", "Name it on the page of one of the squad's services first")
    _check_commits(squad, _named(said, "sha"), _named(said, "artifact"))
    flags = {each.key for each in said if isinstance(each, FlagSeen)}
    used = Story.objects.filter(flag__in=flags).exclude(squad=squad).values_list("flag", flat=True)
    _refuse(squad, set(used), "the flag", "Stories of other squads wait for it: report it through a source")
    if not (services or keys or places or flags):
        raise exceptions.PermissionDenied(
            f"A token of squad {squad} reports about its own things: name a service, story or repository of the squad."
        )


def _check_commits(squad: Squad, shas: set[str], artifacts: set[str]) -> None:
    """A commit that only another squad's repositories hold, or an artifact made of one, is not this squad's to report."""
    for sha in sorted(shas):
        holders = Repository.objects.filter(changes__sha__startswith=sha, service__squad__isnull=False)
        if holders.exists() and not holders.filter(service__squad=squad).exists():
            _refuse(squad, {sha}, "the commit", "It belongs to a repository of another squad")
    foreign = Artifact.objects.filter(purl__in=artifacts, repository__service__squad__isnull=False)
    named = foreign.exclude(repository__service__squad=squad).values_list("purl", flat=True)
    _refuse(squad, set(named), "the artifact", "It was made from a repository of another squad")


def _named(seen: Iterable[Seen], field: str) -> set[str]:
    return {name for each in seen if isinstance(name := getattr(each, field, ""), str) and name}


def _refuse(squad: Squad, strange: set[str], what: str, remedy: str) -> None:
    if strange:
        raise exceptions.PermissionDenied(
            f"A token of squad {squad} does not report about {what} {sorted(strange)[0]}. {remedy}."
        )
