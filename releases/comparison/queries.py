"""What two environments run, service by service, and which stories one has that the other lacks.

A story is in an environment where its page would say so: the same changes, relations and deployments are asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from releases.deployments.models import Deployment
from releases.environments.models import Environment
from releases.evidence.rows import held_now
from releases.evidence.service_history import (
    LinkedChange,
    ServiceHistory,
    linked_changes,
    repositories_of,
    service_histories,
    wanted_changes,
)
from releases.pipelines.models import Change, StoryLink
from releases.pipelines.relations import relatives_of
from squads.models import Service, Story

# Of one service, the newest that are looked at; more than that is another product than the one that is compared with.
MOST_STORIES = 300
PRODUCTION = "production"


@dataclass(slots=True)
class Difference:
    """One service: what runs here and there (None: nothing), and the stories that only one of both has.

    `why_not` says why its stories can't be compared, where they can't; `more` that only the newest were looked at.
    """

    service: Service
    here: Deployment | None
    there: Deployment | None
    only_here: list[Story] = field(default_factory=list)
    only_there: list[Story] = field(default_factory=list)
    why_not: str = ""
    more: bool = False

    @property
    def is_same(self) -> bool:
        """Whether both run the same thing, by commit, artifact or version."""
        here, there = self.here, self.there
        if here is None or there is None:
            return here is there
        shas = _sha(here), _sha(there)
        if all(shas):
            return shas[0] == shas[1]
        return not self.is_unknown and _name(here) == _name(there)

    @property
    def is_unknown(self) -> bool:
        """Whether one of both is running something that neither a commit nor an artifact or version names."""
        here, there = self.here, self.there
        if here is None or there is None or (_sha(here) and _sha(there)):
            return False
        return NAMELESS in (_name(here), _name(there))


NAMELESS = (None, "")


def _name(deployment: Deployment) -> tuple[Any, str]:
    return deployment.artifact_id, deployment.version


def _sha(deployment: Deployment) -> str:
    return deployment.sha or (deployment.artifact.sha if deployment.artifact else "")


def to_compare_with(environment: Environment) -> "QuerySet[Environment]":
    """Return the other environments that are still there, in their order."""
    others = Environment.objects.unmerged().exclude(pk=environment.pk).filter(gone_at=None)
    return others.order_by("order", "name")


def usual_other(environment: Environment) -> Environment | None:
    """Return what an environment is most likely compared with: the first production, else the first other one."""
    others = to_compare_with(environment)
    return others.filter(tier=PRODUCTION).first() or others.first()


def differences(here: Environment, there: Environment) -> list[Difference]:
    """Return every service that runs in one of both, those that differ first, without their stories (see `add_stories`)."""
    found: dict[int, Difference] = {}
    running = Deployment.objects.running(Q(environment__in=[here, there]))
    for deployment in running.select_related("service", "artifact").order_by("service__name"):
        each = found.setdefault(deployment.service_id, Difference(deployment.service, None, None))
        if deployment.environment_id == here.pk:
            each.here = deployment
        else:
            each.there = deployment
    return sorted(found.values(), key=lambda each: each.is_same)


def add_stories(rows: Iterable[Difference], here: Environment, there: Environment) -> None:
    """Fill in the stories of services that run in both and differ. Costs some queries for each of those."""
    asked = [row for row in rows if not row.is_same and row.here is not None and row.there is not None]
    stories = {row.service.pk: _candidates(row) for row in asked}
    links = linked_changes([story for some in stories.values() for story in some])
    relatives = relatives_of({each.pk for linked in links.values() for each in linked})
    links = {story: wanted_changes(linked, relatives) for story, linked in links.items()}
    names = {each.service for linked in links.values() for each in linked}
    wanted = [row.service.name for row in asked if row.service.name in names]
    histories = {history.name: history for history in service_histories(wanted, links, set(), relatives)}
    for row in asked:
        row.why_not = _why_not(row, (here, there), histories.get(row.service.name))
        if row.why_not or row.service.name not in histories:
            continue
        history = histories[row.service.name]
        for story in stories[row.service.pk]:
            own = [each for each in links.get(story.pk, ()) if each.service == row.service.name]
            _place(row, story, history, own, (here.key, there.key))


def _candidates(row: Difference) -> Sequence[Story]:
    """Return the stories of a service, first those with changes since the older of both commits, then the newest.

    The others count as well: a commit may take back what landed before both, and need not name the story.
    """
    repositories = repositories_of(row.service.name)
    shas = [sha for deployment in (row.here, row.there) if deployment and (sha := _sha(deployment))]
    places = Change.objects.filter(repository__in=repositories, sha__in=shas).values_list("position", flat=True)
    known = [place for place in places if place is not None]
    links = StoryLink.objects.asking().filter(change__repository__in=repositories, story__isnull=False)
    since = links.filter(Q(change__landed=None) | Q(change__landed__gt=min(known, default=-1)), story=OuterRef("pk"))
    stories = Story.objects.filter(pk__in=links.values("story")).alias(is_recent=Exists(since))
    found = list(stories.order_by("-is_recent", "-pk")[: MOST_STORIES + 1])
    row.more = len(found) > MOST_STORIES
    return found[:MOST_STORIES]


def _why_not(row: Difference, places: tuple[Environment, Environment], history: ServiceHistory | None) -> str:
    """Return why nothing tells which stories one of both contains, or ""."""
    if not repositories_of(row.service.name):
        return "No repository is connected for this service."
    for environment, deployment in zip(places, (row.here, row.there), strict=True):
        past = history.deployments.get(environment.key) if history else None
        if past and past[-1].is_unread:
            return f"{environment} runs {past[-1].label}, which is on no branch that Rodeo reads."
        if past and not past[-1].sha:
            return f"The commit of {past[-1].label or 'what runs'} in {environment} is unknown."
        if past is None and deployment is not None and not _sha(deployment) and not deployment.version:
            return f"The commit that {environment} runs is unknown."
    return ""


def _place(
    row: Difference, story: Story, history: ServiceHistory, changes: list[LinkedChange], keys: tuple[str, str]
) -> None:
    if not changes:
        return
    held = [held_now(history, key, changes) for key in keys]
    if held[0] - held[1]:
        row.only_here.append(story)
    if held[1] - held[0]:
        row.only_there.append(story)
