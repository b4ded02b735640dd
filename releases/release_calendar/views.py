"""The calendar of releases: its months, the feed for calendar programs, and the addresses of that feed."""

import re
from datetime import date

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal.kernel import days
from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.policy import public, reading, writing
from portal.kernel.secret_addresses import TOO_MANY, opened, unless_known
from portal.kernel.text_input import given
from releases.planning.queries import lines_of_releases
from releases.release_calendar import actions, queries
from releases.release_calendar.forms import AddressForm

MONTH = re.compile(r"([1-9][0-9]{3})-(0[1-9]|1[0-2])")


def _first(request: HttpRequest) -> date:
    asked = MONTH.fullmatch(given(request.GET, "month"))
    first = date(int(asked[1]), int(asked[2]), 1) if asked else days.today().replace(day=1)
    return min(max(first, queries.FIRST), queries.LAST.replace(day=1))


@reading
@require_safe
def calendar(request: HttpRequest) -> HttpResponse:
    """A month of releases: what is planned, what went out."""
    lines, asked = lines_of_releases(), request.GET.get("line")
    line = asked if asked in lines else None
    context = {
        "month": queries.month(_first(request), line),
        "zone": settings.RODEO_TIME_ZONE,
        "line": line,
        "lines": lines if len(lines) > 1 else [],
        "this": days.today().replace(day=1),
    }
    return render(request, "releases/release_calendar/calendar.html", context)


@public
@require_safe
def feed(request: HttpRequest, secret: str) -> HttpResponse:
    """The releases for a calendar program that has somebody's address. Wrong and revoked ones have one answer."""
    address, status = opened(request, "releases.release_calendar", lambda: queries.address_behind(secret))
    if address is None:
        said = "Too many wrong addresses were tried from here.\n" if status == TOO_MANY else "No such calendar.\n"
        return HttpResponse(said, status=status, content_type="text/plain")
    body = actions.feed(request.GET.get("line")).encode("utf-8", "replace")
    named = {"Content-Disposition": 'inline; filename="releases.ics"'}
    return unless_known(request, body, "text/calendar; charset=utf-8", named)


@writing
@never_cache
def address_list(request: HttpRequest) -> HttpResponse:
    """One's addresses of the feed, and making one; the answer shows it, this once."""
    by = actor_of(request)
    form = AddressForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            address, secret = actions.add_address(by=by, name=form.cleaned_data["name"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            context = {"address": address, "url": url_of(secret)}
            return render(request, "releases/release_calendar/address.html", context, status=201)
    # There are at most ten.
    context = {"form": form, "addresses": queries.addresses_of(by.pk), "most": actions.MOST_ADDRESSES}
    return render(request, "releases/release_calendar/addresses.html", context, status=400 if form.errors else 200)


def url_of(secret: str) -> str:
    """Return the address that a secret is in."""
    return settings.RODEO_BASE_URL + reverse("releases:release_calendar:feed", args=[secret])


@writing
@require_POST
def address_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Close one's address for good."""
    by = actor_of(request)
    address = get_object_or_404(queries.addresses_of(by.pk), pk=pk)
    actions.revoke_address(address, by=by)
    messages.success(request, f"{address} revoked.")
    return redirect("releases:release_calendar:addresses")
