"""Pages of a timeline: filling it, adding to it, and pinning, dropping and noting what is there."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors, refusal
from portal.kernel.policy import members
from portal.kernel.text_input import given
from squads.retrospective_pages.forms import EntryForm, NoteForm
from squads.retrospective_pages.page import retrospective_page
from squads.retrospectives import actions, roles
from squads.retrospectives.models import Retrospective, TimelineEntry
from squads.retrospectives.permissions import check_writer, retrospective_at


def _at(row: Retrospective, entry: TimelineEntry | None = None) -> str:
    return f"{row.get_absolute_url()}#{f'entry-{entry.pk}' if entry else 'timeline'}"


@members
@require_POST
def fill(request: HttpRequest, slug: str) -> HttpResponse:
    """Add what Rodeo knows about the time of a retrospective and isn't in its timeline yet."""
    row = retrospective_at(slug, request.user)
    try:
        filled = actions.fill_timeline(row, by=actor_of(request))
    except ValidationError as error:
        said, status = refusal(error)
        return retrospective_page(request, row, status, refused=said)
    told = f"{filled.added} new entr{'y' if filled.added == 1 else 'ies'}." if filled.added else "Nothing new."
    if changed := len(filled.changed):
        told += f" {changed} entr{'ies say' if changed > 1 else 'y says'} something else than before: see the versions."
    for kind in filled.cut:
        told += f" There’s more of kind {kind}; the first 200 are here."
    messages.success(request, told)
    return redirect(_at(row))


@members
def entry_create(request: HttpRequest, slug: str) -> HttpResponse:
    """Add what happened, as a person knows it."""
    row = retrospective_at(slug, request.user)
    check_writer(row, request.user)
    form = EntryForm(request.POST or None, row=row)
    if request.method == "POST" and form.is_valid():
        try:
            entry = actions.add_entry(row, by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"Added. {roles.told(row)}".strip())
            return redirect(_at(row, entry))
    return _form(request, row, form, "Add to the timeline")


@members
def entry_edit(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Change an entry that a person wrote, or note something about one that Rodeo found."""
    row = retrospective_at(slug, request.user)
    check_writer(row, request.user)
    entry = get_object_or_404(row.timeline, pk=pk)
    own = entry.kind == TimelineEntry.Kind.NOTE
    names = ("at", "until", "text", "url") if own else ("note",)
    initial = {name: entry.source(name) if name in ("text", "note") else getattr(entry, name) for name in names}
    form = (EntryForm if own else NoteForm)(request.POST or None, row=row, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            actions.change_entry(row, entry, by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"Saved. {roles.told(row)}".strip())
            return redirect(_at(row, entry))
    return _form(request, row, form, "Change this entry" if own else "Note on this entry", entry)


@members
@require_POST
def entry_state(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Pin an entry, drop it, or have it as any other (`state`)."""
    row = retrospective_at(slug, request.user)
    entry = get_object_or_404(row.timeline, pk=pk)
    try:
        actions.change_entry(row, entry, by=actor_of(request), state=given(request.POST, "state"))
    except ValidationError as error:
        said, status = refusal(error)
        return retrospective_page(request, row, status, refused=said)
    return redirect(_at(row, entry) if given(request.POST, "state") != "dropped" else _at(row))


@members
@require_safe
def dropped(request: HttpRequest, slug: str) -> HttpResponse:
    """What was dropped from a timeline, to be put back."""
    row = retrospective_at(slug, request.user)
    check_writer(row, request.user)
    rows = row.timeline.filter(state=TimelineEntry.State.DROPPED)[: actions.MOST_ENTRIES]
    return render(request, "squads/retrospective_pages/dropped.html", {"row": row, "entries": rows})


def _form(request: HttpRequest, row: Retrospective, form: Any, title: str, entry: Any = None) -> HttpResponse:
    context = {"row": row, "form": form, "title": title, "entry": entry}
    context["roles"] = roles.offered(row, request.user)
    status = 400 if request.method == "POST" else 200
    return render(request, "squads/retrospective_pages/entry.html", context, status=status)
