"""The page of severities and of the times that hold for all incidents."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.policy import managers, reading
from releases.incident_settings import actions
from releases.incident_settings.forms import SeverityForm, WindowsForm
from releases.incident_settings.models import Severity, incident_settings

LIST = "releases:incident_settings:list"


@reading
@require_safe
def severity_list(request: HttpRequest) -> HttpResponse:
    """Severities, the worst first."""
    user = request.user
    writable = bool(user.is_authenticated and (user.is_staff or user.is_project_manager))
    context = {"rows": actions.shown(), "settings": incident_settings(), "writable": writable}
    return render(request, "releases/incident_settings/list.html", context)


@managers
@require_http_methods(["GET", "HEAD", "POST"])
def severity_create(request: HttpRequest) -> HttpResponse:
    """Add a severity."""
    return _edited(request, None)


@managers
@require_http_methods(["GET", "HEAD", "POST"])
def severity_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a severity."""
    return _edited(request, get_object_or_404(Severity, pk=pk))


def _edited(request: HttpRequest, severity: Severity | None) -> HttpResponse:
    form = SeverityForm(request.POST if request.method == "POST" else None, severity=severity)
    if form.is_valid():
        try:
            saved = actions.save_severity(severity, by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"Saved {saved}.")
            return redirect(LIST)
    context = {"form": form, "severity": severity, "title": f"Edit {severity}" if severity else "Add severity"}
    return render(request, "releases/incident_settings/form.html", context, status=400 if form.is_bound else 200)


@managers
@require_POST
def severity_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a severity."""
    severity = get_object_or_404(Severity, pk=pk)
    actions.delete_severity(severity, by=actor_of(request))
    messages.success(request, f"Deleted {severity}. Incidents that had it have no severity now.")
    return redirect(LIST)


@managers
@require_http_methods(["GET", "HEAD", "POST"])
def windows(request: HttpRequest) -> HttpResponse:
    """Change the times that hold for all incidents."""
    form = WindowsForm(request.POST if request.method == "POST" else None, settings=incident_settings())
    if form.is_valid():
        try:
            actions.save_settings(by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Saved. Incidents follow in a moment.")
            return redirect(LIST)
    context = {"form": form, "title": "Times of incidents"}
    return render(request, "releases/incident_settings/form.html", context, status=400 if form.is_bound else 200)
