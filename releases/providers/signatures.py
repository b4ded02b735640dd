"""Authentication of webhooks: tokens and signatures, checked on the raw body and in constant time.

A source without a secret accepts nobody.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

BEARER, BASIC = "bearer ", "basic "
TOKEN_HEADER = "x-rodeo-token"
SIGNATURE_HEADERS = ("x-rodeo-signature-256", "x-hub-signature-256")
PREFIX = "sha256="
TOKEN_OR_PASSWORD_HELP = (
    "Send the source's secret as Authorization: Bearer <secret>, or as the password of HTTP basic authentication "
    "with any user name."
)


def sign(body: bytes, secret: str) -> str:
    """Return the value of X-Rodeo-Signature-256 for a body."""
    return PREFIX + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def basic_auth(user: str, password: str) -> str:
    """Return the Authorization header of HTTP basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def password_in(headers: Mapping[str, str]) -> str:
    """Return the password in a request's HTTP basic authentication, or ""."""
    given = headers.get("authorization", "")
    if given[: len(BASIC)].lower() != BASIC:
        return ""
    try:
        decoded = base64.b64decode(given[len(BASIC) :].strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[2]


def token_in(headers: Mapping[str, str]) -> str:
    """Return the token in a request's Authorization: Bearer or X-Rodeo-Token, or ""."""
    authorization = headers.get("authorization", "")
    if authorization[: len(BEARER)].lower() == BEARER:
        return authorization[len(BEARER) :].strip()
    return headers.get(TOKEN_HEADER, "").strip()


def same_secret(given: str, wanted: str) -> bool:
    """Say whether two secrets are equal, in constant time; an empty one equals nothing."""
    if not given or not wanted:
        return False
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))


def token_digest(token: str) -> str:
    """Return the digest that is stored with a source so that it can be found by its token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def verified(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Say whether the sender knows the source's secret, by token or by signature. Header names are in lower case.

    A signature that is sent must be right, even beside a right token: a sender who signs wants the body checked.
    """
    if not secret:
        return False
    signatures = [headers[name].strip() for name in SIGNATURE_HEADERS if name in headers]
    if signatures:
        wanted = sign(body, secret)
        return all(same_secret(given, wanted) for given in signatures)
    return same_secret(token_in(headers), secret)


def verified_or_password(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Say whether the sender knows the secret: as a token, a signature, or the password of basic authentication.

    Some systems can send a password and no other header. A request with a wrong signature is refused in spite of one.
    """
    if verified(headers, body, secret):
        return True
    signed = any(name in headers for name in SIGNATURE_HEADERS)
    return not signed and same_secret(password_in(headers), secret)
