"""Linking changes to stories by hand, and the changes of all repositories that belong to none."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import words_of
from portal.kernel.paging import page_of
from portal.kernel.policy import members, reading
from portal.kernel.text_input import given
from releases.evidence import links
from releases.pipelines.models import Change, Repository
from squads.models import Squad, Story
from squads.story_pages.lookup import own_story
from squads.story_pages.page import Typed, story_page
from squads.teams.permissions import check_member

JUDGED = "The story updates in a moment."


@members
@require_POST
def link(request: HttpRequest, key: str) -> HttpResponse:
    """Link a change, named by its sha, to a story."""
    story, sha = own_story(key, request.user), given(request.POST, "sha")
    try:
        change = links.change_named(sha)
        links.link_change(change, story, by=actor_of(request))
    except ValidationError as error:
        typed = Typed("link", words_of(error), {"sha": sha})
        return story_page(request, story, typed=typed, status=400)
    messages.success(request, f"Linked {change} to {story.key}. {JUDGED}")
    return redirect(f"{story.get_absolute_url()}#story-changes")


@members
@require_POST
def unlink(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """Say that a change does not belong to a story."""
    story = own_story(key, request.user)
    change = links.change_of(story, pk)
    if change is not None:
        links.unlink_change(change, story, by=actor_of(request))
        messages.success(request, f"Unlinked {change} from {story.key}. {JUDGED}")
    return redirect(f"{story.get_absolute_url()}#story-changes")


@reading
@require_safe
def unlinked(request: HttpRequest) -> HttpResponse:
    """The changes of all repositories that belong to no story."""
    asked = given(request.GET, "repository")
    repository = get_object_or_404(Repository, key=asked) if asked else None
    page = page_of(request, links.unlinked(repository), most=links.MOST_UNLINKED)
    repositories = Repository.objects.order_by("key").values_list("key", flat=True)
    context = {
        "page": page,
        "asked": asked,
        "mentioned": links.mentioned_in(page.object_list),
        "repositories": repositories[: links.REPOSITORIES_OFFERED],
        "linkable": request.user.is_authenticated and Squad.objects.writable_by(request.user).exists(),
    }
    return render(request, "releases/planning/unlinked.html", context)


@members
@require_POST
def link_here(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Link a change to the story whose key was typed beside it, and go back to the list."""
    change = Change.objects.select_related("repository").filter(pk=pk).first()
    if change is None:
        raise Http404("This change no longer exists.")
    key = given(request.POST, "key").upper()
    story = Story.objects.select_related("squad").called(key)
    if story is None:
        messages.error(
            request, f"{change} wasn’t linked: there’s no story {key or 'with that key'}. A key looks like PAY-12."
        )
    else:
        check_member(story.squad, request.user, story.key)
        try:
            links.link_change(change, story, by=actor_of(request))
        except ValidationError as error:
            messages.error(request, words_of(error))
        else:
            messages.success(request, f"Linked {change} to {story.key}. {JUDGED}")
    back = given(request.POST, "back")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None) or not back.startswith("/"):
        return redirect("releases:evidence:unlinked_changes")
    return redirect(back)
