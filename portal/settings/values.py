"""The formats of values that are more than a number or a word: how each is checked, and how people are told of it."""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parseaddr
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit
from zoneinfo import available_timezones

import dj_database_url
from cryptography.fernet import Fernet
from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

MAIL_SCHEMES = {"smtp": (False, False, 25), "smtp+tls": (True, False, 587), "smtps": (False, True, 465)}
ENGINES = ("django.db.backends.postgresql", "django.db.backends.sqlite3")
# Django takes these in the Host header, and nothing else.
HOST = re.compile(r"\*|\.?[a-z0-9-]+(\.[a-z0-9-]+)*\.?|\[[0-9a-f:.]+\]", re.I)
NAME = re.compile(r"[\w-]+(\.[\w-]+)*\.?")


class Unfit(ValueError):
    """A value that its variable cannot take. The text, if there is one, says more: “which cannot be read”."""


@dataclass(frozen=True)
class Takes:
    """What a variable takes, in the words of docs/configuration.md and of refusals."""

    words: str


@dataclass(frozen=True)
class Unit:
    """What a number counts."""

    word: str


@dataclass(frozen=True)
class Secret:
    """Marks a variable whose value is never shown."""


def address_of(text: str, *schemes: str) -> SplitResult:
    """Return the parts of an address with one of these schemes. Raises Unfit for another or for a wrong port."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Unfit from None
    if parts.scheme not in schemes or port == 0 or re.search(r"\s", text):
        raise Unfit
    return parts


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unfit("which isn’t UTF-8") from None
    return text


def _database(text: str) -> str:
    try:
        read = dj_database_url.parse(text)
    except ValueError:
        raise Unfit from None
    # Each process would have a database in memory of its own.
    if read["ENGINE"] not in ENGINES or read["NAME"] == ":memory:":
        raise Unfit
    if not read["NAME"] and "service" not in read.get("OPTIONS", {}):
        raise Unfit
    return text


def _broker(text: str) -> str:
    parts = address_of(text, "redis", "rediss", "redis+socket")
    path = parts.path.strip("/")
    if not path if parts.scheme == "redis+socket" else path and not path.isdigit():
        raise Unfit
    return text


def _zone(text: str) -> str:
    if text not in available_timezones():
        raise Unfit
    return text


def _discovery(text: str) -> str:
    """An OpenID Connect provider's address may have a query: some name the application there."""
    parts = address_of(text, "http", "https")
    if not parts.hostname or parts.fragment:
        raise Unfit
    return text


def _web(text: str) -> str:
    if address_of(text, "http", "https").query:
        raise Unfit
    return _discovery(text)


def _path_or_web(text: str) -> str:
    if text.startswith("/") and not text.startswith("//") and not re.search(r"\s", text):
        return text
    return _web(text) if text else text


def _origin(text: str) -> str:
    parts = address_of(text, "http", "https")
    host = (parts.hostname or "").removeprefix("*")
    if not HOST.fullmatch(f"[{host}]" if ":" in host else host) or text != f"{parts.scheme}://{parts.netloc}":
        raise Unfit
    return text


def _host(text: str) -> str:
    if not HOST.fullmatch(text):
        raise Unfit
    return text


def _inner_host(text: str) -> str:
    try:
        ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        # A number in another base is no name: 0x7f.1 is an address in disguise.
        if not NAME.fullmatch(text) or re.fullmatch(r"\d+|0x[0-9a-f]*", text.rpartition(".")[2], re.I):
            raise Unfit from None
    return text


def _domain(text: str) -> str:
    domain = text.lower().removeprefix("@")
    if not NAME.fullmatch(domain):
        raise Unfit
    return domain


def _fernet(text: str) -> str:
    try:
        Fernet(text)
    except ValueError:
        raise Unfit from None
    return text


def _authorities(text: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=text)
    except ssl.SSLError:
        raise Unfit("which contains no PEM certificates") from None
    except OSError as error:
        raise Unfit(f"which can’t be read ({error.strerror})") from None
    return text


def _mail_server(text: str) -> str:
    if not address_of(text, *MAIL_SCHEMES).hostname:
        raise Unfit
    return text


def _sender(text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", parseaddr(text)[1]) or not text.isprintable():
        raise Unfit
    return text


def _split(text: str | list[str]) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()] if isinstance(text, str) else text


def _each(check: Callable[[str], str]) -> Callable[[list[str]], list[str]]:
    def checked(words: list[str]) -> list[str]:
        found = []
        for word in words:
            try:
                found.append(check(word))
            except Unfit:
                raise Unfit(f"of which “{word}” isn’t valid" if len(words) > 1 else "") from None
        if not words:
            raise Unfit
        return found

    return checked


Listed = Annotated[list[str], NoDecode, BeforeValidator(_split)]
Port = Annotated[str, Takes("a port: a whole number from 1 to 65535")]
Text = Annotated[str, AfterValidator(_text), Takes("a text")]
Folder = Annotated[Path | None, Takes("a folder that Rodeo can write to, created if it doesn’t exist")]
Zone = Annotated[str, AfterValidator(_zone), Takes("a time zone, such as Europe/Amsterdam")]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(str.upper)]
DatabaseAddress = Annotated[
    str,
    AfterValidator(_database),
    Takes("a database’s address, such as postgres://user:password@host:5432/rodeo or sqlite:////srv/rodeo.sqlite3"),
    Secret(),
]
BrokerAddress = Annotated[
    str,
    AfterValidator(_broker),
    Takes("the address of a Redis or Valkey server, such as redis://host:6379/0 (rediss:// for TLS)"),
    Secret(),
]
MailServer = Annotated[
    str,
    AfterValidator(_mail_server),
    Takes("a mail server’s address, such as smtp+tls://user:password@mail.example.org:587 (or smtps://, smtp://)"),
    Secret(),
]
WEB_ADDRESS = Takes("an address that begins with http:// or https://, such as https://example.org")
WebAddress = Annotated[str, AfterValidator(_web), WEB_ADDRESS]
DiscoveryAddress = Annotated[str, AfterValidator(_discovery), WEB_ADDRESS]
PathOrWebAddress = Annotated[
    str,
    AfterValidator(_path_or_web),
    Takes("a path that begins with /, an address that begins with http:// or https://, or nothing"),
]
Hosts = Annotated[
    Listed,
    AfterValidator(_each(_host)),
    Takes("names without scheme and port, comma-separated, such as rodeo.example.org, .example.org or [::1]"),
]
Origins = Annotated[
    Listed,
    AfterValidator(_each(_origin)),
    Takes("origins with scheme and without path, comma-separated, such as https://rodeo.example.org"),
]
InnerHosts = Annotated[
    Listed,
    AfterValidator(_each(_inner_host)),
    Takes("names or IP addresses without scheme and port, comma-separated, such as git.example.org, 10.1.2.3"),
]
Domains = Annotated[
    Listed,
    AfterValidator(_each(_domain)),
    Takes("domains, comma-separated, such as example.org"),
]
FernetKeys = Annotated[
    Listed,
    AfterValidator(_each(_fernet)),
    Takes("Fernet keys, comma-separated, the newest first (docs/production.md shows how to make one)"),
    Secret(),
]
SecretText = Annotated[str, AfterValidator(_text), Takes("a text"), Secret()]
AuthorityFile = Annotated[str, AfterValidator(_authorities), Takes("a file of PEM certificates")]
Sender = Annotated[
    str, AfterValidator(_sender), Takes("a mail address, with or without a name, such as Rodeo <rodeo@example.org>")
]
