"""What every page knows."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db.models import Exists, F, QuerySet
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from portal.accounts.access import may_found
from portal.accounts.models import User
from portal.kernel.actors import actor_of
from portal.kernel.among import Among, Given
from portal.kernel.prepared import Prepared
from releases.approvals import queries as approvals
from releases.approvals.models import Approval
from squads.acceptance.models import AcceptanceRequest


def portal(request: HttpRequest) -> dict[str, Any]:
    """Name the settings that pages mention, where they hear of news, and, once a page asks, what the person may and how much
    waits for them."""
    return {
        "open_reading": settings.RODEO_OPEN_READING,
        "base_url": settings.RODEO_BASE_URL,
        "events_url": _events_url(request),
        "passwords": settings.RODEO_PASSWORD_SIGN_IN,
        "sign_up": settings.RODEO_SIGN_UP and settings.RODEO_PASSWORD_SIGN_IN,
        "mails": settings.RODEO_MAIL,
        "oidc": _oidc_name(),
        "founds": lambda: may_found(request.user),
        "waiting_count": lambda: _count_waiting(request) if request.user.is_authenticated else 0,
        "approvals_waiting": SimpleLazyObject(lambda: _approvals_waiting(request)),
    }


def _count_waiting(request: HttpRequest) -> int:
    """Return how much waits for a person. Every page asks, so the cheap question comes first: whether anything does."""
    person = actor_of(request)
    [(accepts, approves)] = WAITS.rows(person=person.pk)
    # Only then made: making these queries takes longer than asking them.
    accept = AcceptanceRequest.objects.waiting_for(person).count() if accepts else 0
    return accept + (approvals.waiting_for(person).count() if approves else 0)


def _waits() -> "QuerySet[User, Any]":
    asked, approve = AcceptanceRequest.objects.concerning(Given("person", is_one=True)), Approval.objects.waiting()
    there = Exists(asked.order_by()), Exists(approve.order_by())
    return User.objects.filter(Among(F("pk"), Given("person", is_one=True))).order_by().values_list(*there)


WAITS = Prepared(_waits)


def _approvals_waiting(request: HttpRequest) -> list[Any]:
    """Return the first of what waits for this person to approve; asked where a page shows it."""
    if not request.user.is_authenticated:
        return []
    return list(approvals.waiting_for(actor_of(request))[: approvals.MOST_SHOWN])


def _events_url(request: HttpRequest) -> str:
    """Return where a page hears what changed; "" where it could not, so that it asks now and then instead.

    A page under another name of this machine (localhost for 127.0.0.1) has cookies that are not sent there.
    """
    host = urlsplit(settings.RODEO_EVENTS_URL).hostname
    try:
        asked = urlsplit(f"//{request.get_host()}").hostname
    except DisallowedHost:  # the page that says so is drawn as well
        return ""
    if host and host != asked:
        return ""
    return str(settings.RODEO_EVENTS_URL)


def _oidc_name() -> str:
    apps = settings.SOCIALACCOUNT_PROVIDERS.get("openid_connect", {}).get("APPS", [])
    return str(apps[0]["name"]) if apps else ""
