"""Connecting systems of any provider as sources, git excepted (connect_git.py).

A system may send events (it then signs them with a secret) and may be pulled (we then sign in with a credential). Pages,
API and command line call these same verbs.
"""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import audit, clock, http
from portal.kernel.actors import Actor
from portal.kernel.locks import hold
from portal.kernel.outbox import publish
from releases.events import EventsOutdated, SourceChanged
from releases.inbox.actions import replay_of
from releases.inbox.models import InboundEvent, Source
from releases.providers import PROVIDERS, zones
from releases.providers.base import InvalidSetting, Provider, PullFailed, Setting
from releases.providers.payloads import clean
from releases.providers.signatures import token_digest
from releases.pulling.api_pull import describe_access
from releases.sources import issues_as_stories
from releases.sources.actions import (
    RETRY_COLUMNS,
    changed,
    check_administrator,
    check_same_server,
    connected,
    free_key,
    retry_now,
)
from squads.models import Squad

SYSTEM_KINDS = [(kind, provider.name) for kind, provider in PROVIDERS.items() if kind != "git"]
LONGEST_SETTING = 4000
# How long a replaced secret stays valid, so that no event is lost until the system has the new one.
PREVIOUS_SECRET_VALID_FOR = timedelta(hours=24)


def provider_of(kind: str) -> Provider:
    """Return the provider of a kind that is connected here; a ValidationError lists the kinds there are."""
    if kind not in dict(SYSTEM_KINDS):
        raise ValidationError({"kind": f"Choose one of {', '.join(dict(SYSTEM_KINDS))}."})
    return PROVIDERS[kind]


