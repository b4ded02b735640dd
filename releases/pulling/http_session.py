"""HTTP sessions for providers: one host, signed in, rate limited, and only through portal.kernel.http."""

import json as documents
import re
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import unquote

from django.conf import settings

from portal.kernel import clock, http
from releases.allowed_hosts import actions as allowed_hosts
from releases.inbox.models import Source
from releases.providers import PROVIDERS
from releases.providers.base import Answer, Missing, PullFailed, PullRefused, RateLimited
from releases.providers.payloads import NotJson, parse_json

LONGEST_WAIT = timedelta(hours=24)
SHORTEST_WAIT = timedelta(seconds=1)
USUAL_WAIT = timedelta(minutes=1)
SLEEP_STEP = 1.0
SHORTEST_SECRET = 6
RATE_HEADERS = ("x-ratelimit-remaining", "ratelimit-remaining")
RESET_HEADERS = ("x-ratelimit-reset", "ratelimit-reset")
NUMBER = re.compile(r"\d{1,15}(\.\d*)?")
# Moments in seconds since 1970 are larger than this; smaller numbers are seconds from now.
EPOCH = 1_000_000_000
Tick = Callable[[], None]


class Pace:
    """Limits requests to `per_minute`: the first minute's may go out at once, the others evenly spread (a token bucket)."""

    def __init__(self, per_minute: int, tick: Tick) -> None:
        self._most = float(max(per_minute, 1))
        self._left = self._most
        self._at = time.monotonic()
        self._tick = tick

    def wait(self) -> None:
        """Wait until the next request may go out, a second at a time, so that the lease is renewed meanwhile."""
        self._fill()
        while self._left < 1:
            time.sleep(min(SLEEP_STEP, (1 - self._left) * 60 / self._most))
            self._tick()
            self._fill()
        self._left -= 1

    def _fill(self) -> None:
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._most / 60)
        self._at = now


