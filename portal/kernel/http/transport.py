"""Connections: to checked addresses only, and never beyond the time a request has."""

import os
import ssl
import time
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

import httpcore2

from portal.kernel.http import addresses
from portal.kernel.http.errors import BadAddress, TooSlow, Unreachable


class Deadline:
    """When the request under way must be over, redirects and all."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._at = 0.0

    def start(self, seconds: float) -> None:
        """Begin a request that may take so long."""
        self.seconds = seconds
        self._at = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether time is up."""
        return time.monotonic() >= self._at

    def left(self, timeout: float | None) -> float:
        """Return how long one step may wait; TooSlow when the time of the whole request is used up."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TooSlow(f"Stopped: the answer took longer than {self.seconds:.0f} seconds.")
        return left if timeout is None else min(timeout, left)


class Timed(httpcore2.NetworkStream):
    """A connection whose every step fits into the time of the request it serves, whichever of many that is."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return Timed(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Guarded(httpcore2.NetworkBackend):
    """Resolves a host once, checks every answer, and connects to one of the addresses that were checked."""

    def __init__(self, allowed: Collection[str], deadline: Deadline) -> None:
        self._allowed, self._deadline = allowed, deadline
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        found = addresses.checked(host, port, self._allowed, self._deadline.left(timeout))
        failed: Exception | None = None
        for address in found:
            try:
                wait = self._deadline.left(timeout)
                stream = self._plain.connect_tcp(address, port, wait, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
            else:
                return Timed(stream, self._deadline)
        raise failed or Unreachable(f"{host} does not answer.")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None
    ) -> httpcore2.NetworkStream:
        raise BadAddress("Sockets of this machine can’t be used.")


def trust(bundle: str) -> ssl.SSLContext:
    """Return what certificates are checked with: the machine's authorities and those of `bundle`, a file in PEM."""
    try:
        return _trust(bundle, os.stat(bundle).st_mtime_ns if bundle else 0)
    except (OSError, ssl.SSLError):
        raise BadAddress(f"The certificates in {bundle} can’t be read. Set RODEO_CA_BUNDLE to a PEM file.") from None


@lru_cache(maxsize=4)
def _trust(bundle: str, changed: int) -> ssl.SSLContext:
    context = httpcore2.default_ssl_context()
    if bundle:
        context.load_verify_locations(cafile=bundle)
    return context
