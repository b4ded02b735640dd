"""The page behind a link, for whoever has it, and the page of a release's links, for whoever may edit the release."""

import re
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal.kernel import clock
from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.paging import page_of
from portal.kernel.policy import planners, public
from portal.kernel.secret_addresses import TOO_MANY, opened
from portal.kernel.text_input import given
from releases.planning.board import board
from releases.planning.models import Release
from releases.planning.views import at_former_addresses
from releases.sharing import actions, queries
from releases.sharing.forms import LinkForm
from releases.sharing.models import ReleaseLink
from releases.status.queries import status_of
from squads.teams.permissions import check_planner

# People write addresses into titles and notes; whoever has a link does not get them.
E_MAIL = re.compile(r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)+")


@public
@require_safe
def shared(request: HttpRequest, secret: str) -> HttpResponse:
    """A release, for whoever has a link to it. A link that is wrong, revoked or expired has one answer."""
    link, status = opened(request, "releases.sharing", lambda: queries.link_behind(secret))
    if link is None:
        return _sealed(render(request, "releases/sharing/gone.html", {"too_many": status == TOO_MANY}, status=status))
    context: dict[str, Any] = {"release": link.release, "at": clock.now(), "until": link.expires_at}
    if link.shows == ReleaseLink.Shows.STATUS:
        answer = render(
            request, "releases/status/shared.html", {**context, "status": status_of(link.release, outside=True)}
        )
    else:
        answer = render(request, "releases/sharing/shared.html", {**context, "board": board(link.release.pk)})
    answer.content = E_MAIL.sub("…", answer.content.decode()).encode()
    return _sealed(answer)


def _sealed(answer: HttpResponse) -> HttpResponse:
    """Have nobody keep the page, list it, or learn its address from where its reader goes next."""
    answer["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    answer["Referrer-Policy"] = "no-referrer"
    patch_cache_control(answer, private=True, no_store=True)
    return answer


@planners
@never_cache
@at_former_addresses
def link_list(request: HttpRequest, slug: str) -> HttpResponse:
    """The links of a release, and making one; the answer shows its address, this once."""
    release = get_object_or_404(Release, slug=slug)
    check_planner(request.user)
    wanted = {"shows": given(request.GET, "shows")} if request.GET.get("shows") in ReleaseLink.Shows else {}
    form = LinkForm(request.POST or None, initial=wanted)
    if request.method == "POST" and form.is_valid():
        try:
            link, secret = actions.share(release, by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            context = {"link": link, "release": release, "address": address_of(secret)}
            return render(request, "releases/sharing/link.html", context, status=201)
    context = {"release": release, "form": form, "page": page_of(request, queries.links_of(release))}
    return render(request, "releases/sharing/links.html", context, status=400 if form.errors else 200)


def address_of(secret: str) -> str:
    """Return the address that a link's secret is in."""
    return settings.RODEO_BASE_URL + reverse("releases:sharing:shared", args=[secret])


@planners
@require_POST
def link_revoke(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Close a link for good."""
    link = get_object_or_404(ReleaseLink, pk=pk, release__slug=slug)
    check_planner(request.user)
    link.revoke(by=actor_of(request))
    messages.success(request, f"{link} revoked.")
    return redirect("releases:sharing:links", slug)
