"""A plain session over httpx2 for tests of providers, until portal's safe one is there."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from releases.pipelines.providers.base import Answer, Missing, PullFailed, PullRefused, PullWaits


class PlainSession:
    """Asks one host, signed in with `headers`, and raises what the contract says."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.url = url.rstrip("/")
        self.client = httpx2.Client(headers=dict(headers or {}), timeout=10)

    def get(
        self, path: str, params: Mapping[str, str | int] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for a path below the address."""
        return self._answer("GET", path, params=params, headers=headers)

    def post(self, path: str, json: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a document."""
        return self._answer("POST", path, json=json, headers=headers)

    def _answer(self, method: str, path: str, **options: Any) -> Answer:
        url = path if path.startswith("http") else f"{self.url}/{path.lstrip('/')}"
        try:
            got = self.client.request(method, url, **{name: value for name, value in options.items() if value})
        except httpx2.HTTPError as error:
            raise PullFailed(f"{url} broke off: {error}") from None
        headers = {name.lower(): value for name, value in got.headers.items()}
        if got.status_code in (404, 410):
            raise Missing(f"{url} answered {got.status_code}")
        if got.status_code == 429:
            raise PullWaits("busy", datetime.now(UTC) + timedelta(seconds=int(headers.get("retry-after", "60"))))
        if got.status_code in (401, 403):
            raise PullRefused(f"{url} answered {got.status_code}")
        if got.status_code >= 500:
            raise PullFailed(f"{url} answered {got.status_code}")
        return Answer(got.status_code, headers, got.content, url)
