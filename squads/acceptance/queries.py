"""What the pages of acceptance show."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils.safestring import SafeString

from portal.kernel.actors import Actor
from squads.acceptance.models import AcceptanceRequest
from squads.discussions.queries import render_texts
from squads.judge.case import PRODUCTION
from squads.judge.judgement import say
from squads.stories import ladder
from squads.stories.authorship import own_change_reason
from squads.stories.models import ENDINGS, Evidence, Story
from squads.stories.queries import Checklist, checklist, owner_names

MOST_ACCEPTERS = 50


class Place(NamedTuple):
    """Where a story runs: the environment, the service, what was deployed, and the evidence of that deployment."""

    environment: str
    service: str
    carries: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Waiting:
    """One request that a person can answer, with what they need for it."""

    request: AcceptanceRequest
    story: Story
    glyph: SafeString
    answer: str
    note: SafeString
    places: list[Place]
    criteria: Checklist
    checks: Checklist


def rung(story: Story, name: str) -> dict[str, Any]:
    """Return one rung of a story's ladder."""
    rungs: dict[str, dict[str, Any]] = {each["rung"]: each for each in story.standing.get("rungs", ())}
    return rungs.get(name, {"rung": name, "state": "missing", "at": None, "why": "it hasn’t been judged yet"})


def is_deployed(story: Story) -> bool:
    """Say whether evidence holds that production runs the story."""
    return rung(story, "deployed")["state"] in ("held", "by_hand")


def why_not_deployed_yet(story: Story) -> str:
    """Say why nobody can be asked to accept a story now; "" when somebody can."""
    if story.ending:
        return f"{story.key} {ENDINGS[story.ending]}. Reopen it first."
    if story.stage == Story.Stage.RODEO_DONE:
        return f"{story.key} is already rodeo done. There’s nothing left to accept."
    if not is_deployed(story):
        why = rung(story, "deployed")["why"]
        return f"{story.key} can’t be accepted yet: {why}. It can be once it’s in production."
    return ""


def accepters(story: Story, *, asked_by: Actor) -> list[Any]:
    """Return the accepters of a story's squad who may answer when this person asks."""
    people = get_user_model().objects.filter(
        memberships__squad=story.squad_id, memberships__accepts=True, is_active=True
    )
    rows = list(people.order_by("username")[:MOST_ACCEPTERS])
    if story.squad.accepts_own:
        return rows
    return [person for person in rows if person.pk != asked_by.pk and not own_change_reason(story, person)]


def waiting_for(person: Actor) -> "QuerySet[AcceptanceRequest]":
    """Return the open requests this person can answer, the longest waiting first."""
    rows = AcceptanceRequest.objects.waiting_for(person).select_related("story__squad", "story__release", "asked_by")
    return rows.order_by("asked_at", "pk")


def count_waiting_for(person: Actor) -> int:
    """Return how many requests wait for this person. Every page asks, so the cheap question comes first."""
    requests = AcceptanceRequest.objects
    return requests.waiting_for(person).count() if requests.concerning(person).exists() else 0


def places(stories: Iterable[Story]) -> dict[int, list[Place]]:
    """Return where each of these stories runs in production, from the evidence of its deployments; one query."""
    rows = Evidence.objects.valid().filter(
        story__in=[story.pk for story in stories], kind="deployment", verdict="success", tier__in=PRODUCTION
    )
    last: dict[tuple[int, str, str], Evidence] = {}
    for row in rows.order_by("at", "pk"):
        last[row.story_id, row.environment, row.service] = row
    found: dict[int, list[Place]] = {}
    for (story, environment, service), row in sorted(last.items(), key=lambda each: each[0]):
        if row.shas and row.detail != "removal":
            place = Place(environment or "production", service, "" if row.by_hand else row.label, row)
            found.setdefault(story, []).append(place)
    return found


def waiting(requests: Iterable[AcceptanceRequest]) -> list[Waiting]:
    """Return requests as the page shows them; the number of queries does not depend on how many there are."""
    rows = list(requests)
    stories = [row.story for row in rows]
    owners = owner_names(story.standing for story in stories)
    where, notes = places(stories), render_texts(row.note for row in rows)
    return [
        Waiting(
            row,
            row.story,
            ladder.glyph(row.story.standing),
            say(row.story.standing, owners=owners, squad=row.story.squad.name),
            note,
            where.get(row.story_id, []),
            checklist(row.story, "acceptance_criteria"),
            checklist(row.story, "production_checks"),
        )
        for row, note in zip(rows, notes, strict=True)
    ]
