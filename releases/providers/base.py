"""The interface of a provider. No Django in this package: bytes and dicts in, facts out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from releases.providers.facts import Seen
from releases.providers.signatures import verified
from releases.providers.status_tables import StatusTable


class MessageRefused(Exception):
    """A webhook is refused while the sender waits. `status` is the HTTP status to answer with; the text names the remedy."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(text)


class InvalidSetting(ValueError):
    """A source's setting cannot work. `field` is that setting; the text names the remedy."""

    def __init__(self, field: str, text: str) -> None:
        self.field = field
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Message:
    """One raw message as it was received: header names in lower case, headers that may hold secrets already removed."""

    headers: Mapping[str, str]
    body: bytes
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Labelled:
    """What a message is stored under: the sender's delivery id ("" for a digest of the content) and its kind of event."""

    delivery: str
    kind: str


# Pulling


class PullFailed(Exception):
    """A pull stopped; pages read before that stay stored. The text says why and what to do, in plain words; `raw` is what
    the tool itself said, without secrets. `status` is the HTTP status that was answered, 0 if there was no answer.

    A retry may succeed: the network, a server that is down, an answer that broke off.
    """

    def __init__(self, text: str, raw: str = "", status: int = 0) -> None:
        self.raw, self.status = raw, status
        super().__init__(text)


class PullRefused(PullFailed):
    """A retry cannot succeed before a person changes something: a wrong token, an address that does not exist."""


class PullIncomplete(PullFailed):
    """Everything was read except what the text names, which a person has to mend. The other parts are pulled as before."""


class RateLimited(PullFailed):
    """The system limits how often it is asked; the next request may be sent at `until`. Does not count as a failure."""

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
        """Return the JSON document in the body; raise PullFailed for any other body."""
        from releases.providers.payloads import NotJson, parse_json

        try:
            return parse_json(self.body)
        except NotJson as error:
            raise PullFailed(f"{self.url} answered with something other than JSON: {error}.") from None


class Session(Protocol):
    """The HTTP session a provider pulls with: one host, signed in, rate limited, SSRF-safe (portal.kernel.http).

    `get` and `post` return answers of status 200 to 299 and 304, and raise otherwise: PullRefused (401, 403, TLS, an
    address that is not allowed), Missing (404, 410), RateLimited (429, or 403 with a rate limit), PullFailed (5xx, timeouts,
    broken off, too large).
    """

    def get(
        self, path: str, params: Mapping[str, str | int] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a GET for a path below the source's address, or for a full URL on the same host."""
        ...

    def post(self, path: str, json: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a JSON document: for GraphQL and for signing in, never to change anything."""
        ...


class Missing(PullRefused):
    """The system has no such resource (404, 410), or hides it from this credential."""


@dataclass(frozen=True, slots=True)
class Record:
    """One pulled record. Stored like a message under its kind and `delivery`; without one, under a digest of kind and body."""

    kind: str
    body: bytes
    delivery: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One step of a pull: its records, and the cursor to keep once they are stored.

    When a pull is killed, the next one starts from the cursor of the last stored page. `step`, `done` and `of` are the
    progress shown to people ("runs of shop/checkout", 300, 1200); `of` is 0 where the total is unknown.
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

    `headers` returns the headers that authenticate a request (it may ask for a token through the session it is given, which
    is not authenticated yet). `pages` reads everything new since `cursor` ({} at first), page by page, and raises PullFailed
    rather than leave anything out: what is missing from an incomplete answer must not count as deleted. `test_connection`
    says what the credential can read ("3 repositories", "12 pipelines"), for the button "Test". Times are UTC.
    """

    headers: Callable[[Session, Mapping[str, Any], str], Mapping[str, str]]
    pages: Callable[[Session, Mapping[str, Any], Mapping[str, Any], datetime], Iterator[Page]]
    test_connection: Callable[[Session, Mapping[str, Any]], list[str]]
    default_url: str = ""
    credential: str = "A token with read access."
    per_minute: int = 300


@dataclass(frozen=True, slots=True)
class Provider:
    """A kind of source.

    `label` is called while the sender waits and may raise MessageRefused. `translate` is called later, by the worker, with
    the stored message or record and the source's configuration; it returns facts, or None for a kind it does not know, or
    raises facts.MakesNothing with the reason (the event is then kept as ignored), or facts.Unreadable (the event is then
    failed, visible and replayable). The header `source` is the key of the source, which scopes ids that are no system's own.
    `authentic` says whether the sender knows the secret, from the headers (names in lower case) and the raw body.
    `check` raises InvalidSetting for settings that cannot work. `forms` lets the body be a form with the JSON in `payload`.
    `nothing` says, for kinds of events that may make no fact, why one did not. `tickets` says that it has issues, which may
    become stories. `facts_are_whole` is off where facts leave out what rows are made of: such events keep their contents.
    `trailing_slash` is off for systems that cannot send to a URL that ends in a slash; webhooks are accepted at both.
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
    trailing_slash: bool = True
    pulling: Pulling | None = None
    settings: tuple[Setting, ...] = ()
    check: Callable[[Mapping[str, Any]], None] | None = None
    tables: tuple[StatusTable, ...] = ()
    nothing: Mapping[str, str] = field(default_factory=dict)
    tickets: bool = False
    facts_are_whole: bool = True
