"""The page of hosts inside the company's network that sources may ask."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.paging import page_of
from portal.kernel.policy import administrators
from releases.allowed_hosts import actions
from releases.allowed_hosts.forms import HostForm
from releases.allowed_hosts.models import AllowedHost


@administrators
@require_http_methods(["GET", "HEAD", "POST"])
def host_list(request: HttpRequest) -> HttpResponse:
    """Which hosts are allowed, by whom and what for; and allowing another."""
    form = HostForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = actions.allow(by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"{row.host} is now allowed.")
            return redirect("releases:allowed_hosts:list")
    context = {
        "form": form,
        "page": page_of(request, actions.listed_hosts()),
        "configured": actions.configured_hosts(),
        "history": actions.history(),
    }
    return render(request, "releases/allowed_hosts/list.html", context, status=400 if form.errors else 200)


@administrators
@require_POST
def host_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Close a host again."""
    row = get_object_or_404(AllowedHost, pk=pk)
    actions.close(row, by=actor_of(request))
    messages.success(request, f"{row.host} is no longer allowed.")
    return redirect("releases:allowed_hosts:list")
