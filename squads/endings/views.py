"""Ending a story other than done, from its page: cancelling it, closing it as a duplicate, and reopening it."""

from collections.abc import Callable, Mapping

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import refusal
from portal.kernel.policy import leads, members
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from squads.endings import actions
from squads.stories.models import Story
from squads.story_pages.lookup import own_story, story_at
from squads.story_pages.page import Typed, story_page


@members
@require_POST
def story_cancel(request: HttpRequest, key: str) -> HttpResponse:
    """Cancel a story, with the reason."""
    story, because = own_story(key, request.user), given(request.POST, "because")
    return _done(
        request,
        story,
        "cancel",
        lambda: actions.cancel(story, by=actor_of(request), because=because),
        {"because": because},
        f"{story.key} cancelled. You can reopen it any time.",
    )


@members
@require_POST
def story_duplicate(request: HttpRequest, key: str) -> HttpResponse:
    """Close a story as a duplicate of another."""
    story, of = own_story(key, request.user), given(request.POST, "key")
    return _done(
        request,
        story,
        "duplicate",
        lambda: actions.close_as_duplicate(story, of, by=actor_of(request)),
        {"key": of},
        f"{story.key} is closed as a duplicate.",
    )


@members
@require_POST
def story_reopen(request: HttpRequest, key: str) -> HttpResponse:
    """Take a cancellation back, or that a story is a duplicate."""
    story = own_story(key, request.user)
    return _done(
        request,
        story,
        "reopen",
        lambda: actions.reopen(story, by=actor_of(request)),
        {},
        f"{story.key} is open again.",
    )


@leads
@require_POST
def story_delete(request: HttpRequest, key: str) -> HttpResponse:
    """Delete a story that was written by mistake. Its squad's leads and administrators, within a day."""
    story = story_at(key)
    actions.check_may_delete(story, request.user)
    try:
        actions.delete_story(story, by=actor_of(request))
    except (AlreadyMoved, ValidationError) as error:
        words, status = refusal(error)
        return story_page(request, story_at(key), typed=Typed("delete", words, {}), status=status)
    messages.success(request, f"{story.key} is deleted. Its key is not used again.")
    return redirect(story.squad)


def _done(
    request: HttpRequest, story: Story, part: str, act: Callable[[], Story], values: Mapping[str, str], said: str
) -> HttpResponse:
    """Do it and go back to the story, or show its page with what stood in the way."""
    try:
        act()
    except (AlreadyMoved, ValidationError) as error:
        words, status = refusal(error)
        fresh = own_story(story.key, request.user)
        return story_page(request, fresh, typed=Typed(part, words, dict(values)), status=status)
    messages.success(request, said)
    return redirect(story)
