"""Links changes to the stories that they name: the one place where keys become links, whoever told of them.

A link keeps where its key stands (`git_named`, `told_named`), so what it is follows at any time from that and from what
squads and administrators say now: which repositories may name a squad's keys, whether descriptions count, who is a bot.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

from django.db.models import Q

from portal.kernel.bulk_update import write
from releases.bots.queries import bot_rules
from releases.pipelines.closed_issues import stories_of_issues
from releases.pipelines.models import Repository, StoryLink
from releases.pipelines.repositories import find_repository, is_same_name
from releases.providers.bots import is_bot
from releases.providers.story_keys import ISSUE, Naming, Standing, named_in, standing
from squads.models import Squad, Story

MOST_KEYS = 20
AT_ONCE = 500
Named = dict[str, list[Naming]]
Column = Literal["git_named", "told_named"]
COLUMNS = ("story_id", "rule", "mention", "git_named", "told_named")


# Stands for a repository that is not known yet.
NEW = 0


class LinkRules:
    """What squads and administrators say about links now. Each part is read once, when it is first needed.

    `new` is the key of a repository that is not connected yet, and the prefix of the squad that would own it.
    """

    def __init__(self, new: tuple[str, str] = ("", "")) -> None:
        self._new = new
        self._prefixes: dict[int, set[str]] = {}
        self._allowed: dict[tuple[str, int], bool] = {}
        self._homes: dict[int, str] = {}

    @cached_property
    def _squads(self) -> dict[str, tuple[list[str], bool]]:
        rows = Squad.objects.values_list("key_prefix", "key_repositories", "descriptions_count")
        return {prefix: (repositories, counts) for prefix, repositories, counts in rows}

    @cached_property
    def _bots(self) -> list[tuple[str, bool]]:
        return bot_rules()

    def standing(self, key: str, namings: Iterable[Naming], repository: int, story: int | None) -> Standing:
        """Return what a key in these places of a change of this repository makes of the link to a story, if it has one."""
        prefix = self._prefix_of(key, story)
        return standing(
            namings,
            here=self._is_here(prefix, repository),
            allowed=self._is_allowed(prefix, repository),
            described=self._squads.get(prefix, ((), False))[1],
            is_bot=self.is_bot,
        )

    def _prefix_of(self, key: str, story: int | None) -> str:
        """Return the prefix of the squad whose story a key means. A story may have a key from elsewhere."""
        prefix = key.rpartition("-")[0]
        if story is None or prefix in self._squads:
            return prefix
        if story not in self._homes:
            self._homes[story] = Story.objects.values_list("squad__key_prefix", flat=True).get(pk=story)
        return self._homes[story]

    def is_bot(self, who: str, said: bool) -> bool:
        """Say whether an author is a bot, given what their own system says."""
        return bool(who or said) and is_bot(who, said, self._bots)

    def _is_here(self, prefix: str, repository: int) -> bool:
        """Say whether the squad with this prefix owns the repository or a part of it, or names it in its own list."""
        if repository == NEW:
            self._prefixes[NEW] = {self._new[1]}
        if repository not in self._prefixes:
            owners = Squad.objects.filter(
                Q(services__repositories=repository) | Q(services__parts__repository=repository)
            )
            self._prefixes[repository] = set(owners.values_list("key_prefix", flat=True))
        return prefix in self._prefixes[repository] or (
            bool(self._squads.get(prefix, ((), False))[0]) and self._is_allowed(prefix, repository)
        )

    def _is_allowed(self, prefix: str, repository: int) -> bool:
        names = self._squads.get(prefix, ((), False))[0]
        if not names:
            return True
        if repository == NEW:
            return any(is_same_name(name, self._new[0]) for name in names)
        if (prefix, repository) not in self._allowed:
            found = (find_repository(name) for name in names)
            self._allowed[prefix, repository] = any(each is not None and each.pk == repository for each in found)
        return self._allowed[prefix, repository]


def link_commits(repository: Repository, commits: Mapping[UUID, tuple[str, str]], rules: LinkRules) -> set[int]:
    """Link commits to what their messages name, given as (message, author); return the ids of the stories concerned."""
    named = {pk: named_by(message, who, repository.key) for pk, (message, who) in commits.items()}
    return _relink(repository, named, "git_named", rules)


def link_told(
    change: UUID, repository: Repository, texts: Iterable[tuple[str, str, str, bool]], rules: LinkRules
) -> set[int]:
    """Link a change to what events about it name, given as (kind of text, text, author, whether they say it is a bot).

    What no event names any more is taken back. Returns the ids of the stories concerned.
    """
    return _relink(repository, {change: _named(texts, repository.key)}, "told_named", rules)


def settle(links: Any) -> set[int]:
    """Work out anew what these links are; return the ids of the stories for which one begins or stops to ask."""
    rules = LinkRules()
    rows = links.filter(person__isnull=True).values_list(
        "pk", "key", "change__repository_id", "story_id", "rule", "mention", "git_named", "told_named"
    )
    changed, concerned = [], set()
    for pk, key, repository, story, rule, mention, git, told in rows.iterator(chunk_size=2000):
        if repository is None or not (git or told):
            continue
        now = rules.standing(key, _namings(git, told), repository, story)
        if (rule, mention) != now:
            changed.append((pk, *now))
            concerned |= {story} if story is not None else set()
    write(StoryLink, ("rule", "mention"), changed)
    return concerned


def link_issues_of(stories: Iterable[tuple[Repository, Mapping[str, tuple[int, str]]]]) -> None:
    """Link changes to stories that were made of issues they closed before; given per repository as {issue: (id, key)}."""
    rules = LinkRules()
    for repository, story_by_issue in stories:
        closing = StoryLink.objects.filter(key__in=story_by_issue, story=None, change__repository=repository)
        wanted: dict[Column, dict[UUID, Named]] = {"git_named": {}, "told_named": {}}
        columns: tuple[Column, ...] = ("git_named", "told_named")
        for row in closing:
            for column in columns:
                if places := getattr(row, column):
                    named = wanted[column].setdefault(row.change_id, {})
                    named.setdefault(story_by_issue[row.key][1], []).extend(_namings(places))
        for column in columns:
            _add_to_present(wanted[column], column)
            _relink(repository, wanted[column], column, rules, only_add=True)


def _add_to_present(named: dict[UUID, Named], column: Column) -> None:
    """Add the places in which the changes name the stories themselves already."""
    for row in StoryLink.objects.filter(change__in=list(named)):
        if row.key in named[row.change_id]:
            named[row.change_id][row.key].extend(_namings(getattr(row, column)))


def named_by(message: str, who: str, repository: str) -> Named:
    """Return what a commit's message names: the places of each key, and of each issue that it closes."""
    return _named([("message", message, who, False)], repository)


