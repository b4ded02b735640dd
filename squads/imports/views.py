"""Pages of imports, and downloads of exports."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import Anyone, actor_of
from portal.kernel.form_errors import refusal
from portal.kernel.paging import page_of
from portal.kernel.policy import members, reading
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from squads.imports import actions, exports, formats, queries
from squads.imports.formats.dates import ORDERS
from squads.imports.formats.meanings import ENDINGS, LEAVE_OUT, word
from squads.imports.forms import UploadForm, mapping_of
from squads.imports.models import Import
from squads.imports.named_releases import PLAN_THEM, own_lines
from squads.imports.validation import PROGRESSES, TYPES
from squads.story_lists.listing import Asked
from squads.teams.models import Squad
from squads.teams.permissions import check_member

FIRST_ROWS, MOST_TERMS = 10, 200
LABELS = {
    "key": "Key (identifies a story)",
    "title": "Title",
    "type": "Type",
    "status": "Status",
    "category": "Status category",
    "resolution": "Resolution",
    "description": "Description",
    "acceptance_criteria": "Acceptance criteria",
    "release": "Release",
    "milestone": "Sprint or milestone",
    "created": "Created",
    "moved": "Status since",
    "ended": "Resolved",
    "comment": "Comments",
}


def _own_squad(slug: str, user: Anyone) -> Squad:
    squad = get_object_or_404(Squad, slug=slug)
    check_member(squad, user, "its imports")
    return squad


def _own(request: HttpRequest, slug: str, pk: int) -> Import:
    squad = _own_squad(slug, request.user)
    return get_object_or_404(Import.objects.select_related("squad", "by"), squad=squad, pk=pk)


def _show_error(request: HttpRequest, error: ValidationError | AlreadyMoved) -> None:
    messages.error(request, refusal(error)[0])


@members
def import_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Past imports, and the form that uploads a file."""
    squad = _own_squad(slug, request.user)
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            imported = actions.upload(
                squad, by=actor_of(request), name=file.name, body=file.read(), kind=form.cleaned_data["kind"]
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect("squads:imports:detail", squad.slug, imported.pk)
    return render(
        request,
        "squads/imports/list.html",
        {"squad": squad, "form": form, "page": page_of(request, queries.imports_of(squad)), "kinds": formats.KINDS},
        status=400 if form.errors else 200,
    )


@members
@require_safe
def import_detail(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The preview of a file, or the report of its import."""
    return _page_of_import(request, _own(request, slug, pk))


def _page_of_import(request: HttpRequest, imported: Import, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {"imported": imported, "squad": imported.squad, "kinds": formats.KINDS}
    if imported.state == Import.State.DONE:
        context["page"] = page_of(request, [formats.Problem(*each) for each in imported.report.get("problems", ())])
        return render(request, "squads/imports/done.html", context, status=status)
    try:
        plan = queries.plan_import(imported, *queries.read_file(imported))
    except formats.Refused as refused:
        return render(request, "squads/imports/refused.html", {**context, "refused": refused}, status=400)
    context |= {
        "plan": plan,
        "counts": plan.counts,
        "page": page_of(request, plan.problems),
        "rows": plan.steps[:FIRST_ROWS],
        "changes": plan.updated[:FIRST_ROWS],
        "columns": _columns(plan.parsed),
        "types": _term_rows(plan.validated.types, "type", TYPES),
        "statuses": _term_rows(plan.validated.statuses, "status", {**PROGRESSES, **ENDINGS, LEAVE_OUT: "skip"}),
        "plan_releases": bool(imported.mapping.get("plan_releases")),
        "unplanned": any(problem.remedy == PLAN_THEM for problem in plan.problems),
        "has_open_terms": bool(plan.validated.questions),
        "orders": ORDERS,
        "lines": own_lines(imported.squad),
        "keyless": plan.parsed.headers and "key" not in plan.parsed.chosen,
        "titleless": plan.parsed.headers and "title" not in plan.parsed.chosen,
    }
    return render(request, "squads/imports/preview.html", context, status=status)


def _columns(parsed: formats.Parsed) -> list[tuple[str, str, str]]:
    """Return (field, label, chosen column) for a table whose columns can be chosen."""
    if not parsed.headers or parsed.kind == "rodeo":
        return []
    return [(name, label, parsed.chosen.get(name, "")) for name, label in LABELS.items()]


def _term_rows(terms: list[Any], prefix: str, meanings: dict[str, str]) -> list[dict[str, Any]]:
    # Terms without a meaning come first: they keep rows out.
    listed = sorted(terms, key=lambda term: bool(term.meaning))[:MOST_TERMS]
    names = [f"{prefix}-{word(each.text)}" for each in listed]
    return [
        # The id of an element holds no spaces.
        {"name": name, "id": f"{prefix}--{number}" if " " in name else name, "term": each, "meanings": meanings.items()}
        for number, (name, each) in enumerate(zip(names, listed, strict=True))
    ]


@members
@require_POST
def import_mapping(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Save the meaning of columns and terms, and show the preview again."""
    imported = _own(request, slug, pk)
    kind = given(request.POST, "kind")
    mapping = mapping_of(request.POST)
    if kind != imported.kind:
        # Another kind has other columns: they are guessed anew.
        mapping["columns"] = None
    try:
        actions.set_mapping(imported, by=actor_of(request), kind=kind, mapping=mapping)
    except (ValidationError, AlreadyMoved) as error:
        _show_error(request, error)
    return redirect("squads:imports:detail", imported.squad.slug, imported.pk)


@members
@require_POST
def import_run(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Import the good rows, all or none."""
    imported = _own(request, slug, pk)
    try:
        report = actions.run_import(
            imported, by=actor_of(request), leave_out_bad="leave_out" in request.POST, seen=given(request.POST, "seen")
        )
    except (ValidationError, AlreadyMoved) as error:
        _show_error(request, error)
    else:
        summary = f"{report['created']} created, {report['updated']} updated, {report['unchanged']} unchanged."
        messages.success(request, f"Imported: {summary}")
    return redirect("squads:imports:detail", imported.squad.slug, imported.pk)


@members
@require_POST
def import_discard(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Delete a file that was not imported."""
    imported = _own(request, slug, pk)
    try:
        actions.discard(imported, by=actor_of(request))
    except AlreadyMoved as error:
        _show_error(request, error)
    else:
        messages.success(request, f"Discarded {imported.name}. Nothing was imported.")
    return redirect("squads:imports:list", imported.squad.slug)


def _filtered_stories(request: HttpRequest) -> Any:
    """Return the stories that the list shows for the same parameters."""
    asked = Asked.read(request.GET)
    if asked.squad:
        get_object_or_404(Squad, slug=asked.squad)
    return asked.found(request.user)


def _download(lines: Any, kind: str, ending: str) -> StreamingHttpResponse:
    name = f"stories-{timezone.now():%Y-%m-%d}.{ending}"
    return StreamingHttpResponse(
        lines, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@reading
@require_safe
def export_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The stories of the list, all pages of it, as a table."""
    return _download(exports.as_csv(_filtered_stories(request)), "text/csv; charset=utf-8", "csv")


@reading
@require_safe
def export_json(request: HttpRequest) -> StreamingHttpResponse:
    """The stories of the list, all pages of it, as JSON."""
    return _download(exports.as_json(_filtered_stories(request)), "application/json", "json")
