"""Settings of `make run`: one machine, nothing to configure, reachable on the loopback address only."""

from portal.settings.base import *  # noqa: F403
from portal.settings.base import STATE_DIR
from portal.settings.embedded import required_secret
from portal.settings.environment import read

env = read()

DEBUG = env.RODEO_DEBUG
SECRET_KEY = required_secret(STATE_DIR / "secret_key")
RODEO_FIELD_KEYS = [required_secret(STATE_DIR / "field_key", fernet=True)]
ALLOWED_HOSTS = env.RODEO_HOSTS or ["127.0.0.1", "localhost", "[::1]"]
# Without TLS, passkeys work at http://localhost only.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
CSRF_TRUSTED_ORIGINS = env.RODEO_TRUSTED_ORIGINS