def _named(texts: Iterable[tuple[str, str, str, bool]], repository: str) -> Named:
    found: Named = defaultdict(list)
    for kind, text, who, bot in texts:
        for key, place, loose in named_in(kind, text, repository):
            found[key].append(Naming(place, who[:400], bot, loose))
    keys = [key for key in found if key[0] != "#"][:MOST_KEYS]
    issues = [key for key in found if key[0] == "#"][:MOST_KEYS]
    return {key: found[key] for key in (*keys, *issues)}


def _with_issues(named: dict[UUID, Named], repository: Repository) -> dict[UUID, Named]:
    """Add the stories that were made of the closed issues; a closed issue itself stays, as its story may come later."""
    closed = {key for each in named.values() for key in each if ISSUE.fullmatch(key)}
    stories = stories_of_issues(repository, closed) if closed else {}
    if not stories:
        return named
    found: dict[UUID, Named] = {}
    for change, each in named.items():
        found[change] = {key: list(places) for key, places in each.items()}
        for issue, places in each.items():
            for key in stories.get(issue, ()):
                found[change].setdefault(key, []).extend(places)
    return found


def _relink(
    repository: Repository, named: dict[UUID, Named], column: Column, rules: LinkRules, *, only_add: bool = False
) -> set[int]:
    """Make one column of the links of these changes say what was named; return the ids of the stories concerned."""
    wanted = named if only_add else _with_issues(named, repository)
    concerned: set[int] = set()
    for some in _some(list(wanted)):
        batch = _Batch({change: wanted[change] for change in some}, column)
        batch.add(repository, rules)
        if not only_add:
            batch.take_back(repository, rules)
        concerned |= batch.save()
    return concerned


