"""The feed of retrospectives for readers that can't sign in, and the addresses of that feed."""

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.policy import public, writing
from portal.kernel.secret_addresses import TOO_MANY, opened, unless_known
from squads.retrospective_feeds import actions, queries
from squads.retrospective_feeds.forms import AddressForm
from squads.retrospective_feeds.models import FeedAddress
from squads.retrospective_pages.feeds import MOST, Newest
from squads.retrospectives.models import Retrospective


class SteadyAtom(Atom1Feed):
    """A feed that says the same as long as nothing changed, also while it is empty."""

    def latest_post_date(self) -> datetime:
        """Return when anything in it last changed."""
        return super().latest_post_date() if self.items else datetime(1970, 1, 1, tzinfo=UTC)


class Own(Newest):
    """The newest retrospectives that one person can read."""

    feed_type = SteadyAtom

    def __init__(self, address: FeedAddress, url: str) -> None:
        self.address, self.url = address, url

    def feed_url(self) -> str:
        """Return the address that was asked."""
        return self.url

    def feed_guid(self) -> str:
        """Return what the feed is called by programs: what it holds is for one person."""
        return uuid5(NAMESPACE_URL, f"{settings.RODEO_BASE_URL}/retrospectives/feeds/{self.address.pk}/").urn

    def items(self) -> Any:
        """Return the newest published ones that this person can read now."""
        rows = Retrospective.objects.readable_by(self.address.person).published()
        return rows.select_related("squad").newest()[:MOST]


@public
@require_safe
def feed(request: HttpRequest, secret: str) -> HttpResponse:
    """The newest retrospectives, for a feed reader that has somebody's address. Wrong and revoked ones have one answer."""
    address, status = opened(request, "squads.retrospective_feeds", lambda: queries.address_behind(secret))
    if address is None:
        said = "Too many wrong addresses were tried from here.\n" if status == TOO_MANY else "No such feed.\n"
        return HttpResponse(said, status=status, content_type="text/plain")
    body = Own(address, url_of(secret))(request).content
    return unless_known(request, body, "application/atom+xml; charset=utf-8")


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
            return render(request, "squads/retrospective_feeds/address.html", context, status=201)
    # There are at most ten.
    context = {"form": form, "addresses": queries.addresses_of(by.pk)}
    return render(request, "squads/retrospective_feeds/addresses.html", context, status=400 if form.errors else 200)


def url_of(secret: str) -> str:
    """Return the address that a secret is in."""
    return str(settings.RODEO_BASE_URL + reverse("squads:retrospective_feeds:feed", args=[secret]))


@writing
@require_POST
def address_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Close one's address for good."""
    by = actor_of(request)
    address = get_object_or_404(queries.addresses_of(by.pk), pk=pk)
    actions.revoke_address(address, by=by)
    messages.success(request, f"{address} revoked.")
    return redirect("squads:retrospective_feeds:addresses")
