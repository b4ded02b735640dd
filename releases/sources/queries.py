"""What the pages of sources show."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.urls import reverse

from portal.kernel import clock
from releases.inbox.models import InboundEvent, Source
from releases.providers import PROVIDERS
from releases.providers.zones import REMEDY
from releases.pulling import leases
from releases.pulling.health import is_broken
from releases.sources import issues_as_stories

COUNT_LIMIT = 1000
EVENTS_SHOWN = 10


def listed_sources() -> QuerySet[Source]:
    """Return all sources by name, ready for a page."""
    return Source.objects.select_related("squad", "stories_for", "repository__service__squad").order_by("name", "pk")


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One line of the list of sources. `level` is good, warn, bad or "", and colours the text in `health`.

    `heard_at` is when it was last pulled or sent something.
    """

    source: Source
    kind: str
    level: str
    health: str
    events_last_day: int
    is_pulled: bool
    is_due: bool
    heard_at: datetime | None


def source_rows(sources: Iterable[Source]) -> list[SourceRow]:
    """Return the lines of the list, with one query for the events of the last day and one for the newest."""
    shown = list(sources)
    since = clock.now() - timedelta(days=1)
    recent = InboundEvent.objects.filter(source__in=shown, received_at__gt=since).order_by()
    counts = dict(recent.values("source").annotate(count=Count("pk")).values_list("source", "count"))
    heard = _heard_at(shown)
    return [
        SourceRow(
            each,
            kind_of(each),
            *source_health(each),
            counts.get(each.pk, 0),
            is_pulled(each),
            _is_due(each),
            max(filter(None, (each.last_pull_at, heard.get(each.pk))), default=None),
        )
        for each in shown
    ]


def _heard_at(sources: Iterable[Source]) -> dict[int, datetime | None]:
    """Return when the newest event of each of these sources came."""
    newest = InboundEvent.objects.filter(source=OuterRef("pk")).order_by("-received_at").values("received_at")[:1]
    rows = Source.objects.filter(pk__in=[each.pk for each in sources]).order_by()
    return dict(rows.values_list("pk", Subquery(newest)))


def kind_of(source: Source) -> str:
    """Return what people call a source's kind."""
    provider = PROVIDERS.get(source.kind)
    return provider.name if provider else source.kind


def source_health(source: Source) -> tuple[str, str]:
    """Return a source's health: its level (good, warn, bad or "") and a text for people."""
    if source.state == Source.State.PAUSED:
        return "warn", "paused"
    if source.state == Source.State.BROKEN:
        return "bad", "broken"
    if is_pulled(source) and is_pulling(source):
        return "", "pulling"
    if source.last_error or is_broken(source):
        return "bad", "failing"
    if source.waits_for:
        return "", "waits"
    if not is_pulled(source):
        if source.secret:
            return "good", "open"
        return ("bad", "has an unreadable token") if source.token_digest else ("", "has no token")
    if source.last_success_at:
        return "good", "up to date"
    return "", "first read" if source.last_pull_at else "waiting for first pull"


def _is_due(source: Source) -> bool:
    """Say whether a source is due for a pull, whether a worker has leased it already or not."""
    waits = source.next_pull_at is not None and source.next_pull_at > clock.now()
    return is_pulled(source) and source.state == Source.State.ACTIVE and not waits


def is_pulled(source: Source) -> bool:
    """Say whether a source is pulled: its kind can be, and it has an address."""
    return source.kind in leases.PULLED_KINDS and bool(source.config.get("url"))


def is_pulling(source: Source) -> bool:
    """Say whether a worker pulls a source now. One that is leased but has no progress yet still waits for a worker."""
    return source.leased_until is not None and source.leased_until > clock.now() and bool(source.progress)


@dataclass(frozen=True, slots=True)
class PullState:
    """What the changing part of a source's page shows. `busy` means that the page should ask again soon."""

    pulled: bool
    pulling: bool
    level: str
    health: str
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
    # Changes when something else on the page is out of date.
    stamp: str


def pull_state(source: Source) -> PullState:
    """Return what the changing part of a source's page shows."""
    pulled = is_pulled(source)
    pulling = pulled and is_pulling(source)
    due = not pulling and _is_due(source)
    waiting = _count_events(source, InboundEvent.State.PENDING)
    progress: dict[str, Any] = source.progress if pulling and isinstance(source.progress, dict) else {}
    level, health = source_health(source)
    if pulled and waiting and level == "good":
        level, health = "", "linking" if source.kind == "git" else "reading events"
    done, of = int(progress.get("done") or 0), int(progress.get("of") or 0)
    return PullState(
        pulled=pulled,
        pulling=pulling,
        level=level,
        health=health,
        busy=pulling or due or (pulled and waiting > 0),
        step=str(progress.get("step") or "starting"),
        done=done,
        of=of,
        due=due,
        seen=_describe_refs(source),
        cursor=_describe_cursor(source),
        waiting=min(waiting, COUNT_LIMIT),
        failed=_count_events(source, InboundEvent.State.FAILED),
        waiting_is_over=waiting > COUNT_LIMIT,
        # The steps of git carry their numbers in their text.
        counted="" if source.kind == "git" or not done else f"{done:,} of {of:,}" if of else f"{done:,} so far",
        stamp=_stamp(source),
    )


