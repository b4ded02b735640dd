"""The page of outside checks: of a release, of a line, or of every line."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from portal.kernel import clock
from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.paging import page_of
from portal.kernel.policy import managers, reading
from portal.kernel.text_input import given
from releases.outside_checks import actions
from releases.outside_checks.forms import CheckForm
from releases.outside_checks.models import OutsideCheck
from releases.planning.models import Release


@reading
@require_safe
def check_list(request: HttpRequest) -> HttpResponse:
    """The outside checks of a release, a line, or every line."""
    return _page(request, request.GET)


def _asked(values: QueryDict) -> tuple[Release | None, str]:
    slug = given(values, "release")
    return (get_object_or_404(Release, slug=slug) if slug else None), given(values, "line")[:120]


def _page(request: HttpRequest, values: QueryDict, form: CheckForm | None = None) -> HttpResponse:
    release, line = _asked(values)
    rows = OutsideCheck.objects.filter(removed_at=None, release=release, line="" if release else line)
    user, now = request.user, clock.now()
    asked = actions.asked_about(now)
    left_out = release is not None and asked.cut and release not in asked
    if release is not None and left_out:
        left_out = Release.objects.ahead(now).filter(pk=release.pk).exists()
    context = {
        "asked": asked,
        "left_out": left_out,
        "release": release,
        "line": "" if release else line,
        "page": page_of(request, rows.select_related("by").defer("secret")),
        "form": form or CheckForm(),
        "writable": user.is_authenticated and (user.is_staff or user.is_project_manager),
    }
    return render(request, "releases/outside_checks/list.html", context, status=400 if form else 200)


def _back(release: Release | None, line: str) -> HttpResponse:
    said = {"release": release.slug} if release else {"line": line} if line else {}
    address = reverse("releases:outside_checks:list")
    return redirect(f"{address}?{urlencode(said)}" if said else address)


@managers
@require_POST
def check_add(request: HttpRequest) -> HttpResponse:
    """Add a check."""
    release, line = _asked(request.POST)
    form = CheckForm(request.POST)
    if form.is_valid():
        try:
            check = actions.add_check(by=actor_of(request), release=release, line=line, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"Added {check}.")
            return _back(release, line)
    return _page(request, request.POST, form)


@managers
@require_POST
def check_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a check."""
    check = get_object_or_404(OutsideCheck.objects.select_related("release"), pk=pk)
    actions.remove_check(check, by=actor_of(request))
    messages.success(request, f"Removed {check}.")
    return _back(check.release, check.line)
