"""Addresses made from other addresses."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse


def same_address(request: HttpRequest, **arguments: Any) -> str:
    """Return the address of a request with other arguments in its path, such as the key of a story that has another now.

    The query stays as it is.
    """
    match = request.resolver_match
    assert match is not None
    path = reverse(match.view_name, kwargs={**match.kwargs, **arguments})
    query = request.META.get("QUERY_STRING", "")
    return f"{path}?{query}" if query else path
