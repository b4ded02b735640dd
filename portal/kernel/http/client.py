"""Asking other systems over HTTP. A `HttpClient` is for one thread; it keeps its connections between requests."""

import logging
import re
import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpcore2
import httpx2

from portal.kernel.http import decompression
from portal.kernel.http.addresses import plain_host
from portal.kernel.http.errors import (
    Astray,
    BadAddress,
    BrokenOff,
    NotAnswered,
    NotTrusted,
    TooSlow,
    Unreachable,
)
from portal.kernel.http.transport import Deadline, Guarded, trust

# They write whole headers, and so tokens, when asked to log much.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)

PORTS = {"http": 80, "https": 443}
REDIRECTS = {301, 302, 303, 307, 308}
MOST_REDIRECTS = 5
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
ASKED_FOR = {"user-agent": "Rodeo", "accept": "*/*", "accept-encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class Limits:
    """How long (seconds) and how much (bytes, decompressed) an answer may be. `whole` includes redirects."""

    connect: float = 10
    read: float = 20
    whole: float = 45
    body: int = 32 * 1024**2


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer, whatever its status: header names in lower case, the body decompressed.

    `url` is where it came from, without a query: that may hold secrets.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


def address(text: str) -> httpx2.URL:
    """Read an address that may be asked; BadAddress with the remedy for any other."""
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, ValueError, TypeError):
        raise BadAddress("This address isn’t valid. Write it as https://host/path.") from None
    if url.scheme not in PORTS:
        raise BadAddress("The address must start with https:// or http://.")
    if url.userinfo:
        raise BadAddress("Leave the user name and password out of the address. Use their own fields.")
    if url.port is not None and not 0 < url.port < 65536:
        raise BadAddress("The address has an invalid port.")
    host = plain_host(url.raw_host.decode("ascii"))
    return url.copy_with(host=host, fragment=None)


def shown(url: httpx2.URL) -> str:
    """Return an address as it may be shown: without name, password and query."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))


def origin(url: httpx2.URL) -> tuple[str, str, int]:
    """Return scheme, host and port: what an answer must not lead away from."""
    return url.scheme, url.raw_host.decode("ascii"), url.port or PORTS.get(url.scheme, 0)


class HttpClient:
    """The one way out over HTTP: checked addresses and certificates, limits of time and size, no cookies, no proxies.

    `allowed` are the hosts inside the company's network that may be asked, as `plain_host` spells them.
    """

    def __init__(self, *, allowed: Collection[str] = (), ca_bundle: str = "", limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._deadline = Deadline()
        self._pool = httpcore2.ConnectionPool(
            ssl_context=trust(ca_bundle),
            max_connections=4,
            keepalive_expiry=30,
            http1=True,
            http2=False,
            network_backend=Guarded(frozenset(allowed), self._deadline),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that were kept."""
        self._pool.close()

    def ask(
        self,
        url: str | httpx2.URL,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Response:
        """Ask, follow redirects within the same scheme, host and port, and return the answer; raise NotAnswered."""
        here = address(str(url))
        sent = _checked(headers or {})
        self._deadline.start(self.limits.whole)
        for _ in range(MOST_REDIRECTS + 1):
            response = self._once(here, method, sent, content)
            if response.status not in REDIRECTS or "location" not in response.headers:
                return response
            if method not in ("GET", "HEAD") and response.status not in (307, 308):
                raise Astray(f"{shown(here)} redirects when something is sent to it. Enter its current address.")
            here = _onward(here, response.headers["location"])
        raise Astray(f"{shown(here)} redirects more than {MOST_REDIRECTS} times. Check the address.")

    def _once(
        self, url: httpx2.URL, method: str, headers: list[tuple[bytes, bytes]], content: bytes | None
    ) -> Response:
        scheme, host, port = origin(url)
        target = httpcore2.URL(scheme=scheme.encode(), host=host.encode(), port=port, target=url.raw_path)
        wait, name = self.limits, shown(url)
        timeouts = {"connect": wait.connect, "read": wait.read, "write": wait.read, "pool": wait.connect}
        with (
            self._explained(url, name),
            self._pool.stream(
                method,
                target,
                headers=[(b"Host", url.netloc), *headers],
                content=content,
                extensions={"timeout": timeouts},
            ) as answer,
        ):
            found: dict[str, str] = {}
            for header, value in answer.headers:
                key = header.decode("ascii", "replace").lower()
                text = value.decode("latin-1")
                found[key] = f"{found[key]}, {text}" if key in found else text
            body = decompression.read(answer.iter_stream(), found.get("content-encoding", ""), wait.body, name)
            return Response(answer.status, found, body, name)

    @contextmanager
    def _explained(self, url: httpx2.URL, name: str) -> Iterator[None]:
        """Turn what went wrong below into our own words. Theirs may hold headers, and so secrets."""
        try:
            yield
        except NotAnswered:
            raise
        except httpcore2.TimeoutException:
            raise TooSlow(self._slow(name)) from None
        except httpcore2.ConnectError as error:
            raise _unconnected(url, error) from None
        except (httpcore2.NetworkError, httpcore2.RemoteProtocolError, ssl.SSLError, OSError):
            raise BrokenOff(f"{name} stopped before its answer was complete, or didn’t answer in HTTP.") from None
        except httpcore2.LocalProtocolError:
            raise BadAddress(f"{name} can’t be reached: the address or a header has invalid characters.") from None

    def _slow(self, name: str) -> str:
        if self._deadline.is_over:
            return f"{name} took longer than {self.limits.whole:.0f} seconds to answer."
        return f"{name} didn’t answer for {self.limits.read:.0f} seconds."


def _checked(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return the headers to send. One that would become two is refused, without being repeated in the text."""
    named = {name.lower(): (name, value) for name, value in headers.items()}
    for name, value in ASKED_FOR.items():
        named.setdefault(name, (name.title(), value))
    named["accept-encoding"] = ("Accept-Encoding", ASKED_FOR["accept-encoding"])
    sent = []
    for key, (name, value) in named.items():
        value = value.strip()
        if not HEADER.fullmatch(name) or key in ("host", "content-length", "transfer-encoding", "connection"):
            raise BadAddress(f"{name[:40]!r} isn’t a header that can be sent.")
        if not value.isascii() or any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
            raise BadAddress(f"The header {name} has a line break or an invalid character. Enter its secret again.")
        sent.append((name.encode(), value.encode()))
    return sent


def _onward(here: httpx2.URL, location: str) -> httpx2.URL:
    try:
        there = here.join(location)
        there = there.copy_with(host=plain_host(there.raw_host.decode("ascii")), fragment=None)
    except (httpx2.InvalidURL, ValueError, BadAddress):
        raise Astray(f"{shown(here)} redirects to an invalid address.") from None
    if origin(there) != origin(here) or there.userinfo:
        raise Astray(
            f"{shown(here)} leads to {shown(there)[:200]}, which is another server. Rodeo doesn’t send credentials there. "
            "Enter its current address."
        )
    return there


def _unconnected(url: httpx2.URL, error: Exception) -> NotAnswered:
    causes: list[BaseException | None] = [error, error.__cause__, error.__context__]
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NotTrusted(
                f"The certificate of {url.host} isn’t trusted: {cause.verify_message}. If your company has its own "
                "certificate authority, set RODEO_CA_BUNDLE to its file."
            )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Unreachable(f"{url.host} doesn’t accept TLS on port {origin(url)[2]}. Check the address.")
    return Unreachable(
        f"{url.host} doesn’t answer on port {origin(url)[2]}. Check the address, and that the worker can reach it."
    )
