"""Browsers that an account was signed in with before. Guesses of others never keep their owner out.

A browser carries a signed cookie that names the accounts which were signed in with it, each with its session epoch: who
signs out everywhere has unknown browsers again. It opens nothing; it only has failed sign-ins counted apart.
"""

import secrets
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase

from portal.accounts.models import User

COOKIE = "rodeo_device"
SALT = "portal.accounts.devices"
KEPT = 365 * 86400
MOST_ACCOUNTS = 5
Accounts = list[tuple[int, int]]


def _read(request: HttpRequest) -> tuple[str, Accounts]:
    """Return the browser's own name and its accounts; a new name and none without a cookie of ours."""
    try:
        said: Any = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=KEPT)
        return str(said["id"]), [(int(pk), int(epoch)) for pk, epoch in said["accounts"]]
    except (signing.BadSignature, KeyError, TypeError, ValueError):
        return secrets.token_urlsafe(9), []


def known(request: HttpRequest, login: str) -> str:
    """Return what failed sign-ins from this browser for this account are counted under; "" where it is not known."""
    name, accounts = _read(request)
    if not accounts or "\0" in login:
        return ""
    login = login.strip().lower()
    people = User.objects.filter(pk__in=[pk for pk, _ in accounts], is_active=True)
    for person in people.only("pk", "username", "email", "session_epoch"):
        if (person.pk, person.session_epoch) in accounts and login in (person.username.lower(), person.email.lower()):
            return f"{name}:{person.pk}"
    return ""


def remember(request: HttpRequest, answer: HttpResponseBase, person: User) -> None:
    """Have the browser carry that this person was signed in with it."""
    name, accounts = _read(request)
    rest = [each for each in accounts if each[0] != person.pk]
    said = {"id": name, "accounts": [(person.pk, person.session_epoch), *rest][:MOST_ACCOUNTS]}
    answer.set_cookie(
        COOKIE,
        signing.dumps(said, salt=SALT),
        max_age=KEPT,
        path="/accounts/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
