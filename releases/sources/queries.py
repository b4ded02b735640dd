"""What the pages of sources show."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet
from django.urls import reverse

from portal.kernel import clock
from releases.inbox.models import InboundEvent, Source
from releases.providers import PROVIDERS
from releases.pulling import leases
from releases.pulling.health import is_broken
from releases.sources import issue_settings

COUNTED = 1000
EVENTS_SHOWN = 10


def listed_sources() -> QuerySet[Source]:
    """Return all sources by name, ready for a page."""
    return Source.objects.select_related("squad", "stories_for", "repository__service__squad").order_by("name", "pk")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list of sources."""

    source: Source
    kind: str
    state: str
    words: str
    last_day: int
    is_due: bool


def source_rows(sources: Iterable[Source]) -> list[Row]:
    """Return the lines of the list, with one query for the events of the last day."""
    shown = list(sources)
    since = clock.now() - timedelta(days=1)
    recent = InboundEvent.objects.filter(source__in=shown, received_at__gt=since).order_by()
    counts = dict(recent.values("source").annotate(count=Count("pk")).values_list("source", "count"))
    return [Row(each, kind_of(each), *_standing(each), counts.get(each.pk, 0), _is_due(each)) for each in shown]


def kind_of(source: Source) -> str:
    """Return what people call a source's kind."""
    provider = PROVIDERS.get(source.kind)
    return provider.name if provider else source.kind


def _standing(source: Source) -> tuple[str, str]:
    """Return whether a source does well (good, warn, bad or "") and the word for it."""
    if source.state == Source.State.PAUSED:
        return "warn", "paused"
    if is_broken(source):
        return "bad", "broken"
    if source.last_error:
        return "bad", "failing"
    if source.waits_for:
        return "", "waits"
    if not is_asked(source):
        if source.secret:
            return "good", "open"
        return ("bad", "has a token that cannot be read") if source.token_digest else ("", "closed: it has no token")
    if is_pulling(source):
        return "", "pulling"
    return ("good", "up to date") if source.last_success_at else ("", "waits for its first pull")


def _is_due(source: Source) -> bool:
    """Say whether it is a source's turn, whether a worker took it already or not."""
    waits = source.next_pull_at is not None and source.next_pull_at > clock.now()
    return is_asked(source) and source.state == Source.State.ACTIVE and not waits


def is_asked(source: Source) -> bool:
    """Say whether a source is pulled: its kind can be, and it has an address."""
    return source.kind in leases.KINDS and bool(source.config.get("url"))


def is_pulling(source: Source) -> bool:
    """Say whether a worker reads a source now. One that is claimed, and that no worker took yet, waits."""
    return source.leased_until is not None and source.leased_until > clock.now() and bool(source.progress)


@dataclass(frozen=True, slots=True)
class PullState:
    """How far a source is. `busy` means that the page should look again soon."""

    pulled: bool
    standing: str
    word: str
    busy: bool
    step: str
    done: int
    of: int
    due: bool
    seen: str
    cursor: str
    waiting: int
    failed: int
    waiting_is_over: bool
    counted: str


def pull_state(source: Source) -> PullState:
    """Return what the changing part of a source's page says."""
    pulled = is_asked(source)
    pulling = pulled and is_pulling(source)
    due = not pulling and _is_due(source)
    waiting = _some(source, InboundEvent.State.PENDING)
    progress: dict[str, Any] = source.progress if pulling and isinstance(source.progress, dict) else {}
    standing, word = _standing(source)
    done, of = int(progress.get("done") or 0), int(progress.get("of") or 0)
    return PullState(
        pulled=pulled,
        standing=standing,
        word=word,
        busy=pulling or due or (pulled and waiting > 0),
        step=str(progress.get("step") or "starting"),
        done=done,
        of=of,
        due=due,
        seen=_seen(source),
        cursor=_cursor(source),
        waiting=min(waiting, COUNTED),
        failed=_some(source, InboundEvent.State.FAILED),
        waiting_is_over=waiting > COUNTED,
        # What git is doing says its numbers by itself.
        counted="" if source.kind == "git" or not done else f"{done:,} of {of:,}" if of else f"{done:,} so far",
    )


def _some(source: Source, state: str) -> int:
    """Count a source's events in a state, no further than COUNTED + 1."""
    return InboundEvent.objects.filter(source=source, state=state).order_by().values("pk")[: COUNTED + 1].count()


