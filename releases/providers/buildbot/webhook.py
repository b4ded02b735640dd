"""Buildbot: what HttpStatusPush sends, and builds read by the REST API. docs/providers/buildbot.md has the tables."""

from collections.abc import Mapping
from typing import Any

from releases.providers import parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.buildbot import objects
from releases.providers.buildbot.client import BUILD, PULLING, SETTINGS, check
from releases.providers.buildbot.tables import RESULTS
from releases.providers.envelope import as_object, peek, read
from releases.providers.facts import Seen
from releases.providers.signatures import PASSWORD_TOO, verified_or_password

PUSHED = "build"


def label(message: Message) -> Labelled:
    """File a build under a digest of its content: Buildbot gives a message no id, and each state of a build differs."""
    return Labelled("", PUSHED if parse.text_in(peek(message), "buildid") else "unknown")


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the facts of a pushed or a pulled build; None for anything else."""
    if kind not in (PUSHED, BUILD):
        return None
    said = as_object(read(message), "the event")
    return objects.build(said, parse.moment(message.headers.get("received-at", "")), config)


PROVIDER = Provider(
    kind="buildbot",
    name="Buildbot",
    pushes=True,
    pulls=True,
    label=label,
    translate=translate,
    authentic=verified_or_password,
    how_to_sign=PASSWORD_TOO,
    pulling=PULLING,
    settings=SETTINGS,
    check=check,
    tables=(RESULTS,),
    slash=False,
)
