"""The page that says which runs of a service count."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.policy import members, reading
from releases.pipelines.models import RequiredPipelines
from releases.required_pipelines import actions, queries
from releases.required_pipelines.forms import RequiredPipelinesForm
from squads.models import Service
from squads.teams.permissions import check_member


def _page(request: HttpRequest, service: Service, form: RequiredPipelinesForm | None = None) -> HttpResponse:
    rule = RequiredPipelines.objects.select_related("by").filter(service=service).first()
    names = rule.names if rule else []
    form = form or RequiredPipelinesForm(initial={"pipelines": "\n".join(names)})
    seen = queries.seen_pipelines(service, names)
    context = {
        "service": service,
        "rule": rule,
        "seen": seen,
        "never_seen": queries.never_seen(names, seen),
        "form": form,
        "may_change": service.squad is not None and service.squad.is_writable_by(request.user),
    }
    return render(request, "releases/required_pipelines/edit.html", context, status=400 if form.errors else 200)


@reading
@require_safe
def pipelines(request: HttpRequest, slug: str) -> HttpResponse:
    """Which runs of a service count, and what its pipelines are called."""
    return _page(request, get_object_or_404(Service.objects.select_related("squad"), slug=slug))


@members
@require_POST
def require(request: HttpRequest, slug: str) -> HttpResponse:
    """Say which pipelines of a service must be green."""
    service = get_object_or_404(Service.objects.select_related("squad"), slug=slug)
    check_member(service.squad, request.user, f"service {service}")
    form = RequiredPipelinesForm(request.POST)
    if form.is_valid():
        try:
            actions.require_pipelines(service, form.cleaned_data["pipelines"], by=actor_of(request))
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Saved. This service’s stories update now.")
            return redirect("releases:required_pipelines:edit", service.slug)
    return _page(request, service, form)
