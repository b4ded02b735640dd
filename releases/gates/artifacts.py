"""Gates about artifacts: what is deployed is what was tested, and it ran long enough before production."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from portal.kernel import clock
from portal.kernel.sentences import counted
from releases.gates.facts import CheckFact, PlaceFact, ReleaseFacts, ServiceFact
from releases.gates.findings import FAILED, UNKNOWN, WAITING, Blocker, Passed, blocker_of, latest
from releases.gates.parameters import CHOICE, NUMBER, Parameter
from releases.gates.runs import no_commit, no_services
from releases.gates.stories import Judged

BEFORE_PRODUCTION = ("testing", "staging")
TIERS = tuple((each, each) for each in ("development", "testing", "staging", "production"))
TIER = Parameter("tier", "Ran in", CHOICE, "staging", TIERS)
HOURS = Parameter("hours", "For at least (hours)", NUMBER, 24, most=24 * 90)


def short(digest: str) -> str:
    """Return a digest as people compare it: its algorithm and its first twelve digits."""
    algorithm, _, rest = digest.rpartition(":")
    return f"{algorithm}:{rest[:12]}" if algorithm else rest[:12]


def same_artifact(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """Each service ships the same artifact, by its digest, that passed its tests before production."""
    blockers, moments = no_services(facts), dict[str, datetime | None]()
    for service in facts.concerned:
        blocker = _not_tested(service, moments)
        if blocker is not None:
            blockers.append(blocker)
    said = f"{counted(len(facts.concerned), 'artifact', 'artifacts')} to be deployed, the same that passed tests."
    summed = f"{counted(len(blockers), 'artifact isn’t', 'artifacts aren’t')} known to be the tested one."
    return (
        blockers,
        Passed(said, latest(moments.values()), moments, facts.url),
        "" if no_services(facts) else summed,
    )


def _not_tested(service: ServiceFact, moments: dict[str, datetime | None]) -> Blocker | None:
    if not service.sha:
        return no_commit(service)
    if not service.digest:
        text = f"No artifact of {service.name} with a digest is known for {service.sha[:7]}."
        return _blocker(service, "no digest", UNKNOWN, text, "Report the artifact’s digest, or choose the artifact.")
    if service.made_from and service.sha not in service.made_from:
        text = f"{short(service.digest)} of {service.name} was made from {service.made_from[0][:7]}"
        text += f", but {service.sha[:7]} is to be deployed."
        return _blocker(service, "another commit", FAILED, text, f"Choose an artifact of {service.sha[:7]}.")
    newest = _newest(service)
    own = [check for check in newest if check.digest == service.digest]
    failed = [check for check in (*own, *_unnamed(service, newest, own)) if check.outcome != "success"]
    if failed:
        return _not_passed(service, failed[0])
    if not own:
        return _tested_another(service, newest)
    if not service.made_from:
        text = f"Nothing tells which commit {short(service.digest)} of {service.name} was made from."
        return _blocker(service, "no origin", UNKNOWN, text, "Report the artifact with its run or deployment.")
    for check in own:
        moments[f"{check.name or 'a check'} of {service.name} in {check.environment}"] = check.at
    return _elsewhere(service)


def _not_passed(service: ServiceFact, check: CheckFact) -> Blocker:
    words, what = f"{check.name or 'A check'} in {check.environment}", short(service.digest)
    about = f"{check.environment} {check.name} {clock.iso(check.at)}"
    if not check.digest:
        what = f"{service.sha[:7]} of {service.name}, and nobody knows with which artifact"
    if check.outcome not in ("failure", "error", "warning"):
        text = f"{words} says neither passed nor failed with {what}."
        return _blocker(service, about, UNKNOWN, text, "Run it again.", check.at, check.url)
    text = f"{words} didn’t pass with {what}."
    return _blocker(service, about, FAILED, text, "Fix it and test the new artifact.", check.at, check.url)


def _newest(service: ServiceFact) -> list[CheckFact]:
    """Return the last check of each name in each place before production, by artifact."""
    found: dict[tuple[str, str, str], CheckFact] = {}
    for check in sorted(service.checks, key=lambda each: clock.iso(each.at) or ""):
        if check.tier in BEFORE_PRODUCTION:
            found[check.environment, check.name, check.digest or check.sha] = check
    return list(found.values())


def _unnamed(service: ServiceFact, newest: list[CheckFact], own: list[CheckFact]) -> list[CheckFact]:
    """Return the last checks of the commit with nobody knows which artifact, unless the same check of this one is newer."""
    since = {(check.environment, check.name): clock.iso(check.at) or "" for check in own}
    return [
        check
        for check in newest
        if not check.digest
        and check.sha == service.sha
        and (clock.iso(check.at) or "") > since.get((check.environment, check.name), "")
    ]


def _tested_another(service: ServiceFact, newest: list[CheckFact]) -> Blocker:
    others = [check for check in newest if check.outcome == "success" and check.digest and check.sha == service.sha]
    if others:
        check = max(others, key=lambda each: clock.iso(each.at) or "")
        tested = f"{short(check.digest)} of {service.name} was tested in {check.environment}"
        text = f"{tested}, but {short(service.digest)} is to be deployed."
        remedy = "Deploy the tested artifact, or test this one."
        return _blocker(service, f"tested {check.digest}", FAILED, text, remedy, check.at, check.url)
    if any(check.outcome == "success" and check.sha == service.sha for check in newest):
        text = f"{service.sha[:7]} of {service.name} passed a test, but nobody knows with which artifact."
        return _blocker(service, "tested something", UNKNOWN, text, "Report the artifact with the test.")
    text = f"No test of {short(service.digest)} of {service.name} before production is known."
    return _blocker(service, "not tested", UNKNOWN, text, "Test it in a testing or staging environment.")


def _elsewhere(service: ServiceFact) -> Blocker | None:
    """Return what blocks if production, or what could be, got the commit already, as another artifact."""
    others = [
        place
        for place in service.places
        if place.may_be_production and place.sha == service.sha and place.digest not in ("", service.digest)
    ]
    for place in sorted(others, key=lambda each: each.tier != "production"):
        runs = f"{place.environment} runs {short(place.digest)} of {service.name}"
        text = f"{runs}, which isn’t the tested {short(service.digest)}."
        about = f"{place.environment} runs {place.digest}"
        if place.tier == "production":
            return _blocker(service, about, FAILED, text, "Deploy the tested artifact.", place.since, place.url)
        text, remedy = f"{text} Nobody said whether that’s production.", f"Say which tier {place.environment} is."
        return _blocker(service, about, UNKNOWN, text, remedy, place.since, place.url)
    return None


def _blocker(
    service: ServiceFact, about: str, state: str, text: str, remedy: str, since: datetime | None = None, url: str = ""
) -> Blocker:
    key = f"artifact of {service.name} {service.sha} {service.digest} {about}"
    return blocker_of(state, service, key, text, remedy, since, url)


def is_there(service: ServiceFact, place: PlaceFact) -> bool:
    """Say whether a place runs what the release ships of the service: by digest where both are known, else by commit."""
    if service.digest and place.digest:
        return service.digest == place.digest
    return bool(service.sha) and service.sha == place.sha


def soak(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """Each service's artifact has run in an environment of the tier, healthy, for long enough."""
    tier, needed = values["tier"], timedelta(hours=values["hours"] or 1)
    blockers, moments = no_services(facts), list[datetime | None]()
    for service in facts.concerned:
        blocker = _not_soaked(service, tier, needed, facts.at, moments)
        if blocker is not None:
            blockers.append(blocker)
    said = f"Everything has run in {tier} for {clock.duration(needed)}."
    summed = (
        f"{counted(len(blockers), 'service hasn’t', 'services haven’t')} run in {tier} for {clock.duration(needed)}."
    )
    return blockers, Passed(said, latest(moments), url=facts.url), "" if no_services(facts) else summed


