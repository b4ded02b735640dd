"""Connecting a git repository, and changing how it is read."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.outbox import publish
from releases.inbox.actions import replay
from releases.inbox.models import Source
from releases.pipelines.change_links import plain_name, repository_named
from releases.pipelines.models import Mainline, Repository
from releases.providers.git import config
from releases.providers.git.client import Git
from releases.sources.actions import TRIED, administers, free_key, stays_at_home, try_again
from squads.teams.actions import claim_service, free_slug
from squads.teams.models import Service, Squad


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
    by: Actor | None,
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
    publish("service.changed", id=owned.pk, name=owned.name, repositories=[place.pk])
    return source, True


def _as_said(rules: dict[str, Any], line: str | None) -> dict[str, Any]:
    return {
        "release_tags": rules.get("release_tags", ""),
        "deploys_to": rules.get("deploys_to", ""),
        "branch": rules.get("branch", ""),
        "user": rules.get("user", ""),
        "line": line,
    }


def _service(name: str, squad: Squad, by: Actor | None) -> Service:
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


@transaction.atomic
def edit_git(
    source: Source,
    *,
    by: Actor | None,
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
    publish("source.standing", id=source.pk)
    if source.config != before.config:
        looks = Mainline.objects.filter(repository=source.repository, event__source=source)
        replay(looks.values_list("event_id", flat=True))
    return source
