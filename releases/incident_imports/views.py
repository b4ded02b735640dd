"""The page that imports a log of incidents: first a preview, then all of it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.policy import planners
from portal.kernel.text_input import given
from releases.incident_imports import actions, formats
from releases.incident_imports.forms import ImportForm
from releases.incidents.actions import WHO
from squads.teams.permissions import check_planner

SHOWN, MOST_COLUMNS = 20, 500


@planners
@require_http_methods(["GET", "HEAD", "POST"])
def import_log(request: HttpRequest) -> HttpResponse:
    """Preview a log and import it. Nothing is saved before “Import”."""
    check_planner(request.user, WHO)
    if request.method != "POST":
        return render(request, "releases/incident_imports/import.html", {"form": ImportForm()})
    form, context, status = ImportForm(request.POST, request.FILES), {}, 400
    if form.is_valid():
        said = form.cleaned_data
        count = given(request.POST, "columns")
        numbers = range(min(int(count), MOST_COLUMNS)) if count.isdecimal() and len(count) < 9 else None
        chosen = [given(request.POST, f"column_{number}") for number in numbers] if numbers else None
        how: dict[str, Any] = {
            "meanings": None if said["file"] else chosen,
            "zone": said["zone"],
            "order": said["order"],
            "by_words": said["by_words"],
        }
        try:
            # Another file is shown first.
            if "import" in request.POST and not said["file"]:
                return _imported(request, form, how)
            context, status = _previewed(said["body"], how), 200
        except ValidationError as error:
            add_errors(form, error)
        if context or chosen:
            context = context or _columns(said["body"], chosen)
            typed = request.POST.copy()
            typed["text"], typed["name"] = said["body"].decode("utf-8", "replace"), said["name"]
            form.data = typed
    return render(request, "releases/incident_imports/import.html", {"form": form, **context}, status=status)


def _imported(request: HttpRequest, form: ImportForm, how: dict[str, Any]) -> HttpResponse:
    said = form.cleaned_data
    done = actions.import_incidents(
        said["body"], by=actor_of(request), name=said["name"] or "a file", skip_bad=said["skip_bad"], **how
    )
    text = f"Imported {done.created - done.maintenance} incidents and {done.maintenance} of maintenance."
    messages.success(request, f"{text} {done.unchanged} were here already, {done.skipped} skipped.")
    return redirect("releases:incidents:list")


def _previewed(body: bytes, how: dict[str, Any]) -> dict[str, Any]:
    found = actions.preview(body, **how)
    return {
        "found": found,
        "columns": list(zip(found.headers, found.meanings, strict=True)),
        "meanings": formats.MEANINGS,
        "shown": found.rows[:SHOWN],
        "maintenance": sum(row.is_maintenance for row in found.rows),
        "bad": found.bad[: 5 * SHOWN],
        "more_bad": max(0, len(found.bad) - 5 * SHOWN),
    }


def _columns(body: bytes, chosen: list[str] | None) -> dict[str, Any]:
    """Return the columns as they were chosen, where what was chosen can't be."""
    try:
        headers = formats.read_table(body).headers
    except formats.BadLog:
        return {}
    meant = [*(chosen or []), *[""] * len(headers)][: len(headers)]
    return {"columns": list(zip(headers, meant, strict=True)), "meanings": formats.MEANINGS}
