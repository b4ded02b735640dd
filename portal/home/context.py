"""What every page knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def portal(request: HttpRequest) -> dict[str, Any]:
    """Name the settings that pages mention."""
    return {
        "open_reading": settings.RODEO_OPEN_READING, "base_url": settings.RODEO_BASE_URL,
        "passwords": settings.RODEO_PASSWORD_SIGN_IN, "sign_up": settings.RODEO_SIGN_UP and settings.RODEO_PASSWORD_SIGN_IN,
        "mails": settings.RODEO_MAIL, "oidc": _oidc_name(),
    }  # fmt: skip


def _oidc_name() -> str:
    apps = settings.SOCIALACCOUNT_PROVIDERS.get("openid_connect", {}).get("APPS", [])
    return str(apps[0]["name"]) if apps else ""
