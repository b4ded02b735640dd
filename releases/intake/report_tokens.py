"""Reports with a squad's API token: filed under a source of the squad's own, and about its own things only."""

from collections.abc import Iterable
from typing import Any

from rest_framework import exceptions

from portal.accounts.models import ApiToken
from releases.intake.models import Source
from releases.pipelines.facts import Seen
from releases.pipelines.models import Repository
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


def check(user: Any, seen: Iterable[Seen]) -> None:
    """Refuse what a squad's token says about another squad's services, repositories, stories or flags."""
    own = getattr(user, "program_of_id", None)
    if own is None:
        return
    said = list(seen)
    squad = Squad.objects.get(pk=own)
    services = _named(said, "service")
    strange = services - set(Service.objects.filter(squad=squad, name__in=services).values_list("name", flat=True))
    _refuse(squad, strange, "the service", "Create or claim it for the squad first")
    keys = _named(said, "story")
    foreign = set(Story.objects.filter(key__in=keys).exclude(squad=squad).values_list("key", flat=True))
    _refuse(squad, foreign, "the story", "Its own squad reports about it")
    places = _named(said, "repository") if not services else set()
    others = Repository.objects.filter(service__squad=squad, key__in=places).values_list("key", flat=True)
    _refuse(squad, places - set(others), "the repository", "Name it on the page of one of the squad's services first")
    flags = _named(said, "flag")
    used = set(Story.objects.filter(flag__in=flags).exclude(squad=squad).values_list("flag", flat=True))
    _refuse(squad, used, "the flag", "Stories of other squads wait for it: report it through a source")


def _named(seen: Iterable[Seen], field: str) -> set[str]:
    return {name for each in seen if isinstance(name := getattr(each, field, ""), str) and name}


def _refuse(squad: Squad, strange: set[str], what: str, remedy: str) -> None:
    if strange:
        raise exceptions.PermissionDenied(
            f"A token of squad {squad} does not report about {what} {sorted(strange)[0]}. {remedy}."
        )
