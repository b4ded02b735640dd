"""The page that compares two releases or artifacts."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.kernel.paging import page_of
from portal.kernel.policy import reading
from portal.kernel.text_input import given
from releases.release_comparison import queries
from releases.release_comparison.sides import offered, sides_of

SERVICES_A_PAGE = 20
LONGEST = 500


@reading
@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """What one release or artifact (`this`) has that another (`other`) lacks, and the reverse."""
    this, other = (given(request.GET, name)[:LONGEST] for name in ("this", "other"))
    sides = sides_of([this, other])
    missing = [each for each in dict.fromkeys((this, other)) if each and each not in sides]
    compared = None
    if this in sides and other in sides and this != other:
        compared = queries.compare(sides[this], sides[other])
    context = {
        "this": this,
        "other": other,
        "here": sides.get(this),
        "there": sides.get(other),
        "missing": missing,
        "same": bool(this) and this == other,
        "compared": compared,
        "page": page_of(request, compared.rows, SERVICES_A_PAGE) if compared else None,
        "offered": offered(),
        "differing": sum(row.is_compared for row in compared.rows) if compared else 0,
        "most": queries.MOST_CHANGES,
    }
    return render(request, "releases/release_comparison/compare.html", context, status=404 if missing else 200)
