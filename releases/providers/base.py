"""What a provider offers. No Django in this package: bytes and dicts in, facts out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from releases.providers.facts import Seen
from releases.providers.signatures import verified
from releases.providers.tables import StatusTable


class Refused(Exception):
    """The message cannot be taken at the door. `status` is the HTTP answer; the text names the remedy."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(text)


class NotAccepted(ValueError):
    """A source cannot be configured so. `field` is the setting at fault; the text names the remedy."""

    def __init__(self, field: str, text: str) -> None:
        self.field = field
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Message:
    """One raw message as it was received: header names in lower case, secrets already removed."""

    headers: Mapping[str, str]
    body: bytes
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Labelled:
    """How a message is filed: the sender's delivery id ("" for a digest of the content) and the kind it names."""

    delivery: str
    kind: str


# Pulling


class PullFailed(Exception):
    """A pull could not go on, and what was read so far stands. The text says why and what to do, in plain words.

    Another attempt may succeed: the network, a server that is down, an answer that broke off.
    """


class PullRefused(PullFailed):
    """Asking again changes nothing until a person does: a wrong token, an address that does not exist."""


class PullPartly(PullFailed):
    """All was read but what the text names, and that will not come before a person does something. All else is asked for
    as before."""


class PullWaits(PullFailed):
    """The other side asked for patience until `until` (a rate limit). Nobody's fault, and no failure."""

    def __init__(self, text: str, until: datetime) -> None:
        self.until = until
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer to one request: header names in lower case, the body decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def json(self) -> Any:
        """Return the document in the body; PullFailed when it is none."""
        from releases.providers.envelope import NotJson, document

        try:
            return document(self.body)
        except NotJson as error:
            raise PullFailed(f"{self.url} answered with something that is not JSON: {error}.") from None


class Session(Protocol):
    """What a provider asks its system through: one host, signed in, paced, and safe (portal.kernel.http).

    `get` and `post` return answers of status 200 to 299 and 304, and raise otherwise: PullRefused (401, 403, TLS, an
    address that is not allowed), Missing (404, 410), PullWaits (429, or 403 with a rate limit), PullFailed (5xx, timeouts,
    broken off, too large).
    """

    def get(
        self, path: str, params: Mapping[str, str | int] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for a path below the source's address, or a whole address on the same host."""
        ...

    def post(self, path: str, json: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a JSON document: for GraphQL and for signing in, never to change anything."""
        ...


class Missing(PullRefused):
    """The other side knows no such thing (404, 410), or does not show it to us."""


@dataclass(frozen=True, slots=True)
class Record:
    """One polled record. Filed like a message under its kind; without a delivery of its own, under a digest of both."""

    kind: str
    body: bytes
    delivery: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A complete step of a pull: its records, and the cursor that is true once they are stored.

    Killed after any page, the next pull is given that page's cursor and goes on from there. `step`, `done` and `of` tell
    people how far it got ("runs of shop/checkout", 300, 1200); `of` is 0 where nobody knows.
    """

    records: Sequence[Record]
    cursor: Mapping[str, Any]
    step: str = ""
    done: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a source's form. Its value is `config[name]`: text, or a list of lines where `many` is set."""

    name: str
    label: str
    help: str = ""
    required: bool = False
    many: bool = False
    placeholder: str = ""
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Pulling:
    """How a system is pulled.

    `headers` returns what signs a request in (it may ask for a token through the session it is given, which is not signed
    in yet). `pages` reads everything new since `cursor` ({} at first), page by page, and raises PullFailed rather than
    leave anything out: absence is never guessed. `look` says what can be seen ("3 repositories", "12 pipelines"), for the
    button "Test". Times are UTC.
    """

    headers: Callable[[Session, Mapping[str, Any], str], Mapping[str, str]]
    pages: Callable[[Session, Mapping[str, Any], Mapping[str, Any], datetime], Iterator[Page]]
    look: Callable[[Session, Mapping[str, Any]], list[str]]
    default_url: str = ""
    credential: str = "A token that may read."
    per_minute: int = 300


@dataclass(frozen=True, slots=True)
class Provider:
    """A kind of source.

    `label` reads the envelope at the door and may raise Refused. `translate` is called later, by the worker, with the
    stored message or record and the source's configuration; it returns facts, or None for a kind it does not know (the
    event is then kept as ignored), or raises facts.Unreadable (the event is then failed, visible and replayable).
    `authentic` says whether the sender knows the secret, from the headers (small-letter names) and the raw body.
    `check` raises NotAccepted for settings that cannot work. `forms` lets the body be a form with the JSON in `payload`.
    `tickets` says that it tells of issues, which may become stories.
    `slash` says whether the system takes an address that ends in one; the door takes both.
    """

    kind: str
    name: str
    pushes: bool
    pulls: bool
    label: Callable[[Message], Labelled] | None
    translate: Callable[[str, Message, Mapping[str, Any]], list[Seen] | None]
    secret_headers: tuple[str, ...] = ()
    authentic: Callable[[Mapping[str, str], bytes, str], bool] = verified
    how_to_sign: str = ""
    forms: bool = False
    slash: bool = True
    pulling: Pulling | None = None
    settings: tuple[Setting, ...] = ()
    check: Callable[[Mapping[str, Any]], None] | None = None
    tables: tuple[StatusTable, ...] = ()
    tickets: bool = False
