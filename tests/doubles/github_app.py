"""A GitHub that knows one App: it gives out installation tokens and takes answers to deployment protection rules.

It is as strict as GitHub’s documentation: what breaks the protocol is refused, and kept in `complaints`.
"""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.doubles.serving import Asked, Double, Reply

APP, INSTALLATION = "1234", "35490125"
# As on an Enterprise server.
API = "/api/v3"
MOST_REPORTS = 10
LONGEST = 1024
RULE = re.compile(r"/repos/(?P<name>[^/]+/[^/]+)/actions/runs/(?P<run>\d+)/deployment_protection_rule")


@lru_cache(maxsize=1)
def keys() -> tuple[str, str]:
    """Return the App's private key, and its public key, both as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


class GitHubApp(Double):
    """`waiting` are the environments that a run waits for; `answers` what was told of each, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: dict[str, float] = {}
        self.lifetime = timedelta(hours=1)
        self.waiting: set[tuple[str, str]] = set()
        self.answers: list[dict[str, Any]] = []
        self.complaints: list[str] = []

    def callback(self, run: int = 77) -> str:
        """Return the address at which a run waits."""
        self.waiting.add((str(run), "production"))
        return f"{self.url}{API}/repos/shop/checkout/actions/runs/{run}/deployment_protection_rule"

    def answer(self, asked: Asked) -> Reply:
        """Answer as GitHub does."""
        path = asked.path.removeprefix(API)
        if path.startswith("/app/installations/"):
            return self._token(asked, path)
        found = RULE.fullmatch(path)
        if found is None or asked.method != "POST":
            return self._refuse(404, f"nothing at {asked.path}")
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0) < time.time():
            return self._refuse(401, "Bad credentials")
        return self._review(found["run"], json.loads(asked.body))

    def _token(self, asked: Asked, path: str) -> Reply:
        bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
        header = jwt.get_unverified_header(bearer)
        claims = jwt.decode(bearer, keys()[1], algorithms=["RS256"], issuer=APP, options={"require": ["iat", "exp"]})
        now = time.time()
        if header["alg"] != "RS256" or claims["exp"] - now > 600 or claims["iat"] > now:
            return self._refuse(401, "the JWT is good for too long, or was issued in the future")
        if asked.method != "POST" or path != f"/app/installations/{INSTALLATION}/access_tokens":
            return self._refuse(404, f"no installation at {path}")
        token = f"ghs_{len(self.tokens)}"
        self.tokens[token] = now + self.lifetime.total_seconds()
        until = datetime.now(UTC) + self.lifetime
        return Reply({"token": token, "expires_at": until.strftime("%Y-%m-%dT%H:%M:%SZ")}, 201)

    def _review(self, run: str, said: dict[str, Any]) -> Reply:
        environment = said.get("environment_name", "")
        if set(said) - {"environment_name", "state", "comment"} or not environment:
            return self._refuse(422, f"unknown fields in {sorted(said)}")
        if said.get("state", "approved") not in ("approved", "rejected"):
            return self._refuse(422, f"no state {said['state']}")
        if len(said.get("comment", "")) > LONGEST or not said.get("comment"):
            return self._refuse(422, "the comment is empty or too long")
        if (run, environment) not in self.waiting:
            return Reply({"message": "No pending deployment requests"}, 422)
        if len(self.answers) >= MOST_REPORTS:
            return self._refuse(422, "too many reports")
        self.answers.append(said)
        if "state" in said:
            self.waiting.discard((run, environment))
        return Reply(b"", 204)

    def _refuse(self, status: int, why: str) -> Reply:
        self.complaints.append(why)
        return Reply({"message": why}, status)

    @property
    def states(self) -> list[str]:
        """Return what was told, in order; "" for a report that decides nothing."""
        return [each.get("state", "") for each in self.answers]
