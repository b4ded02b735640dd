"""The gate of feature flags: each is in the state somebody said it must have."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal.kernel.sentences import counted, listed
from releases.gates.facts import FlagFact, FlagNeed, ReleaseFacts
from releases.gates.findings import FAILED, UNKNOWN, Blocker, Passed, latest, mark_of
from releases.gates.stories import Judged

EVERYONE = "everyone"


def flags(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """Every flag of its stories is on or off in production, as the release needs it."""
    needs = {need.flag: need for need in facts.flag_needs}
    blockers = []
    hidden: dict[str, list[str]] = {}
    for story in facts.stories:
        if story.flag:
            hidden.setdefault(story.flag, []).append(story.key)
    for flag, keys in sorted(hidden.items()):
        if flag not in needs:
            behind = f"{listed(keys)} {'is' if len(keys) == 1 else 'are'} behind {flag}"
            text = f"{behind}, and nobody said whether it must be on or off."
            remedy = f"Say what {flag} must be when it goes out."
            blockers.append(Blocker(UNKNOWN, f"need of flag {flag}", text, remedy, facts.planner, url=facts.url))
    # One that hides no story of the release is needed whichever service asks.
    elsewhere = {story.flag for story in facts.all_stories} - hidden.keys()
    wanted = [need for flag, need in sorted(needs.items()) if flag not in elsewhere]
    heard: dict[str, datetime | None] = {}
    for need in wanted:
        wrong = _wrong(need, facts)
        blockers += wrong
        if not wrong:
            heard[need.flag] = facts.flags_heard.get(need.flag)
    moments = [fact.at for fact in facts.flags if fact.flag in heard]
    said = (
        f"{counted(len(wanted), 'flag is', 'flags are')} as needed."
        if wanted
        else "None of its stories is behind a flag."
    )
    passed = Passed(said, latest(moments), heard, facts.url)
    return blockers, passed, f"{counted(len(blockers), 'flag isn’t', 'flags aren’t')} known to be as needed."


def _wrong(need: FlagNeed, facts: ReleaseFacts) -> list[Blocker]:
    """Return what is wrong with a flag, or not known of it, place by place."""
    places: dict[str, list[FlagFact]] = {}
    for fact in facts.flags:
        if fact.flag == need.flag:
            places.setdefault(fact.environment, []).append(fact)
    silent = sorted(_places(need.flag, facts) - places.keys())
    known = any(some[0].confirmed for some in places.values())
    if not known and not silent:
        silent = ["production"]
    return [_silent(need, place, facts) for place in silent] + [
        blocker
        for place, some in sorted(places.items())
        if (blocker := _in_place(need, place, some, facts)) is not None
    ]


def _places(flag: str, facts: ReleaseFacts) -> set[str]:
    """Return where the services run, in production or where it could be, that the stories behind a flag change."""
    behind = [story for story in facts.all_stories if story.flag == flag]
    names = {name for story in behind for name in story.services}
    if not behind or not all(story.services for story in behind):
        names = {service.name for service in facts.services}
    return {
        place.environment
        for service in facts.concerned
        if service.name in names
        for place in service.places
        if place.may_be_production
    }


def _silent(need: FlagNeed, place: str, facts: ReleaseFacts) -> Blocker:
    text = f"Nothing tells the state of {need.flag} in {place}; it must be {'on' if need.on else 'off'}."
    return Blocker(UNKNOWN, f"{_key(need)} in {place}", text, "Report the flag’s state.", facts.planner, url=facts.url)


def _key(need: FlagNeed) -> str:
    return f"flag {need.flag} {'on' if need.on else 'off'} for {need.audience}"


def _in_place(need: FlagNeed, place: str, some: list[FlagFact], facts: ReleaseFacts) -> Blocker | None:
    # On for its audience, or for everyone; off only if it is on for nobody.
    on = [fact for fact in some if fact.on and (not need.on or fact.audience in (need.audience, EVERYONE))]
    if bool(on) == need.on:
        return None
    audience = f" for {need.audience}" if need.on and need.audience != EVERYONE else ""
    if not need.on:
        audience = f" for {on[0].audience}"
    told, state = on or some, "on" if need.on else "off"
    since, url = max(fact.at for fact in told), told[0].url or facts.url
    text = f"{need.flag} is {'off' if need.on else 'on'}{audience} in {place}; it must be {state}."
    key = f"{_key(need)} in {place}, on for {mark_of(fact.audience for fact in on)}"
    if some[0].confirmed:
        return Blocker(FAILED, key, text, f"Turn {need.flag} {state}.", facts.planner, since=since, url=url)
    text = f"{text[:-1]} if that’s production. Nobody said whether it is."
    return Blocker(UNKNOWN, key, text, f"Say which tier {place} is.", facts.planner, since=since, url=url)
