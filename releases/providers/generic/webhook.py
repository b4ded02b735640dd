"""Any JSON, read by a mapping that people write. docs/providers/generic.md."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from releases.providers import facts, parse
from releases.providers.addresses import link
from releases.providers.base import Labelled, Message, Provider
from releases.providers.envelope import read
from releases.providers.facts import (
    AcceptanceSeen,
    ChangeMerged,
    DeploymentSeen,
    IncidentSeen,
    RunSeen,
    Seen,
    Unreadable,
)
from releases.providers.generic import mapping
from releases.providers.generic.mapping import MappingOf, mapping_in
from releases.providers.generic.paths import BadPath, TooMuch, found, measure
from releases.providers.story_keys import keys_in
from releases.providers.tables import Meaning

EVENT = "event"
MILLISECONDS = 100_000_000_000
EMPTY: tuple[Any, ...] = (None, False, "", [], {})


def label(message: Message) -> Labelled:
    """File an event under a digest of its content: nobody knows yet what in it is an id."""
    return Labelled("", EVENT)


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return what the mapping makes of an event; None where there is no mapping, or it is not meant."""
    its = mapping_in(config)
    if its is None:
        return None
    document = read(message)
    try:
        measure(document)
        if its.condition and all(each in EMPTY for each in found(its.condition, document, 100)):
            return None
        said = _Said(document, its, parse.moment(message.headers.get("received-at", "")))
        return MAKERS[its.makes](said, parse.cut(parse.text_in(config, "namespace"), 60))
    except (BadPath, TooMuch) as error:
        raise Unreadable(str(error)) from None


class _Said:
    """What a mapping finds in one event."""

    def __init__(self, document: Any, its: MappingOf, received: datetime | None) -> None:
        self.document, self.its, self.received = document, its, received

    def _value(self, name: str) -> Any:
        place = self.its.fields.get(name, "")
        if not place.startswith("$"):
            return place
        return next(iter(found(place, self.document)), None)

    def text(self, name: str, longest: int = 250) -> str:
        """Return the text (or number) of a field; "" where there is none. True and false are words too."""
        value = self._value(name)
        if isinstance(value, bool):
            return "true" if value else "false"
        return parse.cut(parse.text_in({"it": value}, "it"), longest)

    def needed(self, name: str, longest: int = 250) -> str:
        """Return the text of a field that has to be there; Unreadable names it and its place."""
        text = self.text(name, longest)
        if not text:
            raise Unreadable(f"{name} is missing: {self.its.fields.get(name) or 'no place is named'} leads to no text")
        return text

    def moment(self, name: str) -> datetime | None:
        """Return a moment in ISO 8601, or in seconds or milliseconds since 1970."""
        value = self._value(name)
        if isinstance(value, str) and (read_ := parse.moment(value)) is not None:
            return read_
        if isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) < 20:
            value = int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= MILLISECONDS:
            return parse.seconds(value / 1000) if value < 10**18 else None
        return parse.seconds(value)

    def at(self) -> datetime:
        """Return when it was so: as the event says, else when it came."""
        given = self.its.fields.get("at")
        at = self.moment("at")
        if given and at is None:
            raise Unreadable(f"at: {given} leads to no moment such as 2026-01-31T12:00:00Z")
        at = at or self.moment("finished_at") or self.moment("started_at") or self.received
        if at is None:
            raise Unreadable("at: the mapping names no moment, and it is not known when the event came")
        return at

    def status(self) -> tuple[Meaning, str]:
        """Return what the event's word for its status means, and the word."""
        word = self.needed("status")
        return self.its.table.read(word), word

    def times(self, at: datetime, meaning: Meaning) -> dict[str, Any]:
        """Return when it began and ended; what is not over has no end."""
        ended = (self.moment("finished_at") or at) if meaning.phase == facts.FINISHED else None
        started = self.moment("started_at")
        return {"started_at": started or (at if meaning.phase == facts.RUNNING else None), "finished_at": ended}

    def whose(self) -> dict[str, Any]:
        """Return service, repository and commit, as far as they are said."""
        service = self.text("service", 10_000)
        return {
            "service": parse.named(service, "service") if service else "",
            "repository": parse.repository(self.text("repository", 1000)),
            "sha": parse.sha(self.text("sha")),
        }

    def key(self, namespace: str) -> str:
        """Return the key, in a space of its own: 17 is a run's number in many systems."""
        return parse.key_of("generic", namespace, self.its.makes, self.needed("key", 1000))

    def url(self) -> str:
        return link(self.text("url", 1000))


