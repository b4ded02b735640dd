"""Who sent it: tokens and signatures, checked on the raw bytes and in constant time. No secret, no entry."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

BEARER = "bearer "
TOKEN_HEADER = "x-rodeo-token"
SIGNATURE_HEADERS = ("x-rodeo-signature-256", "x-hub-signature-256")
PREFIX = "sha256="


def sign(body: bytes, secret: str) -> str:
    """Return the signature of a body, as a sender puts it into X-Rodeo-Signature-256."""
    return PREFIX + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def basic(user: str, password: str) -> str:
    """Return what HTTP basic authentication carries in Authorization, for a request of ours."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def token_in(headers: Mapping[str, str]) -> str:
    """Return the token a request carries, or ""."""
    authorization = headers.get("authorization", "")
    if authorization[: len(BEARER)].lower() == BEARER:
        return authorization[len(BEARER) :].strip()
    return headers.get(TOKEN_HEADER, "").strip()


def same(given: str, wanted: str) -> bool:
    """Compare two secrets in a time that does not depend on where they differ; an empty one equals nothing."""
    if not given or not wanted:
        return False
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))


def digest(token: str) -> str:
    """Return what is kept to find a source by its token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def verified(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Say whether the sender knows the source's secret, by token or by signature. `headers` has small-letter names.

    A signature that is sent must be right, even beside a right token: somebody who signs wants the body checked.
    """
    if not secret:
        return False
    signatures = [headers[name].strip() for name in SIGNATURE_HEADERS if name in headers]
    if signatures:
        wanted = sign(body, secret)
        return all(same(given, wanted) for given in signatures)
    return same(token_in(headers), secret)