class HttpSession:
    """A `Session` of releases.providers.base. `tick` is called after every answer and while waiting.

    `hidden` is the credential, which is cut out of error messages should an answer repeat it.
    """

    def __init__(
        self,
        base: str,
        client: http.HttpClient,
        *,
        headers: Mapping[str, str] | None = None,
        per_minute: int = 300,
        tick: Tick = lambda: None,
        hidden: str = "",
    ) -> None:
        self._hidden = {hidden, *re.split(r"[:\s]+", hidden)}
        try:
            self._base = http.address(base)
        except http.BadAddress as error:
            raise PullRefused(f"{error} Correct the source’s address.") from None
        self._shown = http.shown(self._base).rstrip("/")
        self._client, self._tick = client, tick
        self._headers = dict(headers or {})
        self._pace = Pace(per_minute, tick)

    def sign_in(self, headers: Mapping[str, str]) -> None:
        """Send these headers with every request from now on."""
        self._headers |= headers

    def reaches(self, address: str) -> bool:
        """Say whether an address is on the same server, so that it may be asked."""
        try:
            return http.origin(http.address(address)) == http.origin(self._base)
        except http.BadAddress:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(
        self, path: str, params: Mapping[str, str | int] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for a path below the source's address, or a whole address on the same host."""
        return self._ask("GET", path, params, headers, None)

    def post(self, path: str, json: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a JSON document."""
        content = documents.dumps(json).encode()
        return self._ask("POST", path, None, {"Content-Type": "application/json", **(headers or {})}, content)

    def _ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None,
        headers: Mapping[str, str] | None,
        content: bytes | None,
    ) -> Answer:
        url = self._url(path, params)
        sent = _merge_headers(self._headers, headers or {})
        self._pace.wait()
        try:
            response = self._client.ask(url, method=method, headers=sent, content=content)
        except http.Closed as error:
            raise PullRefused(allowed_hosts.remedy(error)) from None
        except http.NotAsked as error:
            raise PullRefused(str(error)) from None
        except http.NotAnswered as error:
            raise PullFailed(f"{error} Rodeo will try again.") from None
        self._tick()
        if not (200 <= response.status < 300 or response.status == 304):
            raise_for_status(response, self._hidden.union(*(value.split() for value in sent.values())))
        return Answer(response.status, response.headers, response.body, response.url)

    def _url(self, path: str, params: Mapping[str, str | int] | None) -> http.URL:
        try:
            if path.startswith(("http://", "https://")):
                url = http.address(path)
                if http.origin(url) != http.origin(self._base):
                    text = f"{http.shown(url)[:200]} is on another server than {http.shown(self._base)}, so it was skipped."
                    raise PullRefused(f"{text} Enter the system’s current address.")
            else:
                relative, mark, query = path.partition("?")
                if any(part in {".", ".."} for part in unquote(relative).replace("\\", "/").split("/")):
                    raise PullRefused(f"The path {relative[:80]!r} is outside the source’s address, so it was skipped.")
                whole = f"{self._shown}/{relative.lstrip('/')}{mark}{query}"
                url = http.address(whole)
            return url.copy_merge_params(dict(params)) if params else url
        except http.BadAddress as error:
            raise PullRefused(f"{error} (asked for: {path[:80].partition('?')[0]!r})") from None


def _merge_headers(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    names = {name.lower() for name in second}
    return {**{name: value for name, value in first.items() if name.lower() not in names}, **second}


def raise_for_status(response: http.Response, hidden: Collection[str]) -> NoReturn:
    """Raise PullFailed (or one of its kinds) for an answer that is no success, saying what to do."""
    status, place = response.status, response.url
    reason = _reason_of(response, hidden)
    if status == 429 or (status == 403 and _is_rate_limit(response)):
        until = retry_after(response.headers, clock.now())
        raise RateLimited(f"{place} limits requests. Next try at {until:%H:%M:%S} UTC.{reason}", until)
    if status == 401:
        remedy = "Give this source a valid token with read access"
        raise PullRefused(f"{place} rejected the credentials (401). {remedy}.{reason}", status=status)
    if status == 403:
        remedy = "Give them read access, or use others"
        raise PullRefused(f"{place} doesn’t let these credentials read it (403). {remedy}.{reason}", status=status)
    if status in (404, 410):
        remedy = "Check the address, the names in the source’s settings, and the credentials’ access"
        raise Missing(f"Nothing found at {place} with these credentials ({status}). {remedy}.{reason}", status=status)
    if status >= 500:
        raise PullFailed(f"{place} has a problem ({status}). Rodeo will try again.{reason}", status=status)
    raise PullFailed(f"{place} answered with {status}, which Rodeo didn’t expect.{reason}", status=status)


def _is_rate_limit(response: http.Response) -> bool:
    """Say whether a 403 is a rate limit and no lack of rights. GitHub's secondary limit may say so in its text only."""
    headers = response.headers
    return (
        "retry-after" in headers
        or any(headers.get(name, "").strip() == "0" for name in RATE_HEADERS)
        or b"rate limit" in response.body[:2000].lower()
    )


def retry_after(headers: Mapping[str, str], now: datetime) -> datetime:
    """Return when the next request may go out: a second to a day from now, a minute where the answer does not say."""
    until = _parse_moment(headers.get("retry-after", ""), now)
    for name in RESET_HEADERS:
        until = until or _parse_moment(headers.get(name, ""), now)
    return min(max(until or now + USUAL_WAIT, now + SHORTEST_WAIT), now + LONGEST_WAIT)


def _parse_moment(text: str, now: datetime) -> datetime | None:
    """Read seconds from now, seconds since 1970, or a date as HTTP writes it."""
    text = text.strip()
    try:
        if NUMBER.fullmatch(text):
            seconds = float(text)
            since = seconds - now.timestamp() if seconds > EPOCH else seconds
            return now + timedelta(seconds=max(min(since, LONGEST_WAIT.total_seconds()), 0))
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
    except (ValueError, OverflowError, TypeError):
        return None


def _reason_of(response: http.Response, hidden: Collection[str]) -> str:
    """Return the reason that an answer gives in its JSON, shortened, with the secrets that we sent cut out."""
    try:
        found = parse_json(response.body[:20_000])
    except NotJson:
        return ""
    holder = found if isinstance(found, dict) else {}
    text = next(
        (holder[name] for name in ("message", "error_description", "error") if isinstance(holder.get(name), str)), ""
    )
    for secret in sorted(hidden, key=len, reverse=True):
        text = text.replace(secret, "…") if len(secret) >= SHORTEST_SECRET else text
    text = " ".join(text.split())[:200]
    return f" It says: {text}" if text else ""


def session_of(source: Source, tick: Tick = lambda: None, *, limits: http.Limits | None = None) -> HttpSession:
    """Return a session with a source's system, signed in. Raises PullFailed (or one of its kinds) when that fails.

    Close it when done: `with contextlib.closing(session_of(source, tick)) as session`.
    """
    provider = PROVIDERS.get(source.kind)
    pulling = provider.pulling if provider else None
    if pulling is None:
        raise PullRefused(f"{source} can’t be pulled. It sends events instead.")
    base = str(source.config.get("url") or pulling.default_url)
    if not base:
        raise PullRefused(f"Enter the address of {source}, such as https://ci.example.org/.")
    try:
        client = http.HttpClient(
            allowed=allowed_hosts.allowed_hosts(), ca_bundle=settings.RODEO_CA_BUNDLE, limits=limits
        )
    except http.BadAddress as error:
        raise PullRefused(str(error)) from None
    session = HttpSession(base, client, per_minute=pulling.per_minute, tick=tick, hidden=source.credential)
    try:
        session.sign_in(pulling.headers(session, source.config, source.credential))
    except BaseException:
        session.close()
        raise
    return session
