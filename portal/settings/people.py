"""How people sign in, and how the portal sends them mail (django-allauth; docs/adr/0010)."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from portal.settings.environment import read
from portal.settings.values import MAIL_SCHEMES

env = read()

PEOPLE_APPS = [
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
]
AUTHENTICATION_BACKENDS = ["portal.accounts.adapters.Backend"]

# Who may come in, and how. One setting each.
RODEO_PASSWORD_SIGN_IN = env.RODEO_PASSWORD_SIGN_IN
RODEO_SIGN_UP = env.RODEO_SIGN_UP
RODEO_OIDC_DOMAINS = env.RODEO_OIDC_DOMAINS


def oidc(url: str, client: str, secret: str, name: str) -> dict[str, Any]:
    """Return allauth's settings for the one provider of OpenID Connect; empty without an address."""
    if not url:
        return {}
    app = {
        "provider_id": "oidc",
        "name": name,
        "client_id": client,
        "secret": secret,
        "settings": {"server_url": url, "uid_field": "sub", "oauth_pkce_enabled": True},
    }
    # The provider is the company's own: an address that it calls verified is the person's.
    return {"openid_connect": {"APPS": [app], "EMAIL_AUTHENTICATION": True}}


SOCIALACCOUNT_PROVIDERS = oidc(env.RODEO_OIDC_URL, env.RODEO_OIDC_CLIENT_ID, env.RODEO_OIDC_SECRET, env.RODEO_OIDC_NAME)
SOCIALACCOUNT_ADAPTER = "portal.accounts.adapters.OpenId"
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
# A form that posts here and is sent on to the provider would be stopped by form-action in our content security policy.
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_ONLY = False

ACCOUNT_ADAPTER = "portal.accounts.adapters.Accounts"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*"]
# The present one and one to change to. ("CHANGE_EMAIL" would forget a present address that nobody confirmed.)
ACCOUNT_MAX_EMAIL_ADDRESSES = 2
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Rodeo: "
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_SESSION_REMEMBER = True
# Address, password, second factor: changing them asks once more who one is.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_USERNAME_BLACKLIST = ["rodeo", "admin", "root", "system"]
# Failed sign-ins are counted by address and by account, or by browser (portal/accounts/devices.py). Counting all of them by
# address as well would let one guesser in an office keep everybody there out.
ACCOUNT_RATE_LIMITS = {"login": None}
ACCOUNT_FORMS = {
    "login": "portal.accounts.forms.SignInForm",
    "signup": "portal.accounts.forms.SignUpForm",
    "reset_password": "portal.accounts.forms.ResetForm",
    "user_token": "portal.accounts.forms.PasswordLinkForm",
    "reset_password_from_key": "portal.accounts.forms.NewPasswordForm",
    "change_password": "portal.accounts.forms.ChangePasswordForm",
    "set_password": "portal.accounts.forms.SetPasswordForm",
    "reauthenticate": "portal.accounts.forms.ConfirmForm",
    "add_email": "portal.accounts.forms.AddressForm",
}

MFA_FORMS = {
    "authenticate": "portal.accounts.forms.CodeForm",
    "add_webauthn": "portal.accounts.forms.PasskeyForm",
}
MFA_ADAPTER = "portal.accounts.adapters.SecondFactor"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Rodeo"
MFA_TOTP_TOLERANCE = 1
# Accounts come by invitation, so an address that was not confirmed yet is no reason against more safety.
MFA_ALLOW_UNVERIFIED_EMAIL = True

# The server in front writes the client's address last.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if env.RODEO_BEHIND_PROXY else 0

# What must be counted across processes: failed sign-ins, above all. In the database, so that it is there whenever
# signing in is possible at all (docs/adr/0011).
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "portal_cache",
        # Culling forgets counts: a flood of made-up names must not reach it soon.
        "OPTIONS": {"MAX_ENTRIES": 200_000},
    },
    # What each process may know for itself for a minute.
    "local": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}


def mail(url: str, folder: Path) -> dict[str, Any]:
    """Return Django's mail settings for smtp://, smtp+tls:// (STARTTLS) or smtps://; without, mail lands in a folder."""
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend", "EMAIL_FILE_PATH": str(folder)}
    parts = urlsplit(url)
    if parts.scheme not in MAIL_SCHEMES or not parts.hostname:
        raise ImproperlyConfigured(
            "RODEO_EMAIL_URL must look like smtp+tls://user:password@mail.example.org:587 (or smtp://, smtps://)."
        )
    starttls, tls, port = MAIL_SCHEMES[parts.scheme]
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or port,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": starttls,
        "EMAIL_USE_SSL": tls,
        "EMAIL_TIMEOUT": 10,
    }


# Says whether mail reaches people; pages that need it tell them when it does not.
RODEO_MAIL = bool(env.RODEO_EMAIL_URL)
DEFAULT_FROM_EMAIL = env.RODEO_EMAIL_FROM
