"""Connecting a git repository as a source, and changing how it is read."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.names import fold_name
from portal.kernel.outbox import publish
from releases.inbox.actions import replay
from releases.inbox.models import Source
from releases.pipelines.models import Mainline, Repository
from releases.pipelines.repositories import get_or_create_repository, repository_key
from releases.providers.git import config
from releases.providers.git.client import Git
from releases.sources.actions import (
    RETRY_COLUMNS,
    changed,
    check_administrator,
    check_same_server,
    connected,
    free_key,
    retry_now,
)
from squads.events import ServiceChanged, ServiceSaved
from squads.teams.actions import claim_service, create_service
from squads.teams.models import Service, Squad


def validate_address(text: str) -> config.Address:
    """Return a repository's address, a path made absolute; a ValidationError says what is wrong and what to do."""
    try:
        address = config.address(text)
    except config.InvalidSetting as error:
        raise ValidationError({error.field: str(error)}) from None
    if not address.local:
        return address
    try:
        folder = Path(address.url).expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise ValidationError({"url": f"There’s no folder {address.url!r} on the worker’s machine."}) from None
    address = config.Address(str(folder), local=True)
    if not Git(Path(settings.RODEO_GIT_DIR), address, timeout=20).is_repository():
        raise ValidationError(
            {"url": f"{folder} isn’t a git repository. Enter the folder with .git, or a bare repository."}
        )
    return address


def validate_rules(
    *, release_tags: str = "", deploys_to: str = "", branch: str = "", line: str | None = None, user: str = ""
) -> dict[str, Any]:
    """Return a git source's rules as its configuration holds them; a ValidationError names the field at fault."""
    try:
        config.tag_pattern(release_tags.strip())
        branch = config.branch_name(branch)
    except config.InvalidSetting as error:
        raise ValidationError({error.field: str(error)}) from None
    for name, text in (("deploys_to", deploys_to), ("line", line or ""), ("user", user)):
        if len(text.strip()) > 120 or any(ord(sign) < 32 for sign in text):
            raise ValidationError({name: "Use at most 120 characters, without line breaks."})
    if deploys_to.strip() and not release_tags.strip():
        raise ValidationError({"release_tags": "Set which tags are releases first, such as v*."})
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

    The service is created if there is none of this name, or claimed for the squad if nobody owns it. For an address that
    is connected already, the rules are changed. `line` is the release line: None for the service, "" for the whole
    company. `repository` is the name that events use, where it does not follow from the address.
    """
    check_administrator(by)
    address = validate_address(url)
    rules = validate_rules(release_tags=release_tags, deploys_to=deploys_to, branch=branch, line=line, user=user)
    owning_service = _find_service(service, squad, by)
    known = Source.objects.filter(kind="git", config__url=address.url).select_related("repository").first()
    if known is not None and known.repository is not None:
        _claim_repository(known.repository, owning_service)
        edit_git(known, by=by, secret=secret or None, name=name or known.name, **_rules_as_arguments(rules, line))
        return known, False
    found = _find_repository(address, repository, owning_service)
    source = Source.objects.create(
        key=free_key(name or found.key.rpartition("/")[2]),
        name=(name or found.key)[:120],
        kind="git",
        credential=secret,
        config={"url": address.url, **rules},
        repository=found,
        next_pull_at=clock.now(),
    )
    connected(source, by=by)
    publish(ServiceChanged(id=owning_service.pk, repositories=[found.pk]))
    return source, True


def _rules_as_arguments(rules: dict[str, Any], line: str | None) -> dict[str, Any]:
    return {
        "release_tags": rules.get("release_tags", ""),
        "deploys_to": rules.get("deploys_to", ""),
        "branch": rules.get("branch", ""),
        "user": rules.get("user", ""),
        "line": line,
    }


def _find_service(name: str, squad: Squad, by: Actor | None) -> Service:
    name = name.strip()
    if not name or len(name) > 120:
        raise ValidationError({"service": "Enter the repository’s service, in at most 120 characters."})
    service: Service | None = Service.objects.select_related("squad").find(name)
    if service is None:
        return create_service(by=by, name=name, squad=squad)
    if service.squad is None:
        return claim_service(service, squad, by=by)
    if service.squad != squad:
        raise ValidationError(
            {"squad": f"The service {name} belongs to {service.squad}. Choose that squad, or another service."}
        )
    return service


def _find_repository(address: config.Address, name: str, service: Service) -> Repository:
    """Return the repository of an address: one that events named already, else a new one."""
    repository = get_or_create_repository(name or address.name)
    if not name and repository.sources.filter(kind="git").exists():
        # Another address ends in the same words: this one needs more of its own to be told apart.
        longer = "/".join(Path(address.url).parts[-2:]) if address.local else repository_key(address.url)
        repository = _repository_called(longer.removesuffix(".git")[:250])
    if repository.sources.filter(kind="git").exists():
        raise ValidationError(
            {"url": f"The repository {repository.key} is already connected by the source {repository.sources.first()}."}
        )
    _claim_repository(repository, service)
    if repository.url != address.url and not address.local:
        repository.url = address.url[:1000]
        repository.save(update_fields=["url"])
    return repository


def _repository_called(key: str) -> Repository:
    """Return the repository of exactly this key, in whatever case it is written, made if there is none."""
    known = Repository.objects.filter(folded=fold_name(key)).order_by("pk").first()
    return known or Repository.objects.create(key=key)


def _claim_repository(repository: Repository, service: Service) -> None:
    if Repository.objects.filter(pk=repository.pk, service=None).update(service=service):
        publish(ServiceSaved(ids=[service.pk]))
    repository.refresh_from_db(fields=["service"])
    if repository.service != service:
        raise ValidationError(
            {
                "service": f"The repository {repository.key} belongs to the service {repository.service}. "
                "Enter that service, or remove the repository from it first."
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
    """Change a git source's rules, apply them to the tags known already, and pull it at once.

    None leaves secret, name and address as they are.
    """
    check_administrator(by)
    rules = validate_rules(release_tags=release_tags, deploys_to=deploys_to, branch=branch, line=line, user=user)
    before = Source.objects.select_for_update().get(pk=source.pk)
    address = before.config.get("url", "") if url is None else validate_address(url).url
    if before.credential and secret is None and address.startswith("http"):
        check_same_server("secret", before.config.get("url", ""), address)
    other = Source.objects.filter(kind="git", config__url=address).exclude(pk=source.pk).first()
    if other is not None:
        raise ValidationError({"url": f"The source {other} already pulls this address."})
    source.config = {"url": address, **rules}
    source.credential = before.credential if secret is None else secret
    source.name = (name or before.name)[:120]
    retry_now(source, before)
    source.save(update_fields=["config", "credential", "name", *RETRY_COLUMNS])
    changed(source, before, by=by)
    if source.config != before.config:
        refs_events = Mainline.objects.filter(repository=source.repository, event__source=source)
        replay(refs_events.values_list("event_id", flat=True))
    return source
