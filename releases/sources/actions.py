"""What people do to sources, called by the pages, the API and the command line.

Only administrators connect sources: a source reaches other machines, and a path reaches this one. `by` is None for
whoever may run commands on the machine itself.
"""

import secrets
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify

from portal.kernel import audit, clock, http, policy
from portal.kernel.actors import Actor, Anyone
from portal.kernel.outbox import publish
from portal.kernel.transitions import AlreadyMoved, move
from releases.events import SourceHealthChanged, SourceSaved
from releases.inbox.models import InboundEvent, Source
from releases.pipelines.repositories import get_or_create_repository
from releases.providers import PROVIDERS, zones
from releases.providers.base import InvalidSetting
from releases.providers.signatures import token_digest
from releases.pulling import git_pull, leases
from squads.teams.models import Squad

# Keys that no source may have, since pages or the API use them: /sources/new/, /api/v1/sources/git/ and the like.
RESERVED_KEYS = {"new", "help", "hosts", "bots", "mapping", "unmapped", "git", "push", "system"}
EVENT_KINDS = [(kind, PROVIDERS[kind].name) for kind in ("cdevents", "report")]
PUSH_KINDS = [(kind, provider.name) for kind, provider in PROVIDERS.items() if provider.pushes]


def check_administrator(by: Anyone | None) -> None:
    """Refuse everybody who may not connect and change sources."""
    policy.check_administrator(by, "connect and change sources")


def find_squad(name: str) -> Squad:
    """Return the squad with this name, slug or key prefix; a ValidationError lists the squads there are."""
    name = name.strip()
    for lookup in ("name__iexact", "slug", "key_prefix__iexact"):
        squad = Squad.objects.filter(**{lookup: name}).first()
        if squad is not None:
            return squad
    names = ", ".join(Squad.objects.values_list("name", flat=True)[:30])
    there_are = f"Squads: {names}." if names else "Create one first."
    raise ValidationError({"squad": f"There’s no squad “{name[:80]}”. {there_are}"})


def free_key(name: str) -> str:
    """Return a key that is free for a source of this name."""
    stem = slugify(name)[:50] or "source"
    key, number = stem, 1
    while key in RESERVED_KEYS or Source.objects.filter(key=key).exists():
        number += 1
        key = f"{stem}-{number}"
    return key


# The columns that `retry_now` sets.
RETRY_COLUMNS = [
    "state",
    "next_pull_at",
    "failures",
    "last_error",
    "error_detail",
    "waits_for",
    "leased_until",
    "progress",
]


def retry_now(source: Source, before: Source, *, asked: bool = True) -> None:
    """Schedule a pull of a changed source for now and clear its errors; one that is paused stays paused.

    A pull under way loses its lease: it reads with the settings of `before`, and must not store its cursor.
    """
    source.leased_until, source.progress = None, {}
    source.next_pull_at = clock.now() if asked else None
    source.failures, source.last_error, source.error_detail, source.waits_for = 0, "", "", ""
    source.state = Source.State.ACTIVE if before.state == Source.State.BROKEN else before.state


def check_same_server(field: str, before: str, after: str) -> None:
    """Refuse to send a stored secret to another server: whoever changes the address has to type the secret again."""
    if _origin(before) != _origin(after):
        raise ValidationError({field: "The new address is on another server. Enter this again."})


def _origin(address: str) -> tuple[str, str, int] | str:
    try:
        return http.origin(http.address(address))
    except http.BadAddress:
        return address


def pull_soon(source: Source) -> None:
    """Have a source pulled within seconds, due or not. A ValidationError says why a paused or broken one is not."""
    if source.kind not in leases.PULLED_KINDS or not source.config.get("url"):
        raise ValidationError(f"{source} isn’t pulled. It sends events instead.")
    if source.state == Source.State.BROKEN:
        raise ValidationError(f"{source} is broken. Fix the error on its page, then choose “Try again”.")
    if source.state != Source.State.ACTIVE:
        raise ValidationError(f"{source} is paused. Resume it first.")
    Source.objects.filter(pk=source.pk).update(next_pull_at=clock.now())


def pause(source: Source, *, by: Actor | None) -> None:
    """Take no more events from a source, and stop a pull under way. Its events so far stay."""
    check_administrator(by)
    try:
        move(
            source,
            "state",
            Source.State.PAUSED,
            leaving=[Source.State.ACTIVE, Source.State.BROKEN],
            by=by,
            leased_until=None,
            progress={},
        )
        audit.record(by=by, did=f"paused the source {source}", kind="source", key=source.key)
        publish(SourceHealthChanged(id=source.pk))
    except AlreadyMoved:
        source.refresh_from_db()


