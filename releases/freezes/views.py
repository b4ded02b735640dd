"""Pages of freezes: the list with its month, one freeze, changing it, lifting it, and its calendar for other programs."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.kernel import clock
from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.paging import page_of
from portal.kernel.policy import answers, managers, planners, public, reading, writing
from portal.kernel.secret_addresses import TOO_MANY, opened
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from releases.freezes import actions, calendar_files, queries
from releases.freezes.forms import FreezeForm, ImportForm, LiftForm
from releases.freezes.models import Freeze, FreezeLift
from releases.freezes.occurrences import upcoming
from squads.teams.permissions import answers_for, check_answers_for, check_planner, may_plan

SHOWN = 10


@reading
@require_safe
def freeze_list(request: HttpRequest) -> HttpResponse:
    """All freezes by when they hold next, and a month of them as a picture."""
    page = page_of(request, queries.listed())
    every = list(queries.listed()[: queries.MOST_FREEZES])
    context = {
        "page": page,
        "rows": queries.rows_of(page.object_list),
        "month": queries.month_of(every, given(request.GET, "month")[:10]),
        "writable": may_plan(request.user),
    }
    return render(request, "releases/freezes/list.html", context)


@reading
@require_safe
def freeze_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One freeze: when it holds next, what it covers, and what was lifted of it."""
    freeze = get_object_or_404(queries.listed(), pk=pk)
    page = page_of(request, queries.lifts_of(freeze))
    context = {
        "freeze": freeze,
        "covers": queries.covers(freeze),
        "repeats": queries.repeats(freeze),
        "windows": upcoming(freeze.times, clock.now(), SHOWN),
        "page": page,
        "lifts": queries.shown_lifts(freeze, page.object_list, request.user),
        "history": queries.history_of(freeze),
        "writable": answers_for(None, request.user),
        "liftable": queries.may_lift(request.user),
    }
    return render(request, "releases/freezes/detail.html", context)


@planners
@require_http_methods(["GET", "HEAD", "POST"])
def freeze_create(request: HttpRequest) -> HttpResponse:
    """A new freeze; "Preview" shows when it would hold, and saves nothing."""
    check_planner(request.user, actions.WHO)
    return _edited(request, None)


@managers
@require_http_methods(["GET", "HEAD", "POST"])
def freeze_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Changing a freeze; "Preview" shows when it would hold, and saves nothing."""
    check_answers_for(None, request.user, actions.CHANGE)
    return _edited(request, get_object_or_404(queries.listed(), pk=pk))


def _edited(request: HttpRequest, freeze: Freeze | None) -> HttpResponse:
    context: dict[str, Any] = {"freeze": freeze, "form": FreezeForm(freeze=freeze), "preview": None}
    context["for_good"] = freeze is None and not answers_for(None, request.user)
    if request.method != "POST":
        return render(request, "releases/freezes/form.html", context)
    form = context["form"] = FreezeForm(request.POST, freeze=freeze)
    status = 400
    if form.is_valid():
        values = form.values()
        try:
            if "preview" in request.POST:
                plain = {name: values[name] for name in actions.FIELDS}
                context["preview"], status = actions.preview(Freeze(**plain)), 200
            else:
                return _saved(request, freeze, form, values)
        except AlreadyMoved:
            fresh = Freeze.objects.filter(pk=freeze.pk).first() if freeze else None
            context["clash"], status = (actions.described(fresh) if fresh else "It was deleted."), 409
            typed = request.POST.copy()
            typed["version"] = str(fresh.version) if fresh else ""
            form.data = typed
        except ValidationError as error:
            add_errors(form, error)
    return render(request, "releases/freezes/form.html", context, status=status)


def _saved(request: HttpRequest, freeze: Freeze | None, form: FreezeForm, values: dict[str, Any]) -> HttpResponse:
    by = actor_of(request)
    if freeze is None:
        made = actions.create_freeze(by=by, **values)
        messages.success(request, f"Created {made}.")
        return redirect(made)
    actions.edit_freeze(freeze, by=by, version=form.cleaned_data["version"], **values)
    messages.success(request, "Saved.")
    return redirect(freeze)


@managers
@require_POST
def freeze_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a freeze."""
    freeze = get_object_or_404(Freeze, pk=pk)
    version = given(request.POST, "version")
    try:
        actions.delete_freeze(freeze, by=actor_of(request), version=int(version) if version.isdecimal() else None)
    except AlreadyMoved as error:
        messages.error(request, str(error))
        return redirect(freeze)
    messages.success(request, f"Deleted {freeze}.")
    return redirect("releases:freezes:list")


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def freeze_lift(request: HttpRequest, pk: int) -> HttpResponse:
    """Lifting a freeze at one time, for one release, or both."""
    if not queries.may_lift(request.user):
        check_answers_for(None, request.user, actions.LIFT_ALL)
    freeze = get_object_or_404(queries.listed(), pk=pk)
    windows = upcoming(freeze.times, clock.now(), SHOWN)
    days = [(str(each.day), f"{each.starts:%Y-%m-%d %H:%M} to {each.ends:%Y-%m-%d %H:%M} UTC") for each in windows]
    asked = given(request.GET, "day")
    ends = next((each.ends for each in windows if str(each.day) == asked), None)
    form, status = LiftForm(days=days, by=request.user, initial={"day": asked, "expires_at": ends}), 200
    if request.method == "POST":
        form, status = LiftForm(request.POST, days=days, by=request.user), 400
        if form.is_valid():
            try:
                actions.lift_freeze(freeze, by=actor_of(request), **form.cleaned_data)
            except ValidationError as error:
                add_errors(form, error)
            else:
                messages.success(request, f"Lifted {freeze}.")
                return redirect(freeze)
    return render(request, "releases/freezes/lift.html", {"freeze": freeze, "form": form}, status=status)


