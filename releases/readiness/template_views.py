"""The pages of gates: those of every line, those of one line, and what a change of them changes before it is saved."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.kernel.actors import Anyone, actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.policy import managers, reading
from portal.kernel.text_input import given
from portal.kernel.transitions import ChangedMeanwhile
from releases.planning.queries import lines_of_releases
from releases.readiness import actions, gate_templates
from releases.readiness.forms import ItemForm, TemplateForm, digest_of
from releases.readiness.gate_templates import Preview
from releases.readiness.inputs import EVERY_LINE
from releases.readiness.models import ChecklistItem, GateTemplate
from releases.readiness.production_inputs import monitoring_sources

CHANGED = "Someone else changed these gates meanwhile. Nothing was saved: below are the gates as they are now."


@reading
@require_safe
def template_list(request: HttpRequest) -> HttpResponse:
    """Which lines of releases have gates of their own."""
    own = {row.line: row for row in GateTemplate.objects.select_related("by")}
    lines = sorted({EVERY_LINE, *own, *lines_of_releases()}, key=str.casefold)
    context = {"lines": [(line, own.get(line)) for line in lines], "writable": may_choose(request.user)}
    return render(request, "releases/readiness/templates.html", context)


def may_choose(user: Anyone) -> bool:
    """Say whether this person may choose gates."""
    return bool(user.is_authenticated and (user.is_staff or user.is_project_manager))


@reading
@require_safe
def template(request: HttpRequest) -> HttpResponse:
    """The gates of a line, to look at and, for those who may, to change."""
    return _page(request, given(request.GET, "line")[: gate_templates.LONGEST_LINE])


def _page(
    request: HttpRequest,
    line: str,
    form: TemplateForm | None = None,
    shown: Preview | None = None,
    item: Form | None = None,
    status: int = 200,
) -> HttpResponse:
    row, chosen = gate_templates.template_of(line)
    sources = [(each.key, each.name) for each in monitoring_sources()]
    values = TemplateForm.values_of(
        gate_templates.in_words(chosen), row.monitors if row else [], row.version if row else 0
    )
    items = ChecklistItem.objects.filter(release=None, line=line, removed_at=None).select_related("by")
    context = {
        "line": line,
        "row": row,
        "chosen": chosen,
        "form": form or TemplateForm(initial=values, sources=sources),
        "preview": shown,
        "item_form": item or ItemForm(),
        "items": items,
        "versions": gate_templates.history_of(line),
        "writable": may_choose(request.user),
        "of_line": len(gate_templates.concerned(line)),
    }
    return render(request, "releases/readiness/template.html", context, status=status)


@managers
@require_http_methods(["POST"])
def save(request: HttpRequest) -> HttpResponse:
    """Show what a change of the gates changes in open releases; save it once that was seen."""
    line = given(request.POST, "line")[: gate_templates.LONGEST_LINE]
    sources = [(each.key, each.name) for each in monitoring_sources()]
    form = TemplateForm(request.POST, sources=sources)
    if not form.is_valid():
        return _page(request, line, form, status=400)
    gates, monitors = form.chosen(), form.cleaned_data["monitors"]
    try:
        cleaned = gate_templates.cleaned(gates)
        seen = digest_of(gates, monitors)
        if form.cleaned_data["previewed"] != seen:
            form = TemplateForm({**_lists(request), "previewed": seen}, sources=sources)
            return _page(request, line, form, gate_templates.preview(line, cleaned, monitors))
        gate_templates.save_template(
            by=actor_of(request), line=line, gates=gates, monitors=monitors, version=form.cleaned_data["version"]
        )
    except ChangedMeanwhile:
        messages.warning(request, CHANGED)
        return _page(request, line, status=409)
    except ValidationError as error:
        add_errors(form, error)
        return _page(request, line, form, status=400)
    messages.success(request, "Saved.")
    return _back(line)


def _lists(request: HttpRequest) -> dict[str, Any]:
    """Return what was sent, as a form reads it: a list for the field that takes several."""
    return {**request.POST.dict(), "monitors": request.POST.getlist("monitors")}


def _back(line: str) -> HttpResponse:
    address = reverse("releases:readiness:template")
    return redirect(f"{address}?{urlencode({'line': line})}" if line else address)


@managers
@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Have a line use the gates of every line again."""
    row = get_object_or_404(GateTemplate, pk=pk)
    gate_templates.delete_template(row, by=actor_of(request))
    messages.success(request, f"Removed the gates of {gate_templates.said_line(row.line)}.")
    return _back(row.line)


@managers
@require_POST
def add_item(request: HttpRequest) -> HttpResponse:
    """Add a line to the checklist of every release of a line."""
    line, form = given(request.POST, "line")[: gate_templates.LONGEST_LINE], ItemForm(request.POST)
    if form.is_valid():
        try:
            actions.add_item(by=actor_of(request), line=line, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Added to the checklist.")
            return _back(line)
    return _page(request, line, item=form, status=400)


@managers
@require_POST
def remove_item(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a line of the checklist of every release of a line."""
    item = get_object_or_404(ChecklistItem, pk=pk, release=None)
    actions.remove_item(item, by=actor_of(request))
    messages.success(request, "Removed from the checklist.")
    return _back(item.line)