def _not_soaked(
    service: ServiceFact, tier: str, needed: timedelta, at: datetime, moments: list[datetime | None]
) -> Blocker | None:
    if not service.sha:
        return no_commit(service)
    there = [place for place in service.places if place.tier == tier and is_there(service, place)]
    if not there:
        text = f"{service.name} {service.sha[:7]} doesn’t run in {tier}."
        return _blocker(service, f"not in {tier}", FAILED, text, f"Deploy it to {tier}.")
    well = [place for place in there if place.healthy]
    if not well:
        text = f"{service.name} {service.sha[:7]} isn’t healthy in {there[0].environment}."
        about = f"unhealthy in {there[0].environment} {clock.iso(there[0].since)}"
        return _blocker(service, about, FAILED, text, "Find out why.", there[0].since, there[0].url)
    since = min((place.since for place in well if place.since), default=None)
    if since is None:
        text = f"Nothing tells since when {service.name} has run in {well[0].environment}."
        about, remedy = f"undated in {well[0].environment}", f"Report deployments to {tier} with their times."
        return _blocker(service, about, UNKNOWN, text, remedy, url=well[0].url)
    if at - since < needed:
        ran, left = clock.duration(max(at - since, timedelta())), clock.duration(needed - (at - since))
        text = f"{service.name} has run in {well[0].environment} for {ran}; it needs {clock.duration(needed)}."
        about = f"in {tier} since {clock.iso(since)}, {clock.duration(needed)} needed"
        return _blocker(service, about, WAITING, text, f"Wait {left} more.", since, well[0].url)
    moments.append(since + needed)
    return None