def resume(source: Source, *, by: Actor | None) -> None:
    """Take events from a paused or broken source again; one that is pulled is pulled at once."""
    check_administrator(by)
    try:
        move(
            source,
            "state",
            Source.State.ACTIVE,
            leaving=[Source.State.PAUSED, Source.State.BROKEN],
            by=by,
            next_pull_at=clock.now(),
            failures=0,
            last_error="",
            error_detail="",
            waits_for="",
        )
        audit.record(by=by, did=f"resumed the source {source}", kind="source", key=source.key)
        publish(SourceHealthChanged(id=source.pk))
    except AlreadyMoved:
        source.refresh_from_db()


@transaction.atomic
def remove(source: Source, *, by: Actor | None) -> None:
    """Delete a source without events. One with events can only be paused, since evidence rests on them."""
    check_administrator(by)
    if InboundEvent.objects.filter(source=source).exists():
        raise ValidationError(f"{source} has events that are used as evidence. Pause it instead.")
    mirror = git_pull.mirror_of(source) if source.kind == "git" else None
    pk = source.pk
    audit.record(by=by, did=f"removed the source {source}", kind="source", key=source.key)
    source.delete()
    publish(SourceSaved(ids=[pk]))
    if mirror is not None:
        transaction.on_commit(mirror.forget)


@transaction.atomic
def create_push_source(
    *, by: Actor | None, kind: str, name: str, repository: str = "", zone: str = ""
) -> tuple[Source, str]:
    """Create a source for a system that sends its events; return it and its token, which is shown only now."""
    check_administrator(by)
    if kind not in dict(PUSH_KINDS):
        raise ValidationError({"kind": f"Choose one of {', '.join(dict(PUSH_KINDS))}."})
    name = name.strip()
    if not name or len(name) > 120:
        raise ValidationError({"name": "Enter a name of at most 120 characters, such as Deployments."})
    token = secrets.token_urlsafe(32)
    source = Source.objects.create(
        key=free_key(name),
        name=name,
        kind=kind,
        config=_config_with_zone(kind, zone.strip()),
        secret=token,
        token_digest=token_digest(token),
        repository=get_or_create_repository(repository) if repository.strip() else None,
    )
    connected(source, by=by)
    return source, token


@transaction.atomic
def rename_source(source: Source, name: str) -> None:
    """Call a source otherwise; its key, which is in addresses, stays."""
    source.name = name
    source.save(update_fields=["name"])
    publish(SourceSaved(ids=[source.pk]))


def connected(source: Source, *, by: Actor | None) -> None:
    """Tell of a new source, in the caller's transaction."""
    provider = PROVIDERS[source.kind].name
    where = source.config.get("url", "")
    did = f"connected the source {source} ({provider}{f', {where}' if where else ''})"
    audit.record(by=by, did=did, kind="source", key=source.key)
    publish(SourceSaved(ids=[source.pk]))


def changed(source: Source, before: Source, *, by: Actor | None) -> None:
    """Tell of a changed source, in the caller's transaction, and note which parts are others now: never what secrets are."""
    parts = [name for name in ("name", "squad_id", "stories_for_id") if getattr(source, name) != getattr(before, name)]
    keys = {*source.config, *before.config}
    parts += sorted(key for key in keys if source.config.get(key) != before.config.get(key))
    if (source.secret, source.credential) != (before.secret, before.credential):
        parts.append("its secrets")
    what = ", ".join(part.removesuffix("_id").replace("_", " ") for part in parts) or "nothing new"
    audit.record(by=by, did=f"edited the source {source}: {what}", kind="source", key=source.key)
    publish(SourceSaved(ids=[source.pk]))
    publish(SourceHealthChanged(id=source.pk))


def _config_with_zone(kind: str, zone: str) -> dict[str, str]:
    if not zone:
        return {}
    if zones.ZONE not in PROVIDERS[kind].settings:
        raise ValidationError({"zone": f"{PROVIDERS[kind].name} always sends a time zone. Leave this empty."})
    try:
        zones.check({"zone": zone})
    except InvalidSetting as error:
        raise ValidationError({error.field: str(error)}) from None
    return {"zone": zone}


def events_last_day(source: Source) -> int:
    """Return how many events a source received in the last 24 hours."""
    return InboundEvent.objects.filter(source=source, received_at__gt=clock.now() - timedelta(days=1)).count()
