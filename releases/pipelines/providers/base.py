"""What a provider offers. No Django in this package: bytes and dicts in, facts out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from releases.pipelines.facts import Seen


class Refused(Exception):
    """The message cannot be taken at the door. `status` is the HTTP answer; the text names the remedy."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
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


@dataclass(frozen=True, slots=True)
class Provider:
    """A kind of source.

    `label` reads the envelope at the door and may raise Refused. `translate` is called later, by the worker, with the
    stored message and the source's configuration; it returns facts, or None for a kind it does not know (the event is
    then kept as ignored), or raises facts.Unreadable (the event is then failed, visible and replayable).
    """

    kind: str
    name: str
    pushes: bool
    pulls: bool
    label: Callable[[Message], Labelled] | None
    translate: Callable[[str, Message, Mapping[str, Any]], list[Seen] | None]
    secret_headers: tuple[str, ...] = ()
