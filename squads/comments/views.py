"""Pages of a story's comments, watchers and relations."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import words_of
from portal.kernel.htmx import varied, wants_fragment
from portal.kernel.paging import page_of
from portal.kernel.policy import members, reading, writing
from portal.kernel.text_input import given
from squads.discussions import actions, queries
from squads.discussions.models import Comment
from squads.stories import relations
from squads.stories.models import Story
from squads.story_pages.lookup import own_story, story_at
from squads.story_pages.page import Typed, story_page


def _comment(story: Story, pk: int) -> Comment:
    comment = queries.comments(story).filter(pk=pk).first()
    if comment is None:
        raise Http404(f"{story.key} has no such comment.")
    comment.story = story
    return comment


def _address_of(comment: Comment) -> str:
    return f"{comment.story.get_absolute_url()}#comment-{comment.pk}"


@reading
@require_safe
def comment_list(request: HttpRequest, key: str) -> HttpResponse:
    """All comments on a story, the oldest first."""
    story = story_at(key)
    page = page_of(request, queries.comments(story))
    context = {"story": story, "page": page, "comments": queries.shown_comments(page.object_list, request.user)}
    return render(request, "squads/discussions/list.html", context)


@reading
@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """The people whose names begin with what somebody typed after an @, as options of a list."""
    found = queries.people_called(given(request.GET, "q"))
    return render(request, "squads/discussions/_people.html", {"people": found})


@writing
@require_POST
def comment_add(request: HttpRequest, key: str) -> HttpResponse:
    """Add a comment to a story. Whoever may read it may."""
    story = story_at(key)
    body = request.POST.get("body", "")
    try:
        comment = actions.add_comment(story, by=actor_of(request), body=body)
    except ValidationError as error:
        return story_page(request, story, typed=Typed("comment", words_of(error), {"body": body}), status=400)
    comment.story = story
    return redirect(_address_of(comment))


@writing
def comment_edit(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Change a comment. Only its author may."""
    story = story_at(key)
    comment = _comment(story, pk)
    actions.check_author(comment, actor_of(request))
    body, error = request.POST.get("body", comment.body), ""
    if request.method == "POST":
        try:
            actions.edit_comment(comment, by=actor_of(request), body=body)
        except ValidationError as refused:
            error = words_of(refused)
        else:
            if wants_fragment(request):
                (shown,) = queries.shown_comments([comment], request.user)
                return varied(render(request, "squads/discussions/_comment.html", {"story": story, "shown": shown}))
            return redirect(_address_of(comment))
    elif "shown" in request.GET:
        if not wants_fragment(request):
            return redirect(_address_of(comment))
        (shown,) = queries.shown_comments([comment], request.user)
        return varied(render(request, "squads/discussions/_comment.html", {"story": story, "shown": shown}))
    context = {"story": story, "comment": comment, "body": body, "error": error}
    name = "_edit" if wants_fragment(request) else "edit"
    return varied(render(request, f"squads/discussions/{name}.html", context, status=400 if error else 200))


@writing
@require_POST
def comment_remove(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Remove a comment. Only its author may."""
    comment = _comment(story_at(key), pk)
    actions.remove_comment(comment, by=actor_of(request))
    return redirect(_address_of(comment))


@writing
@require_POST
def watch(request: HttpRequest, key: str) -> HttpResponse:
    """Watch a story, or (off) no longer."""
    story = story_at(key)
    if given(request.POST, "off"):
        actions.unwatch(story, actor_of(request))
    else:
        actions.watch(story, actor_of(request))
    return redirect(f"{story.get_absolute_url()}#story-watchers")


@members
@require_POST
def relation_add(request: HttpRequest, key: str) -> HttpResponse:
    """Relate a story to another one."""
    story = own_story(key, request.user)
    kind, other = given(request.POST, "kind"), given(request.POST, "key")
    try:
        relations.relate(story, kind, other, by=actor_of(request))
    except ValidationError as error:
        typed = Typed("relation", words_of(error), {"kind": kind, "key": other})
        return story_page(request, story, typed=typed, status=400)
    return redirect(f"{story.get_absolute_url()}#story-related")


@members
@require_POST
def relation_remove(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Remove a relation of this story."""
    story = own_story(key, request.user)
    try:
        relations.unrelate(story, pk, by=actor_of(request))
    except ValidationError as error:
        messages.error(request, words_of(error))
    else:
        messages.success(request, "Removed.")
    return redirect(f"{story.get_absolute_url()}#story-related")
