"""Issues of a tracker as stories: what a connected system tells of them, kept under the name that a file would give them.

So a file and a connection make one story. Nobody here did any of it: stories and edits carry no person. An issue that is
closed, moved or deleted moves no story; that is noted beside it, for only evidence makes a story done (docs/adr/0022).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from portal.kernel import clock, live
from portal.kernel.bulk_update import write
from portal.kernel.outbox import publish
from squads.events import StoriesImported, StoryEdited
from squads.imports.models import Ticket
from squads.stories.actions import RANK_GAP, judge, last_rank
from squads.stories.editing import LONGEST_TEXT
from squads.stories.models import Story, StoryEdit
from squads.teams.models import Squad

LONGEST_TITLE = 200
# What is kept of a text that is too long leaves room for the sentence that says so.
ROOM = 200
TAKEN = ("title", "description", "type")
NOTED = ("system", "url", "author", "state", "since", "moved_to", "said", "seen_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """An issue as its tracker tells it now. `type` is "" where nothing there says one.

    `begins` says whether it becomes a story if it is none yet; one that is may always be told more.
    """

    key: str
    system: str
    title: str
    seen_at: datetime
    body: str = ""
    type: str = ""
    url: str = ""
    author: str = ""
    created_at: datetime | None = None
    state: str = Ticket.State.OPEN
    since: datetime | None = None
    moved_to: str = ""
    begins: bool = True

    def values(self) -> dict[str, str]:
        """Return what it says about the fields of a story. A title too long for one is whole in the description."""
        title = " ".join(self.title.split()) or self.key
        body = self.body.replace("\r\n", "\n").strip()
        if len(title) > LONGEST_TITLE:
            title, body = f"{title[: LONGEST_TITLE - 1]}…", f"{title}\n\n{body}".strip()
        if len(body) > LONGEST_TEXT - ROOM:
            body = f"{body[: LONGEST_TEXT - ROOM].rstrip()}\n\n*This text is longer in {self.system}; its end is only there.*"
        values = {"title": title, "description": body}
        return values | {"type": self.type} if self.type else values


class Taken(NamedTuple):
    """The ids of the stories that issues became, and of those that were told more."""

    created: list[int]
    updated: list[int]


@dataclass(slots=True)
class _Known:
    """What there is of some issues: their rows, the stories they are, and the fields of those that were edited here."""

    tickets: dict[str, Ticket]
    stories: dict[str, Story]
    edited: set[tuple[int, str]] = field(default_factory=set)


def take(squad: Squad, issues: Iterable[Issue]) -> Taken:
    """Make stories of issues, and tell those that are stories already what changed; return the ids of both.

    What is older than what was seen of an issue before says nothing, and the same twice changes nothing. A story stays
    with its squad, whichever is named later. The number of queries does not depend on the number of issues.
    """
    told = {issue.key: issue for issue in issues}
    if not told:
        return Taken([], [])
    with transaction.atomic():
        # The squad's row first, as whoever creates a story of it or imports a file does.
        squad = Squad.objects.select_for_update().get(pk=squad.pk)
        known = _known(squad, list(told))
        fresh = [each for key, each in told.items() if key not in known.stories and each.begins]
        later = [each for key, each in told.items() if key in known.stories and _is_news(each, known.tickets.get(key))]
        created, updated = _create(squad, fresh), _update(later, known)
        judge(created)
        if created:
            publish(StoriesImported(ids=created))
        if updated:
            publish(StoryEdited(ids=updated))
        live.touch([*created, *updated])
    return Taken(created, updated)


def _known(squad: Squad, keys: Sequence[str]) -> _Known:
    tickets = {ticket.key: ticket for ticket in Ticket.objects.filter(key__in=keys)}
    imported = dict(Story.objects.filter(squad=squad, external__in=keys).values_list("external", "pk"))
    ids = imported | {key: ticket.story_id for key, ticket in tickets.items()}
    rows = Story.objects.select_for_update(of=("self",)).defer("standing").filter(pk__in=ids.values()).order_by("pk")
    held = {story.pk: story for story in rows}
    known = _Known(tickets, {key: held[pk] for key, pk in ids.items() if pk in held})
    alone = [story.pk for key, story in known.stories.items() if key not in tickets]
    if alone:
        edits = StoryEdit.objects.filter(story__in=alone, field__in=TAKEN)
        known.edited = set(edits.values_list("story_id", "field").distinct())
    return known


def _is_news(issue: Issue, ticket: Ticket | None) -> bool:
    return ticket is None or issue.seen_at >= ticket.seen_at


def _create(squad: Squad, issues: list[Issue]) -> list[int]:
    if not issues:
        return []
    # Oldest first, as they came about there; of one moment, in the order of their names.
    issues = sorted(issues, key=lambda each: (each.created_at or each.seen_at, len(each.key), each.key))
    first, rank = squad.take_numbers(len(issues)), last_rank(squad)
    made = [
        Story(
            squad=squad,
            number=first + index,
            key=f"{squad.key_prefix}-{first + index}",
            external=issue.key,
            rank=rank + RANK_GAP * (index + 1),
            **issue.values(),
        )
        for index, issue in enumerate(issues)
    ]
    Story.objects.bulk_create(made)
    # The column fills itself when a row is created; the date it has there is written over it.
    dated = [(story.pk, each.created_at) for story, each in zip(made, issues, strict=True) if each.created_at]
    write(Story, ("created_at",), dated)
    Ticket.objects.bulk_create(_ticket(each, story, None) for each, story in zip(issues, made, strict=True))
    return [story.pk for story in made]


def _ticket(issue: Issue, story: Story, before: Ticket | None) -> Ticket:
    """Return the row of an issue as it is now. Not every message names the author: a name stays."""
    return Ticket(
        pk=before.pk if before else None,
        story=story,
        key=issue.key,
        system=issue.system,
        url=issue.url,
        author=issue.author or (before.author if before else ""),
        state=issue.state,
        since=issue.since,
        moved_to=issue.moved_to,
        said={**(before.said if before else {}), **issue.values()},
        seen_at=issue.seen_at,
    )


def _update(issues: list[Issue], known: _Known) -> list[int]:
    """Write what differs where no person wrote otherwise, with what was there before in the story's history."""
    now, concerned = clock.now(), list[int]()
    columns, edits = dict[str, list[tuple[Any, ...]]](), list[StoryEdit]()
    new, changed = list[Ticket](), list[Ticket]()
    for issue in issues:
        story, before = known.stories[issue.key], known.tickets.get(issue.key)
        differences = [
            (name, getattr(story, name), after)
            for name, after in issue.values().items()
            if not _same(getattr(story, name), after) and _is_theirs(story, name, before, known)
        ]
        ticket = _ticket(issue, story, before)
        if before is None:
            new.append(ticket)
        elif any(getattr(before, name) != getattr(ticket, name) for name in NOTED):
            changed.append(ticket)
        elif not differences:
            continue
        concerned.append(story.pk)
        for name, old, after in differences:
            columns.setdefault(name, []).append((story.pk, after))
            edits.append(StoryEdit(story=story, version=story.version + 1, field=name, before=old, after=after, at=now))
    for name, rows in columns.items():
        write(Story, (name,), rows)
    write(Story, ("version",), {each.story_id: (each.story_id, each.version) for each in edits}.values())
    StoryEdit.objects.bulk_create(edits)
    Ticket.objects.bulk_create(new)
    write(Ticket, NOTED, [(each.pk, *(getattr(each, name) for name in NOTED)) for each in changed])
    return concerned


def _same(one: str, other: str) -> bool:
    """Browsers send line ends as CRLF: the same text."""
    return one.replace("\r\n", "\n") == other.replace("\r\n", "\n")


def _is_theirs(story: Story, name: str, ticket: Ticket | None, known: _Known) -> bool:
    """Say whether a field still says what the tracker said last. Of a story from a file: whether nobody edited it."""
    if ticket is None:
        return (story.pk, name) not in known.edited
    return name not in ticket.said or _same(getattr(story, name), ticket.said[name])
