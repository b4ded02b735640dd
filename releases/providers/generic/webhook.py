"""Any JSON, translated by a field mapping that people write. docs/providers/generic.md."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from releases.providers import facts, parse, triggers, zones
from releases.providers.base import Labelled, Message, Provider
from releases.providers.facts import (
    AcceptanceSeen,
    ChangeMerged,
    DeploymentSeen,
    IncidentSeen,
    MakesNothing,
    RunSeen,
    Seen,
    SeenInPart,
    Unreadable,
)
from releases.providers.generic import field_mapping
from releases.providers.generic.field_mapping import FieldMapping, mapping_of
from releases.providers.generic.field_places import condition_in, first_value, shown_text, what_is
from releases.providers.generic.json_paths import BadPath, DocumentTooLarge, check_size
from releases.providers.payloads import read_json
from releases.providers.status_tables import Meaning
from releases.providers.story_keys import keys_told
from releases.providers.web_urls import link

EVENT = "event"
FEWEST_MILLISECONDS = 100_000_000_000
NEVER = (0, "0")
SIGN = re.compile(r"[/:@]")
WHOLE_SHA = (40, 64)
NO_MAPPING = "The source has no mapping yet. Add one under “Try the mapping” on the source’s page."


def label(message: Message) -> Labelled:
    """Label an event with a digest of its content: it is not known which of its fields is an id."""
    return Labelled("", EVENT)


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the fact that the mapping makes of an event; MakesNothing without a mapping, or where its condition fails."""
    mapping = mapping_of(config)
    if mapping is None:
        raise MakesNothing(NO_MAPPING)
    document = read_json(message)
    try:
        check_size(document)
        if mapping.condition and not condition_in(mapping.condition).holds(document):
            raise MakesNothing(f"It doesn’t match the mapping’s condition: {mapping.condition}")
        event = _MappedEvent(document, mapping, config, parse.moment(message.headers.get("received-at", "")))
        # An id is its source's own: two systems may both have a deployment 1.
        namespace = parse.text_in(config, "namespace") or message.headers.get("source", "")
        made = TRANSLATORS[mapping.makes](event, parse.cut(namespace, 60))
    except (BadPath, DocumentTooLarge) as error:
        raise Unreadable(str(error)) from None
    return SeenInPart(made, " ".join(event.reasons)) if event.reasons else made


YES, NO = ("true", "yes", "1", "maintenance"), ("false", "no", "0")


class _MappedEvent:
    """One event and the field mapping that is applied to it."""

    def __init__(
        self, document: Any, mapping: FieldMapping, config: Mapping[str, Any], received: datetime | None
    ) -> None:
        self.document, self.mapping, self.config, self.received = document, mapping, config, received
        self.reasons: list[str] = []

    def _value(self, name: str) -> Any:
        return first_value(self.mapping.fields.get(name, ""), self.document)

    def _unreadable(self, name: str, value: Any, wanted: str) -> Unreadable:
        return Unreadable(
            f"{name}: {self.mapping.fields.get(name, '')} leads to {what_is(value)}, which isn’t {wanted}"
        )

    def text(self, name: str, longest: int = 250) -> str:
        """Return the value of a field as text, for numbers, true and false as well; "" where there is none."""
        value = self._value(name)
        if isinstance(value, dict | list) and value:
            raise self._unreadable(name, value, "text")
        return parse.cut(shown_text(value), longest)

    def required_text(self, name: str, longest: int = 250) -> str:
        """Return the text of a required field; Unreadable names the field and its path."""
        text = self.text(name, longest)
        if not text:
            raise Unreadable(f"{name} is missing: {self.mapping.fields.get(name) or 'no path is set'} leads to no text")
        return text

    def moment(self, name: str) -> datetime | None:
        """Parse a field in ISO 8601, or in seconds or milliseconds since 1970; None where there is nothing, 0 or "never"."""
        value = self._value(name)
        if value is None or value in NEVER or (isinstance(value, str) and value.startswith("0001-01-01")):
            return None
        parsed = zones.moment(value, name, self.config) or _counted(value)
        if parsed is None:
            raise self._unreadable(name, value, "a time such as 2026-01-31T12:00:00Z")
        return parsed

    def at(self) -> datetime:
        """Return the time of the fact: the event's own, else when the event was received."""
        given = self.mapping.fields.get("at")
        at = self.moment("at")
        if given and at is None:
            raise Unreadable(f"at: {given} leads to no time such as 2026-01-31T12:00:00Z")
        at = at or self.moment("finished_at") or self.moment("started_at")
        if at is not None:
            return at
        if self.received is None:
            raise Unreadable("at: the mapping has no time, and it’s unknown when the event arrived")
        self.reasons.append("It has no time, so its arrival counts.")
        return self.received

    def status(self) -> tuple[Meaning, str]:
        """Return the meaning of the event's raw status, and the raw status."""
        raw_status = self.required_text("status")
        return self.mapping.table.meaning_of(raw_status), raw_status

    def times(self, at: datetime, meaning: Meaning) -> dict[str, Any]:
        """Return `started_at` and `finished_at`; only a finished phase has the latter."""
        ended = (self.moment("finished_at") or at) if meaning.phase == facts.FINISHED else None
        started = self.moment("started_at")
        return {"started_at": started or (at if meaning.phase == facts.RUNNING else None), "finished_at": ended}

    def belongs_to(self) -> dict[str, Any]:
        """Return service, repository and sha, as far as the event has them."""
        service = self.text("service", 10_000)
        return {
            "service": parse.required_name(service, "service") if service else "",
            "repository": parse.repository(self.text("repository", 1000)),
            "sha": self.sha(),
        }

    def sha(self) -> str:
        """Return the commit of the event: a sha, or an address that ends in a whole one; "" where the field is empty."""
        text = self.text("sha", 1000)
        found = parse.sha(text) or next(
            (end for end in [parse.sha(SIGN.split(text.rstrip("/"))[-1])] if len(end) in WHOLE_SHA), ""
        )
        if text and not found:
            raise self._unreadable("sha", text, "a commit (7 to 64 hexadecimal digits)")
        return found

    def key(self, namespace: str) -> str:
        """Return the key, prefixed with the source's namespace: several systems may have a run 17."""
        return parse.key_of("generic", namespace, self.mapping.makes, self.required_text("key", 1000))

    def yes_or_no(self, name: str) -> bool | None:
        """Return whether a field says yes; None where it says nothing. What is neither is left out, with the reason."""
        text = self.text(name).strip().casefold()
        found = True if text in YES else False if text in NO else None
        if text and found is None:
            self.reasons.append(f"Its {name} is left out: “{parse.cut(text, 60)}” is neither yes nor no.")
        return found

    def url(self) -> str:
        text = self.text("url", 2000)
        if text and not link(text):
            self.reasons.append(f"Its link is left out: “{parse.cut(text, 60)}” isn’t a web address.")
        return link(text)


