"""Pages of how a release goes: its burn-up with what blocks it, and the history of its scope."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from portal.kernel import days
from portal.kernel.paging import page_of
from portal.kernel.policy import reading
from releases.planning.models import Release
from releases.planning.views import at_former_addresses
from releases.progress import queries
from squads.judge import judgement
from squads.teams.permissions import may_plan


@reading
@require_safe
@at_former_addresses
def release_progress(request: HttpRequest, slug: str) -> HttpResponse:
    """How far a release is, day by day, and what its stories wait for."""
    release = get_object_or_404(Release.objects.select_related("owner", "abandoned_by"), slug=slug)
    context = {
        "release": release,
        "progress": queries.progress(release),
        "names": [judgement.STAGE_NAMES[stage] for stage in queries.DRAWN],
        "zone": days.zone().key,
        "writable": may_plan(request.user),
    }
    return render(request, "releases/progress/progress.html", context)


@reading
@require_safe
@at_former_addresses
def release_scope(request: HttpRequest, slug: str) -> HttpResponse:
    """What came into a release and went out of it, when and by whom."""
    release = get_object_or_404(Release, slug=slug)
    page = page_of(request, queries.scope_changes(release))
    started, found, more = queries.start_and_found(release)
    context = {
        "release": release,
        "page": page,
        "rows": queries.scope_rows(release, page.object_list, started),
        "started": started,
        "found": found,
        "more": more,
        "writable": may_plan(request.user),
    }
    return render(request, "releases/progress/scope.html", context)
