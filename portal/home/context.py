"""What every page knows."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from squads.acceptance.queries import count_waiting_for


def portal(request: HttpRequest) -> dict[str, Any]:
    """Name the settings that pages mention, where they hear of news, and, once a page asks, how much waits for the person."""
    return {
        "open_reading": settings.RODEO_OPEN_READING,
        "base_url": settings.RODEO_BASE_URL,
        "events_url": _events_url(request),
        "passwords": settings.RODEO_PASSWORD_SIGN_IN,
        "sign_up": settings.RODEO_SIGN_UP and settings.RODEO_PASSWORD_SIGN_IN,
        "mails": settings.RODEO_MAIL,
        "oidc": _oidc_name(),
        "waiting_count": lambda: count_waiting_for(request.user) if request.user.is_authenticated else 0,
    }


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
