"""What reading a repository found: how many commits name stories, and what evidence it still lacks."""

from dataclasses import dataclass
from typing import NamedTuple

from django.urls import reverse

from releases.deployments.models import Deployment
from releases.inbox.models import Source
from releases.pipelines.models import Change, Repository, Run, StoryLink
from squads.models import Evidence, Story

# No further: the page of a source counts every second while it is read.
COUNT_LIMIT = 10_000
STORIES_SHOWN = 8


class NextStep(NamedTuple):
    """What brings the next evidence, and where an administrator does it."""

    what: str
    url: str


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a repository; merges are left out. `over` means that there are more commits than were counted."""

    repository: Repository
    commits: int
    linked: int
    stories: list[Story]
    more: bool
    over: bool
    next: list[NextStep]

    @property
    def unlinked(self) -> int:
        """How many commits belong to no story."""
        return max(self.commits - self.linked, 0)


def found_in(source: Source) -> Found | None:
    """Return what reading a git source found so far; None before its first commit is there."""
    repository = source.repository
    if source.kind != "git" or repository is None:
        return None
    commits = Change.objects.filter(repository=repository, known=True, is_merge=False).order_by()
    count = commits.values("pk")[: COUNT_LIMIT + 1].count()
    if not count:
        return None
    links = StoryLink.objects.asking().filter(change__repository=repository, change__is_merge=False).order_by()
    linked = links.filter(change__known=True).values("change").distinct()[: COUNT_LIMIT + 1].count()
    named = Story.objects.filter(pk__in=links.values("story")).order_by("-pk")[: STORIES_SHOWN + 1]
    stories = list(named)
    return Found(
        repository,
        min(count, COUNT_LIMIT),
        min(linked, COUNT_LIMIT),
        stories[:STORIES_SHOWN],
        len(stories) > STORIES_SHOWN,
        count > COUNT_LIMIT,
        _next_steps(repository),
    )


def _next_steps(repository: Repository) -> list[NextStep]:
    """Return what this repository’s stories still lack on their way to rodeo done, in the order of the stages."""
    connect = reverse("releases:sources:system_choice")
    steps = []
    if not Run.objects.filter(repository=repository).exists():
        steps.append(NextStep("Connect CI", connect))
    if not Deployment.objects.filter(service=repository.service_id).exists():
        steps.append(NextStep("Connect deployments", connect))
    checked = Evidence.objects.filter(kind="acceptance", taken_back_at=None)
    if not checked.filter(story__change_links__change__repository=repository).exists():
        steps.append(NextStep("Check a deployed story in production", ""))
    return steps
