"""What a report is: what identifies it, and the facts it states."""

import hashlib
from datetime import datetime
from typing import Any

from rest_framework import exceptions
from rest_framework.request import Request

from releases.inbox.models import Source
from releases.providers.base import Message
from releases.providers.facts import NoZone, Seen, SeenInPart, Unreadable, check_not_in_future
from releases.providers.report.webhook import translate


def delivery_of(request: Request, kind: str, content: bytes, id_: Any, moment: str) -> str:
    """Return what identifies a report; `moment` is the time of receipt where the report tells none of its own."""
    if key := request.headers.get("Idempotency-Key", "").strip()[:200]:
        return f"{kind} key {key}"
    if id_:
        return f"{kind} {id_}:{hashlib.sha256(content).hexdigest()[:32]}"
    return f"{kind} {hashlib.sha256(content + moment.encode()).hexdigest()}"


def read_report(kind: str, message: Message, source: Source, at: datetime) -> tuple[list[Seen], list[str]]:
    """Return the facts of a report, and what is to be said of reading it. Raises ValidationError."""
    try:
        facts = translate(kind, message, source.config) or []
        check_not_in_future(facts, at)
        return facts, [facts.reason] if isinstance(facts, SeenInPart) else []
    except NoZone as error:
        # A file of some tool: it is kept, and read once somebody said the zone. What it names is known all the same.
        facts = translate(kind, message, {**source.config, "zone": "UTC"}) or []
        return facts, [f"Saved, but it can’t be read yet. {error}"]
    except Unreadable as error:
        raise exceptions.ValidationError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
