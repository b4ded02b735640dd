"""What connecting a git repository would touch: the stories that its history names, before anything of it is kept."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError

from portal.kernel import clock
from portal.kernel.actors import Actor
from releases.allowed_hosts import actions as allowed_hosts
from releases.pipelines.change_links import NEW, LinkRules, named_by
from releases.pipelines.closed_issues import stories_of_issues
from releases.pipelines.models import StoryLink
from releases.pipelines.repositories import find_repository
from releases.providers.git import config
from releases.providers.git.client import Git, GitFailed
from releases.providers.git.mirror import Mirror
from releases.providers.git.records import CommitRecord
from releases.providers.story_keys import RESEMBLANCES, Naming
from releases.sources.actions import check_administrator
from releases.sources.connect_git import validate_address
from squads.models import Squad, Story

# A preview is read while somebody waits.
SECONDS = 25
MOST_COMMITS = 100_000
MOST_STORIES = 200
# Stages that a new change takes a story back from, until production is known to run it.
IN_PRODUCTION = ("deployed", "rodeo_done")


@dataclass(slots=True)
class TouchedStory:
    """A story that the history names: how many changes would become part of it, and how many only mention it."""

    story: Story
    changes: int = 0
    mentions: int = 0
    newest: str = ""

    @property
    def withdraws(self) -> bool:
        """Whether it is in production now and would not be until a deployment of these changes is known."""
        return self.changes > 0 and self.story.stage in IN_PRODUCTION


@dataclass(frozen=True, slots=True)
class GitPreview:
    """What a repository's history names. `more` stories are left out of the list; not `whole` if commits are."""

    repository: str
    commits: int
    whole: bool
    stories: list[TouchedStory] = field(default_factory=list)
    more: int = 0

    @property
    def withdrawn(self) -> int:
        """How many stories in the list would no longer be in production."""
        return sum(1 for each in self.stories if each.withdraws)


def preview_git(
    *,
    by: Actor | None,
    url: str,
    squad: Squad,
    branch: str = "",
    secret: str = "",
    user: str = "",
    repository: str = "",
) -> GitPreview:
    """Read the messages of a repository's mainline and tags and say which stories they name; nothing is kept.

    Raises ValidationError when the repository cannot be read, or not within SECONDS.
    """
    check_administrator(by)
    address = validate_address(url)
    try:
        branch = config.branch_name(branch)
    except config.InvalidSetting as error:
        raise ValidationError({error.field: str(error)}) from None
    known = find_repository(repository or address.name)
    key = known.key if known else repository or address.name
    reader = _Reader(key, known.pk if known else None, squad)
    try:
        for commit in _commits(address, branch, secret, user):
            if reader.commits == MOST_COMMITS:
                reader.whole = False
                break
            reader.read(commit)
    except GitFailed as error:
        raise ValidationError({"url": str(error)}) from None
    return reader.preview()


def _commits(address: config.Address, branch: str, secret: str, user: str) -> Iterator[CommitRecord]:
    folder = Path(settings.RODEO_GIT_DIR)
    git = Git(
        folder,
        address,
        secret=secret,
        user=user,
        timeout=SECONDS,
        check=allowed_hosts.addresses_for_git,
        ca_bundle=settings.RODEO_CA_BUNDLE,
    )
    mirror = Mirror(folder / f"preview-{secrets.token_hex(8)}.git", git, branch, contents=False)
    try:
        with mirror.held():
            remote = mirror.remote_refs()
            mirror.fetch(remote, lambda percent: None)
            refs = mirror.snapshot(remote.branch, str(clock.iso(clock.now())), None)
            yield from mirror.commits([refs.head, *(tag.sha for tag in refs.tags)], [])
    finally:
        mirror.forget()
        mirror.path.with_suffix(".lock").unlink(missing_ok=True)


class _Reader:
    """Collects what commits name."""

    def __init__(self, key: str, known: int | None, squad: Squad) -> None:
        self.key, self.known, self.squad = key, known, squad
        self.commits, self.whole = 0, True
        self.rules = LinkRules(new=(key, squad.key_prefix))
        self.named: dict[str, list[tuple[CommitRecord, list[Naming]]]] = {}

    def read(self, commit: CommitRecord) -> None:
        self.commits += 1
        who = f"{commit.author} <{commit.email}>"
        for key, places in named_by(commit.message, who, self.key).items():
            self.named.setdefault(key, []).append((commit, places))

    def preview(self) -> GitPreview:
        """Return the stories that are named: those that would be withdrawn first, then by what they have of changes."""
        meant = Story.objects.named(self.named)
        for issue, keys in self._closed().items():
            for key in keys:
                self.named.setdefault(key, []).extend(self.named[issue])
                meant |= Story.objects.named([key])
        there = self._linked_already(meant.values())
        stories = {story.pk: TouchedStory(story) for story in _stories(meant.values())}
        for key, pk in meant.items():
            for commit, places in self.named[key]:
                mention = self.rules.standing(key, places, NEW, pk).mention
                if mention in RESEMBLANCES or (pk, commit.sha) in there:
                    continue
                touched = stories[pk]
                touched.changes += not mention
                touched.mentions += bool(mention)
                touched.newest = f"{commit.sha[:7]} {commit.message.partition(chr(10))[0][:100]}"
        found = sorted(
            (each for each in stories.values() if each.changes or each.mentions),
            key=lambda each: (not each.withdraws, -each.changes, each.story.key),
        )
        more = max(len(found) - MOST_STORIES, 0)
        return GitPreview(self.key, self.commits, self.whole, found[:MOST_STORIES], more)

    def _closed(self) -> dict[str, list[str]]:
        repository = find_repository(self.key)
        issues = [key for key in self.named if key[0] == "#"]
        return stories_of_issues(repository, issues) if repository and issues else {}

    def _linked_already(self, stories: Iterable[int]) -> set[tuple[int, str]]:
        if self.known is None:
            return set()
        links = StoryLink.objects.asking().filter(change__repository=self.known, story__in=list(stories))
        return set(links.values_list("story_id", "change__sha"))


def _stories(ids: Iterable[int]) -> Iterator[Story]:
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), 500):
        yield from Story.objects.filter(pk__in=wanted[start : start + 500]).select_related("squad")
