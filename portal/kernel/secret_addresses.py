"""Addresses with a secret in them: nobody guesses many, and a program that asks often is told when nothing changed."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TypeVar

from allauth.core.internal import ratelimit
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control

from portal.kernel.issued_secrets import IssuedSecret

Row = TypeVar("Row", bound=IssuedSecret)
TOO_MANY, UNKNOWN, FOUND = 429, 404, 200


def opened(request: HttpRequest, app: str, find: Callable[[], Row | None]) -> tuple[Row | None, int]:
    """Return what a secret opens, and note its use; or nothing, with the status to answer with: UNKNOWN or TOO_MANY.

    `app` names what is guessed at: wrong addresses are counted apart for each, by whoever they come from.
    """
    guesses = {"config": {"guess": "60/5m/ip"}, "app": app, "action": "guess", "limit_get": True}
    if not ratelimit.consume(request, dry_run=True, **guesses):
        return None, TOO_MANY
    found = find()
    if found is None:
        ratelimit.consume(request, **guesses)
        return None, UNKNOWN
    found.note_use()
    return found, FOUND


def unless_known(request: HttpRequest, body: bytes, content_type: str, headers: Mapping[str, str] = {}) -> HttpResponse:
    """Answer a program with its file; with 304 where it has this one already. Nobody else keeps or lists it."""
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == etag:
        answer = HttpResponse(status=304)
    else:
        answer = HttpResponse(body, content_type=content_type)
        for name, value in headers.items():
            answer[name] = value
    answer["ETag"] = etag
    answer["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    patch_cache_control(answer, private=True, no_cache=True)
    return answer
