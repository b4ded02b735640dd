"""What people do to sources. The pages, the API and the command line call these same verbs.

Only administrators connect sources: a source reaches other machines, and a path reaches this one. `by` is None for
whoever may run commands on the machine itself.
"""

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.text import slugify

from portal.kernel import clock, http
from portal.kernel.outbox import tell
from portal.kernel.transitions import AlreadyMoved, move
from releases.intake import claims, git_pulls
from releases.intake.actions import replay
from releases.intake.models import InboundEvent, Source
from releases.pipelines.models import Mainline, Repository
from releases.pipelines.providers import PROVIDERS
from releases.pipelines.providers.git import config
from releases.pipelines.providers.git.client import Git
from releases.pipelines.providers.signatures import digest
from releases.pipelines.reactions import plain_name, repository_named
from squads.teams.actions import claim_service, free_slug
from squads.teams.models import Service, Squad

# Addresses such as /sources/new/git/ belong to pages.
TAKEN = {"new", "help", "hosts", "mapping", "unmapped"}
EVENTS = [(kind, PROVIDERS[kind].name) for kind in ("cdevents", "report")]
PUSHES = [(kind, provider.name) for kind, provider in PROVIDERS.items() if provider.pushes]


def administers(by: Any) -> None:
    """Refuse everybody but administrators, and commands on the machine itself."""
    if by is not None and not by.is_staff:
        raise PermissionDenied("Only administrators connect and change sources. Ask one of them.")


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


def checked_address(text: str) -> config.Address:
    """Return where a repository is, a path made absolute; a ValidationError says what is wrong and what to do."""
    try:
        address = config.address(text)
    except config.NotAccepted as error:
        raise ValidationError({error.field: str(error)}) from None
    if not address.local:
        return address
    try:
        place = Path(address.url).expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise ValidationError({"url": f"There is no folder {address.url!r} on the worker's machine."}) from None
    address = config.Address(str(place), local=True)
    if not Git(Path(settings.RODEO_GIT_DIR), address, timeout=20).is_repository():
        raise ValidationError(
            {"url": f"{place} is not a git repository. Give the folder that holds .git, or a bare repository."}
        )
    return address


def checked_rules(
    *, release_tags: str = "", deploys_to: str = "", branch: str = "", line: str | None = None, user: str = ""
) -> dict[str, Any]:
    """Return a git source's rules as its configuration holds them; a ValidationError names the field at fault."""
    try:
        config.pattern(release_tags.strip())
        branch = config.branch(branch)
    except config.NotAccepted as error:
        raise ValidationError({error.field: str(error)}) from None
    for name, text in (("deploys_to", deploys_to), ("line", line or ""), ("user", user)):
        if len(text.strip()) > 120 or any(ord(sign) < 32 for sign in text):
            raise ValidationError({name: "Use at most 120 characters, without line breaks."})
    if deploys_to.strip() and not release_tags.strip():
        raise ValidationError({"release_tags": "Say which tags are releases, such as v*: they are what is deployed."})
    rules: dict[str, Any] = {
        "release_tags": release_tags.strip(),
        "deploys_to": deploys_to.strip(),
        "branch": branch,
        "user": user.strip(),
    }
    rules = {name: value for name, value in rules.items() if value}
    return rules if line is None else {**rules, "release_line": line.strip()}


@transaction.atomic
def connect_git(
    *,
    by: Any,
    url: str,
    service: str,
    squad: Squad,
    release_tags: str = "",
    deploys_to: str = "",
    branch: str = "",
    line: str | None = None,
    secret: str = "",
    user: str = "",
    name: str = "",
    repository: str = "",
) -> tuple[Source, bool]:
    """Point Rodeo at a git repository; return the source and whether it is new. The worker pulls it within seconds.

    The service is created if there is none of this name, or claimed for the squad if nobody owns it. Saying it again
    for the same address changes the rules. `line` is what the releases are releases of: None for the service, "" for
    the whole company. `repository` is how events call it, when the address does not tell.
    """
    administers(by)
    address = checked_address(url)
    rules = checked_rules(release_tags=release_tags, deploys_to=deploys_to, branch=branch, line=line, user=user)
    owned = _service(service, squad, by)
    known = Source.objects.filter(kind="git", config__url=address.url).select_related("repository").first()
    if known is not None and known.repository is not None:
        _claim_repository(known.repository, owned)
        edit_git(known, by=by, secret=secret or None, name=name or known.name, **_as_said(rules, line))
        return known, False
    place = _repository(address, repository, owned)
    source = Source.objects.create(
        key=free_key(name or place.key.rpartition("/")[2]),
        name=(name or place.key)[:120],
        kind="git",
        credential=secret,
        config={"url": address.url, **rules},
        repository=place,
        next_pull_at=clock.now(),
    )
    tell("service.changed", id=owned.pk, name=owned.name, repositories=[place.pk])
    return source, True


def _as_said(rules: dict[str, Any], line: str | None) -> dict[str, Any]:
    return {
        "release_tags": rules.get("release_tags", ""),
        "deploys_to": rules.get("deploys_to", ""),
        "branch": rules.get("branch", ""),
        "user": rules.get("user", ""),
        "line": line,
    }


def _service(name: str, squad: Squad, by: Any) -> Service:
    name = name.strip()
    if not name or len(name) > 120:
        raise ValidationError({"service": "Name the service that this repository makes, in at most 120 characters."})
    service = Service.objects.filter(name=name).select_related("squad").first()
    if service is None:
        return Service.objects.create(name=name, squad=squad, slug=free_slug(Service, name, "service"))
    if service.squad is None:
        return claim_service(service, squad, by=by)
    if service.squad != squad:
        raise ValidationError(
            {"squad": f"The service {name} belongs to squad {service.squad}. Name that squad, or another service."}
        )
    return service


