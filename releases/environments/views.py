"""Pages of environments: what runs where, since when, and what ran before."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import words_of
from portal.kernel.paging import newest, page_of
from portal.kernel.policy import planners, reading
from portal.kernel.text_input import given
from releases.environments import actions, queries
from releases.environments.forms import EnvironmentForm
from releases.environments.models import Environment
from squads.teams.permissions import check_planner, may_plan

SERVICES_SHOWN, INCIDENTS_SHOWN = 200, 20


@reading
@require_safe
def environment_list(request: HttpRequest) -> HttpResponse:
    """Every environment, in the order in which changes reach production."""
    page = page_of(request, queries.environments())
    return render(request, "releases/environments/list.html", {"page": page, "writable": may_plan(request.user)})


@reading
@require_safe
def environment_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One environment: what runs there now, everything ever deployed to it, and its incidents."""
    environment = get_object_or_404(Environment.objects.select_related("merged_into"), slug=slug)
    if environment.merged_into is not None:
        return redirect(environment.merged_into)
    services = list(queries.services_in(environment)[: SERVICES_SHOWN + 1])
    return render(
        request,
        "releases/environments/detail.html",
        {
            "environment": environment,
            "running": queries.running(services[:SERVICES_SHOWN]),
            "more_services": len(services) > SERVICES_SHOWN,
            "page": page_of(request, queries.deployments(environment)),
            "incidents": newest(queries.incidents(environment), INCIDENTS_SHOWN),
            "writable": may_plan(request.user),
            "may_confirm": actions.may_say_tier(environment, environment.tier, request.user),
            "tiers": Environment.Tier.choices,
        },
    )


@planners
def environment_create(request: HttpRequest) -> HttpResponse:
    """Describe an environment before any event names it."""
    check_planner(request.user, queries.WHO_MAY_EDIT)
    form = EnvironmentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            environment = actions.create_environment(by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(
                request, f"Environment {environment} created. Deployments to {environment.key} will appear here."
            )
            return redirect(environment)
    return render(request, "releases/environments/form.html", {"form": form}, status=400 if form.errors else 200)


@planners
def environment_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Change what people say about an environment."""
    check_planner(request.user, queries.WHO_MAY_EDIT)
    environment = get_object_or_404(Environment, slug=slug)
    form = EnvironmentForm(request.POST or None, instance=environment)
    if request.method == "POST" and form.is_valid():
        try:
            actions.edit_environment(environment, by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Saved.")
            return redirect(environment)
    context = {"form": form, "environment": environment}
    return render(request, "releases/environments/form.html", context, status=400 if form.errors else 200)


@planners
@require_POST
def environment_confirm(request: HttpRequest, slug: str) -> HttpResponse:
    """Confirm the tier that the name suggests, or say another one (`tier`)."""
    check_planner(request.user, queries.WHO_MAY_EDIT)
    environment = get_object_or_404(Environment, slug=slug)
    try:
        actions.confirm_tier(environment, by=actor_of(request), tier=given(request.POST, "tier"))
    except ValidationError as error:
        messages.error(request, words_of(error))
    else:
        messages.success(request, f"Confirmed: {environment} is {environment.get_tier_display()}.")
    return redirect(environment)
