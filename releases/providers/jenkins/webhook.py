"""Jenkins: what the notification plugin sends, and builds read by the API. docs/providers/jenkins.md has the tables."""

from collections.abc import Mapping
from typing import Any

from releases.providers import parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.envelope import as_object, peek, read
from releases.providers.facts import Seen
from releases.providers.jenkins import objects
from releases.providers.jenkins.client import BUILD, PULLING, SETTINGS, check
from releases.providers.jenkins.tables import PHASES, RESULTS
from releases.providers.signatures import verified_or_password

NOTIFICATION = "notification"


def label(message: Message) -> Labelled:
    """File a notification under a digest of its content: Jenkins gives it no id, and each phase of a build differs."""
    told = parse.part_of(peek(message), "build")
    return Labelled("", NOTIFICATION if parse.text_in(told, "phase") else "unknown")


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the facts of a notification or of a pulled build; None for anything else."""
    if kind not in (NOTIFICATION, BUILD):
        return None
    said = as_object(read(message), "the event")
    if kind == BUILD:
        return objects.build(said, config)
    return objects.notification(said, parse.moment(message.headers.get("received-at", "")), config)


PROVIDER = Provider(
    kind="jenkins",
    name="Jenkins",
    pushes=True,
    pulls=True,
    label=label,
    translate=translate,
    authentic=verified_or_password,
    how_to_sign="Send the source's token as Authorization: Bearer <token>, as X-Rodeo-Token, or as the password of the "
    "notification plugin's URL (https://rodeo:<token>@…), kept as a secret text credential.",
    pulling=PULLING,
    settings=SETTINGS,
    check=check,
    tables=(RESULTS, PHASES),
)
