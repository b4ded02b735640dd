"""The one client for asking other systems over HTTP. It imports none of ours, and every answer it gives is whole."""

from httpx2 import URL

from portal.kernel.http.addresses import Place, checked, place_of, plain_host
from portal.kernel.http.client import HttpClient, Limits, Response, address, origin, shown
from portal.kernel.http.errors import (
    Astray,
    BadAddress,
    BrokenOff,
    Closed,
    NotAnswered,
    NotAsked,
    NotTrusted,
    TooLarge,
    TooSlow,
    UnknownHost,
    Unreachable,
)

__all__ = [
    "URL",
    "Astray",
    "BadAddress",
    "BrokenOff",
    "Closed",
    "HttpClient",
    "Limits",
    "NotAnswered",
    "NotAsked",
    "NotTrusted",
    "Place",
    "Response",
    "TooLarge",
    "TooSlow",
    "UnknownHost",
    "Unreachable",
    "address",
    "checked",
    "origin",
    "place_of",
    "plain_host",
    "shown",
]
