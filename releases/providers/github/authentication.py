"""Authentication at GitHub: with a token, or as a GitHub App, whose private key buys an installation token for an hour."""

import re
import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import jwt

from releases.providers import parse
from releases.providers.base import PullRefused, Session

ACCEPT = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
PEM = re.compile(r"-----BEGIN (?P<name>[A-Z ]+)-----(?P<body>[A-Za-z0-9+/=\s]+)-----END (?P=name)-----")
# GitHub refuses a JWT that was issued in the future or is valid for more than ten minutes.
CLOCK_SLACK, VALIDITY = timedelta(seconds=60), timedelta(minutes=9)


def prefix(config: Mapping[str, Any]) -> str:
    """Return the prefix of API paths: /api/v3 for the URL of an Enterprise server that does not contain it, else ""."""
    url = str(config.get("url") or "")
    parts = urlsplit(url)
    return "/api/v3" if parts.netloc and parts.path.strip("/") == "" and not parts.netloc.startswith("api.") else ""


def headers(session: Session, config: Mapping[str, Any], credential: str) -> Mapping[str, str]:
    """Return the authorization with a personal token or an App's installation token; none for public repositories."""
    token = credential.strip()
    if parse.text_in(config, "app_id"):
        token = _installation_token(session, config, token)
    return {**ACCEPT, "Authorization": f"Bearer {token}"} if token else ACCEPT


def pem(text: str) -> str:
    """Return a PEM key with its line breaks restored, which a form field may have lost."""
    found = PEM.search(text)
    if found is None:
        return text
    body = "\n".join(textwrap.wrap("".join(found["body"].split()), 64))
    return f"-----BEGIN {found['name']}-----\n{body}\n-----END {found['name']}-----\n"


def _installation_token(session: Session, config: Mapping[str, Any], key: str) -> str:
    return installation_token(session, config, key, parse.text_in(config, "installation_id"))[0]


def installation_token(session: Session, config: Mapping[str, Any], key: str, installation: str) -> tuple[str, str]:
    """Return a token for an installation of the App, and until when it is good, as GitHub writes it ("" if it doesn't say)."""
    now = datetime.now(UTC)
    claims = {"iat": now - CLOCK_SLACK, "exp": now + VALIDITY, "iss": parse.text_in(config, "app_id")}
    try:
        signed = jwt.encode(claims, pem(key), algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        raise PullRefused(
            "This isn’t a GitHub App’s private key. Paste the whole .pem file, from BEGIN to END."
        ) from None
    path = f"{prefix(config)}/app/installations/{installation}/access_tokens"
    answer = session.post(path, {}, {**ACCEPT, "Authorization": f"Bearer {signed}"}).json()
    token = parse.text_in(answer, "token") if isinstance(answer, Mapping) else ""
    if not token:
        raise PullRefused("GitHub gave the app no token. Check the installation ID.")
    return token, parse.text_in(answer, "expires_at")
