"""The page on which anything is found, and the list the command palette asks for while somebody types."""

import re

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.kernel.paging import page_of
from portal.kernel.policy import reading
from portal.kernel.text_input import given
from portal.search import commands, operators, queries
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
    ended = given(request.GET, "ended") == "with"
    found = queries.find(text, [kind] if kind else tuple(queries.KINDS), me=request.user, ended=ended)
    context = {
        "found": found,
        "ended": ended,
        "kind": kind,
        "kind_name": queries.KINDS.get(kind, ""),
        "groups": found.groups(SHOWN),
        "page": page_of(request, found.hits) if kind else None,
        "most": queries.MOST,
        "operators": operators.OPERATORS,
    }
    return render(request, "portal/search/search.html", context)


GO_TO = re.compile(r"(?:go to|open)\s+", re.I)


@reading
@require_safe
def suggestions(request: HttpRequest) -> HttpResponse:
    """What the palette offers for a text: acts, answers, the first few of each kind; for no text the person's own squads.

    `page` is the path of the page it is open on, whose story a text may leave out.
    """
    text = GO_TO.sub("", given(request.GET, "q"), count=1)
    offered = commands.offer(text, request.user, given(request.GET, "page"))
    # What asks for an act is no text to be found.
    looked_for = "" if offered.is_command else text
    found = queries.find(looked_for, limit=SUGGESTED, me=request.user)
    context = {
        "found": found,
        "offered": offered,
        "groups": found.groups(),
        "completions": operators.completions(found.typed, request.user) if found.typed else [],
        "squads": squads_of(request.user)[:8] if not text.strip() and request.user.is_authenticated else [],
    }
    return render(request, "portal/search/_options.html", context)
