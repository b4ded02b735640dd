"""The page of hosts inside the company's network that sources may ask."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from portal.kernel.objections import keep_objection
from portal.kernel.paging import page_of
from portal.kernel.policy import administrators
from releases.intake import hosts
from releases.intake.forms import HostForm
from releases.intake.models import AllowedHost


@administrators
@require_http_methods(["GET", "HEAD", "POST"])
def host_list(request: HttpRequest) -> HttpResponse:
    """Which hosts are allowed, by whom and what for; and allowing another."""
    form = HostForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = hosts.allow(by=request.user, **form.cleaned_data)
        except ValidationError as error:
            keep_objection(form, error)
        else:
            messages.success(request, f"{row.host} may be asked now.")
            return redirect("releases:intake:host_list")
    context = {
        "form": form,
        "page": page_of(request, hosts.listed_hosts()),
        "configured": hosts.configured_hosts(),
        "history": hosts.history(),
    }
    return render(request, "releases/intake/host_list.html", context, status=400 if form.errors else 200)


@administrators
@require_POST
def host_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an allowance back."""
    row = get_object_or_404(AllowedHost, pk=pk)
    hosts.close(row, by=request.user)
    messages.success(request, f"{row.host} is closed again.")
    return redirect("releases:intake:host_list")
