"""Stories from a connected tracker's issues, under the same external key that an imported file gives them.

So a file and a connection make one story. Stories and edits made here carry no person. An issue that is closed, moved or
deleted moves no story, since only evidence makes a story done: its state is stored in its Ticket (docs/adr/0022).
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
from squads.stories.queries import handed_over
from squads.teams.models import Squad

LONGEST_TITLE = 200
# Characters left free in a text that is cut, for the sentence that says so.
SPACE_FOR_NOTE = 200
SYNCED_FIELDS = ("title", "description", "type")
TICKET_COLUMNS = ("system", "url", "author", "state", "since", "moved_to", "said", "seen_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """An issue as it is in its tracker now. `type` is "" where the tracker gives none.

    `may_create` says whether a story is created if there is none; one that exists is updated in any case.
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
    may_create: bool = True

    def values(self) -> dict[str, str]:
        """Return the fields of the issue's story. A title too long for one is given in full in the description."""
        title = " ".join(self.title.split()) or self.key
        body = self.body.replace("\r\n", "\n").strip()
        if len(title) > LONGEST_TITLE:
            title, body = f"{title[: LONGEST_TITLE - 1]}…", f"{title}\n\n{body}".strip()
        if len(body) > LONGEST_TEXT - SPACE_FOR_NOTE:
            body = body[: LONGEST_TEXT - SPACE_FOR_NOTE].rstrip()
            body = f"{body}\n\n*This text is longer in {self.system}; its end is only there.*"
        values = {"title": title, "description": body}
        return values | {"type": self.type} if self.type else values


class ImportedIssues(NamedTuple):
    """The ids of the stories that were created and updated."""

    created: list[int]
    updated: list[int]


@dataclass(slots=True)
class _Existing:
    """The tickets and stories that exist for some issues, and the fields that people edited on those without a ticket."""

    tickets: dict[str, Ticket]
    stories: dict[str, Story]
    edited: set[tuple[int, str]] = field(default_factory=set)


def import_issues(squad: Squad, issues: Iterable[Issue]) -> ImportedIssues:
    """Create stories from issues, and update those that exist; return the ids of both.

    An archived squad gets no new ones. An issue older than the version seen before changes nothing, nor does the same one
    twice. A story stays with its squad, whichever is named later. The number of queries does not depend on that of issues.
    """
    by_key = {issue.key: issue for issue in issues}
    if not by_key:
        return ImportedIssues([], [])
    with transaction.atomic():
        # The squad's row is locked first, as by everybody who creates a story of it or imports a file.
        squad = Squad.objects.select_for_update().get(pk=squad.pk)
        existing = _find_existing(squad, list(by_key))
        to_create = [
            each
            for key, each in by_key.items()
            if key not in existing.stories and each.may_create and not squad.archived_at
        ]
        to_update = [
            each
            for key, each in by_key.items()
            if key in existing.stories and _is_newer(each, existing.tickets.get(key))
        ]
        created, updated = _create(squad, to_create), _update(to_update, existing)
        judge(created)
        if created:
            publish(StoriesImported(ids=created))
        if updated:
            publish(StoryEdited(ids=updated))
        live.touch([*created, *updated])
    return ImportedIssues(created, updated)


def _find_existing(squad: Squad, keys: Sequence[str]) -> _Existing:
    tickets = {ticket.key: ticket for ticket in Ticket.objects.filter(key__in=keys)}
    imported = dict(Story.objects.filter(squad=squad, external__in=keys).values_list("external", "pk"))
    # What went to another squad is not made here a second time.
    imported = {key: story.pk for key, story in handed_over(squad).items() if key in keys} | imported
    ids = imported | {key: ticket.story_id for key, ticket in tickets.items()}
    rows = Story.objects.select_for_update(of=("self",)).defer("standing").filter(pk__in=ids.values()).order_by("pk")
    locked = {story.pk: story for story in rows}
    existing = _Existing(tickets, {key: locked[pk] for key, pk in ids.items() if pk in locked})
    without_ticket = [story.pk for key, story in existing.stories.items() if key not in tickets]
    if without_ticket:
        edits = StoryEdit.objects.filter(story__in=without_ticket, field__in=SYNCED_FIELDS)
        existing.edited = set(edits.values_list("story_id", "field").distinct())
    return existing


def _is_newer(issue: Issue, ticket: Ticket | None) -> bool:
    return ticket is None or issue.seen_at >= ticket.seen_at


def _create(squad: Squad, issues: list[Issue]) -> list[int]:
    if not issues:
        return []
    # Oldest first; those of one moment in the order of their keys.
    issues = sorted(issues, key=lambda each: (each.created_at or each.seen_at, len(each.key), each.key))
    first, rank = squad.take_numbers(len(issues)), last_rank(squad)
    stories = [
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
    Story.objects.bulk_create(stories)
    # created_at sets itself when a row is created; the tracker's date is written over it.
    dates = [(story.pk, each.created_at) for story, each in zip(stories, issues, strict=True) if each.created_at]
    write(Story, ("created_at",), dates)
    Ticket.objects.bulk_create(_ticket(each, story, None) for each, story in zip(issues, stories, strict=True))
    return [story.pk for story in stories]


def _ticket(issue: Issue, story: Story, before: Ticket | None) -> Ticket:
    """Return the ticket of an issue as it is now. Not every event names the author: a known name stays."""
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


def _update(issues: list[Issue], existing: _Existing) -> list[int]:
    """Write what differs where no person wrote something else, and the old values to the story's history."""
    now, updated_ids = clock.now(), list[int]()
    columns, edits = dict[str, list[tuple[Any, ...]]](), list[StoryEdit]()
    new, changed = list[Ticket](), list[Ticket]()
    for issue in issues:
        story, before = existing.stories[issue.key], existing.tickets.get(issue.key)
        differences = [
            (name, getattr(story, name), after)
            for name, after in issue.values().items()
            if not _same_text(getattr(story, name), after) and _follows_tracker(story, name, before, existing)
        ]
        ticket = _ticket(issue, story, before)
        if before is None:
            new.append(ticket)
        elif any(getattr(before, name) != getattr(ticket, name) for name in TICKET_COLUMNS):
            changed.append(ticket)
        elif not differences:
            continue
        updated_ids.append(story.pk)
        for name, old, after in differences:
            columns.setdefault(name, []).append((story.pk, after))
            edits.append(StoryEdit(story=story, version=story.version + 1, field=name, before=old, after=after, at=now))
    for name, rows in columns.items():
        write(Story, (name,), rows)
    write(Story, ("version",), {each.story_id: (each.story_id, each.version) for each in edits}.values())
    StoryEdit.objects.bulk_create(edits)
    Ticket.objects.bulk_create(new)
    write(Ticket, TICKET_COLUMNS, [(each.pk, *(getattr(each, name) for name in TICKET_COLUMNS)) for each in changed])
    return updated_ids


def _same_text(one: str, other: str) -> bool:
    """Compare texts without regard to line ends: browsers send CRLF."""
    return one.replace("\r\n", "\n") == other.replace("\r\n", "\n")


def _follows_tracker(story: Story, name: str, ticket: Ticket | None, existing: _Existing) -> bool:
    """Say whether a field still has the tracker's last value; for a story from a file, whether nobody edited it."""
    if ticket is None:
        return (story.pk, name) not in existing.edited
    return name not in ticket.said or _same_text(getattr(story, name), ticket.said[name])
