"""Jenkins: what the notification plugin sends, and builds read by the API. docs/providers/jenkins.md has the tables."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from releases.pipelines.facts import Seen, Unreadable
from releases.pipelines.providers import words
from releases.pipelines.providers.base import Labelled, Message, Provider
from releases.pipelines.providers.envelope import NotJson, document
from releases.pipelines.providers.jenkins import objects
from releases.pipelines.providers.jenkins.client import BUILD, PULLING, SETTINGS, check
from releases.pipelines.providers.jenkins.tables import PHASES, RESULTS
from releases.pipelines.providers.signatures import SIGNATURE_HEADERS, same, verified

BASIC = "basic "
NOTIFICATION = "notification"


def authentic(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Say whether the sender knows the secret: as to any source, or as the password of basic authentication.

    The plugin knows no other way: it sends what stands before the @ of its URL as user and password.
    """
    authorization = headers.get("authorization", "")
    if authorization[: len(BASIC)].lower() != BASIC or any(name in headers for name in SIGNATURE_HEADERS):
        return verified(headers, body, secret)
    try:
        decoded = base64.b64decode(authorization[len(BASIC) :].strip(), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return False
    return same(decoded.partition(":")[2], secret)


def label(message: Message) -> Labelled:
    """File a notification under a digest of its content: Jenkins gives it no id, and each phase of a build differs."""
    try:
        said = document(message.body)
    except NotJson:
        return Labelled("", "")
    told = words.part_of(said, "build") if isinstance(said, Mapping) else {}
    return Labelled("", NOTIFICATION if words.text_in(told, "phase") else "unknown")


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the facts of a notification or of a pulled build; None for anything else."""
    if kind not in (NOTIFICATION, BUILD):
        return None
    try:
        said = document(message.body)
    except NotJson as error:
        raise Unreadable(f"the body is not JSON: {error}") from None
    if not isinstance(said, Mapping):
        raise Unreadable("the event is not a JSON object")
    if kind == BUILD:
        return objects.build(said, config)
    return objects.notification(said, words.moment(message.headers.get("received-at", "")), config)


PROVIDER = Provider(
    kind="jenkins", name="Jenkins", pushes=True, pulls=True, label=label, translate=translate, authentic=authentic,
    how_to_sign="Send the source's token as Authorization: Bearer <token>, as X-Rodeo-Token, or as the password of the "
    "notification plugin's URL (https://rodeo:<token>@…), kept as a secret text credential.",
    pulling=PULLING, settings=SETTINGS, check=check, tables=(RESULTS, PHASES),
)  # fmt: skip
