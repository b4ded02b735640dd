"""Argo CD: notifications written by our template, and applications read by the API. docs/providers/argocd.md."""

from collections.abc import Mapping
from typing import Any

from releases.providers import parse
from releases.providers.argocd.client import APPLICATION, PULLING, SETTINGS, check
from releases.providers.argocd.objects import application
from releases.providers.argocd.tables import HEALTH, PHASES
from releases.providers.base import Labelled, Message, Provider
from releases.providers.envelope import as_object, peek, read
from releases.providers.facts import Seen, Unreadable

NOTIFICATION = "notification"


def label(message: Message) -> Labelled:
    """File a notification under a digest of its content: each phase and health of a sync differs."""
    return Labelled("", NOTIFICATION if parse.text_in(peek(message), "app") else "unknown")


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the deployments that a notification or an application speaks of; None for anything else."""
    if kind not in (NOTIFICATION, APPLICATION):
        return None
    said = as_object(read(message), "the event")
    received = parse.moment(message.headers.get("received-at", ""))
    address = parse.text_in(config, "url")
    if kind == APPLICATION:
        return application(said, config, received, address)
    return application(whole(said), config, received, address or parse.text_in(said, "argocd"))


def whole(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notification of our template in the form in which the API has an application."""
    if not parse.text_in(said, "app"):
        raise Unreadable("app is missing: send the template in docs/providers/argocd.md")
    source = {"repoURL": parse.text_in(said, "repoURL"), "chart": parse.text_in(said, "chart")}
    revision = parse.text_in(said, "revision")
    operation = {name: said.get(name) for name in ("phase", "startedAt", "finishedAt")}
    operation["syncResult"] = {"revision": revision, "source": source}
    return {
        "metadata": {
            "name": parse.text_in(said, "app"),
            "namespace": parse.text_in(said, "appNamespace"),
            "labels": parse.part_of(said, "labels"),
        },
        "spec": {"project": parse.text_in(said, "project"), "destination": parse.part_of(said, "destination")},
        "status": {
            "health": {"status": parse.text_in(said, "health"), "lastTransitionTime": said.get("healthSince")},
            "operationState": operation if parse.text_in(said, "phase") else {},
        },
    }


PROVIDER = Provider(
    kind="argocd",
    name="Argo CD",
    pushes=True,
    pulls=True,
    label=label,
    translate=translate,
    pulling=PULLING,
    settings=SETTINGS,
    check=check,
    tables=(PHASES, HEALTH),
)
