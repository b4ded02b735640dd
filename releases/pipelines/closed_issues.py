"""Which stories were made from the issues that changes close ("fixes #7"). `change_links` makes the links.

The closed issue itself is also kept as a link without a story, since the story may be created later. These links are like
any other: a person may refuse one for good.
"""

from collections.abc import Iterable, Iterator

from releases.pipelines.models import Repository
from releases.pipelines.repositories import find_repository
from releases.providers.story_keys import ISSUE
from squads.models import Story

# `Story.external` of a story made from an issue starts with one of these and a colon (squads/imports).
TRACKERS = ("github", "gitlab")
AT_ONCE = 100


def stories_of_issues(repository: Repository, issues: Iterable[str]) -> dict[str, list[str]]:
    """Return the keys of the stories made from these issues ("#7") of a repository, by issue. A query for each AT_ONCE."""
    wanted = sorted(set(issues))
    parts = repository.key.split("/")
    paths = ["/".join(parts[start:]) for start in range(len(parts) - 1)]
    found: dict[str, list[str]] = {}
    is_ours: dict[str, bool] = {}
    for start in range(0, len(wanted), AT_ONCE):
        batch = wanted[start : start + AT_ONCE]
        externals = [f"{tracker}:{path}{issue}" for tracker in TRACKERS for path in paths for issue in batch]
        stories = Story.objects.filter(external__in=externals).order_by("pk")
        for external, key in stories.values_list("external", "key"):
            path, _, number = external.partition(":")[2].rpartition("#")
            if path not in is_ours:
                is_ours[path] = find_repository(path) == repository
            if is_ours[path]:
                found.setdefault(f"#{number}", []).append(key)
    return found


def closed_by_changes(story_ids: Iterable[int]) -> Iterator[tuple[Repository, dict[str, tuple[int, str]]]]:
    """Yield the repositories whose changes may have closed the issues these stories were made of, with their issues as
    {"#7": (id of the story, its key)}. A few queries a repository."""
    rows = Story.objects.filter(pk__in=list(story_ids)).exclude(external="").values_list("external", "pk", "key")
    by_path: dict[str, dict[str, tuple[int, str]]] = {}
    for external, pk, key in rows:
        tracker, _, name = external.partition(":")
        path, sign, number = name.rpartition("#")
        if tracker in TRACKERS and path and ISSUE.fullmatch(sign + number):
            by_path.setdefault(path, {})[sign + number] = pk, key
    for path, story_by_issue in by_path.items():
        repository = find_repository(path)
        if repository is not None:
            yield repository, story_by_issue