class _Batch:
    """The links of some changes while one of their columns is written anew."""

    def __init__(self, wanted: dict[UUID, Named], column: Column) -> None:
        self.wanted, self.column = wanted, column
        self.present = {(row.change_id, row.key): row for row in StoryLink.objects.filter(change__in=list(wanted))}
        self.before = {key: _values(row) for key, row in self.present.items()}
        self.made: list[StoryLink] = []
        self.gone: list[StoryLink] = []

    def add(self, repository: Repository, rules: LinkRules) -> None:
        """Write down what is named."""
        keys = {key for named in self.wanted.values() for key in named}
        stories = Story.objects.named(keys) if keys else {}
        for change, named in self.wanted.items():
            for key, places in named.items():
                row = self.present.get((change, key))
                if row is None:
                    row = StoryLink(pk=StoryLink.stable_id_of(change, key), change_id=change, key=key)
                    self.made.append(row)
                setattr(row, self.column, _stored(places))
                row.story_id = stories.get(key) if row.person_id is None else row.story_id
                _stand(row, repository, rules)

    def take_back(self, repository: Repository, rules: LinkRules) -> None:
        """Take back what is not named any more."""
        for (change, key), row in self.present.items():
            if key in self.wanted[change] or not getattr(row, self.column):
                continue
            setattr(row, self.column, [])
            if row.person_id is None and not row.git_named and not row.told_named:
                self.gone.append(row)
            else:
                _stand(row, repository, rules)

    def save(self) -> set[int]:
        """Save them; return the ids of the stories concerned."""
        StoryLink.objects.filter(pk__in=[row.pk for row in self.gone]).delete()
        StoryLink.objects.bulk_create(self.made, ignore_conflicts=True, batch_size=AT_ONCE)
        gone = {row.pk for row in self.gone}
        changed = [row for key, row in self.present.items() if row.pk not in gone and _values(row) != self.before[key]]
        write(StoryLink, COLUMNS, [(row.pk, *_values(row)) for row in changed])
        named = (self.present.get((change, key)) for change, keys in self.wanted.items() for key in keys)
        rows = [*self.made, *self.gone, *changed, *(row for row in named if row is not None)]
        before = {values[0] for values in self.before.values()}
        return {pk for pk in {*before, *(row.story_id for row in rows)} if pk is not None}


def _stand(row: StoryLink, repository: Repository, rules: LinkRules) -> None:
    """Set what a link is. What a person said of it stays."""
    if row.person_id is None:
        places = _namings(row.git_named, row.told_named)
        row.rule, row.mention = rules.standing(row.key, places, repository.pk, row.story_id)


def _values(row: StoryLink) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in COLUMNS)


def _stored(namings: Iterable[Naming]) -> list[list[Any]]:
    return [list(each) for each in sorted(set(namings))]


def _namings(*stored: Iterable[Iterable[Any]]) -> list[Naming]:
    return [Naming(*each) for places in stored for each in places]


def _some(changes: list[UUID]) -> Iterator[list[UUID]]:
    for start in range(0, len(changes), AT_ONCE):
        yield changes[start : start + AT_ONCE]
