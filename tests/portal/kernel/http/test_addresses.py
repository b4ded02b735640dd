"""Which addresses may be asked, however they are written."""

import ipaddress
import socket

import pytest

from portal.kernel import http
from portal.kernel.http import Place, addresses

INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "192.0.0.8",
    "198.18.0.1",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "2001:db8::1",
    "64:ff9b:1::1",
    "::ffff:127.0.0.1",
    "::ffff:10.1.2.3",
    "::127.0.0.1",
    "64:ff9b::10.1.2.3",
    "2002:7f00:1::1",
    "2002:0a01:0203::1",
    "2001:0:4136:e378:8000:63bf:f5fe:fdfc",
]
LINK = [
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fd00:42::42",
    "100.100.100.200",
    "168.63.129.16",
    "::ffff:168.63.129.16",
    "192.0.0.192",
]
NOWHERE = [
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "ff02::1",
    "::ffff:0.0.0.0",
    "192.88.99.1",
    "100::1",
    "2001:0:7f00:1::1",
]
PUBLIC = [
    "93.184.216.34",
    "1.1.1.1",
    "172.32.0.1",
    "2606:4700::1111",
    "64:ff9b::1.1.1.1",
    "::ffff:1.1.1.1",
    "2002:101:101::1",
]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (text, place)
        for place, texts in (
            (Place.INSIDE, INSIDE),
            (Place.LINK, LINK),
            (Place.NOWHERE, NOWHERE),
            (Place.PUBLIC, PUBLIC),
        )
        for text in texts
    ],
)
def test_every_address_has_its_place_whatever_it_is_wrapped_in(text: str, place: Place) -> None:
    assert http.place_of(ipaddress.ip_address(text)) is place


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Example.ORG.", "example.org"),
        ("[::1]", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("build_server", "build_server"),
        ("①②⑦.0.0.1", None),
        ("10.1.2.3", "10.1.2.3"),
        ("ci-1.example.org", "ci-1.example.org"),
    ],
)
def test_a_host_has_one_spelling(text: str, host: str | None) -> None:
    if host is None:
        with pytest.raises(http.BadAddress):
            http.plain_host(text)
    else:
        assert http.plain_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7f.0.0.1",
        "127.1",
        "0177.0.0.1",
        "127.0.0.0x1",
        "1.2.3.4.5",
        "256.0.0.1",
    ],
)
def test_numbers_in_other_bases_are_no_hosts(text: str) -> None:
    with pytest.raises(http.BadAddress, match="is an unusual IP address"):
        http.plain_host(text)


@pytest.mark.parametrize(
    "text", ["", "a b", "a/b", "a@b", "a..b", "-a", "a%2eb", "a\\b", "x" * 64, "a.b:80", "::1%eth0/", "\0"]
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(http.BadAddress):
        http.plain_host(text)


def leads_to(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    monkeypatch.setattr(addresses, "resolve", lambda host, port: list(found))


@pytest.mark.parametrize("text", [*INSIDE, *LINK, *NOWHERE])
def test_a_name_that_leads_anywhere_but_outside_is_closed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    leads_to(monkeypatch, "93.184.216.34", text)
    with pytest.raises(http.Closed) as error:
        http.checked("shop.example.org", 443, frozenset())
    assert "shop.example.org" in str(error.value)


def test_an_allowed_name_may_lead_inside_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = frozenset({"ci.example.org"})
    leads_to(monkeypatch, "10.1.2.3", "fd12::1")
    assert http.checked("CI.example.org.", 80, allowed) == ["10.1.2.3", "fd12::1"]
    with pytest.raises(http.Closed):
        http.checked("other.example.org", 80, allowed)
    for closed in (*LINK, *NOWHERE):
        leads_to(monkeypatch, "10.1.2.3", closed)
        with pytest.raises(http.Closed) as error:
            http.checked("ci.example.org", 80, allowed)
        assert not error.value.may_be_allowed


def test_the_address_of_clouds_opens_for_exactly_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = frozenset({"169.254.169.254"})
    assert http.checked("169.254.169.254", 80, allowed) == ["169.254.169.254"]
    with pytest.raises(http.Closed, match="has to allow exactly this address"):
        http.checked("169.254.169.253", 80, allowed)
    leads_to(monkeypatch, "169.254.169.254")
    with pytest.raises(http.Closed):
        http.checked("metadata.example.org", 80, allowed)


def test_nothing_opens_what_is_no_machine() -> None:
    with pytest.raises(http.Closed, match="not a single machine’s address: it can’t be used"):
        http.checked("0.0.0.0", 80, frozenset({"0.0.0.0"}))


def test_a_name_nobody_knows_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(addresses, "resolve", unknown)
    with pytest.raises(http.UnknownHost, match=r"Unknown host shop\.example\.org"):
        http.checked("shop.example.org", 443, frozenset())


def test_a_resolver_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from threading import Event

    never = Event()
    monkeypatch.setattr(addresses, "resolve", lambda host, port: never.wait(30) or [])
    with pytest.raises(http.UnknownHost, match="could not be looked up"):
        http.checked("shop.example.org", 443, frozenset(), seconds=0.01)
    never.set()
