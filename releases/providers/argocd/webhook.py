"""Argo CD: notifications with our template, and applications pulled through the API. docs/providers/argocd.md."""

from collections.abc import Mapping
from typing import Any

from releases.providers import parse
from releases.providers.argocd.client import APPLICATION, PULLING, SETTINGS, check
from releases.providers.argocd.status_tables import HEALTH, PHASES
from releases.providers.argocd.translators import application
from releases.providers.base import Labelled, Message, Provider
from releases.providers.facts import DeploymentSeen, Seen, SeenInPart, Unreadable
from releases.providers.payloads import as_object, peek, read_json

NOTIFICATION = "notification"
SAYS_NO_REVISION = (
    "It doesn’t say what is synced. Either the sync is still running, or the application has several sources and the template "
    "is an old one. If Rodeo also polls Argo CD, the next pull finds it."
)


def label(message: Message) -> Labelled:
    """Label a notification with a digest of its content: each phase and health of a sync differs."""
    return Labelled("", NOTIFICATION if parse.text_in(peek(message), "app") else "unknown")


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the deployments in a notification or an application; None for other kinds."""
    if kind not in (NOTIFICATION, APPLICATION):
        return None
    payload = as_object(read_json(message), "the event")
    received = parse.moment(message.headers.get("received-at", ""))
    address, own = parse.text_in(config, "url"), message.headers.get("source", "")
    if kind == APPLICATION:
        return application(payload, config, received, address, own)
    found = application(as_application(payload), config, received, address or parse.text_in(payload, "argocd"), own)
    tells = any(isinstance(each, DeploymentSeen) and (each.sha or each.version) for each in found)
    return found if tells else SeenInPart(found, SAYS_NO_REVISION)


def as_application(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notification of our template in the form of an application in the API."""
    if not parse.text_in(payload, "app"):
        raise Unreadable("app is missing: send the template in docs/providers/argocd.md")
    source = {"repoURL": parse.text_in(payload, "repoURL"), "chart": parse.text_in(payload, "chart")}
    revision = parse.text_in(payload, "revision")
    operation = {name: payload.get(name) for name in ("phase", "startedAt", "finishedAt")}
    operation["syncResult"] = {
        "revision": revision,
        "source": source,
        "revisions": payload.get("revisions"),
        "sources": payload.get("sources"),
    }
    return {
        "metadata": {
            "name": parse.text_in(payload, "app"),
            "namespace": parse.text_in(payload, "appNamespace"),
            "labels": parse.object_in(payload, "labels"),
        },
        "spec": {"project": parse.text_in(payload, "project"), "destination": parse.object_in(payload, "destination")},
        "status": {
            "health": {"status": parse.text_in(payload, "health"), "lastTransitionTime": payload.get("healthSince")},
            "operationState": operation if parse.text_in(payload, "phase") else {},
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
