"""What the pages of the inbox show."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.urls import reverse

from portal.kernel import clock
from portal.kernel.actors import Anyone
from portal.kernel.paging import PER_PAGE
from releases.environments.actions import tier_of
from releases.environments.models import Environment
from releases.inbox.models import Fact, InboundEvent, Source
from releases.pipelines.models import StoryLink
from releases.providers.payloads import NotJson, parse_json
from squads.models import Service, Story, StoryAlias
from squads.teams.permissions import in_a_squad

COUNTED = 1000
FACTS_SHOWN = 200
SHOWN_CHARACTERS = 60_000
SHOWN_BYTES = 2048
ABOUT = {
    "change": "change",
    "run": "run",
    "artifact": "artifact",
    "deployment": "deployment",
    "environment": "environment",
    "acceptance": "acceptance run",
    "flag": "flag state",
    "incident": "incident",
    "signal": "alert",
    "commits": "commits",
    "refs": "branch and tags",
    "left_out": "ignored by a rule",
}


def check_replay(user: Anyone) -> None:
    """Refuse everybody but members of any squad and administrators to have events read again."""
    if not in_a_squad(user):
        raise PermissionDenied("Only squad members and administrators can reprocess events.")


@dataclass(frozen=True, slots=True)
class Asked:
    """The filter in the address of the inbox. `before` and `after` name an event's place: its moment and id."""

    state: str = ""
    source: str = ""
    kind: str = ""
    q: str = ""
    before: str = ""
    after: str = ""

    @property
    def filtered(self) -> bool:
        """Something narrows the list."""
        return bool(self.state or self.source or self.kind or self.q)


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the inbox, newest first; `newer` and `older` are the places where the neighbours begin, or ""."""

    events: list[InboundEvent]
    newer: str
    older: str


def filtered(asked: Asked) -> QuerySet[InboundEvent]:
    """Return the events a filter leaves, newest first."""
    events = InboundEvent.objects.all()
    if asked.state in InboundEvent.State.values:
        events = events.filter(state=asked.state)
    if asked.source:
        events = events.filter(source__key=asked.source)
    if asked.kind:
        events = events.filter(kind__icontains=asked.kind)
    if asked.q:
        events = events.filter(delivery__icontains=asked.q)
    return events.order_by("-received_at", "id")


def _place(event: InboundEvent) -> str:
    return f"{clock.iso(event.received_at)},{event.pk}"


def _placed(text: str) -> tuple[datetime, UUID] | None:
    moment, _, pk = text.partition(",")
    try:
        read, known = clock.parse(moment), UUID(pk)
    except ValueError:
        return None
    return (read, known) if read else None


def page(asked: Asked, size: int = PER_PAGE) -> Page:
    """Return one page of the inbox. Pages are places, not numbers: nothing is counted, however long the inbox is."""
    events = filtered(asked).select_related("source").defer("body", "headers", "source__secret", "source__cursor")
    if place := _placed(asked.after):
        moment, pk = place
        newer = events.filter(received_at__gte=moment).exclude(received_at=moment, id__gte=pk)
        rows = list(newer.order_by("received_at", "-id")[: size + 1])
        more = len(rows) > size
        rows = rows[:size][::-1]
        return Page(rows, _place(rows[0]) if more else "", _place(rows[-1]) if rows else "")
    place = _placed(asked.before)
    if place:
        moment, pk = place
        events = events.filter(received_at__lte=moment).exclude(received_at=moment, id__lte=pk)
    rows = list(events[: size + 1])
    older = _place(rows[size - 1]) if len(rows) > size else ""
    return Page(rows[:size], _place(rows[0]) if place and rows else "", older)


def counts() -> list[tuple[str, str, int]]:
    """Return (state, its name, how many), counted no further than COUNTED + 1, so that it stays cheap."""
    found = []
    for state, name in InboundEvent.State.choices:
        some = InboundEvent.objects.filter(state=state).order_by().values("pk")[: COUNTED + 1]
        found.append((state, str(name), some.count()))
    return found


def sources() -> list[tuple[str, str]]:
    """Return (key, name) of every source, for the filter."""
    return list(Source.objects.order_by("name").values_list("key", "name")[:500])


def became(events: Iterable[InboundEvent]) -> dict[UUID, str]:
    """Return in a few words what each of these events became, in one query."""
    facts = Fact.objects.filter(event__in=[event.pk for event in events]).order_by("kind")
    said: dict[UUID, list[str]] = {}
    for row in facts.values("event_id", "kind").annotate(count=Count("pk")):
        name = ABOUT.get(row["kind"], row["kind"])
        said.setdefault(row["event_id"], []).append(name if row["count"] == 1 else f"{row['count']} × {name}")
    return {pk: ", ".join(names) for pk, names in said.items()}


@dataclass(slots=True)
class FactLine:
    """One thing an event says, with links to the pages that show it."""

    name: str
    key: str
    at: datetime
    said: list[tuple[str, str]]
    links: list[tuple[str, str]] = field(default_factory=list)


def fact_lines(event: InboundEvent) -> list[FactLine]:
    """Return what an event became, at most FACTS_SHOWN of it, in a fixed number of queries."""
    facts = list(event.facts.order_by("kind", "key", "at", "id")[:FACTS_SHOWN])
    known = _Pages(facts)
    return [
        FactLine(ABOUT.get(fact.kind, fact.kind), fact.key, fact.at, said_lines(fact.data), known.links(fact, event))
        for fact in facts
    ]


def said_lines(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the fields of a fact for people to read."""
    return [(name.replace("_", " "), _shown(name, value)) for name, value in data.items()]


