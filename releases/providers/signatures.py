"""Who sent it: tokens and signatures, checked on the raw bytes and in constant time. No secret, no entry."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

BEARER, BASIC = "bearer ", "basic "
TOKEN_HEADER = "x-rodeo-token"
SIGNATURE_HEADERS = ("x-rodeo-signature-256", "x-hub-signature-256")
PREFIX = "sha256="
PASSWORD_TOO = (
    "Send the source's secret as Authorization: Bearer <secret>, or as the password of HTTP basic authentication "
    "with any user name."
)


def sign(body: bytes, secret: str) -> str:
    """Return the signature of a body, as a sender puts it into X-Rodeo-Signature-256."""
    return PREFIX + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def basic(user: str, password: str) -> str:
    """Return what HTTP basic authentication carries in Authorization, for a request of ours."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def password_in(headers: Mapping[str, str]) -> str:
    """Return the password of HTTP basic authentication that a request carries, or ""."""
    given = headers.get("authorization", "")
    if given[: len(BASIC)].lower() != BASIC:
        return ""
    try:
        decoded = base64.b64decode(given[len(BASIC) :].strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[2]


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


def verified_or_password(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Say whether the sender knows the secret: as a token, a signature, or the password of basic authentication.

    Some systems can send a password and no other header. Beside a signature a password counts for nothing.
    """
    if verified(headers, body, secret):
        return True
    signed = any(name in headers for name in SIGNATURE_HEADERS)
    return not signed and same(password_in(headers), secret)
