"""The overview of all open releases."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from portal.kernel import days
from portal.kernel.actors import actor_of
from portal.kernel.paging import page_of
from portal.kernel.policy import reading, writing
from portal.kernel.text_input import given
from releases.gates.readiness import VERDICTS
from releases.overview import actions, queries
from releases.overview.filters import Asked
from releases.overview.models import ReadinessView


@reading
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """The readiness of every open release, judged now."""
    asked = Asked.read(request.GET)
    every = list(queries.open_releases())
    narrower = asked.squad or asked.line or asked.owner
    releases = list(queries.open_releases(asked, request.user)) if narrower else every
    if asked.verdict:
        releases = queries.with_verdict(releases, asked.verdict)
    page = page_of(request, releases)
    offered = queries.offered(every, request.user)
    context = {
        "asked": asked,
        "page": page,
        "rows": queries.rows_of(page.object_list),
        "verdicts": VERDICTS.items(),
        "offered": offered,
        "view": next((each for each in offered.views if each.query == asked.query), None),
        "zone": days.zone().key,
        "mail": settings.RODEO_MAIL,
    }
    return render(request, "releases/overview/list.html", context)


def _back(query: str) -> str:
    asked = Asked.read(QueryDict(query)).query
    return reverse("releases:overview:list") + (f"?{asked}" if asked else "")


@writing
@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep the present filter under a name."""
    query = given(request.POST, "query")
    try:
        view = actions.save_view(by=actor_of(request), name=given(request.POST, "name"), query=query)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f"View “{view}” saved.")
    return redirect(_back(query))


@writing
@require_POST
def remove_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete one's own view."""
    view = get_object_or_404(ReadinessView, pk=pk, owner=actor_of(request))
    view.delete()
    messages.success(request, f"View “{view}” deleted.")
    return redirect("releases:overview:list")


@writing
@require_POST
def digest(request: HttpRequest) -> HttpResponse:
    """Turn the weekly mail on or off, for oneself."""
    wanted = given(request.POST, "wanted") == "1"
    actions.set_digest(by=actor_of(request), wanted=wanted)
    messages.success(request, "You’ll get this by e-mail on Mondays." if wanted else "No more weekly e-mail.")
    return redirect(_back(given(request.POST, "query")))
