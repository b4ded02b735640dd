"""Connecting the systems a company has: any provider but git, which has its own verbs in sources.py.

A system may send to us (it then shows us a secret) and may be asked by us (we then show it a credential). Pages, API and
command line call these same verbs.
"""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import clock, http
from portal.kernel.actors import Actor
from portal.kernel.outbox import publish
from releases.inbox.actions import replay
from releases.inbox.models import InboundEvent, Source
from releases.providers import PROVIDERS
from releases.providers.base import NotAccepted, Provider, PullFailed, Setting
from releases.providers.envelope import clean
from releases.providers.signatures import digest
from releases.pulling.api_pull import seen_by
from releases.sources import issue_settings
from releases.sources.actions import TRIED, administers, free_key, stays_at_home, try_again
from squads.models import Squad

KINDS = [(kind, provider.name) for kind, provider in PROVIDERS.items() if kind != "git"]
LONGEST_SETTING = 4000
# So long the secret before is good as well: until the system has been given the new one.
GRACE = timedelta(hours=24)


def provider_of(kind: str) -> Provider:
    """Return the provider of a kind that is connected here; a ValidationError lists the kinds there are."""
    if kind not in dict(KINDS):
        raise ValidationError({"kind": f"Choose one of {', '.join(dict(KINDS))}."})
    return PROVIDERS[kind]


