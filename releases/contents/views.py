"""Pages of what releases ship: the table of services, one service, schema files, and the order of deployment."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors, refusal
from portal.kernel.models import StateChange
from portal.kernel.paging import page_of
from portal.kernel.policy import leads, managers, members, reading
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from releases.contents import actions, patterns, queries
from releases.contents.forms import ContentForm, OrderForm, PatternsForm
from releases.contents.models import DeployOrder, ReleaseContent
from releases.pipelines.models import Change
from releases.planning.models import Release
from releases.planning.views import at_former_addresses
from squads.models import Service
from squads.teams.permissions import may_plan

CHANGED = "Someone else changed this meanwhile. Nothing was saved: below is how it is now."


@reading
@require_safe
@at_former_addresses
def contents(request: HttpRequest, slug: str) -> HttpResponse:
    """What a release ships: a table of its services."""
    release = get_object_or_404(Release, slug=slug)
    shipped, running = queries.contents_and_running(release)
    mine = _choosable(request, [each.service for each in shipped.services])
    context = {
        "release": release,
        "contents": shipped,
        "page": page_of(request, [(each, running.get(each.service, [])) for each in shipped.services]),
        "mine": mine,
        "writable": may_plan(request.user),
    }
    return render(request, "releases/contents/contents.html", context)


def _choosable(request: HttpRequest, services: list[int]) -> set[int]:
    """Return those of these services of which this person may say what ships."""
    user = request.user
    if not user.is_authenticated:
        return set()
    if user.is_project_manager or user.is_staff:
        return set(services)
    own = Service.objects.filter(pk__in=services, squad__in=user.squads.filter(archived_at=None))
    return set(own.values_list("pk", flat=True))


def _found(slug: str, service: str) -> tuple[Release, Service]:
    return (
        get_object_or_404(Release, slug=slug),
        get_object_or_404(Service.objects.select_related("squad"), slug=service),
    )


@reading
@require_safe
def service_content(request: HttpRequest, slug: str, service: str) -> HttpResponse:
    """What a release ships of one service, with all its schema changes."""
    return _service_page(request, *_found(slug, service), None, 200)


@members
@require_POST
def choose(request: HttpRequest, slug: str, service: str) -> HttpResponse:
    """Choose what a release ships of one service."""
    release, of = _found(slug, service)
    actions.check_chooser(of, request.user)
    form = ContentForm(request.POST)
    if form.is_valid():
        try:
            actions.choose_content(release, of, by=actor_of(request), **form.cleaned_data)
        except AlreadyMoved:
            messages.warning(request, CHANGED)
            return _service_page(request, release, of, None, 409)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect("releases:contents:service", slug, service)
    return _service_page(request, release, of, form, 400)


def _service_page(
    request: HttpRequest, release: Release, service: Service, form: ContentForm | None, status: int
) -> HttpResponse:
    shipped, running = queries.contents_and_running(release)
    content = next((each for each in shipped.services if each.service == service.pk), None)
    chosen = ReleaseContent.objects.filter(release=release, service=service).select_related("by").first()
    said = {name: getattr(chosen, name) for name in ("sha", "purl", "configuration", "version")} if chosen else {}
    kept = StateChange.objects.filter(kind=actions.CONTENT, key=actions.content_key(release, service))
    context: dict[str, Any] = {
        "release": release,
        "service": service,
        "content": content,
        "running": running.get(service.pk, []),
        "chosen": chosen,
        "form": form or ContentForm(initial={"version": 0, **said}),
        "mine": _choosable(request, [service.pk]),
        "page": page_of(request, list(content.schema_changes) if content else []),
        "history": kept.select_related("by").order_by("-at", "-pk")[:20],
        "writable": may_plan(request.user),
    }
    return render(request, "releases/contents/service.html", context, status=status)


@members
@require_POST
def clear(request: HttpRequest, slug: str, service: str) -> HttpResponse:
    """Clear what was chosen of a service."""
    release, of = _found(slug, service)
    actions.clear_content(release, of, by=actor_of(request))
    messages.success(request, f"Cleared. What {of} ships is found automatically.")
    return redirect("releases:contents:service", slug, service)


@members
@require_POST
def name_schema_change(request: HttpRequest, slug: str, service: str) -> HttpResponse:
    """Call a schema change of a service expanding or contracting."""
    _, of = _found(slug, service)
    actions.check_chooser(of, request.user)
    change = _change(given(request.POST, "change"))
    try:
        actions.name_schema_change(
            change, given(request.POST, "path"), given(request.POST, "kind"), by=actor_of(request)
        )
    except ValidationError as error:
        messages.error(request, refusal(error)[0])
    else:
        messages.success(request, "Saved.")
    back = given(request.POST, "back")
    if back and url_has_allowed_host_and_scheme(back, None):
        return redirect(back)
    return redirect("releases:contents:service", slug, service)


def _change(text: str) -> Change:
    try:
        pk = UUID(text)
    except ValueError:
        raise Http404("There’s no such change.") from None
    return get_object_or_404(Change.objects.select_related("repository__service__squad"), pk=pk)


@reading
@require_safe
def company_patterns(request: HttpRequest) -> HttpResponse:
    """Which files are schema changes, unless a service says otherwise."""
    return _patterns_page(request, None, patterns.shown(None))


@reading
@require_safe
def service_patterns(request: HttpRequest, slug: str) -> HttpResponse:
    """Which files are schema changes of a service."""
    service = get_object_or_404(Service.objects.select_related("squad"), slug=slug)
    return _patterns_page(request, service, patterns.shown(service))


@managers
@require_POST
def company_patterns_save(request: HttpRequest) -> HttpResponse:
    """Say which files are schema changes, or see what that would change."""
    return _save_patterns(request, None)


@leads
@require_POST
def service_patterns_save(request: HttpRequest, slug: str) -> HttpResponse:
    """Say which files are schema changes of a service, or see what that would change."""
    return _save_patterns(request, get_object_or_404(Service.objects.select_related("squad"), slug=slug))


def _save_patterns(request: HttpRequest, service: Service | None) -> HttpResponse:
    actions.check_decider(service, request.user)
    shown, form = patterns.shown(service), PatternsForm(request.POST)
    if not form.is_valid():
        return _patterns_page(request, service, shown, form, status=400)
    wanted, version = form.cleaned_data["patterns"], form.cleaned_data["version"]
    try:
        if "preview" in request.POST:
            effects = patterns.effects_of(service, actions.checked_patterns(wanted))
            return _patterns_page(request, service, shown, form, effects)
        actions.set_patterns(service, wanted, by=actor_of(request), version=version)
    except AlreadyMoved:
        messages.warning(request, CHANGED)
        return _patterns_page(request, service, patterns.shown(service), status=409)
    except ValidationError as error:
        add_errors(form, error)
        return _patterns_page(request, service, shown, form, status=400)
    messages.success(request, "Saved.")
    if service is not None:
        return redirect("releases:contents:service_patterns", service.slug)
    return redirect("releases:contents:company_patterns")


def _patterns_page(
    request: HttpRequest,
    service: Service | None,
    shown: patterns.Shown,
    form: PatternsForm | None = None,
    effects: patterns.Effects | None = None,
    status: int = 200,
) -> HttpResponse:
    history = StateChange.objects.filter(kind=actions.PATTERNS, key=service.slug if service else "")
    context = {
        "service": service,
        "shown": shown,
        "form": form or PatternsForm(initial={"patterns": "\n".join(shown.patterns), "version": shown.version}),
        "effects": effects,
        "may_change": actions.may_decide(request.user, *([service.squad] if service else [])),
        "history": history.select_related("by").order_by("-at", "-pk")[:20],
    }
    return render(request, "releases/contents/patterns.html", context, status=status)


@reading
@require_safe
def order_list(request: HttpRequest) -> HttpResponse:
    """Which services must be deployed before others."""
    return _orders(request, OrderForm())


def _orders(request: HttpRequest, form: OrderForm) -> HttpResponse:
    rows = DeployOrder.objects.select_related("first__squad", "then__squad", "by").order_by("first__name", "then__name")
    page = page_of(request, rows)
    user = request.user
    decides = bool(user.is_authenticated and (user.is_staff or user.is_project_manager))
    led = set(user.memberships.filter(role="lead").values_list("squad", flat=True)) if user.is_authenticated else set()
    context = {
        "page": page,
        "form": form,
        "removable": {row.pk for row in page if decides or {row.first.squad_id, row.then.squad_id} & led},
        "may_add": decides or bool(led),
    }
    return render(request, "releases/contents/order.html", context, status=400 if form.errors else 200)


@leads
@require_POST
def order_require(request: HttpRequest) -> HttpResponse:
    """Require an order of two services."""
    form = OrderForm(request.POST)
    if form.is_valid():
        try:
            row = actions.require_order(**form.cleaned_data, by=actor_of(request))
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"{row.first} now goes before {row.then}.")
            return redirect("releases:contents:order")
    return _orders(request, form)


@leads
@require_POST
def order_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a rule of order."""
    row = get_object_or_404(DeployOrder.objects.select_related("first__squad", "then__squad"), pk=pk)
    actions.remove_order(row, by=actor_of(request))
    messages.success(request, "Rule removed.")
    return redirect("releases:contents:order")
