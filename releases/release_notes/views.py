"""Pages of a release's notes: reading and copying them, generating, editing and mailing them, and how they were before."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors, words_of
from portal.kernel.paging import page_of
from portal.kernel.policy import planners, reading
from portal.kernel.transitions import AlreadyMoved
from releases.planning.models import Release
from releases.planning.views import at_former_addresses
from releases.release_notes import actions, queries
from releases.release_notes.forms import MailForm, NotesForm, VersionForm
from releases.release_notes.models import NotesVersion
from squads.discussions.queries import render_texts
from squads.teams.permissions import check_planner, may_plan

PAGE = "releases:release_notes:notes"


@reading
@require_safe
@at_former_addresses
def notes(request: HttpRequest, slug: str) -> HttpResponse:
    """The notes of a release, as they are."""
    release = get_object_or_404(Release, slug=slug)
    row, found = queries.notes_of(release), queries.material(release)
    newest = queries.versions_of(release).first() if row is not None else None
    context: dict[str, Any] = {
        "release": release,
        "notes": row,
        "newest": newest,
        "differences": queries.differences_of(newest),
        "html": render_texts([row.text])[0] if row is not None else "",
        "outdated": row is not None and row.generated != found.text,
        "not_live": found.not_live,
        "writable": may_plan(request.user),
    }
    return render(request, "releases/release_notes/notes.html", context)


@reading
@require_safe
@at_former_addresses
def notes_markdown(request: HttpRequest, slug: str) -> HttpResponse:
    """The notes of a release as a Markdown file."""
    release = get_object_or_404(Release, slug=slug)
    row = queries.notes_of(release)
    answer = HttpResponse(row.text if row is not None else "", content_type="text/markdown; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{release.slug}-notes.md"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@planners
@require_POST
@at_former_addresses
def notes_generate(request: HttpRequest, slug: str) -> HttpResponse:
    """Make the notes from the release's stories and changes, and keep what people edited."""
    release = get_object_or_404(Release, slug=slug)
    check_planner(request.user)
    form = VersionForm(request.POST)
    before = queries.notes_of(release)
    try:
        version = form.cleaned_data["version"] if form.is_valid() else -1
        made = actions.generate(release, by=actor_of(request), version=version)
    except AlreadyMoved as error:
        messages.error(request, str(error))
    else:
        same = before is not None and before.version == made.version
        messages.success(request, "Nothing changed since." if same else "Notes generated.")
    return redirect(PAGE, release.slug)


@planners
@never_cache
@at_former_addresses
def notes_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Write the notes by hand."""
    release = get_object_or_404(Release, slug=slug)
    check_planner(request.user)
    row = queries.notes_of(release)
    text = row.text if row is not None else queries.material(release).text
    version = row.version if row is not None else 0
    form = NotesForm(request.POST or None, initial={"text": text, "version": version})
    status, meanwhile = 200, ""
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                actions.edit(release, by=actor_of(request), **form.cleaned_data)
            except AlreadyMoved:
                # What the person typed stays in the form; saving it now replaces what is shown beside it.
                meanwhile, status = text, 409
                form = NotesForm({"text": form.cleaned_data["text"], "version": version})
            except ValidationError as error:
                add_errors(form, error)
            else:
                messages.success(request, "Saved.")
                return redirect(PAGE, release.slug)
    context = {"release": release, "form": form, "meanwhile": meanwhile}
    return render(request, "releases/release_notes/edit.html", context, status=status)


@planners
@never_cache
@at_former_addresses
def notes_mail(request: HttpRequest, slug: str) -> HttpResponse:
    """Mail the notes to people with an account."""
    release = get_object_or_404(Release, slug=slug)
    check_planner(request.user)
    row = queries.notes_of(release)
    form = MailForm(request.POST or None, initial={"version": row.version if row is not None else 0})
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                count = actions.mail_notes(release, by=actor_of(request), **form.said())
            except AlreadyMoved as error:
                messages.error(request, words_of(ValidationError(str(error))))
                return redirect(PAGE, release.slug)
            except ValidationError as error:
                add_errors(form, error)
            else:
                messages.success(request, f"Mailing the notes to {count} {'person' if count == 1 else 'people'}.")
                return redirect(PAGE, release.slug)
    context = {"release": release, "form": form, "notes": row}
    return render(request, "releases/release_notes/mail.html", context, status=status)


@reading
@require_safe
@at_former_addresses
def version_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Who changed the notes, when, and how they were then."""
    release = get_object_or_404(Release, slug=slug)
    page = page_of(request, queries.versions_of(release).defer("text"))
    return render(request, "releases/release_notes/versions.html", {"release": release, "page": page})


@reading
@require_safe
def version(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The notes as they once were."""
    release = get_object_or_404(Release, slug=slug)
    row: NotesVersion = get_object_or_404(queries.versions_of(release), version=number)
    context = {
        "release": release,
        "row": row,
        "html": render_texts([row.text])[0],
        "differences": queries.differences_of(row),
    }
    return render(request, "releases/release_notes/version.html", context)
