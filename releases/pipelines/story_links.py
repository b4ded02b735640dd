"""Changes that say which issue they close, and the stories that came from these issues.

A change that "fixes #7" keeps that as a link without a story, whatever is known of the issue: the story may come later.
What a change closes is a link like any other, so a person may take it away for good.
"""

from collections.abc import Iterable

from releases.pipelines.models import Repository, StoryLink
from releases.pipelines.repositories import repository_known
from releases.providers.story_keys import ISSUE
from squads.models import Story

# What the stories of issues are known by begins so (squads/imports).
TRACKERS = ("github", "gitlab")
AT_ONCE = 100


def stories_closed(repository: Repository, issues: Iterable[str]) -> dict[str, list[str]]:
    """Return the keys of the stories that came from these issues ("#7") of a repository, by issue. Few queries."""
    wanted = sorted(set(issues))
    parts = repository.key.split("/")
    paths = ["/".join(parts[start:]) for start in range(len(parts) - 1)]
    found: dict[str, list[str]] = {}
    meant: dict[str, bool] = {}
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        externals = [f"{tracker}:{path}{issue}" for tracker in TRACKERS for path in paths for issue in some]
        stories = Story.objects.filter(external__in=externals).order_by("pk")
        for external, key in stories.values_list("external", "key"):
            path, _, number = external.partition(":")[2].rpartition("#")
            if path not in meant:
                meant[path] = repository_known(path) == repository
            if meant[path]:
                found.setdefault(f"#{number}", []).append(key)
    return found


def bind(story_ids: Iterable[int]) -> None:
    """Link the changes that closed these stories' issues before the stories were there. Queries by repository."""
    rows = Story.objects.filter(pk__in=list(story_ids)).exclude(external="").values_list("external", "pk", "key")
    by_path: dict[str, dict[str, tuple[int, str]]] = {}
    for external, pk, key in rows:
        tracker, _, name = external.partition(":")
        path, sign, number = name.rpartition("#")
        if tracker in TRACKERS and path and ISSUE.fullmatch(sign + number):
            by_path.setdefault(path, {})[sign + number] = pk, key
    for path, named in by_path.items():
        repository = repository_known(path)
        if repository is None:
            continue
        closing = StoryLink.objects.filter(key__in=named, story=None, change__repository=repository)
        StoryLink.objects.bulk_create(
            (
                StoryLink(
                    pk=StoryLink.stable_id_of(change, named[issue][1]),
                    change_id=change,
                    key=named[issue][1],
                    story_id=named[issue][0],
                    rule=rule,
                )
                for change, issue, rule in closing.values_list("change_id", "key", "rule")
            ),
            ignore_conflicts=True,
            batch_size=500,
        )
