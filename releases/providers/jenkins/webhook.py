"""Jenkins: payloads of the notification plugin, and builds pulled through the API. docs/providers/jenkins.md has the tables."""

from collections.abc import Mapping
from typing import Any

from releases.providers import parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.facts import Seen
from releases.providers.jenkins import translators
from releases.providers.jenkins.client import BUILD, PULLING, SETTINGS, check
from releases.providers.jenkins.status_tables import PHASES, RESULTS
from releases.providers.payloads import as_object, peek, read_json
from releases.providers.signatures import verified_or_password

NOTIFICATION = "notification"


def label(message: Message) -> Labelled:
    """Label a notification with a digest of its content: Jenkins sends no delivery id, and each phase of a build differs."""
    build = parse.object_in(peek(message), "build")
    return Labelled("", NOTIFICATION if parse.text_in(build, "phase") else "unknown")


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the facts of a notification or of a pulled build; None for other kinds."""
    if kind not in (NOTIFICATION, BUILD):
        return None
    payload = as_object(read_json(message), "the event")
    source = message.headers.get("source", "")
    if kind == BUILD:
        return translators.build(payload, config, source)
    return translators.notification(payload, parse.moment(message.headers.get("received-at", "")), config, source)


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
