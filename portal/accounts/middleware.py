"""What happens around every request of somebody who is signed in: the session is noted, and a browser becomes known."""

from collections.abc import Callable
from typing import Any

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponseBase

from portal.accounts import devices, sessions
from portal.kernel import audit


class SignedIn:
    """Note the session after the view, where the view looked at it; inside the session's own middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self.get_response(request)
        # After a failure the session is perhaps not even read, and the database away: asking again would wait again.
        # A page where people are anonymous asks not to be noted: when somebody was there would be one more thing to compare.
        unnoted = getattr(request, "is_unnoted", False)
        if request.session.accessed and answer.status_code < 500 and not unnoted:
            sessions.note(request, get_adapter().get_client_ip(request))
        if (person := getattr(request, "signed_in_now", None)) is not None:
            devices.remember(request, answer, person)
        return answer


def signed_in(sender: Any, request: HttpRequest | None = None, user: Any = None, **_: Any) -> None:
    """Note a new session, whichever door it came by, and have its browser known. Connected in portal/apps.py."""
    if request is not None and getattr(request, "session", None) is not None:
        sessions.note(request, get_adapter().get_client_ip(request), user)
        request.signed_in_now = user  # type: ignore[attr-defined]


def signed_up(sender: Any, request: HttpRequest | None = None, user: Any = None, **said: Any) -> None:
    """Record who got in without an invitation. Connected in portal/apps.py."""
    way = "signed up" if said.get("sociallogin") is None else "came through the company’s sign-in"
    # Rodeo did it: an account that only did this can still be deleted.
    did = f"created the account of {user.name} ({user.username}), who {way}"
    audit.record(by=None, did=did, kind="person", key=user.username)


def second_factor_added(sender: Any, request: HttpRequest | None = None, user: Any = None, **_: Any) -> None:
    """End the sessions that were begun without the second factor. Connected in portal/apps.py."""
    sessions.end_all(user, but=request)
