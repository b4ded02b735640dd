"""Which addresses may be asked. Public ones; those inside the company's network only where somebody allowed the host.

An allowance is for a host as it is written in an address (a name, or an IP address), not for wherever another name leads.
It opens private and loopback addresses. Link-local ones, where clouds keep their credentials, open only for an allowance of
exactly that address; addresses that are no single machine's never do.
"""

import ipaddress
import re
import socket
from collections.abc import Collection
from enum import Enum
from queue import Empty, SimpleQueue
from threading import Thread

from idna import IDNAError
from idna import encode as idna

from portal.kernel.http.errors import BadAddress, Closed, UnknownHost

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
MOST_ADDRESSES = 4


class Place(Enum):
    """Where an address is."""

    PUBLIC = "public"
    INSIDE = "inside a private network"
    LINK = "link-local, where clouds keep the credentials of their machines"
    NOWHERE = "not a single machine’s address"


NETWORKS = {
    Place.NOWHERE: ("0.0.0.0/8", "192.88.99.0/24", "224.0.0.0/3", "::/128", "ff00::/8", "100::/64", "5f00::/16"),
    # All but the first two are where one cloud or another answers with the same as 169.254.169.254.
    Place.LINK: (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::/32",
        "fd20:ce::/32",
        "fd00:42::42/128",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
    ),
    Place.INSIDE: (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "::1/128",
        "64:ff9b:1::/48",
        "2001:db8::/32",
        "3fff::/20",
        "fc00::/7",
        "fec0::/10",
    ),
}
PLACES = [(ipaddress.ip_network(text), place) for place, texts in NETWORKS.items() for text in texts]
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
COMPATIBLE = ipaddress.IPv6Network("::/96")


def inner(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address carries in it: mapped, compatible, NAT64, 6to4, Teredo."""
    if address in NAT64 or (address in COMPATIBLE and int(address) > 1):
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    if address.teredo:
        return list(address.teredo)
    carried = address.ipv4_mapped or address.sixtofour
    return [carried] if carried else []


def place_of(address: Address) -> Place:
    """Say where an address is; for one that carries others in it, the most closed of all."""
    if isinstance(address, ipaddress.IPv6Address) and (carried := inner(address)):
        places = {place_of(each) for each in carried}
        return next(each for each in (Place.NOWHERE, Place.LINK, Place.INSIDE, Place.PUBLIC) if each in places)
    for network, place in PLACES:
        if address.version == network.version and address in network:
            return place
    if address.is_multicast or address.is_unspecified or address.is_reserved:
        return Place.NOWHERE
    return Place.PUBLIC if address.is_global else Place.INSIDE


def plain_host(text: str) -> str:
    """Return the one spelling of a host: small letters, international names encoded, IP addresses in their short form.

    Raises BadAddress for what is neither a name nor an address, such as a number in another base.
    """
    host = text.strip().lower().removesuffix(".")
    try:
        return str(ipaddress.ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host))
    except ValueError:
        pass
    try:
        host = host if host.isascii() else idna(host, uts46=True).decode()
    except IDNAError:
        raise BadAddress(f"{text[:80]!r} isn’t a host name.") from None
    if len(host) > 253 or not NAME.fullmatch(host) or any(len(label) > 63 for label in host.split(".")):
        raise BadAddress(f"{text[:80]!r} isn’t a host name.")
    if NUMBER.fullmatch(host.rpartition(".")[2]):
        raise BadAddress(f"{text[:80]!r} is an unusual IP address. Write it as four numbers: 192.0.2.7.")
    return host


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the machine finds them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def _resolved(host: str, port: int, seconds: float) -> list[str]:
    """Resolve, and give up after a while: the machine's own resolver knows no deadline."""
    answers: SimpleQueue[list[str] | OSError] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolve(host, port))
        except (OSError, UnicodeError) as error:
            answers.put(OSError(str(error)))

    Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=max(seconds, 0.01))
    except Empty:
        raise UnknownHost(f"The name {host} could not be looked up within {seconds:.0f} seconds.") from None
    if isinstance(found, OSError) or not found:
        text = f"Unknown host {host}. Check the address, and that the worker can resolve it."
        raise UnknownHost(text)
    return found


def checked(host: str, port: int, allowed: Collection[str], seconds: float = 10) -> list[str]:
    """Return the addresses to connect to for a host. Closed if any of its addresses is: one answer spoils all.

    The caller connects to what is returned and never looks the name up again.
    """
    host = plain_host(host)
    try:
        addresses = [ipaddress.ip_address(host)]
    except ValueError:
        addresses = [ipaddress.ip_address(each) for each in _resolved(host, port, seconds)]
    for address in addresses:
        _check(host, address, host in allowed)
    return [str(each) for each in addresses][:MOST_ADDRESSES]


def _check(host: str, address: Address, allowed: bool) -> None:
    place = place_of(address)
    is_itself = host == str(address)
    at = host if is_itself else f"{host} ({address})"
    if place is Place.PUBLIC or (allowed and (place is Place.INSIDE or (place is Place.LINK and is_itself))):
        return
    if place is Place.INSIDE:
        text = f"{at} is inside a private network. An administrator can allow the host {host}."
        raise Closed(text, host, may_be_allowed=True)
    if place is Place.LINK and is_itself:
        text = f"{at} is {place.value}: an administrator has to allow exactly this address."
        raise Closed(text, host, may_be_allowed=True)
    what = "is" if is_itself else "leads to an address that is"
    raise Closed(f"{at} {what} {place.value}: it can’t be used. Enter another address.", host, may_be_allowed=False)
