"""Links a change to the stories that an event about it names."""

from collections.abc import Iterable
from uuid import UUID

from releases.pipelines.closed_issues import stories_of_issues
from releases.pipelines.models import Repository, StoryLink
from releases.providers.story_keys import issues_in, keys_in, keys_in_name
from squads.models import Story

MOST_KEYS = 20
# Texts that are names, not sentences: keys in them look different.
NAMES = {StoryLink.Rule.BRANCH}


def link_texts(change: UUID, repository: Repository, texts: Iterable[tuple[str, str]]) -> None:
    """Link a change to every story that its (rule, text) pairs name, or whose issue they close.

    Links that a person made or refused are not changed.
    """
    wanted: dict[str, str] = {}
    closed: dict[str, str] = {}
    for rule, text in texts:
        for key in keys_in_name(text) if rule in NAMES else keys_in(text):
            wanted.setdefault(key, rule)
        for issue in () if rule in NAMES else issues_in(text, repository.key):
            closed.setdefault(issue, rule)
    for issue, named in stories_of_issues(repository, closed).items():
        for key in named:
            wanted.setdefault(key, closed[issue])
    keys = [*sorted(wanted)[:MOST_KEYS], *sorted(closed)[:MOST_KEYS]]
    wanted |= closed
    present = {link.key: link for link in StoryLink.objects.filter(change=change, key__in=keys)}
    for key, link in present.items():
        # The commit message is the strongest rule; of an event's own texts, the first that names the story counts.
        if link.person_id is None and link.rule not in (StoryLink.Rule.MESSAGE, wanted[key]):
            StoryLink.objects.filter(pk=link.pk).update(rule=wanted[key])
    stories = Story.objects.named(keys)
    StoryLink.objects.bulk_create(
        [
            StoryLink(
                pk=StoryLink.stable_id_of(change, key),
                change_id=change,
                key=key,
                story_id=stories.get(key),
                rule=wanted[key],
            )
            for key in keys
            if key not in present
        ],
        ignore_conflicts=True,
    )
