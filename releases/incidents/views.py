"""The page of alerts: what monitoring systems say is wrong now, and what was."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.kernel.paging import page_of
from portal.kernel.policy import reading
from releases.incidents.models import Alert

COUNTED = 5000


@reading
@require_safe
def alert_list(request: HttpRequest) -> HttpResponse:
    """Alerts, the newest first: the open ones, unless the address asks for those that are resolved."""
    asked = request.GET.get("state", "")
    state = asked if asked in Alert.State.values else Alert.State.OPEN.value
    rows = Alert.objects.filter(state=state).select_related("service", "environment").defer("labels")
    page = page_of(request, rows, most=COUNTED)
    return render(
        request, "releases/incidents/alert_list.html", {"page": page, "state": state, "states": Alert.State.choices}
    )