def _stamp(source: Source) -> str:
    """Return what the rest of a source's page depends on: its state, and the newest event and how far it was read."""
    newest = (
        InboundEvent.objects.filter(source=source).order_by("-received_at", "id").values_list("pk", "state").first()
    )
    return f"{source.state} {newest[0]} {newest[1]}" if newest else source.state


def _count_events(source: Source, state: str) -> int:
    """Count a source's events in a state, no further than COUNTED + 1."""
    return InboundEvent.objects.filter(source=source, state=state).order_by().values("pk")[: COUNT_LIMIT + 1].count()


def _describe_cursor(source: Source) -> str:
    """Describe how far an API was read: the plain values of the cursor, whose meaning only the provider knows."""
    cursor = source.cursor if isinstance(source.cursor, dict) and source.kind != "git" else {}
    plain = [f"{name} {value}" for name, value in cursor.items() if isinstance(value, str | int) and value != ""]
    listed = sum(len(value) for value in cursor.values() if isinstance(value, dict | list))
    return "; ".join([*plain[:6], *([f"{listed:,} positions saved"] if listed else [])])[:300]


def _describe_refs(source: Source) -> str:
    """Describe the branch, head and tags that the newest pull of a repository found."""
    cursor = source.cursor if isinstance(source.cursor, dict) else {}
    if "head" not in cursor:
        return ""
    if not cursor["head"]:
        return "an empty repository: its commits appear here once you push some"
    tags = int(cursor.get("tags") or 0)
    at = clock.parse(cursor.get("at"))
    return (
        f"{cursor.get('branch') or 'a detached head'} at {cursor['head'][:8]}, {tags:,} tag{'' if tags == 1 else 's'}"
        f"{f', as of {at:%Y-%m-%d %H:%M} UTC' if at else ''}"
        f"{'; a shallow copy, so older commits are missing' if cursor.get('shallow') else ''}"
    )


def configuration_of(source: Source) -> list[tuple[str, str]]:
    """Return a source's configuration as (name, value) pairs; secrets only as set or not."""
    if source.kind != "git":
        return _settings_of(source)
    config = source.config
    line = config.get("release_line")
    service = source.repository.service if source.repository else None
    own_line = f"the service {service}" if service else "the service"
    return [
        ("Address", config.get("url", "")),
        ("Mainline", config.get("branch") or "the repository's default"),
        (
            "Releases",
            f"tags matching {config['release_tags']}" if config.get("release_tags") else "none",
        ),
        ("Deployments", f"each tag, to {config['deploys_to']}" if config.get("deploys_to") else "none"),
        ("Release line", own_line if line is None else line or "the whole company"),
        ("Token", "set" if source.credential else "none"),
    ]


def _settings_of(source: Source) -> list[tuple[str, str]]:
    provider = PROVIDERS.get(source.kind)
    if provider is None:
        return []
    found = [("Address", str(source.config["url"]))] if source.config.get("url") else []
    for setting in provider.settings:
        value = source.config.get(setting.name)
        if value:
            found.append((setting.label, ", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    if provider.tickets:
        found.append(("Issues become", issues_as_stories.describe(source)))
    if is_pulled(source):
        found.append(("Credential", "set" if source.credential else "none"))
    if source.squad:
        found.append(("Notified when it breaks", f"squad {source.squad}"))
    return found


def hook_url(source: Source) -> str:
    """Return the webhook address for a system, with or without a slash at its end as that system takes it."""
    provider = PROVIDERS.get(source.kind)
    address = settings.RODEO_BASE_URL + reverse("releases:inbox:hook", args=[source.key])
    return address if provider is None or provider.trailing_slash else address.rstrip("/")


def waiting_for_zone(source: Source) -> int:
    """Count the events that cannot be read before the zone of the source's times is chosen, no further than COUNT_LIMIT."""
    failed = InboundEvent.objects.filter(source=source, state=InboundEvent.State.FAILED, error__contains=REMEDY)
    return failed.order_by().values("pk")[:COUNT_LIMIT].count()


def newest_events(source: Source) -> list[InboundEvent]:
    """Return the newest events of a source, without their bodies."""
    events = InboundEvent.objects.filter(source=source).defer("body", "headers")
    return list(events.order_by("-received_at", "id")[:EVENTS_SHOWN])


def example_command(source: Source, token: str, at: datetime | None = None) -> str:
    """Return a curl command that reports a first deployment to a push source."""
    base = settings.RODEO_BASE_URL
    if source.kind == "report":
        return (
            f"curl -X POST {base}/api/v1/deployments/ \\\n"
            f"  -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\\n"
            """  -d '{"service": "checkout", "environment": "production", "version": "1.4.2"}'"""
        )
    moment = clock.iso(at or clock.now())
    return (
        f"curl -X POST {hook_url(source)} \\\n"
        f"  -H 'Authorization: Bearer {token}' -H 'Content-Type: application/cloudevents+json' \\\n"
        """  -d '{"specversion": "1.0", "id": "first", "source": "/try", "type": "dev.cdevents.service.deployed.0.2.0",\n"""
        """       "data": {"context": {"version": "0.4.1", "id": "first", "source": "/try",\n"""
        f"""         "type": "dev.cdevents.service.deployed.0.2.0", "timestamp": "{moment}"}},\n"""
        """       "subject": {"id": "checkout", "type": "service", "content": {"environment": {"id": "production"},\n"""
        """         "artifactId": "pkg:oci/checkout@sha256:4f5e6d7c"}}}}'"""
    )
