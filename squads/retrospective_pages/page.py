"""What the page of a retrospective shows: its sections with the timeline among them, and what stands around."""

from dataclasses import dataclass, field
from typing import Any

from django.core.paginator import Page
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString

from portal.kernel import clock
from portal.kernel.paging import page_of
from portal.kernel.text_input import given
from squads.discussions.queries import render_texts
from squads.retrospective_actions import queries as actions
from squads.retrospective_pages import picture
from squads.retrospective_pages.entries import entries_html
from squads.retrospective_sessions.queries import session_of
from squads.retrospectives import queries
from squads.retrospectives.models import Retrospective, TimelineEntry

ENTRIES = 200


@dataclass(slots=True)
class Shown:
    """One section as it is read: its anchor, its title and its text as HTML; `timeline` says that the timeline stands here,
    `actions` that the actions do."""

    key: str
    title: str
    html: SafeString
    hint: str = ""
    timeline: bool = False
    actions: bool = False


@dataclass(slots=True)
class TimelinePart:
    """The timeline of a page: the picture, what of it is shown, and the entries in their order, as HTML as well."""

    entries: "Page[TimelineEntry]"
    html: SafeString = field(default_factory=lambda: SafeString(""))
    drawing: SafeString = field(default_factory=lambda: SafeString(""))
    view: picture.View | None = None
    dropped: int = 0
    # Where the links around the picture lead: what happened before, after, in less time, in more.
    earlier: str = ""
    later: str = ""
    closer: str = ""
    wider: str = ""


def sections_of(row: Retrospective, has_timeline: bool, has_actions: bool, *, empty: bool) -> list[Shown]:
    """Return the sections of a retrospective that have text; with `empty`, for who can write, the others as well.

    The timeline stands at the section of that name, or before the factors, or at the end.
    """
    rows = list(row.sections.all())
    htmls = render_texts([section.text for section in rows])
    place = next((section.key for key in ("timeline", "factors") for section in rows if section.key == key), None)
    shown: list[Shown] = []
    for section, html in zip(rows, htmls, strict=True):
        here = has_timeline and section.key == "timeline" == place
        if has_timeline and section.key == place == "factors":
            shown.append(Shown("timeline", "Timeline", SafeString(""), timeline=True))
        acts = has_actions and section.key == "actions"
        if section.text or here or acts or empty:
            shown.append(Shown(section.key, section.title, html, section.hint, here, acts))
    if has_timeline and place is None:
        shown.append(Shown("timeline", "Timeline", SafeString(""), timeline=True))
    if has_actions and not any(each.actions for each in shown):
        shown.append(Shown("actions", "Actions", SafeString(""), actions=True))
    return shown


def timeline_part(request: HttpRequest, row: Retrospective, *, writable: bool) -> TimelinePart:
    """Return the timeline of a retrospective, as the address asks to see it."""
    every = list(queries.timeline_of(row, dropped=True))
    entries = [each for each in every if each.state != TimelineEntry.State.DROPPED]
    times = [at for each in entries for at in (each.at, each.until) if at is not None]
    asked = clock.parse(given(request.GET, "since")), clock.parse(given(request.GET, "until"))
    view = picture.view_of(times, *asked)
    part = TimelinePart(page_of(request, entries, ENTRIES), dropped=len(every) - len(entries))
    part.html = entries_html(part.entries.object_list, row, request, writable=writable)
    if view is not None:
        part.drawing, part.view = picture.draw(entries, view), view
        part.earlier, part.later = view.moved(-0.5), view.moved(0.5)
        part.closer, part.wider = view.moved(0, 0.5), view.moved(0, 2)
    return part


def retrospective_page(request: HttpRequest, row: Retrospective, status: int = 200, **more: Any) -> HttpResponse:
    """Render the page of a retrospective. `more` is what a form on it ran into."""
    around = queries.around(row, request.user)
    locked = row.is_locked()
    timeline = timeline_part(request, row, writable=around.writable and not locked)
    has_timeline = bool(timeline.entries.paginator.count) or around.writable
    own = actions.actions_of(row) if around.has_actions else []
    is_written = row.state != Retrospective.State.PUBLISHED
    context: dict[str, Any] = {
        "actions": actions.shown(own, request.user, writer=around.writable),
        "waiting": actions.from_before(row, request.user) if is_written and around.writable else [],
        "asked": actions.asked_before(row, request.user) if is_written and around.writable else [],
        "row": row,
        "around": around,
        "timeline": timeline,
        "sections": sections_of(row, has_timeline, bool(own) or around.writable, empty=around.writable and is_written),
        "related": queries.related(row, request.user, around.near) if not is_written else [],
        "locked": locked,
        "session": session_of(row),
        **more,
    }
    return render(request, "squads/retrospective_pages/detail.html", context, status=status)
