"""The gate of deploy order: no service goes to production before those it needs there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.kernel.sentences import counted, listed
from releases.gates.artifacts import is_there
from releases.gates.facts import PlaceFact, ReleaseFacts, ServiceFact
from releases.gates.findings import FAILED, UNKNOWN, WAITING, Blocker, Passed, blocker_of
from releases.gates.stories import Judged


@dataclass(frozen=True, slots=True)
class Gap:
    """Why a service isn't in all of production, in words. If `unsure` names a place, it depends on whether that is
    production."""

    words: str
    unsure: str = ""


def deploy_order(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """No service is in production before one that goes first. A pipeline that asks waits for those before its service."""
    services = {service.name: service for service in facts.services}
    blockers, pairs = [], []
    for service in facts.concerned:
        for name in service.after:
            first = services.get(name)
            # One that this release doesn't ship is where it is.
            if first is not None:
                pairs.append(f"{name} before {service.name}")
                blocker = _out_of_order(first, service, is_asked=bool(facts.asked))
                if blocker is not None:
                    blockers.append(blocker)
    said = f"In order so far: {listed(pairs)}." if pairs else "Its services can go in any order."
    return blockers, Passed(said), f"{counted(len(blockers), 'service', 'services')} out of order."


def _out_of_order(first: ServiceFact, then: ServiceFact, *, is_asked: bool) -> Blocker | None:
    gap, begun = _gap(first), _begun(then)
    if gap is None or (begun is None and not is_asked):
        return None
    key = f"order {first.name} {first.sha} {then.name} {then.sha}"
    if begun is not None and begun.tier == "production" and not gap.unsure:
        text = f"{then.name} is in {begun.environment}, but {first.name} goes before it and {gap.words} yet."
        return blocker_of(FAILED, first, key, text, f"Deploy {first.name}.")
    if is_asked and not first.sha:
        text = f"{first.name} goes before {then.name}, and nobody knows which commit of it."
        return blocker_of(UNKNOWN, first, key, text, f"Choose what to deploy of {first.name}.")
    if is_asked and not gap.unsure:
        text = f"{first.name} goes to production before {then.name}, and {gap.words} yet."
        return blocker_of(WAITING, first, key, text, f"Deploy {first.name} first.")
    if gap.unsure or begun is None:
        place, text = gap.unsure, f"{first.name} goes before {then.name} and {gap.words}."
    else:
        place, text = begun.environment, f"{then.name} is in {begun.environment} before {first.name}."
    text = f"{text} Nobody said whether that’s production."
    return blocker_of(UNKNOWN, first, f"{key} in {place}", text, f"Say which tier {place} is.")


def _gap(first: ServiceFact) -> Gap | None:
    """Return why a service isn't, or may not be, everywhere in production; None if it surely is."""
    sure, guessed = _production(first)
    for place in sure:
        if not _runs(first, place):
            return Gap(_lacks(first, place))
    for place in guessed:
        # One that could be production and runs it matters where no other does; one that doesn't, matters anyway.
        if not sure and _runs(first, place):
            return Gap(f"is in {place.environment}", place.environment)
        if sure and not _runs(first, place):
            return Gap(_lacks(first, place), place.environment)
    return None if sure else Gap("isn’t in production")


def _begun(then: ServiceFact) -> PlaceFact | None:
    """Return where a service runs what ships of it already: in production, or else where that could be."""
    sure, guessed = _production(then)
    return next((place for place in (*sure, *guessed) if is_there(then, place)), None)


def _production(service: ServiceFact) -> tuple[list[PlaceFact], list[PlaceFact]]:
    """Return a service's places that are production, and those that could be."""
    could_be = [place for place in service.places if place.may_be_production]
    sure = [place for place in could_be if place.tier == "production"]
    return sure, [place for place in could_be if place not in sure]


def _runs(service: ServiceFact, place: PlaceFact) -> bool:
    return is_there(service, place) and place.healthy


def _lacks(service: ServiceFact, place: PlaceFact) -> str:
    return f"isn’t {'healthy ' if is_there(service, place) else ''}in {place.environment}"
