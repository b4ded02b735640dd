"""Pages of imports and the files of exports."""

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
from squads.imports.checking import PROGRESSES, TYPES
from squads.imports.formats.meanings import LEAVE_OUT, plain
from squads.imports.forms import BringForm, mapping_of
from squads.imports.models import Import
from squads.stories import queries as stories
from squads.stories.models import Story
from squads.teams.models import Squad
from squads.teams.permissions import check_member

FIRST_ROWS, MOST_WORDS = 10, 60
LABELS = {
    "key": "Key (repeats are known by it)",
    "title": "Title",
    "type": "Type",
    "status": "Status",
    "description": "Description",
    "acceptance_criteria": "Acceptance criteria",
    "release": "Release",
    "created": "Created",
    "comment": "Comments",
}


def _own_squad(slug: str, user: Anyone) -> Squad:
    squad = get_object_or_404(Squad, slug=slug)
    check_member(squad, user, "its imports")
    return squad


def _own(request: HttpRequest, slug: str, pk: int) -> Import:
    squad = _own_squad(slug, request.user)
    return get_object_or_404(Import.objects.select_related("squad", "by"), squad=squad, pk=pk)


def _object(request: HttpRequest, error: ValidationError | AlreadyMoved) -> None:
    messages.error(request, refusal(error)[0])


@members
def import_list(request: HttpRequest, slug: str) -> HttpResponse:
    """What was brought in, and the form to bring more."""
    squad = _own_squad(slug, request.user)
    form = BringForm(request.POST, request.FILES) if request.method == "POST" else BringForm()
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            imported = actions.bring(
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
    """Before: what the file would do. Afterwards: what it did."""
    return _page_of_import(request, _own(request, slug, pk))


def _page_of_import(request: HttpRequest, imported: Import, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {"imported": imported, "squad": imported.squad, "kinds": formats.KINDS}
    if imported.state == Import.State.DONE:
        context["page"] = page_of(request, [formats.Problem(*each) for each in imported.report.get("problems", ())])
        return render(request, "squads/imports/done.html", context, status=status)
    try:
        plan = queries.plan_of(imported, *queries.read(imported))
    except formats.Refused as refused:
        return render(request, "squads/imports/refused.html", {**context, "refused": refused}, status=400)
    unsaid = any(not word.meaning for word in (*plan.checked.types, *plan.checked.statuses))
    context |= {
        "plan": plan,
        "counts": plan.counts,
        "page": page_of(request, plan.problems),
        "rows": plan.steps[:FIRST_ROWS],
        "changes": plan.updated[:FIRST_ROWS],
        "columns": _columns(plan.parsed),
        "words": _words(plan.checked.types, "type", TYPES),
        "statuses": _words(plan.checked.statuses, "status", {**PROGRESSES, LEAVE_OUT: "leave out"}),
        "plan_releases": bool(imported.mapping.get("plan_releases")),
        "unplanned": any(problem.remedy == queries.PLAN_THEM for problem in plan.problems),
        "unsaid": unsaid,
        "keyless": plan.parsed.headers and "key" not in plan.parsed.chosen,
        "titleless": plan.parsed.headers and "title" not in plan.parsed.chosen,
    }
    return render(request, "squads/imports/preview.html", context, status=status)


def _columns(parsed: formats.Parsed) -> list[tuple[str, str, str]]:
    """Return (field, what it is called, the column chosen for it) of a table whose columns can be chosen."""
    if not parsed.headers or parsed.kind == "rodeo":
        return []
    return [(name, label, parsed.chosen.get(name, "")) for name, label in LABELS.items()]


def _words(words: list[Any], prefix: str, meanings: dict[str, str]) -> list[dict[str, Any]]:
    # Those nobody has a meaning for come first: they keep rows out.
    listed = sorted(words, key=lambda word: bool(word.meaning))[:MOST_WORDS]
    return [{"name": f"{prefix}-{plain(each.word)}", "word": each, "meanings": meanings.items()} for each in listed]


@members
@require_POST
def import_mapping(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Say what columns and words mean, and look again."""
    imported = _own(request, slug, pk)
    kind = given(request.POST, "kind")
    mapping = mapping_of(request.POST)
    if kind != imported.kind:
        # Columns of one kind are not those of another: they are guessed anew.
        mapping["columns"] = None
    try:
        actions.read_as(imported, by=actor_of(request), kind=kind, mapping=mapping)
    except (ValidationError, AlreadyMoved) as error:
        _object(request, error)
    return redirect("squads:imports:detail", imported.squad.slug, imported.pk)


@members
@require_POST
def import_run(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Import the good rows, all or none."""
    imported = _own(request, slug, pk)
    try:
        report = actions.run(
            imported, by=actor_of(request), leave_out_bad="leave_out" in request.POST, seen=given(request.POST, "seen")
        )
    except (ValidationError, AlreadyMoved) as error:
        _object(request, error)
    else:
        said = f"{report['created']} created, {report['updated']} updated, {report['unchanged']} unchanged."
        messages.success(request, f"Imported: {said}")
    return redirect("squads:imports:detail", imported.squad.slug, imported.pk)


@members
@require_POST
def import_discard(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Forget a file that was not imported."""
    imported = _own(request, slug, pk)
    try:
        actions.discard(imported, by=actor_of(request))
    except AlreadyMoved as error:
        _object(request, error)
    else:
        messages.success(request, f"{imported.name} is discarded. Nothing of it was written.")
    return redirect("squads:imports:list", imported.squad.slug)


def _asked(request: HttpRequest) -> Any:
    """The stories that the list shows for the same address."""
    asked = {name: given(request.GET, name) for name in ("squad", "stage", "type", "q")}
    squad = get_object_or_404(Squad, slug=asked["squad"]) if asked["squad"] else None
    stage = asked["stage"] if asked["stage"] in Story.Stage.values else ""
    type_ = asked["type"] if asked["type"] in Story.Type.values else ""
    return stories.found(squad, stage, type_, asked["q"][:200])


def _file(lines: Any, kind: str, ending: str) -> StreamingHttpResponse:
    name = f"stories-{timezone.now():%Y-%m-%d}.{ending}"
    return StreamingHttpResponse(
        lines, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@reading
@require_safe
def export_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The stories of the list, all pages of it, as a table."""
    return _file(exports.as_csv(_asked(request)), "text/csv; charset=utf-8", "csv")


@reading
@require_safe
def export_json(request: HttpRequest) -> StreamingHttpResponse:
    """The stories of the list, all pages of it, as JSON."""
    return _file(exports.as_json(_asked(request)), "application/json", "json")
