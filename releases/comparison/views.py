"""The page that compares two environments."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from portal.kernel.paging import page_of
from portal.kernel.policy import reading
from portal.kernel.text_input import given
from releases.comparison import queries
from releases.environments.models import Environment

# Each service that differs costs some queries.
SERVICES_A_PAGE = 20


@reading
@require_safe
def compare(request: HttpRequest, slug: str) -> HttpResponse:
    """What one environment runs beside another (`with`, its slug; production unless given)."""
    here = get_object_or_404(Environment.objects.unmerged(), slug=slug)
    others = list(queries.to_compare_with(here)[:200])
    wanted = given(request.GET, "with")
    if wanted:
        there: Environment | None = get_object_or_404(Environment.objects.unmerged().exclude(pk=here.pk), slug=wanted)
    else:
        there = queries.usual_other(here)
    rows = queries.differences(here, there) if there else []
    page = page_of(request, rows, SERVICES_A_PAGE)
    if there:
        queries.add_stories(page.object_list, here, there)
    context = {
        "here": here,
        "there": there,
        "others": others,
        "page": page,
        "differing": sum(not row.is_same and not row.is_unknown for row in rows),
        "unknown": sum(row.is_unknown for row in rows),
    }
    return render(request, "releases/comparison/compare.html", context)