def validate_config(
    provider: Provider, *, url: str = "", asked: bool = True, settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a source's configuration; a ValidationError names the field that cannot work, and what to do.

    A system that is not `asked` (pulled) stores no address: it only sends.
    """
    config: dict[str, Any] = {}
    if provider.pulling is not None and asked:
        try:
            config["url"] = http.shown(http.address(url.strip() or provider.pulling.default_url)).rstrip("/")
        except http.BadAddress as error:
            raise ValidationError({"url": str(error)}) from None
    given = dict(settings or {})
    for setting in provider.settings:
        value = _validate_setting(setting, given.pop(setting.name, ""))
        if value:
            config[setting.name] = value
    if given:
        known = ", ".join(each.name for each in provider.settings) or "none"
        raise ValidationError({"settings": f"{provider.name} has no setting {sorted(given)[0]!r}. Settings: {known}."})
    for check in (zones.check, provider.check):
        try:
            if check is not None:
                check(config)
        except InvalidSetting as error:
            raise ValidationError({error.field: str(error)}) from None
    return config


def _validate_setting(setting: Setting, value: Any) -> str | list[str]:
    """Return one setting as it is stored; a ValidationError says what is wrong with it."""
    given = value.splitlines() if setting.many and isinstance(value, str) else value
    lines = given if isinstance(given, list) else [given]
    texts = ["" if each is None else str(each).strip() for each in lines]
    if any(isinstance(each, dict | list | bool) for each in lines) or (len(texts) > 1 and not setting.many):
        shape = "a text, or a list of texts" if setting.many else "a text"
        raise ValidationError({setting.name: f"“{setting.label}” is {shape}."})
    if any(clean(each) != each for each in texts):
        raise ValidationError({setting.name: "This has invalid characters. Enter it again."})
    cleaned = [each for each in texts if each] if setting.many else "".join(texts)
    if setting.required and not cleaned:
        raise ValidationError({setting.name: f"Fill in “{setting.label}”. {setting.help}".strip()})
    if len(str(cleaned)) > LONGEST_SETTING:
        raise ValidationError({setting.name: f"Use at most {LONGEST_SETTING:,} characters."})
    names = [name for name, _ in setting.choices]
    if names and cleaned and cleaned not in names:
        raise ValidationError({setting.name: f"Choose one of {', '.join(filter(None, names))}."})
    return cleaned


def validate_name(name: str) -> str:
    """Return a source's name; a ValidationError says how long it may be."""
    name = name.strip()
    if not name or len(name) > 120:
        raise ValidationError({"name": "Enter a name of at most 120 characters, such as Jenkins."})
    return name


@transaction.atomic
def connect_system(
    *,
    by: Actor | None,
    kind: str,
    name: str,
    url: str = "",
    credential: str = "",
    secret: str = "",
    squad: Squad | None = None,
    asked: bool = True,
    settings: Mapping[str, Any] | None = None,
    stories_for: Squad | None = None,
    stories_label: str = "",
) -> tuple[Source, str]:
    """Connect a system; return the source and the secret that its events must be signed with, which is shown only now.

    A secret is made where none is given; "" is returned for systems that are only pulled, and for a secret that was given.
    A system with an address is pulled within seconds.
    """
    check_administrator(by)
    provider = provider_of(kind)
    name = validate_name(name)
    config = validate_config(provider, url=url, asked=asked, settings=settings)
    label = issues_as_stories.validate_choice(provider, stories_for, stories_label, config, by=by)
    if not provider.pushes and "url" not in config:
        raise ValidationError({"url": f"Enter the address of {provider.name}. Rodeo polls it; it doesn’t send events."})
    generated = "" if secret.strip() or not provider.pushes else secrets.token_urlsafe(32)
    signing_secret = secret.strip() or generated
    source = Source(
        key=free_key(name),
        name=name,
        kind=kind,
        config=config,
        squad=squad,
        credential=credential.strip(),
        secret=signing_secret,
        token_digest=token_digest(signing_secret) if signing_secret else "",
        next_pull_at=clock.now() if _has_address(config) else None,
    )
    issues_as_stories.set_squad(source, None, stories_for, label)
    source.save(force_insert=True)
    connected(source, by=by)
    return source, generated


def _has_address(config: Mapping[str, Any]) -> bool:
    return bool(config.get("url"))


@transaction.atomic
def edit_system(
    source: Source,
    *,
    by: Actor | None,
    name: str,
    url: str = "",
    credential: str | None = None,
    secret: str | None = None,
    squad: Squad | None = None,
    asked: bool = True,
    settings: Mapping[str, Any] | None = None,
    stories_for: Squad | None = None,
    stories_label: str = "",
) -> Source:
    """Change a source and pull it at once, a broken one too. None leaves credential and secret as they are.

    Other settings may change what events mean, so those of this source are replayed. Issues become stories of the squad
    `stories_for`, known ones as well; with None no issue becomes a story any more.
    """
    check_administrator(by)
    provider = provider_of(source.kind)
    config = validate_config(provider, url=url, asked=asked, settings=settings)
    label = issues_as_stories.validate_choice(provider, stories_for, stories_label, config, by=by)
    before = Source.objects.select_for_update().get(pk=source.pk)
    source.name, source.squad, source.config = validate_name(name), squad, config
    columns = ["name", "squad", "config", *RETRY_COLUMNS]
    columns += issues_as_stories.set_squad(source, before, stories_for, label)
    if before.credential and credential is None and _has_address(config):
        check_same_server("credential", before.config.get("url", ""), config["url"])
    if credential is not None:
        source.credential = credential.strip()
        columns.append("credential")
    if secret is not None and secret.strip():
        _replace_secret(source, before, secret.strip())
        columns += ["secret", "previous_secret", "previous_until", "token_digest"]
    retry_now(source, before, asked=_has_address(config))
    if before.config.get("url") != config.get("url"):
        source.cursor = {}
        columns.append("cursor")
    source.save(update_fields=columns)
    changed(source, before, by=by)
    issues_as_stories.read_known_issues(source, before)
    if {**before.config, "url": ""} != {**config, "url": ""}:
        publish(SourceChanged(id=source.pk))
    return source


def _replace_secret(source: Source, before: Source, secret: str) -> None:
    source.previous_secret, source.previous_until = before.secret, clock.now() + PREVIOUS_SECRET_VALID_FOR
    source.secret, source.token_digest = secret, token_digest(secret)


@transaction.atomic
def rotate_secret(source: Source, *, by: Actor | None, at_once: bool = False) -> str:
    """Give a source that sends a new secret and return it. The old one stays valid for a day, unless `at_once`."""
    check_administrator(by)
    if not PROVIDERS[source.kind].pushes:
        raise ValidationError(f"{source} is only pulled, so it has no webhook secret.")
    before = Source.objects.select_for_update().get(pk=source.pk)
    token = secrets.token_urlsafe(32)
    _replace_secret(source, before, token)
    if at_once:
        source.previous_secret, source.previous_until = "", None
    source.save(update_fields=["secret", "previous_secret", "previous_until", "token_digest"])
    until = "" if at_once else "; the old one works for another day"
    audit.record(by=by, did=f"made a new secret for the source {source}{until}", kind="source", key=source.key)
    return token


def check_access(source: Source, *, by: Actor | None) -> list[str]:
    """Return what a source's credential can read, such as “3 repositories”; a ValidationError says what is wrong."""
    check_administrator(by)
    if source.kind == "git":
        raise ValidationError("Use “Pull now” to test a git repository.")
    try:
        return describe_access(source)
    except PullFailed as error:
        raise ValidationError(str(error)) from None


def replay_source(event: SourceChanged) -> None:
    """Replay the events of a source, since its changed settings may change what they mean; not those without contents."""
    replay_of(InboundEvent.objects.filter(source=event.id).with_contents())


def replay_kinds(event: EventsOutdated) -> None:
    """Replay all events of some kinds of sources, which an older version read otherwise."""
    hold("inbox")
    replay_of(InboundEvent.objects.filter(source__kind__in=event.kinds))
