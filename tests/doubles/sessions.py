"""The door that providers ask through, opened for a double on this machine."""

from collections.abc import Mapping

from portal.kernel import http
from releases.pulling.http_session import HttpSession


def session(url: str, headers: Mapping[str, str] | None = None) -> HttpSession:
    """Return a session with the double at this address, signed in with `headers`."""
    return HttpSession(url, http.HttpClient(allowed=frozenset({"127.0.0.1"})), headers=headers, per_minute=100_000)