def _shown(name: str, value: Any) -> str:
    if name.endswith("_at") and (moment := clock.parse(value)):
        return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)[:500]


class _Pages:
    """The pages that exist for what some facts mention, found in four queries."""

    def __init__(self, facts: list[Fact]) -> None:
        def mentioned(name: str, kind: str = "") -> set[str]:
            said = {str(fact.data[name]) for fact in facts if fact.data.get(name)}
            return said | {fact.key for fact in facts if kind and fact.kind == kind}

        changes = mentioned("sha", "change")
        links = StoryLink.objects.asking().filter(change__sha__in=changes) if changes else StoryLink.objects.none()
        self.by_change: dict[str, set[str]] = {}
        for sha, key in links.values_list("change__sha", "key")[:FACTS_SHOWN]:
            self.by_change.setdefault(sha, set()).add(key)
        named = mentioned("story") | {key for keys in self.by_change.values() for key in keys}
        self.stories = set(Story.objects.named(named))
        places = Environment.objects.named(mentioned("environment", "environment"))
        self.environments = {key: (place.name, place.slug) for key, place in places.items()}
        services = Service.objects.named(mentioned("service"))
        self.services = {name: service.slug for name, service in services.items()}

    def links(self, fact: Fact, event: InboundEvent) -> list[tuple[str, str]]:
        found = []
        change = fact.key if fact.kind == "change" else fact.data.get("sha", "")
        for story in sorted({fact.data.get("story", ""), *self.by_change.get(change, ())} & self.stories):
            found.append((story, reverse("squads:stories:detail", args=[story])))
        place = self.environments.get(fact.key if fact.kind == "environment" else fact.data.get("environment", ""))
        if place:
            found.append((place[0], reverse("releases:environments:detail", args=[place[1]])))
        if service := self.services.get(fact.data.get("service", "")):
            found.append((fact.data["service"], reverse("squads:teams:service", args=[service])))
        if fact.kind in ("commits", "refs"):
            found.append((event.source.name, event.source.get_absolute_url()))
        return found


@dataclass(frozen=True, slots=True)
class Body:
    """A raw body as a page can show it: `form` is JSON, text or bytes; not `whole` when only its start is shown."""

    text: str
    form: str
    size: int
    whole: bool


def shown_body(body: bytes) -> Body:
    """Return a raw body for people to read: JSON laid out, other text as it is, bytes as hexadecimal digits."""
    size = len(body)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Body(_hexadecimal(body[:SHOWN_BYTES]), "bytes", size, size <= SHOWN_BYTES)
    if "\0" in text:
        return Body(_hexadecimal(body[:SHOWN_BYTES]), "bytes", size, size <= SHOWN_BYTES)
    form = "text"
    if size <= 4 * SHOWN_CHARACTERS:
        try:
            text, form = json.dumps(parse_json(body), indent=2, ensure_ascii=False), "JSON"
        except (NotJson, RecursionError, ValueError):
            pass
    return Body(text[:SHOWN_CHARACTERS], form, size, len(text) <= SHOWN_CHARACTERS)


def _hexadecimal(body: bytes) -> str:
    lines = []
    for start in range(0, len(body), 16):
        row = body[start : start + 16]
        plain = "".join(chr(each) if 32 <= each < 127 else "." for each in row)
        lines.append(f"{start:08x}  {row.hex(' '):<47}  {plain}")
    return "\n".join(lines)


def unknown(services: set[str], environments: set[str], stories: set[str]) -> list[str]:
    """Say which of these the portal does not know yet, and what it makes of that. At most four queries."""
    said = []
    if services:
        known = Service.objects.named(services).keys()
        said += [
            f"There was no service “{name}”, so it was created without an owner. Claim it under /services/."
            for name in sorted(services - known)
        ]
    if environments:
        said += _about_environments(environments)
    if stories:
        unknown = stories - set(Story.objects.named(stories))
        shared = set(StoryAlias.objects.filter(key__in=unknown).values_list("key", flat=True))
        said += [
            f"Several stories have the key {key}, so this counts for none of them."
            if key in shared
            else f"There’s no story {key} yet. The evidence counts once there is."
            for key in sorted(unknown)[:20]
        ]
    return said


def _about_environments(names: set[str]) -> list[str]:
    said = []
    for name in sorted(names - Environment.objects.named(names).keys()):
        guess = tier_of(name)
        text = f"There was no environment “{name}”, so it was created with the tier guessed as {guess}."
        if guess == Environment.Tier.PRODUCTION:
            text += " Confirm it under /sources/unmapped/."
        said.append(text)
    return said