def _cursor(source: Source) -> str:
    """Say how far an API was read: the plain values of its cursor, which only its provider knows to read."""
    cursor = source.cursor if isinstance(source.cursor, dict) and source.kind != "git" else {}
    plain = [f"{name} {value}" for name, value in cursor.items() if isinstance(value, str | int) and value != ""]
    listed = sum(len(value) for value in cursor.values() if isinstance(value, dict | list))
    return "; ".join([*plain[:6], *([f"{listed:,} places kept"] if listed else [])])[:300]


def _seen(source: Source) -> str:
    """Say what the newest look at a repository saw."""
    cursor = source.cursor if isinstance(source.cursor, dict) else {}
    if "head" not in cursor:
        return ""
    if not cursor["head"]:
        return "the repository is empty"
    tags = int(cursor.get("tags") or 0)
    at = clock.parse(cursor.get("at"))
    return (
        f"{cursor.get('branch') or 'a detached head'} at {cursor['head'][:8]}, {tags:,} tag{'' if tags == 1 else 's'}"
        f"{f', as of {at:%Y-%m-%d %H:%M} UTC' if at else ''}"
    )


def rules_in_words(source: Source) -> list[tuple[str, str]]:
    """Return (name, value) of what a source was told; its secrets only as set or not."""
    if source.kind != "git":
        return _settings_in_words(source)
    said = source.config
    line = said.get("release_line")
    service = source.repository.service if source.repository else None
    own_line = f"the service {service}" if service else "the service"
    return [
        ("Address", said.get("url", "")),
        ("Mainline", said.get("branch") or "the repository's default"),
        (
            "Releases",
            f"tags matching {said['release_tags']}" if said.get("release_tags") else "none: no tag is a release",
        ),
        ("Deployments", f"each of them, to {said['deploys_to']}" if said.get("deploys_to") else "not from tags"),
        ("Releases are of", own_line if line is None else line or "the whole company"),
        ("Token", "one is kept, encrypted" if source.credential else "none"),
    ]


def _settings_in_words(source: Source) -> list[tuple[str, str]]:
    provider = PROVIDERS.get(source.kind)
    if provider is None:
        return []
    found = [("Address", str(source.config["url"]))] if source.config.get("url") else []
    for setting in provider.settings:
        value = source.config.get(setting.name)
        if value:
            found.append((setting.label, ", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    if provider.tickets:
        found.append(("Issues become", issue_settings.in_words(source)))
    if is_asked(source):
        found.append(("Credential", "one is kept, encrypted" if source.credential else "none"))
    if source.squad:
        found.append(("Told when it breaks", f"squad {source.squad}"))
    return found


def hook_of(source: Source) -> str:
    """Return the address to which a system sends, as that system takes it."""
    provider = PROVIDERS.get(source.kind)
    address = settings.RODEO_BASE_URL + reverse("releases:inbox:hook", args=[source.key])
    return address if provider is None or provider.trailing_slash else address.rstrip("/")


def newest_events(source: Source) -> list[InboundEvent]:
    """Return the newest events of a source, without their bodies."""
    events = InboundEvent.objects.filter(source=source).defer("body", "headers")
    return list(events.order_by("-received_at", "id")[:EVENTS_SHOWN])


def first_command(source: Source, token: str, at: datetime | None = None) -> str:
    """Return a command that tells a push source of a first deployment."""
    base = settings.RODEO_BASE_URL
    if source.kind == "report":
        return (
            f"curl -X POST {base}/api/v1/deployments/ \\\n"
            f"  -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\\n"
            """  -d '{"service": "checkout", "environment": "production", "version": "1.4.2"}'"""
        )
    moment = clock.iso(at or clock.now())
    return (
        f"curl -X POST {hook_of(source)} \\\n"
        f"  -H 'Authorization: Bearer {token}' -H 'Content-Type: application/cloudevents+json' \\\n"
        """  -d '{"specversion": "1.0", "id": "first", "source": "/try", "type": "dev.cdevents.service.deployed.0.2.0",\n"""
        """       "data": {"context": {"version": "0.4.1", "id": "first", "source": "/try",\n"""
        f"""         "type": "dev.cdevents.service.deployed.0.2.0", "timestamp": "{moment}"}},\n"""
        """       "subject": {"id": "checkout", "type": "service", "content": {"environment": {"id": "production"},\n"""
        """         "artifactId": "pkg:oci/checkout@sha256:4f5e6d7c"}}}}'"""
    )
