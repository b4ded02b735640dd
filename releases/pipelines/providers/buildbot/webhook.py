"""Buildbot: what HttpStatusPush sends, and builds read by the REST API. docs/providers/buildbot.md has the tables."""

from collections.abc import Mapping
from typing import Any

from releases.pipelines.facts import Seen
from releases.pipelines.providers import alerts, words
from releases.pipelines.providers.base import Labelled, Message, Provider
from releases.pipelines.providers.buildbot import objects
from releases.pipelines.providers.buildbot.client import BUILD, PULLING, SETTINGS, check
from releases.pipelines.providers.buildbot.tables import RESULTS

PUSHED = "build"


def label(message: Message) -> Labelled:
    """File a build under a digest of its content: Buildbot gives a message no id, and each state of a build differs."""
    return Labelled("", PUSHED if words.text_in(alerts.peek(message), "buildid") else "unknown")


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the facts of a pushed or a pulled build; None for anything else."""
    if kind not in (PUSHED, BUILD):
        return None
    said = alerts.as_object(alerts.read(message), "the event")
    return objects.build(said, words.moment(message.headers.get("received-at", "")), config)


PROVIDER = Provider(
    kind="buildbot", name="Buildbot", pushes=True, pulls=True, label=label, translate=translate,
    authentic=alerts.authentic, how_to_sign=alerts.HOW_TO_SIGN, pulling=PULLING, settings=SETTINGS, check=check,
    tables=(RESULTS,),
)  # fmt: skip
