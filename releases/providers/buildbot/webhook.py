"""Buildbot: payloads of HttpStatusPush, and builds pulled through the REST API. docs/providers/buildbot.md has the tables."""

from collections.abc import Mapping
from typing import Any

from releases.providers import parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.buildbot import translators
from releases.providers.buildbot.client import BUILD, PULLING, SETTINGS, check
from releases.providers.buildbot.status_tables import RESULTS
from releases.providers.facts import Seen
from releases.providers.payloads import as_object, peek, read_json
from releases.providers.signatures import TOKEN_OR_PASSWORD_HELP, verified_or_password

PUSHED = "build"


def label(message: Message) -> Labelled:
    """Label a build with a digest of its content: Buildbot sends no delivery id, and each state of a build differs."""
    return Labelled("", PUSHED if parse.text_in(peek(message), "buildid") else "unknown")


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the facts of a pushed or pulled build; None for other kinds."""
    if kind not in (PUSHED, BUILD):
        return None
    payload = as_object(read_json(message), "the event")
    received = parse.moment(message.headers.get("received-at", ""))
    return translators.build(payload, received, config, message.headers.get("source", ""))


PROVIDER = Provider(
    kind="buildbot",
    name="Buildbot",
    pushes=True,
    pulls=True,
    label=label,
    translate=translate,
    authentic=verified_or_password,
    how_to_sign=TOKEN_OR_PASSWORD_HELP,
    pulling=PULLING,
    settings=SETTINGS,
    check=check,
    tables=(RESULTS,),
    trailing_slash=False,
)
