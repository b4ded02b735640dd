"""Pages of retrospectives for everyone who reads: the list, one of them, its versions, feeds and exports."""

from typing import Any, TypeVar

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import get_template
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.paging import page_of
from portal.kernel.policy import reading, writing
from portal.kernel.text_input import given
from squads.retrospective_pages import exports
from squads.retrospective_pages.page import retrospective_page
from squads.retrospectives import actions, queries
from squads.retrospectives.models import Retrospective
from squads.retrospectives.offered import Offered, offered
from squads.retrospectives.permissions import retrospective_at
from squads.retrospectives.roles import roles_of
from squads.retrospectives.sections import KINDS

Answer = TypeVar("Answer", bound=HttpResponseBase)
COUNTED = 2000
READ_FOR = 24 * 3600


def wanted_of(request: HttpRequest) -> queries.Wanted:
    """Return what an address narrows the list to. A value that there can't be fits nothing."""
    typed = given(request.GET, "year")
    # No year is −1, so that what is no year fits nothing.
    year = None if not typed else int(typed) if typed.isdecimal() and len(typed) < 5 else -1
    asked = {
        name: given(request.GET, name)[:200] for name in ("q", "squad", "service", "severity", "kind", "theme", "state")
    }
    subject = given(request.GET, "subject")[:90]
    return queries.Wanted(**asked, subject=subject, year=year)


@reading
@require_safe
def retrospective_list(request: HttpRequest) -> HttpResponse:
    """Every retrospective this person can read, the newest first, with its first paragraph."""
    wanted = wanted_of(request)
    found = queries.listed(request.user, wanted)
    # What has words was found by a search: few, which are asked once for their order and not again to be counted.
    among = list(found.rows.values_list("pk", flat=True)) if wanted.q else found.rows
    page = page_of(request, among, per_page=20, most=COUNTED)
    rows = queries.in_order(list(page.object_list)) if wanted.q else list(page.object_list)
    found_in = queries.excerpts(wanted.q, rows) if wanted.q else {}
    context: dict[str, Any] = {
        "page": page,
        "rows": rows,
        "lines": [(row, found_in.get(str(row.pk))) for row in rows],
        "wanted": wanted,
        "cut": found.cut,
        "labels": queries.labels_of(rows),
        "offered": (choices := offered(request.user)),
        "options": _options(choices, wanted),
        "kinds": KINDS.items(),
        "states": Retrospective.State.choices,
        "this_day": [] if wanted.filtered or page.number > 1 else queries.this_day(request.user),
    }
    return render(request, "squads/retrospective_pages/list.html", context)


def _options(there: Offered, wanted: queries.Wanted) -> dict[str, SafeString]:
    """Return the options of the selects that the list is narrowed by, as HTML: there may be hundreds."""
    template = get_template("squads/retrospective_pages/_options.jinja", using="jinja2").template.module  # type: ignore[attr-defined]
    choices = {
        "squad": [(slug, name) for name, slug in there.squads],
        "service": [(slug, name) for name, slug in there.services],
        "severity": [(name, name) for name in there.severities],
        "theme": [(name, name) for name in there.themes],
        "year": [(year, year) for year in there.years],
    }
    # Safe, for the template escapes.
    return {name: SafeString(template.options(each, getattr(wanted, name))) for name, each in choices.items()}


@reading
@require_safe
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One retrospective, to be read."""
    return retrospective_page(request, retrospective_at(slug, request.user))


@writing
@require_POST
def read(request: HttpRequest, slug: str) -> HttpResponse:
    """Count that somebody read this, once a day for each browser. Nothing says who: the browser itself knows that it did."""
    row = retrospective_at(slug, request.user)
    answer = HttpResponse(status=204)
    name = f"read-{row.slug[-8:]}"
    if name not in request.COOKIES:
        Retrospective.objects.count_read(row)
        answer.set_cookie(
            name,
            "1",
            max_age=READ_FOR,
            path=row.get_absolute_url(),
            httponly=True,
            samesite="Lax",
            secure=request.is_secure(),
        )
    return answer


@writing
@require_POST
def learned(request: HttpRequest, slug: str) -> HttpResponse:
    """Say that you learned something, or (off) take it back."""
    row = retrospective_at(slug, request.user)
    actions.learned(row, by=actor_of(request), on=not given(request.POST, "off"))
    return redirect(f"{row.get_absolute_url()}#learned")


@reading
@require_safe
def version_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Who changed what, and when."""
    row = retrospective_at(slug, request.user)
    page = page_of(request, queries.edits_of(row))
    texts = {section.key: section for section in row.sections.all()}
    return render(
        request,
        "squads/retrospective_pages/versions.html",
        {"row": row, "page": page, "edits": queries.shown_edits(list(page.object_list), texts, roles_of(row))},
    )


@reading
@require_safe
def compare(request: HttpRequest, slug: str) -> HttpResponse:
    """What differs between two versions."""
    row = retrospective_at(slug, request.user)
    old = _version(given(request.GET, "old") or "1", row)
    new = _version(given(request.GET, "new") or str(row.version), row)
    context = {"row": row, "old": min(old, new), "new": max(old, new), "differences": queries.compare(row, old, new)}
    return render(request, "squads/retrospective_pages/compare.html", context)


def _version(text: str, row: Retrospective) -> int:
    if not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= row.version:
        raise Http404(f"There’s no such version. This is at version {row.version}; the first is 1.")
    return int(text)


@reading
@require_safe
def export_markdown(request: HttpRequest, slug: str) -> HttpResponse:
    """One retrospective as a Markdown file, which can be imported again."""
    row = retrospective_at(slug, request.user)
    answer = HttpResponse(exports.as_markdown(row), content_type="text/markdown; charset=utf-8")
    return _named(answer, f"{row.slug}.md")


@reading
@require_safe
def export_json(request: HttpRequest, slug: str) -> HttpResponse:
    """One retrospective as JSON."""
    row = retrospective_at(slug, request.user)
    answer = HttpResponse(exports.as_json_text(row), content_type="application/json")
    return _named(answer, f"{row.slug}.json")


@reading
@require_safe
def export_all_json(request: HttpRequest) -> StreamingHttpResponse:
    """Everything in the list, all pages of it, as JSON."""
    rows = queries.listed(request.user, wanted_of(request)).rows
    answer = StreamingHttpResponse(exports.all_as_json(rows), content_type="application/json")
    return _named(answer, "retrospectives.json")


@reading
@require_safe
def export_all_markdown(request: HttpRequest) -> FileResponse:
    """Everything in the list, all pages of it, as one Markdown file each, in an archive."""
    rows = queries.listed(request.user, wanted_of(request)).rows
    return FileResponse(exports.all_as_archive(rows), as_attachment=True, filename="retrospectives.zip")


def _named(answer: Answer, name: str) -> Answer:
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
