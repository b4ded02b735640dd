"""The page on which anything is found, and the list the command palette asks for while somebody types."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.kernel.paging import page_of
from portal.kernel.policy import reading
from portal.search import queries
from squads.teams.queries import squads_of

# Of each kind: on the page of all kinds, and in the palette.
SHOWN, SUGGESTED = 5, 4


@reading
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """What was found, by kind; with ?kind= all of one kind, in pages."""
    text, kind = request.GET.get("q", ""), request.GET.get("kind", "")
    if kind not in queries.KINDS:
        kind = ""
    found = queries.find(text, [kind] if kind else tuple(queries.KINDS))
    context = {
        "found": found,
        "kind": kind,
        "kind_name": queries.KINDS.get(kind, ""),
        "groups": found.groups(SHOWN),
        "page": page_of(request, found.hits) if kind else None,
        "most": queries.MOST,
    }
    return render(request, "portal/search/search.html", context)


@reading
@require_safe
def suggestions(request: HttpRequest) -> HttpResponse:
    """The first few of each kind as options of the palette; for an empty text the person's own squads."""
    found = queries.find(request.GET.get("q", ""), limit=SUGGESTED)
    squads = [] if found.asked.text or not request.user.is_authenticated else squads_of(request.user)[:8]
    return render(request, "portal/search/_options.html", {"found": found, "groups": found.groups(), "squads": squads})
