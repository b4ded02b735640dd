"""What is made for one person stays with that person: answers, and addresses that open something."""

import logging
import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_cache_control

# What follows in an address opens an account, or a release, to whoever has it.
OPENING = re.compile(
    r"(/invitations/|/shared/|/freezes/calendar/|/calendar/feeds/|/retrospectives/feeds/|/accounts/(?:confirm-email|password/reset/key)/)[^/\s]+"
)

# Pages here show second factors, and the person's own tokens.
SECRETIVE = ("/accounts/", "/account/")


class WithoutSecrets(logging.Filter):
    """Have the log name an address that was refused without the secret in it, which may still be good."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_masked(each) for each in record.args)
        record.msg = _masked(record.msg)
        return True


def _masked(argument: object) -> object:
    return OPENING.sub(r"\1…", argument) if isinstance(argument, str) else argument


class PrivateAnswers:
    """Have no cache on the way keep an answer, and browsers ask again, where the view says nothing else.

    Not `no-store`: going back would then lose what somebody typed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self.get_response(request)
        if not answer.has_header("Cache-Control"):
            patch_cache_control(answer, private=True, no_cache=True)
        return answer


class CompressedPages(GZipMiddleware):
    """Pages travel compressed, but for those with a secret in them.

    The length of a compressed page tells something of its contents to whoever can have a browser ask for it with guesses in
    the address (BREACH). Django's middleware blurs the length by some random bytes, and form tokens are another text each
    time; a token or a recovery code that is shown once is not compressed at all. Its page says `no-store`, or is the account's.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress a page."""
        is_page = response.get("Content-Type", "").startswith("text/html") and not response.streaming
        is_secret = "no-store" in response.get("Cache-Control", "") or request.path.startswith(SECRETIVE)
        if not is_page or is_secret:
            return response
        compressed: HttpResponseBase = super().process_response(request, response)  # type: ignore[no-untyped-call]
        return compressed
