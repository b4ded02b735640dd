"""What people do to sources. The pages, the API and the command line call these same verbs.

Only administrators connect sources: a source reaches other machines, and a path reaches this one. `by` is None for
whoever may run commands on the machine itself.
"""

import secrets
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify

from portal.kernel import clock, http
from portal.kernel.actors import Actor, Anyone
from portal.kernel.outbox import publish
from portal.kernel.policy import check_administrator
from portal.kernel.transitions import AlreadyMoved, move
from releases.inbox.models import InboundEvent, Source
from releases.pipelines.change_links import repository_named
from releases.providers import PROVIDERS
from releases.providers.signatures import digest
from releases.pulling import git_pull, leases
from squads.teams.models import Squad

# Addresses such as /sources/new/git/ belong to pages.
TAKEN = {"new", "help", "hosts", "mapping", "unmapped"}
EVENTS = [(kind, PROVIDERS[kind].name) for kind in ("cdevents", "report")]
PUSHES = [(kind, provider.name) for kind, provider in PROVIDERS.items() if provider.pushes]


def administers(by: Anyone | None) -> None:
    """Refuse everybody who may not connect and change sources."""
    check_administrator(by, "connect and change sources")


def squad_called(text: str) -> Squad:
    """Return the squad with this name, slug or key prefix; a ValidationError lists the squads there are."""
    text = text.strip()
    for lookup in ("name__iexact", "slug", "key_prefix__iexact"):
        squad = Squad.objects.filter(**{lookup: text}).first()
        if squad is not None:
            return squad
    names = ", ".join(Squad.objects.values_list("name", flat=True)[:30])
    there_are = f"There are: {names}." if names else "There is none yet: create it on the page of squads first."
    raise ValidationError({"squad": f"No squad is called “{text[:80]}”. {there_are}"})


def free_key(name: str) -> str:
    """Return a key that is free for a source of this name."""
    stem = slugify(name)[:50] or "source"
    key, number = stem, 1
    while key in TAKEN or Source.objects.filter(key=key).exists():
        number += 1
        key = f"{stem}-{number}"
    return key


# What trying a source again, because somebody changed it, writes.
TRIED = ["state", "next_pull_at", "failures", "last_error", "waits_for", "leased_until", "progress"]


def try_again(source: Source, before: Source, *, asked: bool = True) -> None:
    """Have a source that was changed asked at once, whatever went wrong `before`; one that is paused stays paused.

    A pull under way loses its claim: it reads with what was said before, and must not keep its cursor.
    """
    source.leased_until, source.progress = None, {}
    source.next_pull_at = clock.now() if asked else None
    source.failures, source.last_error, source.waits_for = 0, "", ""
    source.state = Source.State.ACTIVE if before.state == Source.State.BROKEN else before.state


def stays_at_home(field: str, before: str, now: str) -> None:
    """Refuse to take a kept secret along to another server: whoever changes the address must know it."""
    if _server(before) != _server(now):
        raise ValidationError(
            {
                field: "The address leads to another server now, and what is kept was given for the one before. Type it again."
            }
        )


def _server(address: str) -> tuple[str, str, int] | str:
    try:
        return http.origin(http.address(address))
    except http.BadAddress:
        return address


def pull_soon(source: Source) -> None:
    """Have a source pulled within seconds, whatever its turn is. Refused with the reason while it is paused."""
    if source.kind not in leases.KINDS or not source.config.get("url"):
        raise ValidationError(f"{source} is not pulled: it sends its events by itself.")
    if source.state == Source.State.BROKEN:
        raise ValidationError(f"{source} is broken. Mend what its page says, then try it again there.")
    if source.state != Source.State.ACTIVE:
        raise ValidationError(f"{source} is paused. Resume it first.")
    Source.objects.filter(pk=source.pk).update(next_pull_at=clock.now())


def pause(source: Source, *, by: Actor | None) -> None:
    """Stop taking anything from a source. What it said stays; a pull under way is stopped."""
    administers(by)
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
        publish("source.standing", id=source.pk)
    except AlreadyMoved:
        source.refresh_from_db()


def resume(source: Source, *, by: Actor | None) -> None:
    """Take from a source again; one that is pulled is pulled at once."""
    administers(by)
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
            waits_for="",
        )
        publish("source.standing", id=source.pk)
    except AlreadyMoved:
        source.refresh_from_db()


@transaction.atomic
def remove(source: Source, *, by: Actor | None) -> None:
    """Delete a source that never said anything. One that did is what evidence rests on: it can only be paused."""
    administers(by)
    if InboundEvent.objects.filter(source=source).exists():
        raise ValidationError(f"{source} has events, and evidence rests on them. Pause it instead.")
    mirror = git_pull.mirror_of(source) if source.kind == "git" else None
    source.delete()
    if mirror is not None:
        transaction.on_commit(mirror.forget)


@transaction.atomic
def create_push(*, by: Actor | None, kind: str, name: str, repository: str = "") -> tuple[Source, str]:
    """Open a door for a system that sends its events; return the source and its token, which is shown only now."""
    administers(by)
    if kind not in dict(PUSHES):
        raise ValidationError({"kind": f"Choose one of {', '.join(dict(PUSHES))}."})
    name = name.strip()
    if not name or len(name) > 120:
        raise ValidationError({"name": "Give it a name of at most 120 characters, such as Deployments."})
    token = secrets.token_urlsafe(32)
    source = Source.objects.create(
        key=free_key(name),
        name=name,
        kind=kind,
        secret=token,
        token_digest=digest(token),
        repository=repository_named(repository) if repository.strip() else None,
    )
    return source, token


def rename(source: Source, name: str, *, by: Actor | None) -> None:
    """Give a source another name; its key, and so its address, stays."""
    administers(by)
    source.name = name.strip()[:120] or source.name
    source.save(update_fields=["name"])


def last_day(source: Source) -> int:
    """Return how many events a source brought in the last 24 hours."""
    return InboundEvent.objects.filter(source=source, received_at__gt=clock.now() - timedelta(days=1)).count()