def _repository(address: config.Address, called: str, service: Service) -> Repository:
    """Return the repository an address stands for: one that events named already, else a new one."""
    repository = repository_named(called or address.name)
    if not called and repository.sources.filter(kind="git").exists():
        # Another address ends in the same words: this one needs more of its own to be told apart.
        longer = "/".join(Path(address.url).parts[-2:]) if address.local else plain_name(address.url)
        repository = Repository.objects.get_or_create(key=longer.removesuffix(".git")[:250])[0]
    if repository.sources.filter(kind="git").exists():
        raise ValidationError(
            {"url": f"The repository {repository.key} is connected already, by source {repository.sources.first()}."}
        )
    _claim_repository(repository, service)
    if repository.url != address.url and not address.local:
        repository.url = address.url[:1000]
        repository.save(update_fields=["url"])
    return repository


def _claim_repository(repository: Repository, service: Service) -> None:
    Repository.objects.filter(pk=repository.pk, service=None).update(service=service)
    repository.refresh_from_db(fields=["service"])
    if repository.service != service:
        raise ValidationError(
            {
                "service": f"The repository {repository.key} belongs to the service {repository.service}. "
                "Name that service, or take the repository away from it first."
            }
        )


def free_key(name: str) -> str:
    """Return a key that is free for a source of this name."""
    stem = slugify(name)[:50] or "source"
    key, number = stem, 1
    while key in TAKEN or Source.objects.filter(key=key).exists():
        number += 1
        key = f"{stem}-{number}"
    return key


# What trying a source again, because somebody changed it, writes.
TRIED = ["state", "next_pull_at", "failures", "last_error", "waits_for", "claimed_until", "progress"]


def try_again(source: Source, before: Source, *, asked: bool = True) -> None:
    """Have a source that was changed asked at once, whatever went wrong `before`; one that is paused stays paused.

    A pull under way loses its claim: it reads with what was said before, and must not keep its cursor.
    """
    source.claimed_until, source.progress = None, {}
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


@transaction.atomic
def edit_git(
    source: Source,
    *,
    by: Any,
    secret: str | None = None,
    name: str | None = None,
    url: str | None = None,
    release_tags: str = "",
    deploys_to: str = "",
    branch: str = "",
    line: str | None = None,
    user: str = "",
) -> Source:
    """Change a git source's rules; what they say about the tags known already is worked out anew.

    None leaves secret, name and address as they are. The next pull comes at once.
    """
    administers(by)
    rules = checked_rules(release_tags=release_tags, deploys_to=deploys_to, branch=branch, line=line, user=user)
    before = Source.objects.select_for_update().get(pk=source.pk)
    place = before.config.get("url", "") if url is None else checked_address(url).url
    if before.credential and secret is None and place.startswith("http"):
        stays_at_home("secret", before.config.get("url", ""), place)
    other = Source.objects.filter(kind="git", config__url=place).exclude(pk=source.pk).first()
    if other is not None:
        raise ValidationError({"url": f"Source {other} pulls this address already."})
    source.config = {"url": place, **rules}
    source.credential = before.credential if secret is None else secret
    source.name = (name or before.name)[:120]
    try_again(source, before)
    source.save(update_fields=["config", "credential", "name", *TRIED])
    tell("source.standing", id=source.pk)
    if source.config != before.config:
        looks = Mainline.objects.filter(repository=source.repository, event__source=source)
        replay(looks.values_list("event_id", flat=True))
    return source


def pull_soon(source: Source) -> None:
    """Have a source pulled within seconds, whatever its turn is. Refused with the reason while it is paused."""
    if source.kind not in claims.KINDS or not source.config.get("url"):
        raise ValidationError(f"{source} is not pulled: it sends its events by itself.")
    if source.state == Source.State.BROKEN:
        raise ValidationError(f"{source} is broken. Mend what its page says, then try it again there.")
    if source.state != Source.State.ACTIVE:
        raise ValidationError(f"{source} is paused. Resume it first.")
    Source.objects.filter(pk=source.pk).update(next_pull_at=clock.now())


def pause(source: Source, *, by: Any) -> None:
    """Stop taking anything from a source. What it said stays; a pull under way is stopped."""
    administers(by)
    try:
        move(
            source,
            "state",
            Source.State.PAUSED,
            leaving=[Source.State.ACTIVE, Source.State.BROKEN],
            by=by,
            claimed_until=None,
            progress={},
        )
        tell("source.standing", id=source.pk)
    except AlreadyMoved:
        source.refresh_from_db()


def resume(source: Source, *, by: Any) -> None:
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
        tell("source.standing", id=source.pk)
    except AlreadyMoved:
        source.refresh_from_db()


@transaction.atomic
def remove(source: Source, *, by: Any) -> None:
    """Delete a source that never said anything. One that did is what evidence rests on: it can only be paused."""
    administers(by)
    if InboundEvent.objects.filter(source=source).exists():
        raise ValidationError(f"{source} has events, and evidence rests on them. Pause it instead.")
    mirror = git_pulls.mirror_of(source) if source.kind == "git" else None
    source.delete()
    if mirror is not None:
        transaction.on_commit(mirror.forget)


@transaction.atomic
def create_push(*, by: Any, kind: str, name: str, repository: str = "") -> tuple[Source, str]:
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


def rename(source: Source, name: str, *, by: Any) -> None:
    """Give a source another name; its key, and so its address, stays."""
    administers(by)
    source.name = name.strip()[:120] or source.name
    source.save(update_fields=["name"])


def last_day(source: Source) -> int:
    """Return how many events a source brought in the last 24 hours."""
    return InboundEvent.objects.filter(source=source, received_at__gt=clock.now() - timedelta(days=1)).count()
