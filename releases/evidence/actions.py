"""Keeping the evidence of stories true to what is known, and judging them by it."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import transaction

from portal.kernel.bulk_update import write
from releases.artifacts.models import Artifact
from releases.deployments.models import AcceptanceRun, Deployment
from releases.evidence import rows
from releases.evidence.affected_stories import StoryFinder, has_paths, stories_concerned
from releases.evidence.containment import spellings_of_shas
from releases.flags.models import FlagState
from releases.inbox.affected import Affected
from releases.pipelines.change_links import link_issues_of, settle
from releases.pipelines.closed_issues import closed_by_changes
from releases.pipelines.models import Change, Run, StoryLink
from squads.models import Evidence, Story, StoryAlias

AT_ONCE = 400


def derive(story_ids: Iterable[int]) -> int:
    """Bring the derived evidence of these stories up to date and judge them; return how many stories changed."""
    ids = sorted(set(story_ids))
    changed = 0
    for start in range(0, len(ids), AT_ONCE):
        with transaction.atomic():
            stories = list(Story.objects.select_for_update().filter(pk__in=ids[start : start + AT_ONCE]).order_by("pk"))
            _reconcile(stories)
            changed += Story.objects.filter(pk__in=[story.pk for story in stories]).judge()
    return changed


def _reconcile(stories: list[Story]) -> None:
    """Make the derived rows of these stories exactly the ones that follow from the facts; touch no others."""
    wanted = {row.pk: row for row in rows.rows_for(stories)}
    present = {row.pk: row for row in Evidence.objects.derived().filter(story__in=stories)}
    gone = [pk for pk in present if pk not in wanted]
    if gone:
        Evidence.objects.filter(pk__in=gone).delete()
    Evidence.objects.bulk_create([row for pk, row in wanted.items() if pk not in present], batch_size=500)
    different = [row for pk, row in wanted.items() if pk in present and row.values() != present[pk].values()]
    if different:
        columns = [name for name in Evidence.compared() if name != "story_id"]
        write(Evidence, columns, [(row.pk, *(getattr(row, name) for name in columns)) for row in different])


def derive_affected(affected: Affected) -> int:
    """Derive the evidence of every story that these events may concern; return how many stories changed."""
    return derive(affected_stories(affected)) if affected else 0


def affected_stories(affected: Affected) -> set[int]:
    """Return the ids of the stories whose evidence may follow from what was affected: rather one too many than too few."""
    stories = set(affected.stories)
    if affected.environments:
        affected.services |= _deployed_to(affected.environments)
        checked = AcceptanceRun.objects.filter(environment__in=affected.environments)
        affected.keys |= set(checked.exclude(story_key="").values_list("story_key", flat=True).distinct())
        flags = FlagState.objects.filter(environment__in=affected.environments)
        affected.flags |= set(flags.values_list("flag", flat=True).distinct())
    _follow_artifacts(affected, _follow_changes(affected, stories))
    stories |= set(Story.objects.named(affected.keys).values())
    stories |= set(Story.objects.filter(flag__in=affected.flags - {""}).values_list("pk", flat=True))
    finder = StoryFinder()
    for service in affected.services:
        stories |= finder.of_service(service)
    for deployment in Deployment.objects.filter(pk__in=affected.deployments).select_related("artifact"):
        stories |= finder.around_deployment(deployment)
    runs = Run.objects.filter(pk__in=affected.runs).select_related("artifact", "repository")
    for run in runs.annotate(has_paths=has_paths("repository_id")):
        stories |= finder.around_run(run)
    for check in AcceptanceRun.objects.filter(pk__in=affected.checks):
        if check.story_key:
            stories |= set(Story.objects.named([check.story_key]).values())
        if check.service_id:
            stories |= finder.of_service(check.service_id)
    return stories | finder.of_repositories(affected.repositories)


def _deployed_to(environments: Iterable[int]) -> set[int]:
    return set(
        Deployment.objects.filter(environment__in=list(environments)).values_list("service_id", flat=True).distinct()
    ) | set(
        AcceptanceRun.objects.filter(environment__in=list(environments), service__isnull=False)
        .values_list("service_id", flat=True)
        .distinct()
    )


def _follow_changes(affected: Affected, stories: set[int]) -> set[str]:
    """Add the stories of affected changes, and of what those repeat or take back; return the shas whose containment may
    have changed for others."""
    ids = list(affected.changes)
    shas: set[str] = set()
    for start in range(0, len(ids), 1000):
        some = ids[start : start + 1000]
        shas |= set(Change.objects.filter(pk__in=some).values_list("sha", flat=True))
    stories |= stories_concerned(ids)
    return shas


def _follow_artifacts(affected: Affected, shas: set[str]) -> None:
    """Touch whatever names one of these shas or artifacts: what it contains may be known only now, or differently.

    A short sha means every commit that it begins. What a deployment or run did before is unknown here, so its whole
    service (or repository) is affected.
    """
    spelled = spellings_of_shas(shas)
    artifacts = set(affected.artifacts)
    for some in _some(spelled):
        artifacts |= set(Artifact.objects.filter(sha__in=some).values_list("pk", flat=True))
    for name, values in (("sha", spelled), ("artifact", sorted(artifacts))):
        for some in _some(values):
            named = {f"{name}__in": some}
            affected.services |= set(Deployment.objects.filter(**named).values_list("service_id", flat=True).distinct())
            for check in AcceptanceRun.objects.filter(**named).values("service_id", "story_key").distinct():
                affected.note(service=check["service_id"], key=check["story_key"])
            for run in Run.objects.filter(**named).values("service_id", "repository_id", "pk"):
                affected.note(service=run["service_id"], repository=run["repository_id"])
                if not (run["service_id"] or run["repository_id"]):
                    affected.runs.add(run["pk"])


def _some(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), 500):
        yield values[start : start + 500]


def link_stories(ids: Iterable[int]) -> None:
    """Bind the changes that name these stories, or close their issues, to what their keys mean now, and derive all of them.

    Keys that these stories share with others mean neither any more: those others are derived too.
    """
    wanted = sorted(set(ids))
    affected = set(wanted)
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        affected |= relink(_keys_of(some))
        link_issues_of(closed_by_changes(some))
    derive(affected)


def _keys_of(ids: list[int]) -> set[str]:
    own = Story.objects.filter(pk__in=ids).order_by().values_list("key", flat=True)
    return set(own.union(StoryAlias.objects.filter(story__in=ids).order_by().values_list("key", flat=True)))


def relink(keys: set[str]) -> set[int]:
    """Bind the changes that name these keys to the stories that they mean now, but for what people said.

    Return the ids of all stories that have one of these keys, whether it means them or not.
    """
    meant = Story.objects.named(keys)
    links = StoryLink.objects.filter(key__in=keys, person__isnull=True).values_list("pk", "key", "story_id")
    write(StoryLink, ("story",), [(pk, meant.get(key)) for pk, key, story in links if meant.get(key) != story])
    # Which squad's rules hold for a key from elsewhere depends on the story it means.
    settle(StoryLink.objects.filter(key__in=keys))
    sharing = StoryAlias.objects.filter(key__in=keys).order_by().values_list("story_id", flat=True)
    own = Story.objects.filter(key__in=keys).order_by().values_list("pk", flat=True)
    return set(own.union(sharing))
