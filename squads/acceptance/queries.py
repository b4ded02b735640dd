"""What the pages of acceptance show."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Concat, NullIf, Trim
from django.utils.safestring import SafeString

from portal.kernel.actors import Actor
from squads.acceptance.models import AcceptancePlan, AcceptanceRequest
from squads.discussions.queries import render_texts
from squads.judge.case import PRODUCTION
from squads.judge.judgement import say
from squads.stories import ladder
from squads.stories.authorship import moved_by, own_change_reason, written_by
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


def planned_accepters(stories: Iterable[int]) -> dict[int, str]:
    """Return who is to accept each of these stories (ids), by name; one query. Stories without anybody aren't in it.

    Who accepted it counts before who is asked by name, and that before who was planned. People who couldn't accept it any more
    don't count, but for what they accepted: they can't sign in, or made the change.
    """
    rows = Story.objects.filter(pk__in=list(stories)).annotate(who=accepter_name()).exclude(who=None)
    return dict(rows.order_by().values_list("pk", "who"))


def accepter_name() -> Any:
    """Return who is to accept a story, as `planned_accepters` has it, as an expression for a query of stories."""
    asked = AcceptanceRequest.objects.filter(story=OuterRef("pk"))
    accepted = asked.filter(state="accepted", evidence__taken_back_at=None, evidence__isnull=False)
    newest = ("-asked_at", "-pk")
    return Coalesce(
        Subquery(accepted.order_by(*newest).values(said=name_of("answered_by"))[:1]),
        Subquery(able(asked.filter(state="open"), "accepter").values(said=name_of("accepter"))[:1]),
        Subquery(able(_planned(), "person").values(said=name_of("person"))[:1]),
    )


def planned_name() -> Any:
    """Return who was planned to accept a story, also if they couldn't any more, as an expression for a query of stories."""
    return Subquery(_planned().values(said=name_of("person"))[:1])


def _planned() -> "QuerySet[AcceptancePlan]":
    return AcceptancePlan.objects.filter(story=OuterRef("pk"))


def able(rows: "QuerySet[Any]", person: str) -> "QuerySet[Any]":
    """Keep the rows whose person could accept the story: they can sign in, and the change isn't theirs where that matters."""
    own = moved_by(OuterRef(person), OuterRef("story__key"))
    written = written_by(OuterRef(OuterRef(person)), OuterRef("story"))
    others = ~Exists(own) & ~Exists(written)
    return rows.filter(Q(story__squad__accepts_own=True) | others, **{f"{person}__is_active": True})


def name_of(person: str = "") -> Any:
    """Return a person's name, as pages show it, as an expression; `person` is the field that leads to them."""
    first, last, username = (
        F(f"{person}__{part}" if person else part) for part in ("first_name", "last_name", "username")
    )
    return Coalesce(NullIf(Trim(Concat(first, Value(" "), last)), Value("")), username)


def planned_for(story: Story) -> Any:
    """Return the person who is planned to accept a story; None if nobody is, or they couldn't any more."""
    plan = able(AcceptancePlan.objects.select_related("person").filter(story=story), "person").first()
    return plan.person if plan is not None else None


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
