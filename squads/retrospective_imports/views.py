"""The page that imports postmortems."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.policy import members
from squads.retrospective_imports import actions
from squads.retrospective_imports.forms import ImportForm
from squads.teams.permissions import in_a_squad

JOIN = "Only squad members can import retrospectives. Join or create a squad first."


@members
def import_page(request: HttpRequest) -> HttpResponse:
    """Import Markdown files, and say what became of each."""
    if not in_a_squad(request.user):
        raise PermissionDenied(JOIN)
    form = ImportForm(request.POST or None, request.FILES or None, user=request.user)
    outcomes: list[actions.Outcome] = []
    left_out = ""
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            said = form.cleaned_data
            try:
                found = actions.unpacked([(each.name or "file", each.read()) for each in said["uploads"]])
            except ValidationError as error:
                add_errors(form, error)
            else:
                outcomes = actions.import_files(
                    said["squad"], found.files, by=actor_of(request), publish=said["publish"]
                )
                left_out = actions.left_out_words(found.left_out)
                new = sum(each.is_new for each in outcomes)
                messages.success(request, f"Imported {new} of {len(outcomes)} file{'' if len(outcomes) == 1 else 's'}.")
                form, status = ImportForm(user=request.user, initial={"squad": said["squad"]}), 200
    context = {"form": form, "outcomes": outcomes, "left_out": left_out}
    return render(request, "squads/retrospective_imports/import.html", context, status=status)
