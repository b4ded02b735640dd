"""The status of a release on one page, to read, print and share."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from portal.kernel.policy import reading
from releases.planning.models import Release
from releases.planning.views import at_former_addresses
from releases.status.queries import status_of
from squads.teams.permissions import may_plan


@reading
@require_safe
@at_former_addresses
def status(request: HttpRequest, slug: str) -> HttpResponse:
    """How a release stands, on one page."""
    release = get_object_or_404(Release.objects.select_related("owner", "abandoned_by"), slug=slug)
    context = {"release": release, "status": status_of(release), "writable": may_plan(request.user)}
    return render(request, "releases/status/status.html", context)