def _counted(value: Any) -> datetime | None:
    """Return the moment that is so many seconds or milliseconds after 1970."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) < 20:
        value = int(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= FEWEST_MILLISECONDS:
        return parse.unix_time(value / 1000) if value < 10**18 else None
    return parse.unix_time(value)


def _run(event: _MappedEvent, namespace: str) -> list[Seen]:
    meaning, raw_status = event.status()
    at, belongs_to = event.at(), event.belongs_to()
    if not any(belongs_to.values()):
        raise Unreadable("service is missing: neither service, repository nor commit leads to a text")
    return [
        RunSeen(
            key=event.key(namespace),
            at=at,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=raw_status,
            url=event.url(),
            pipeline=event.text("pipeline"),
            branch=event.text("branch"),
            trigger=triggers.trigger_of(event.text("trigger")),
            **belongs_to,
            **event.times(at, meaning),
        )
    ]


def _deployment(event: _MappedEvent, namespace: str) -> list[Seen]:
    meaning, raw_status = event.status()
    at, belongs_to = event.at(), event.belongs_to()
    if not belongs_to["service"] and not belongs_to["repository"]:
        raise Unreadable("service is missing: neither service nor repository leads to a text")
    return [
        DeploymentSeen(
            key=event.key(namespace),
            at=at,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=raw_status,
            url=event.url(),
            environment=parse.required_name(event.required_text("environment", 10_000), "environment"),
            version=event.text("version", 200),
            **belongs_to,
            **event.times(at, meaning),
        )
    ]


def _acceptance(event: _MappedEvent, namespace: str) -> list[Seen]:
    meaning, raw_status = event.status()
    at = event.at()
    return [
        AcceptanceSeen(
            key=event.key(namespace),
            at=at,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=raw_status,
            url=event.url(),
            environment=parse.required_name(event.required_text("environment", 10_000), "environment"),
            name=event.text("title"),
            story=next(iter(keys_told(event.text("story"))), ""),
            performed_by=event.text("author", 120),
            **event.belongs_to(),
            **event.times(at, meaning),
        )
    ]


def _change(event: _MappedEvent, namespace: str) -> list[Seen]:
    event.required_text("sha")
    sha, at = event.sha(), event.at()
    title, branch = event.text("title", 2000), event.text("branch")
    texts = tuple((rule, text) for rule, text in (("message", title), ("branch", branch)) if text)
    return [
        ChangeMerged(
            key=sha,
            at=at,
            merged_at=at,
            repository=parse.repository(event.required_text("repository", 1000)),
            url=event.url(),
            subject=parse.cut(title.partition("\n")[0], 300),
            author=event.text("author", 200),
            texts=texts,
        )
    ]


def _incident(event: _MappedEvent, namespace: str) -> list[Seen]:
    """Return an incident, resolved if its status means success; any other status, or none, leaves it open."""
    at, raw_status = event.at(), event.text("status")
    is_resolved = bool(raw_status) and event.mapping.table.meaning_of(raw_status).outcome == facts.SUCCESS
    subject = event.belongs_to()
    return [
        IncidentSeen(
            key=event.key(namespace),
            at=at,
            title=event.text("title", 300),
            environment=event.text("environment", 120),
            service=subject["service"],
            url=event.url(),
            detected_at=event.moment("started_at") or (None if is_resolved else at),
            resolved_at=(event.moment("finished_at") or at) if is_resolved else None,
            maintenance=event.yes_or_no("maintenance"),
        )
    ]


TRANSLATORS: dict[str, Callable[[_MappedEvent, str], list[Seen]]] = {
    field_mapping.RUN: _run,
    field_mapping.DEPLOYMENT: _deployment,
    field_mapping.ACCEPTANCE: _acceptance,
    field_mapping.CHANGE: _change,
    field_mapping.INCIDENT: _incident,
}
PROVIDER = Provider(
    kind="generic",
    name="Any JSON",
    pushes=True,
    pulls=False,
    label=label,
    translate=translate,
    settings=field_mapping.SETTINGS,
    check=field_mapping.check,
    tables=(field_mapping.KNOWN_STATUSES,),
)