@answers
@require_POST
def lift_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Have the freeze hold again."""
    row = get_object_or_404(FreezeLift.objects.select_related("freeze", "release"), pk=pk)
    actions.withdraw_lift(row, by=actor_of(request))
    messages.success(request, f"{row.freeze} holds again.")
    return redirect(row.freeze)


@planners
@require_http_methods(["GET", "HEAD", "POST"])
def freeze_import(request: HttpRequest) -> HttpResponse:
    """Importing an iCalendar file: all of it, or nothing and what is wrong on which line."""
    check_planner(request.user, actions.WHO)
    form, status = ImportForm(), 200
    if request.method == "POST":
        form, status = ImportForm(request.POST, request.FILES), 400
        if form.is_valid():
            body = form.cleaned_data["file"].read(calendar_files.LARGEST + 1)
            try:
                done = actions.import_calendar(body, by=actor_of(request), zone=form.cleaned_data["zone"])
            except ValidationError as error:
                add_errors(form, error)
            else:
                for each in done.left_out[:SHOWN]:
                    messages.warning(request, each)
                if (more := len(done.left_out) - SHOWN) > 0:
                    messages.warning(request, f"{more} more like these.")
                counts = f"Created {done.created}, changed {done.changed}, unchanged {done.unchanged}."
                messages.success(request, counts)
                return redirect("releases:freezes:list")
    context = {"form": form, "for_good": not answers_for(None, request.user)}
    return render(request, "releases/freezes/import.html", context, status=status)


@reading
@require_safe
def calendar_file(request: HttpRequest) -> HttpResponse:
    """All freezes as an iCalendar file, for whoever is signed in."""
    return _file()


def _file() -> HttpResponse:
    answer = HttpResponse(queries.calendar(), content_type="text/calendar; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="freezes.ics"'
    return answer


@writing
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def feed(request: HttpRequest) -> HttpResponse:
    """The address at which this person's calendar reads the freezes: whether there is one, and making one."""
    by, address = actor_of(request), ""
    if request.method == "POST":
        secret = actions.open_feed(by=by)
        address = settings.RODEO_BASE_URL + reverse("releases:freezes:subscribed", args=[secret])
    context = {"address": address, "there": queries.has_feed(by)}
    return render(request, "releases/freezes/feed.html", context, status=201 if address else 200)


@writing
@require_POST
def feed_remove(request: HttpRequest) -> HttpResponse:
    """Have the address open nothing any more."""
    actions.close_feed(by=actor_of(request))
    messages.success(request, "Revoked the address. Calendars that used it get no more updates.")
    return redirect("releases:freezes:feed")


@public
@require_safe
def subscribed(request: HttpRequest, secret: str) -> HttpResponse:
    """All freezes as an iCalendar file, for a calendar that has somebody's address."""
    feed, status = opened(request, "releases.freezes", lambda: queries.feed_behind(secret))
    if feed is None:
        said = (
            "Too many wrong addresses. Wait five minutes.\n" if status == TOO_MANY else "This address doesn’t work.\n"
        )
        return HttpResponse(said, content_type="text/plain; charset=utf-8", status=status)
    answer = _file()
    answer["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    patch_cache_control(answer, private=True, no_store=True)
    return answer
