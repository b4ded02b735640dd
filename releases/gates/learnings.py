"""The gate of learnings: what squads learned about the services was read by somebody who works on them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from portal.kernel.sentences import counted, listed
from releases.gates.facts import LearningFact, ReleaseFacts
from releases.gates.findings import FAILED, UNKNOWN, Blocker, Passed, latest
from releases.gates.parameters import NUMBER, Parameter
from releases.gates.runs import no_services
from releases.gates.stories import Judged

DAYS = Parameter(
    "days",
    "Published within the last (days)",
    NUMBER,
    365,
    most=3650,
    help="Older retrospectives needn’t be read. Leave empty for no limit.",
)
REMEDY = "Read it, then press “I have read this”."
MOST_NAMED = 3


def to_read(facts: ReleaseFacts, values: Mapping[str, Any]) -> list[LearningFact]:
    """Return the retrospectives that have to be read for a release, the newest first. One of unknown age has to be."""
    since = facts.at - timedelta(days=values[DAYS.name]) if values[DAYS.name] is not None else None
    found = [
        each
        for each in facts.learnings or ()
        if since is None or each.published_at is None or each.published_at >= since
    ]
    return sorted(found, key=lambda each: (_age(each.published_at), each.id))


def _age(published: datetime | None) -> float:
    return -published.timestamp() if published else 0.0


def readers(facts: ReleaseFacts, learning: LearningFact) -> dict[str, str]:
    """Return the squads of which one member has to read it, names by slug: those that own a service it is about, or have a story
    in the release that changes one. Empty: none does, so whoever answers for the release reads it."""
    found = {
        each.squad_slug: each.squad for each in facts.services if each.name in learning.services and each.squad_slug
    }
    for story in facts.all_stories:
        if set(story.services) & set(learning.services):
            found[story.squad_slug] = story.squad
    return dict(sorted(found.items(), key=lambda each: each[1]))


def said_readers(facts: ReleaseFacts, squads: Mapping[str, str]) -> str:
    """Say who can read, in words."""
    names = [f"squad {name}" for name in squads.values()]
    more = len(names) - MOST_NAMED
    return listed([*names[:MOST_NAMED], f"{more} more"] if more > 0 else names, "or") or facts.planner


def what(learning: LearningFact) -> str:
    """Say which retrospective, without its title."""
    published = f", published {learning.published_at:%Y-%m-%d}" if learning.published_at else ""
    return f"the {learning.kind} of squad {learning.squad} about {listed(sorted(learning.services))}{published}"


def page_of(facts: ReleaseFacts) -> str:
    """Return the address at which people say what they read."""
    return f"{facts.url}learnings/to-read/" if facts.url else ""


def _unread(learning: LearningFact, facts: ReleaseFacts) -> Blocker:
    before, squads = learning.outdated_read, readers(facts, learning)
    text = f"Nobody read {what(learning)}."
    if before is not None:
        text = f"{before.by} read {what(learning)}, and its text changed since."
    key = f"learnings {learning.id} {learning.version}"
    slug = next(iter(squads)) if len(squads) == 1 else ""
    who, url = said_readers(facts, squads), f"{page_of(facts)}#{learning.id}"
    return Blocker(FAILED, key, text, REMEDY, who, slug, learning.published_at, url)


def learnings(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """Every retrospective with learnings about its services was read for it by a member of a squad that works on them."""
    blockers = no_services(facts)
    if facts.learnings is None:
        text, remedy = "Nobody looked for retrospectives about its services.", "Judge it again."
        blockers.append(Blocker(UNKNOWN, "no learnings", text, remedy, "administrators", url=facts.url))
    every = to_read(facts, values)
    unread = [_unread(each, facts) for each in every if each.last_read is None]
    read = {what(each): each.last_read.at for each in every if each.last_read is not None}
    said = (
        "The one retrospective about its services is read." if len(read) == 1 else f"{len(read)} retrospectives read."
    )
    if not read:
        days = values[DAYS.name]
        when = f" published in the last {counted(days, 'day', 'days')}" if days is not None else ""
        said = f"No retrospective{when} says what was learned about its services."
    passed = Passed(said, latest(read.values()), read, page_of(facts))
    summed = (
        f"{len(unread)} of {counted(len(every), 'retrospective', 'retrospectives')} unread." if not blockers else ""
    )
    return [*blockers, *unread], passed, summed
