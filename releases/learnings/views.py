"""The page on which people say what they read for a release."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import words_of
from portal.kernel.paging import page_of
from portal.kernel.policy import members, reading
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from releases.learnings import actions, queries
from releases.planning.models import Release
from releases.planning.views import at_former_addresses


@reading
@require_safe
@at_former_addresses
def to_read(request: HttpRequest, slug: str) -> HttpResponse:
    """The retrospectives to read for a release, what was learned in each, and who read it."""
    release = get_object_or_404(Release, slug=slug)
    page = page_of(request, queries.shown(release, queries.wanted_for(release), request.user), per_page=20)
    return render(request, "releases/learnings/to_read.html", {"release": release, "page": page})


def _say(
    request: HttpRequest, slug: str, retrospective: str, verb: Callable[..., Any], done: str, **more: Any
) -> HttpResponse:
    release = get_object_or_404(Release, slug=slug)
    try:
        verb(release, retrospective, by=actor_of(request), **more)
    except AlreadyMoved as error:
        messages.error(request, str(error))
    except ValidationError as error:
        messages.error(request, words_of(error))
    else:
        messages.success(request, done)
    return redirect(reverse("releases:learnings:to_read", args=[release.slug]))


@members
@require_POST
def say_read(request: HttpRequest, slug: str, retrospective: str) -> HttpResponse:
    """Say that one read a retrospective."""
    typed = given(request.POST, "version")
    # No version is 0, so what is none is another than the one there is.
    version = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else 0
    return _say(request, slug, retrospective, actions.say_read, "Noted that you read it.", version=version)


@members
@require_POST
def take_back(request: HttpRequest, slug: str, retrospective: str) -> HttpResponse:
    """Say that one didn't read it after all."""
    return _say(request, slug, retrospective, actions.take_back, "Taken back: you didn’t read it.")
