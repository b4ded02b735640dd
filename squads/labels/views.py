"""The labels of a squad: which there are, renaming one, and removing one."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.form_errors import words_of
from portal.kernel.policy import members, reading
from portal.kernel.text_input import given
from squads.labels import actions, queries
from squads.teams.models import Squad
from squads.teams.permissions import check_member


@reading
@require_safe
def label_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Every label of a squad, with how many stories have it."""
    return _page(request, get_object_or_404(Squad, slug=slug))


def _page(request: HttpRequest, squad: Squad, error: str = "", wrong: int = 0, typed: str = "") -> HttpResponse:
    context = {
        "squad": squad,
        "labels": queries.with_counts(squad)[: queries.SHOWN],
        "writable": squad.is_writable_by(request.user),
        "error": error,
        "wrong": wrong,
        "typed": typed,
    }
    return render(request, "squads/labels/list.html", context, status=400 if error else 200)


@members
@require_POST
def label_rename(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Call a label otherwise, on all its stories."""
    squad = get_object_or_404(Squad, slug=slug)
    check_member(squad, request.user, "its labels")
    label = get_object_or_404(squad.labels, pk=pk)
    name = given(request.POST, "name")
    try:
        actions.rename_label(label, name)
    except ValidationError as error:
        return _page(request, squad, words_of(error), pk, name)
    messages.success(request, "Saved.")
    return redirect("squads:labels:list", squad.slug)


@members
@require_POST
def label_remove(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Take a label off all its stories, and remove it."""
    squad = get_object_or_404(Squad, slug=slug)
    check_member(squad, request.user, "its labels")
    label = get_object_or_404(squad.labels, pk=pk)
    actions.remove_label(label)
    messages.success(request, f"Removed the label “{label}”.")
    return redirect("squads:labels:list", squad.slug)
