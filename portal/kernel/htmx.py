"""Answering with a whole page or with the fragment inside it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers


def wants_fragment(request: HttpRequest) -> bool:
    """Say whether htmx asked for a piece of the page; not for boosted links or restored history, which want it whole."""
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def varied(response: HttpResponse) -> HttpResponse:
    """Mark an answer that depends on who asks (htmx or the browser), so that caches keep the two apart."""
    patch_vary_headers(response, ("HX-Request",))
    return response
