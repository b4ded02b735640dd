"""The pages of the inbox: what came, what became of it, and having it read again."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.form_errors import words_of
from portal.kernel.policy import members, reading
from releases.inbox import actions as inbox_actions
from releases.inbox.models import InboundEvent
from releases.providers.payloads import clean
from releases.reading import queries
from squads.teams.permissions import in_a_squad

LONGEST_FILTER = 200


def _asked(request: HttpRequest) -> queries.Asked:
    names = ("state", "source", "kind", "q", "before", "after")
    return queries.Asked(**{name: clean(request.GET.get(name, "").strip())[:LONGEST_FILTER] for name in names})


@reading
@require_safe
def event_list(request: HttpRequest) -> HttpResponse:
    """Everything the portal was told, newest first; the address carries the filter."""
    asked = _asked(request)
    page = queries.page(asked)
    became = queries.became(page.events)
    counts = queries.counts()
    return render(
        request,
        "releases/reading/event_list.html",
        {
            "asked": asked,
            "page": page,
            "rows": [
                (event, event.delivery.removesuffix(f" {event.kind}"), became.get(event.pk, ""))
                for event in page.events
            ],
            "counts": counts,
            "counted": queries.COUNTED,
            "failed": {state: count for state, _, count in counts}[InboundEvent.State.FAILED],
            "sources": queries.sources(),
            "states": InboundEvent.State.choices,
            "may_replay": in_a_squad(request.user),
        },
    )


@reading
@require_safe
def event(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One event: what came, raw, and what became of it."""
    row = get_object_or_404(InboundEvent.objects.select_related("source", "contents_in"), pk=pk)
    lines = queries.fact_lines(row)
    total = row.facts.count() if len(lines) == queries.FACTS_SHOWN else len(lines)
    return render(
        request,
        "releases/reading/event.html",
        {
            "event": row,
            "lines": lines,
            "total": total,
            "body": queries.shown_body(bytes(row.body)),
            "may_replay": in_a_squad(request.user) and row.contents_deleted_at is None,
        },
    )


@reading
@require_safe
def event_state(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far an event is, for a page that waits for it; once it was read, the page is loaded anew."""
    row = get_object_or_404(InboundEvent.objects.defer("body"), pk=pk)
    response = render(request, "releases/reading/_event_state.html", {"event": row})
    if row.state != InboundEvent.State.PENDING:
        response["HX-Refresh"] = "true"
    response["Cache-Control"] = "no-store"
    return response


@reading
@require_safe
def event_body(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The raw body as it came, to be kept as a file; never shown by the browser."""
    row = get_object_or_404(InboundEvent.objects.only("body", "content_type", "contents_deleted_at"), pk=pk)
    if row.contents_deleted_at is not None:
        raise Http404(f"The contents of this event were deleted on {row.contents_deleted_at:%Y-%m-%d}.")
    ending = "json" if "json" in row.content_type else "xml" if "xml" in row.content_type else "bin"
    return HttpResponse(
        bytes(row.body),
        content_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{row.pk}.{ending}"'},
    )


@members
@require_POST
def event_replay(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Have one event read again."""
    queries.check_replay(request.user)
    row = get_object_or_404(InboundEvent.objects.only("contents_deleted_at"), pk=pk)
    try:
        inbox_actions.reprocess(row)
    except ValidationError as error:
        messages.error(request, words_of(error))
    else:
        messages.success(request, "Reprocessing now.")
    return redirect(row)


@members
@require_POST
def replay_failed(request: HttpRequest) -> HttpResponse:
    """Have every failed event read again."""
    queries.check_replay(request.user)
    count = inbox_actions.replay_failed()
    messages.success(request, f"Reprocessing {count} failed event{'' if count == 1 else 's'}.")
    return redirect(f"{reverse('releases:reading:event_list')}")
