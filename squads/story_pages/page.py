"""The page of a story: everything on it, in a number of queries that does not depend on how much there is."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import SafeString

from portal.kernel import clock
from portal.kernel.paging import page_of
from squads.assignments.actions import mark_seen
from squads.assignments.queries import Assignee, assignees_of
from squads.discussions import actions as discussions
from squads.discussions import queries as discussion_queries
from squads.labels.queries import labels_of
from squads.stories import history, queries, relations
from squads.stories.editing import CHECKLISTS, Clash
from squads.stories.models import Story
from squads.story_pages.forms import EvidenceForm

CHANGES_SHOWN = 20
MENTIONS_SHOWN = 10
COMMENTS_SHOWN = 30
HISTORY_SHOWN = 8
WATCHERS_SHOWN = 20


class Shape(NamedTuple):
    """How a field looks on the page, and which fields of the form edit it."""

    label: str
    shape: str
    fields: tuple[str, ...]


FIELDS = {
    "title": Shape("Title", "title", ("title",)),
    "type": Shape("Type", "fact", ("type",)),
    "assignees": Shape("Assigned to", "fact", ("assignees",)),
    "priority": Shape("Priority", "fact", ("priority",)),
    "labels": Shape("Labels", "fact", ("labels",)),
    "due": Shape("Due date", "fact", ("due",)),
    "estimate": Shape("Estimate", "fact", ("estimate",)),
    "release": Shape("Release", "fact", ("release",)),
    "flag": Shape("Flag", "fact", ("flag", "audience")),
    "description": Shape("Description", "text", ("description",)),
    "acceptance_criteria": Shape("Acceptance criteria", "list", ("acceptance_criteria",)),
    "production_checks": Shape("Production checks", "list", ("production_checks",)),
}


@dataclass(slots=True)
class Field:
    """One field of the story as the page shows it, or as it is being edited in its place."""

    name: str
    html: SafeString | None = None
    checklist: queries.Checklist | None = None
    form: Any = None
    clashes: list[Clash] = field(default_factory=list)
    focused: bool = False
    people: list[Assignee] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    late: bool = False

    @property
    def id(self) -> str:
        """The id of its part of the page."""
        return f"field-{self.name}"

    @property
    def label(self) -> str:
        """What it is called."""
        return FIELDS[self.name].label

    @property
    def shape(self) -> str:
        """title, fact, text or list."""
        return FIELDS[self.name].shape


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed into a part of the page that could not be kept, with the reason; shown again in its place."""

    part: str
    error: str
    values: dict[str, str]


def field_of(story: Story, name: str, html: SafeString | None = None, **more: Any) -> Field:
    """Return one field of the story for its page."""
    if name == "description" and html is None:
        (html,) = discussion_queries.render_texts([story.description])
    if name == "assignees":
        more["people"] = assignees_of([story.pk]).get(story.pk, [])
    if name == "labels":
        more["labels"] = labels_of([story.pk]).get(story.pk, [])
    if name == "due" and story.due is not None:
        more["late"] = story.due < clock.now().date() and story.stage != Story.Stage.RODEO_DONE
    checklist = queries.checklist(story, name) if name in CHECKLISTS else None
    return Field(name, html, checklist, **more)


def story_page(
    request: HttpRequest,
    story: Story,
    *,
    form: EvidenceForm | None = None,
    typed: Typed | None = None,
    status: int = 200,
) -> HttpResponse:
    """Show a story: the answer, its ladder, what people wrote and said, and the evidence."""
    writable = story.squad.is_writable_by(request.user)
    context = {
        **_written(request, story),
        **_acceptance(request, story),
        **_linked(story),
        "story": story,
        "plan": getattr(story, "acceptance_plan", None),
        # A member may anyway.
        "plans": writable or (request.user.is_authenticated and request.user.is_project_manager),
        "answer": queries.answer(story),
        "rungs": queries.rungs(story),
        "gaps": queries.gap_words(story.standing),
        "shared_keys": queries.shared_keys(story) if getattr(story, "has_aliases", True) else [],
        "page": page_of(request, queries.timeline(story)),
        "history": history.entries(story, list(history.rows(story)[:HISTORY_SHOWN])),
        "related": relations.related(story),
        "sayings": relations.WORDS.items(),
        "progresses": [each for each in Story.Progress.choices if not story.is_held_against(each[0])],
        # Attachments stand above stories: reached through the relation, as requests for acceptance are.
        "attachments": list(story.attachments.select_related("by")),
        "action_of": queries.action_of(story, request.user),
        "writable": writable,
        # Asked only where somebody else's evidence by hand is on the page.
        "leads": SimpleLazyObject(lambda: writable and story.squad.is_led_by(request.user)),
        "form": form or (EvidenceForm(story=story) if writable else None),
        "typed": typed,
    }
    return render(request, "squads/stories/detail.html", context, status=status)


def _written(request: HttpRequest, story: Story) -> dict[str, Any]:
    """What people wrote about the story, and what they said."""
    newest = list(discussion_queries.comments(story).reverse()[: COMMENTS_SHOWN + 1])
    comments = newest[:COMMENTS_SHOWN][::-1]
    description, *bodies = discussion_queries.render_texts([story.description, *(comment.body for comment in comments)])
    watches = list(discussion_queries.watchers(story)[: WATCHERS_SHOWN + 1])
    if request.user.is_authenticated:
        discussions.mark_mentions_seen(story, request.user)
        mark_seen(request.user, story=story)
    return {
        "fields": {name: field_of(story, name, description) for name in FIELDS},
        "comments": discussion_queries.shown_comments(comments, request.user, bodies),
        "earlier": len(newest) > COMMENTS_SHOWN,
        "watches": watches[:WATCHERS_SHOWN],
        "more_watch": len(watches) > WATCHERS_SHOWN,
        "watching": request.user.is_authenticated and discussion_queries.is_watching(story, request.user, watches),
    }


def _acceptance(request: HttpRequest, story: Story) -> dict[str, Any]:
    """The question for acceptance that is open, and why this person cannot answer it; or that the last was declined.

    Acceptance stands above stories: its rows are reached through the relation, never imported.
    """
    # The newest is the open one, if any is: one question at a time.
    asked = story.acceptance_requests.select_related("asked_by", "accepter", "answered_by", "evidence").first()
    if asked is None or asked.state != "open":
        declined = asked and asked.state == "declined" and not (asked.evidence and asked.evidence.taken_back_at)
        return {"asked": None, "note": "", "declined": asked if declined else None}
    asked.story = story
    (note,) = discussion_queries.render_texts([asked.note])
    return {"asked": asked, "note": note, "why_not": asked.why_may_not_accept(request.user)}


def _linked(story: Story) -> dict[str, Any]:
    changes = queries.changes(story)
    links = list(changes[: CHANGES_SHOWN + 1])
    count = len(links) if len(links) <= CHANGES_SHOWN else changes.count()
    mentions = list(queries.mentions(story)[: MENTIONS_SHOWN + 1])
    return {
        "links": queries.linked(links[:CHANGES_SHOWN]),
        "link_count": count,
        "mentions": mentions[:MENTIONS_SHOWN],
        "more_mentions": len(mentions) > MENTIONS_SHOWN,
    }
