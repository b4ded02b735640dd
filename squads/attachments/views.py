"""The files of a story: attaching, opening and removing them."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import words_of
from portal.kernel.policy import members, reading
from squads.attachments import actions, queries
from squads.attachments.models import Attachment
from squads.stories.models import Story
from squads.story_pages.lookup import own_story, story_at
from squads.story_pages.page import Typed, story_page


def _found(story: Story, pk: int) -> Attachment:
    attachment = queries.attachments(story).filter(pk=pk).first()
    if attachment is None:
        raise Http404(f"{story.key} has no such file. It may have been removed. See its history.")
    attachment.story = story
    return attachment  # type: ignore[no-any-return]


@members
@require_POST
def attach(request: HttpRequest, key: str) -> HttpResponse:
    """Attach files to a story: each that can be, and what is wrong with the others."""
    story = own_story(key, request.user)
    files, wrong = request.FILES.getlist("files"), []
    for file in files:
        try:
            actions.attach(story, file, by=actor_of(request))
        except ValidationError as error:
            wrong.append(words_of(error))
    if wrong or not files:
        said = " ".join(wrong) or "Choose a file."
        return story_page(request, story, typed=Typed("attachments", said, {}), status=400)
    return redirect(f"{story.get_absolute_url()}#story-attachments")


@reading
@require_safe
def download(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Open a file, for whoever may read its story."""
    return queries.handed_out(_found(story_at(key), pk))


@members
@require_POST
def remove(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Remove a file for good."""
    story = own_story(key, request.user)
    attachment = _found(story, pk)
    actions.remove(attachment, by=actor_of(request))
    messages.success(request, f"Removed “{attachment.name}”.")
    return redirect(f"{story.get_absolute_url()}#story-attachments")
