"""The first page: the one question, what is going out, and what the person's own squads still lack."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.home import queries
from portal.kernel.policy import reading


@reading
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Greet with the question, the next releases and the stories of one's own squads."""
    return render(request, "portal/home/home.html", queries.first_page(request.user))
