"""Any JSON, translated by a field mapping that people write. docs/providers/generic.md."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from releases.providers import facts, parse, triggers
from releases.providers.base import Labelled, Message, Provider
from releases.providers.facts import (
    AcceptanceSeen,
    ChangeMerged,
    DeploymentSeen,
    IncidentSeen,
    RunSeen,
    Seen,
    Unreadable,
)
from releases.providers.generic import field_mapping
from releases.providers.generic.field_mapping import FieldMapping, mapping_of
from releases.providers.generic.json_paths import BadPath, DocumentTooLarge, check_size, values_at
from releases.providers.payloads import read_json
from releases.providers.status_tables import Meaning
from releases.providers.story_keys import keys_in
from releases.providers.web_urls import link

EVENT = "event"
FEWEST_MILLISECONDS = 100_000_000_000
EMPTY: tuple[Any, ...] = (None, False, "", [], {})


def label(message: Message) -> Labelled:
    """Label an event with a digest of its content: it is not known which of its fields is an id."""
    return Labelled("", EVENT)


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the fact that the mapping makes of an event; None without a mapping, or where its condition is not met."""
    mapping = mapping_of(config)
    if mapping is None:
        return None
    document = read_json(message)
    try:
        check_size(document)
        if mapping.condition and all(each in EMPTY for each in values_at(mapping.condition, document, 100)):
            return None
        event = _MappedEvent(document, mapping, parse.moment(message.headers.get("received-at", "")))
        return TRANSLATORS[mapping.makes](event, parse.cut(parse.text_in(config, "namespace"), 60))
    except (BadPath, DocumentTooLarge) as error:
        raise Unreadable(str(error)) from None


class _MappedEvent:
    """One event and the field mapping that is applied to it."""

    def __init__(self, document: Any, mapping: FieldMapping, received: datetime | None) -> None:
        self.document, self.mapping, self.received = document, mapping, received

    def _value(self, name: str) -> Any:
        path = self.mapping.fields.get(name, "")
        if not path.startswith("$"):
            return path
        return next(iter(values_at(path, self.document)), None)

    def text(self, name: str, longest: int = 250) -> str:
        """Return the value of a field as text, for numbers, true and false as well; "" where there is none."""
        value = self._value(name)
        if isinstance(value, bool):
            return "true" if value else "false"
        return parse.cut(parse.text_in({"it": value}, "it"), longest)

    def required_text(self, name: str, longest: int = 250) -> str:
        """Return the text of a required field; Unreadable names the field and its path."""
        text = self.text(name, longest)
        if not text:
            raise Unreadable(
                f"{name} is missing: {self.mapping.fields.get(name) or 'no place is named'} leads to no text"
            )
        return text

    def moment(self, name: str) -> datetime | None:
        """Parse a field in ISO 8601, or in seconds or milliseconds since 1970; None for anything else."""
        value = self._value(name)
        if isinstance(value, str) and (parsed := parse.moment(value)) is not None:
            return parsed
        if isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) < 20:
            value = int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= FEWEST_MILLISECONDS:
            return parse.unix_time(value / 1000) if value < 10**18 else None
        return parse.unix_time(value)

    def at(self) -> datetime:
        """Return the time of the fact: the event's own, else when the event was received."""
        given = self.mapping.fields.get("at")
        at = self.moment("at")
        if given and at is None:
            raise Unreadable(f"at: {given} leads to no moment such as 2026-01-31T12:00:00Z")
        at = at or self.moment("finished_at") or self.moment("started_at") or self.received
        if at is None:
            raise Unreadable("at: the mapping names no moment, and it is not known when the event came")
        return at

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
            "sha": parse.sha(self.text("sha")),
        }

    def key(self, namespace: str) -> str:
        """Return the key, prefixed with the source's namespace: several systems may have a run 17."""
        return parse.key_of("generic", namespace, self.mapping.makes, self.required_text("key", 1000))

    def url(self) -> str:
        return link(self.text("url", 1000))


def _run(event: _MappedEvent, namespace: str) -> list[Seen]:
    meaning, raw_status = event.status()
    at = event.at()
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
            **event.belongs_to(),
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
            story=next(iter(keys_in(event.text("story"))), ""),
            performed_by=event.text("author", 120),
            **event.belongs_to(),
            **event.times(at, meaning),
        )
    ]


def _change(event: _MappedEvent, namespace: str) -> list[Seen]:
    sha, at = parse.sha(event.required_text("sha")), event.at()
    if not sha:
        raise Unreadable(f"sha: {event.mapping.fields['sha']} leads to no commit (7 to 64 hexadecimal digits)")
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
