"""Reading what a request brings, never more than is allowed."""

from django.http import HttpRequest


class TooLarge(Exception):
    """The body is larger than allowed."""


def body_of(request: HttpRequest, most: int) -> bytes:
    """Return the raw body; raise TooLarge as soon as it is known to be over `most` bytes, before reading more.

    A body sent in chunks has no Content-Length, and Django then sees none at all; it is read from the server's stream,
    which must end by itself (`wsgi.input_terminated`, as gunicorn's does).
    """
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdigit() and int(length) > most:
        raise TooLarge
    chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    if chunked and not length and request.META.get("wsgi.input_terminated"):
        body = bytes(request.META["wsgi.input"].read(most + 1))
    else:
        body = request.read(most + 1)
    if len(body) > most:
        raise TooLarge
    return body
