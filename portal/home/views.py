"""The first page: the one question, what concerns the person who looks, and what is going out."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.models import User
from portal.home import actions, queries
from portal.home.first_steps import first_steps
from portal.kernel import clock
from portal.kernel.policy import reading, writing
from portal.kernel.text_input import given

MOST_PAGES = 1000


@reading
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Greet with the question; a person with what is theirs, anybody else with what is going out."""
    if not isinstance(request.user, User):
        return render(request, "portal/home/home.html", queries.first_page())
    asked = given(request.GET, "page")
    number = max(1, min(int(asked), MOST_PAGES)) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1
    return render(request, "portal/home/own.html", queries.own_page(request.user, number))


@writing
@require_POST
def caught_up(request: HttpRequest) -> HttpResponse:
    """Note what the person has seen. Opening the page alone never does."""
    until = clock.parse(given(request.POST, "until"))
    if until is None:
        messages.error(request, "Reload the page, then mark it as read again.")
    elif isinstance(request.user, User):
        actions.catch_up(request.user, until)
        messages.success(request, "Marked as read.")
    return redirect("home")


@reading
@require_safe
def first_steps_page(request: HttpRequest) -> HttpResponse:
    """The first steps, also where the first page no longer shows them."""
    return render(request, "portal/home/first_steps.html", {"steps": first_steps(request.user)})


@writing
@require_POST
def first_steps_hidden(request: HttpRequest) -> HttpResponse:
    """Leave the first steps out of the person's own first page, or show them there again."""
    if isinstance(request.user, User):
        hidden = given(request.POST, "hidden") != "no"
        actions.hide_first_steps(request.user, hidden=hidden)
        if hidden:
            messages.success(request, "First steps hidden. They are still in the menu under your name.")
    return redirect("home")
