"""Settings for a server others reach. Refuses to start without its secrets; docs/production.md explains each."""

import os

from django.core.exceptions import ImproperlyConfigured

from portal.settings.base import *  # noqa: F403
from portal.settings.environment import flag, words


def required(name: str) -> str:
    """Return an environment variable that has no safe default."""
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(f"Set {name}: production has no default for it (see docs/production.md).")
    return value


SECRET_KEY = required("RODEO_SECRET_KEY")
RODEO_FIELD_KEYS = words("RODEO_FIELD_KEYS") or [required("RODEO_FIELD_KEYS")]
ALLOWED_HOSTS = words("RODEO_HOSTS") or [required("RODEO_HOSTS")]
CSRF_TRUSTED_ORIGINS = words("RODEO_TRUSTED_ORIGINS")
required("DATABASE_URL")
required("BROKER_URL")

BEHIND_TLS = flag("RODEO_TLS", True)
SESSION_COOKIE_SECURE = BEHIND_TLS
CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = int(os.environ.get("RODEO_HSTS_SECONDS", "31536000" if BEHIND_TLS else "0"))
SECURE_HSTS_INCLUDE_SUBDOMAINS = BEHIND_TLS
SECURE_HSTS_PRELOAD = BEHIND_TLS
if flag("RODEO_BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