def _run(said: _Said, namespace: str) -> list[Seen]:
    meaning, word = said.status()
    at = said.at()
    return [
        RunSeen(
            key=said.key(namespace),
            at=at,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=word,
            url=said.url(),
            pipeline=said.text("pipeline"),
            branch=said.text("branch"),
            **said.whose(),
            **said.times(at, meaning),
        )
    ]


def _deployment(said: _Said, namespace: str) -> list[Seen]:
    meaning, word = said.status()
    at, whose = said.at(), said.whose()
    if not whose["service"] and not whose["repository"]:
        raise Unreadable("service is missing: neither service nor repository leads to a text")
    return [
        DeploymentSeen(
            key=said.key(namespace),
            at=at,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=word,
            url=said.url(),
            environment=parse.named(said.needed("environment", 10_000), "environment"),
            version=said.text("version", 200),
            **whose,
            **said.times(at, meaning),
        )
    ]


def _acceptance(said: _Said, namespace: str) -> list[Seen]:
    meaning, word = said.status()
    at = said.at()
    return [
        AcceptanceSeen(
            key=said.key(namespace),
            at=at,
            phase=meaning.phase,
            outcome=meaning.outcome,
            raw_status=word,
            url=said.url(),
            environment=parse.named(said.needed("environment", 10_000), "environment"),
            name=said.text("title"),
            story=next(iter(keys_in(said.text("story"))), ""),
            performed_by=said.text("author", 120),
            **said.whose(),
            **said.times(at, meaning),
        )
    ]


def _change(said: _Said, namespace: str) -> list[Seen]:
    sha, at = parse.sha(said.needed("sha")), said.at()
    if not sha:
        raise Unreadable(f"sha: {said.its.fields['sha']} leads to no commit (7 to 64 hexadecimal digits)")
    title, branch = said.text("title", 2000), said.text("branch")
    texts = tuple((rule, text) for rule, text in (("message", title), ("branch", branch)) if text)
    return [
        ChangeMerged(
            key=sha,
            at=at,
            merged_at=at,
            repository=parse.repository(said.needed("repository", 1000)),
            url=said.url(),
            subject=parse.cut(title.partition("\n")[0], 300),
            author=said.text("author", 200),
            texts=texts,
        )
    ]


def _incident(said: _Said, namespace: str) -> list[Seen]:
    """An incident is over when its status means success; any other word, or none, leaves it open."""
    at, word = said.at(), said.text("status")
    over = bool(word) and said.its.table.read(word).outcome == facts.SUCCESS
    whose = said.whose()
    return [
        IncidentSeen(
            key=said.key(namespace),
            at=at,
            title=said.text("title", 300),
            environment=said.text("environment", 120),
            service=whose["service"],
            url=said.url(),
            detected_at=said.moment("started_at") or (None if over else at),
            resolved_at=(said.moment("finished_at") or at) if over else None,
        )
    ]


MAKERS: dict[str, Callable[[_Said, str], list[Seen]]] = {
    mapping.RUN: _run,
    mapping.DEPLOYMENT: _deployment,
    mapping.ACCEPTANCE: _acceptance,
    mapping.CHANGE: _change,
    mapping.INCIDENT: _incident,
}
PROVIDER = Provider(
    kind="generic",
    name="Any JSON",
    pushes=True,
    pulls=False,
    label=label,
    translate=translate,
    settings=mapping.SETTINGS,
    check=mapping.check,
    tables=(mapping.STATUSES,),
)
