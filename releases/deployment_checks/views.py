"""Pages about who asks before deploying: of a release, of all services, and of one, with its tokens."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.paging import page_of
from portal.kernel.policy import leads, reading
from releases.deployment_checks import actions, queries
from releases.deployment_checks.forms import CheckTokenForm
from releases.deployment_checks.models import CheckToken
from releases.planning.models import Release
from releases.planning.views import at_former_addresses
from squads.models import Service
from squads.teams.permissions import may_plan


@reading
@require_safe
@at_former_addresses
def of_release(request: HttpRequest, slug: str) -> HttpResponse:
    """Whether the pipelines of the services that a release ships ask before they deploy."""
    release = get_object_or_404(Release, slug=slug)
    rows = queries.asked_about(release)
    page = page_of(request, rows)
    context = {
        "release": release,
        "page": page,
        "rows": page.object_list,
        "never": [row for row in rows if row.never],
        "writable": may_plan(request.user),
    }
    return render(request, "releases/deployment_checks/release.html", context)


@reading
@require_safe
def services(request: HttpRequest) -> HttpResponse:
    """All services, with when their pipelines asked last; those that never did come first."""
    page = page_of(request, queries.services_asked())
    context = {
        "page": page,
        "rows": queries.asked(list(page.object_list)),
        "waiting": queries.waiting_for_none(),
    }
    return render(request, "releases/deployment_checks/list.html", context)


def _page(request: HttpRequest, service: Service, form: CheckTokenForm | None = None) -> HttpResponse:
    leads_it = service.squad.is_led_by(request.user) if service.squad else request.user.is_staff
    page = page_of(request, queries.checks_of(service))
    context = {
        "service": service,
        "page": page,
        "last": queries.by_programs().filter(service=service).order_by("-at", "-pk").first(),
        "waiting": queries.waiting_for(service),
        "tokens": queries.tokens_of(service).order_by(*queries.OPEN_FIRST)[: actions.MOST_TOKENS * 2],
        "form": form or CheckTokenForm(),
        "may_change": leads_it,
        "base": settings.RODEO_BASE_URL,
    }
    return render(
        request, "releases/deployment_checks/service.html", context, status=400 if form and form.errors else 200
    )


def _service(slug: str) -> Service:
    return get_object_or_404(Service.objects.select_related("squad"), slug=slug)


@reading
@require_safe
def of_service(request: HttpRequest, slug: str) -> HttpResponse:
    """What was asked about a service, what waits, how to have its pipeline ask, and its tokens."""
    return _page(request, _service(slug))


@leads
@require_POST
@never_cache
def token_create(request: HttpRequest, slug: str) -> HttpResponse:
    """Make a token that asks about a service; the answer shows it, this once."""
    service = _service(slug)
    actions.check_owner(service, actor_of(request))
    form = CheckTokenForm(request.POST)
    if form.is_valid():
        try:
            token, secret = actions.create_token(service, by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            context = {"token": token, "secret": secret, "service": service}
            return render(request, "releases/deployment_checks/token.html", context, status=201)
    return _page(request, service, form)


@leads
@require_POST
def token_revoke(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Close a token for good."""
    token = get_object_or_404(CheckToken.objects.select_related("service__squad"), pk=pk, service__slug=slug)
    actions.revoke_token(token, by=actor_of(request))
    messages.success(request, f"{token} revoked.")
    return redirect("releases:deployment_checks:service", slug)
