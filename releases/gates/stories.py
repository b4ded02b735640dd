"""Gates about the stories of a release: their stage, their number, and who will accept them."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from portal.kernel.sentences import counted
from releases.gates.facts import LackingFact, ReleaseFacts, ServiceFact, StoryFact
from releases.gates.findings import FAILED, UNKNOWN, Blocker, Passed, blocker_of, latest, mark_of
from releases.gates.parameters import CHOICE, NUMBER, Parameter
from squads.judge.stages import STAGE_NAMES, STAGES

STAGE = Parameter(
    "stage", "Every story is at least", CHOICE, "tested", tuple((each, STAGE_NAMES[each]) for each in STAGES[2:])
)
MOST = Parameter("most", "Most stories in a release", NUMBER, None, help="Squads can have limits of their own.")
Judged = tuple[list[Blocker], Passed, str]


def stories(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """Every story has reached the stage, without gaps, and its changes are in the commits to be deployed."""
    needed = values["stage"]
    name = STAGE_NAMES[needed]
    if not facts.stories:
        text = f"No story of {facts.asked} is in it." if facts.asked else "It has no stories yet."
        blocker = Blocker(
            UNKNOWN, f"no stories {facts.asked}", text, "Plan stories for it.", facts.planner, url=facts.url
        )
        return [blocker], Passed(""), ""
    behind = [_behind(story, needed) for story in facts.stories if _is_behind(story, needed)]
    missing = _not_contained(facts)
    moments = {story.key: story.since for story in facts.stories if not _is_behind(story, needed)}
    said = f"{len(behind)} of {counted(len(facts.stories), 'story', 'stories')} {_are(len(behind))} {name} yet."
    if missing:
        said = f"{f'{said} ' if behind else ''}Changes of stories may be missing in what ships."
    passed = Passed(f"{_all(len(facts.stories))} {name}.", latest(moments.values()), moments, facts.url)
    return [*behind, *missing], passed, said


def _is_behind(story: StoryFact, needed: str) -> bool:
    return STAGES.index(story.stage) < STAGES.index(needed) or needed in story.gaps


def _behind(story: StoryFact, needed: str) -> Blocker:
    if needed in story.gaps and STAGES.index(story.stage) >= STAGES.index(needed):
        text = f"{story.key} is {STAGE_NAMES[story.stage]} but was never {STAGE_NAMES[needed]}."
    else:
        lacks = f"{story.lacks[:1].lower()}{story.lacks[1:]}"
        is_short = f"isn’t {STAGE_NAMES[needed]}: {lacks}" if lacks else f"is {STAGE_NAMES[story.stage]}"
        text = f"{story.key} {is_short}."
    who, slug = (story.who, story.who_slug) if story.who else (f"squad {story.squad}", story.squad_slug)
    remedy = f"Get {story.key} {STAGE_NAMES[needed]}, or move it to another release."
    changes = mark_of(f"{service} {sha}" for service, sha in story.changes)
    key = f"story {story.key} {story.stage} not {needed} {changes}"
    return Blocker(FAILED, key, text, remedy, who, slug, story.since, story.url)


def _are(count: int) -> str:
    return "isn’t" if count == 1 else "aren’t"


def _all(count: int) -> str:
    return "Its story is at least" if count == 1 else f"All {count} stories are at least"


def _not_contained(facts: ReleaseFacts) -> list[Blocker]:
    """Return what blocks where the commit to be deployed lacks changes of stories, or nothing tells whether it has them."""
    found = []
    for service in facts.concerned:
        if not service.sha and any(service.name in story.services for story in facts.stories):
            text = f"Nobody knows which commit of {service.name} it ships, so changes of its stories could be missing."
            key, remedy = f"no commit of {service.name}", "Choose the commit to be deployed."
            found.append(blocker_of(UNKNOWN, service, key, text, remedy))
        by_story: dict[tuple[str, bool], list[LackingFact]] = defaultdict(list)
        for each in service.lacking:
            by_story[each.story, each.is_known].append(each)
        found += [_lacks(service, story, some) for (story, _), some in by_story.items()]
    return found


def _lacks(service: ServiceFact, story: str, lacking: list[LackingFact]) -> Blocker:
    commit, first = f"{service.sha[:7]} of {service.name}", lacking[0]
    more = f" and {counted(len(lacking) - 1, 'other change', 'other changes')}" if len(lacking) > 1 else ""
    change = f"{first.sha[:7]}{more} of {story}"
    key = f"{story} in {service.name} {service.sha} {mark_of(each.sha for each in lacking)}"
    remedy = f"Tag or choose a commit that contains it, or move {story} to another release."
    if first.is_known:
        return blocker_of(FAILED, service, key, f"{commit} doesn’t contain {change}.", remedy)
    text = f"Nothing tells whether {commit} contains {change}."
    return blocker_of(UNKNOWN, service, key, text, f"Connect the git repository of {service.name}, or {_lower(remedy)}")


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def batch(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """The release is no larger than the template allows, and no squad has more in it than its own limit."""
    every = facts.all_stories
    most, count = values["most"], len(every)
    blockers = []
    if most is not None and count > most:
        text = f"It has {counted(count, 'story', 'stories')}; {most} is the most here."
        remedy = "Move stories to a later release."
        blockers.append(Blocker(FAILED, f"batch {most} {count}", text, remedy, facts.planner, url=facts.url))
    own = Counter(story.squad_slug for story in every)
    for squad in facts.squads:
        if squad.batch_limit is not None and own[squad.slug] > squad.batch_limit:
            text = f"Squad {squad.name} has {own[squad.slug]} stories in it; its limit is {squad.batch_limit}."
            key, remedy = (
                f"batch {squad.slug} {squad.batch_limit} {own[squad.slug]}",
                "Move stories to a later release.",
            )
            blockers.append(Blocker(FAILED, key, text, remedy, f"squad {squad.name}", squad.slug, url=facts.url))
    limited = most is not None or any(squad.batch_limit is not None and own[squad.slug] for squad in facts.squads)
    said = f"{counted(count, 'story', 'stories')}, within every limit." if limited else "No limit is set."
    return blockers, Passed(said), f"It is over {len(blockers)} limits."


def _nobody_accepts(story: StoryFact) -> str:
    if not story.unable:
        return f"Nobody is planned to accept {story.key}."
    return (
        f"{story.unable} was planned to accept {story.key} and can’t any more: they can’t sign in, or made the change."
    )


def acceptance(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """Every story that isn't rodeo done yet has someone who will accept it."""
    blockers = [
        Blocker(
            FAILED,
            f"accepter of {story.key}{f' {story.unable}' if story.unable else ''}",
            _nobody_accepts(story),
            f"Choose who accepts {story.key}.",
            f"squad {story.squad}",
            story.squad_slug,
            url=story.url,
        )
        for story in facts.stories
        if story.stage != "rodeo_done" and not story.accepter
    ]
    said = "Every story has a person who accepts it." if facts.stories else "No stories, so nobody is needed."
    left = counted(len(blockers), "story has nobody", "stories have nobody")
    return blockers, Passed(said), f"{left} planned to accept them."
