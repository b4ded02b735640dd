"""The page of signals: what monitoring systems say is wrong now, and what was."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.kernel.paging import page_of
from portal.kernel.policy import reading
from releases.incidents.models import Signal

COUNTED = 5000


@reading
@require_safe
def signal_list(request: HttpRequest) -> HttpResponse:
    """Signals, the newest first: the open ones, unless the address asks for those that are resolved."""
    asked = request.GET.get("state", "")
    state = asked if asked in Signal.State.values else Signal.State.OPEN.value
    rows = Signal.objects.filter(state=state).select_related("service", "environment").defer("labels")
    page = page_of(request, rows, most=COUNTED)
    return render(
        request, "releases/incidents/signal_list.html", {"page": page, "state": state, "states": Signal.State.choices}
    )
