"""Typed news: one frozen dataclass for each topic of the outbox.

A message is a row that may wait through an upgrade, so what is read may come from an older or a newer version: unknown
fields are passed over, and a field that is added later needs a default.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Self


class UnreadablePayload(ValueError):
    """A stored payload lacks what its topic must say."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. `topic` is what its messages are stored under; every field is a JSON value.

    The fields named in `hidden` are shown to nobody. A secret among them is stored encrypted.
    """

    topic: ClassVar[str] = ""
    hidden: ClassVar[frozenset[str]] = frozenset()

    def payload(self) -> dict[str, Any]:
        """Return the fields as a message keeps them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def shown_fields(cls) -> set[str]:
        """Return the names of the fields that may be shown to people."""
        return {field.name for field in fields(cls)} - cls.hidden

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Self:
        """Return the event that a stored payload tells of. Raises UnreadablePayload when a required field is missing."""
        known = fields(cls)
        required = [each.name for each in known if each.default is MISSING and each.default_factory is MISSING]
        if missing := [name for name in required if name not in payload]:
            raise UnreadablePayload(f"A message on {cls.topic} must say {' and '.join(missing)}; this one does not.")
        return cls(**{each.name: payload[each.name] for each in known if each.name in payload})


@dataclass(frozen=True, kw_only=True)
class AboutSome(Event):
    """Something that happened to one or several things of one kind.

    ids: the primary keys of the things.
    """

    ids: Sequence[Any]

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Self:
        """Return the event; messages written before topics had classes may name a single thing, as `id`."""
        if "ids" not in payload and "id" in payload:
            payload = {**payload, "ids": [payload["id"]]}
        return super().read(payload)