def checked_config(
    provider: Provider, *, url: str = "", asked: bool = True, settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a source's configuration; a ValidationError names the field that cannot work, and what to do.

    A system that is not `asked` keeps no address: it only sends.
    """
    config: dict[str, Any] = {}
    if provider.pulling is not None and asked:
        try:
            config["url"] = http.shown(http.address(url.strip() or provider.pulling.default_url)).rstrip("/")
        except http.BadAddress as error:
            raise ValidationError({"url": str(error)}) from None
    given = dict(settings or {})
    for setting in provider.settings:
        kept = _kept(setting, given.pop(setting.name, ""))
        if kept:
            config[setting.name] = kept
    if given:
        known = ", ".join(each.name for each in provider.settings) or "none"
        raise ValidationError(
            {"settings": f"{provider.name} knows no setting {sorted(given)[0]!r}. There are: {known}."}
        )
    if provider.check is not None:
        try:
            provider.check(config)
        except NotAccepted as error:
            raise ValidationError({error.field: str(error)}) from None
    return config


def _kept(setting: Setting, value: Any) -> str | list[str]:
    """Return one setting as it is kept; a ValidationError says what is wrong with it."""
    given = value.splitlines() if setting.many and isinstance(value, str) else value
    lines = given if isinstance(given, list) else [given]
    texts = ["" if each is None else str(each).strip() for each in lines]
    if any(isinstance(each, dict | list | bool) for each in lines) or (len(texts) > 1 and not setting.many):
        shape = "a text, or a list of texts" if setting.many else "a text"
        raise ValidationError({setting.name: f"“{setting.label}” is {shape}."})
    if any(clean(each) != each for each in texts):
        raise ValidationError({setting.name: "It contains characters that cannot be kept. Type it again."})
    kept = [each for each in texts if each] if setting.many else "".join(texts)
    if setting.required and not kept:
        raise ValidationError({setting.name: f"Fill in “{setting.label}”. {setting.help}".strip()})
    if len(str(kept)) > LONGEST_SETTING:
        raise ValidationError({setting.name: f"Use at most {LONGEST_SETTING:,} characters."})
    names = [name for name, _ in setting.choices]
    if names and kept and kept not in names:
        raise ValidationError({setting.name: f"Choose one of {', '.join(filter(None, names))}."})
    return kept


def checked_name(name: str) -> str:
    """Return a source's name; a ValidationError says how long it may be."""
    name = name.strip()
    if not name or len(name) > 120:
        raise ValidationError({"name": "Give it a name of at most 120 characters, such as Jenkins."})
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
    """Connect a system; return the source and the secret it must show when it sends, which is shown only now.

    A secret is made where none is given; the answer has "" for systems that only are asked, and for a secret that came
    from there. One that is asked and has an address is pulled within seconds.
    """
    administers(by)
    provider = provider_of(kind)
    name = checked_name(name)
    config = checked_config(provider, url=url, asked=asked, settings=settings)
    label = issue_settings.check_choice(provider, stories_for, stories_label, config, by=by)
    if not provider.pushes and "url" not in config:
        raise ValidationError(
            {"url": f"Give the address of {provider.name}: it is asked, and sends nothing by itself."}
        )
    made = "" if secret.strip() or not provider.pushes else secrets.token_urlsafe(32)
    shown = secret.strip() or made
    source = Source(
        key=free_key(name),
        name=name,
        kind=kind,
        config=config,
        squad=squad,
        credential=credential.strip(),
        secret=shown,
        token_digest=digest(shown) if shown else "",
        next_pull_at=clock.now() if _asks(config) else None,
    )
    issue_settings.choose(source, None, stories_for, label)
    source.save(force_insert=True)
    return source, made


def _asks(config: Mapping[str, Any]) -> bool:
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
    """Change a source. None leaves credential and secret as they are. What was broken is tried again at once.

    Other settings may mean that events are read differently, so those of this source are read again. Issues become
    stories of the squad `stories_for`, the ones that are known already as well; with None they become none any more.
    """
    administers(by)
    provider = provider_of(source.kind)
    config = checked_config(provider, url=url, asked=asked, settings=settings)
    label = issue_settings.check_choice(provider, stories_for, stories_label, config, by=by)
    before = Source.objects.select_for_update().get(pk=source.pk)
    source.name, source.squad, source.config = checked_name(name), squad, config
    changed = ["name", "squad", "config", *TRIED, *issue_settings.choose(source, before, stories_for, label)]
    if before.credential and credential is None and _asks(config):
        stays_at_home("credential", before.config.get("url", ""), config["url"])
    if credential is not None:
        source.credential = credential.strip()
        changed.append("credential")
    if secret is not None and secret.strip():
        _replace_secret(source, before, secret.strip())
        changed += ["secret", "previous_secret", "previous_until", "token_digest"]
    try_again(source, before, asked=_asks(config))
    if before.config.get("url") != config.get("url"):
        source.cursor = {}
        changed.append("cursor")
    source.save(update_fields=changed)
    publish("source.standing", id=source.pk)
    issue_settings.begin(source, before)
    if {**before.config, "url": ""} != {**config, "url": ""}:
        publish("source.changed", id=source.pk)
    return source


def _replace_secret(source: Source, before: Source, secret: str) -> None:
    source.previous_secret, source.previous_until = before.secret, clock.now() + GRACE
    source.secret, source.token_digest = secret, digest(secret)


@transaction.atomic
def rotate_secret(source: Source, *, by: Actor | None, at_once: bool = False) -> str:
    """Give a source that sends a new secret and return it. The one before stays good for a day, or not (`at_once`)."""
    administers(by)
    if not PROVIDERS[source.kind].pushes:
        raise ValidationError(f"{source} is only asked, so it shows no secret.")
    before = Source.objects.select_for_update().get(pk=source.pk)
    token = secrets.token_urlsafe(32)
    _replace_secret(source, before, token)
    if at_once:
        source.previous_secret, source.previous_until = "", None
    source.save(update_fields=["secret", "previous_secret", "previous_until", "token_digest"])
    return token


def try_out(source: Source, *, by: Actor | None) -> list[str]:
    """Ask a source's system what it shows to us, such as “3 repositories”; a ValidationError says what is wrong."""
    administers(by)
    if source.kind == "git":
        raise ValidationError("A git repository is tried by pulling it: press “Pull now”.")
    try:
        return seen_by(source)
    except PullFailed as error:
        raise ValidationError(str(error)) from None


def read_again(payload: dict[str, Any]) -> None:
    """Have everything a source ever said read again: its settings changed what it means."""
    replay(InboundEvent.objects.filter(source=payload["id"]).values_list("pk", flat=True))
