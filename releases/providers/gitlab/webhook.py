"""GitLab's webhooks: authentication, label and translation. docs/providers/gitlab.md has the tables."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any

from releases.providers import parse
from releases.providers.base import Labelled, Message, MessageRefused, Provider
from releases.providers.facts import Seen
from releases.providers.gitlab import translators
from releases.providers.gitlab.client import PULLING, SETTINGS, check
from releases.providers.gitlab.status_checks import is_asked, status_check
from releases.providers.gitlab.status_tables import DEPLOYMENTS, PIPELINES
from releases.providers.payloads import as_object, peek, read_json
from releases.providers.signatures import SIGNATURE_HEADERS, same_secret, verified

TOKEN = "x-gitlab-token"
SIGNATURE, ID, TIMESTAMP = "webhook-signature", "webhook-id", "webhook-timestamp"
# What external status checks are signed with: HMAC-SHA-256 of the body, in hexadecimal, without a prefix.
CHECK_SIGNATURE = "x-gitlab-signature"
PREFIX = "whsec_"
KEY_BYTES = 32
# Seconds. GitLab signs every attempt anew, so an older signature is a replay.
TOLERANCE = 300


def authentic(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Say whether the sender knows the secret: by X-Gitlab-Token, by one of GitLab’s signatures, or in the ways of any source.

    A signature that is sent must be right, even beside a right token. Raises MessageRefused for one that is right but old.
    """
    if not secret:
        return False
    if SIGNATURE in headers:
        return _signed(headers, body, secret)
    if CHECK_SIGNATURE in headers:
        wanted = hmac.new(secret.encode("utf-8", "replace"), body, hashlib.sha256).hexdigest()
        return same_secret(headers[CHECK_SIGNATURE].strip().lower(), wanted)
    if any(name in headers for name in SIGNATURE_HEADERS) or TOKEN not in headers:
        return verified(headers, body, secret)
    return same_secret(headers[TOKEN].strip(), secret)


def _signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Check a signature of Standard Webhooks: HMAC-SHA-256 of id, time and body, in base64, one or several."""
    timestamp = headers.get(TIMESTAMP, "").strip()
    signed = f"{headers.get(ID, '').strip()}.{timestamp}.".encode("utf-8", "replace") + body
    wanted = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys_of(secret)]
    given = [each.partition(",")[2] for each in headers[SIGNATURE].split() if each.startswith("v1,")]
    if not any(same_secret(one, other) for one in given for other in wanted):
        return False
    if not (timestamp.isascii() and timestamp.isdigit() and abs(time.time() - int(timestamp[:15])) <= TOLERANCE):
        raise MessageRefused(
            401,
            "The signature is valid, but its time is more than 5 minutes off. Set the clocks of GitLab and Rodeo. "
            "If the delivery was only delayed, the next pull finds what it reported.",
        )
    return True


def keys_of(secret: str) -> list[bytes]:
    """Return the possible HMAC keys of a secret: of whsec_… the decoded bytes; of a token its bytes, and these decoded."""
    if secret.startswith(PREFIX):
        key = _decoded(secret.removeprefix(PREFIX))
        return [key] if key else []
    spelled = _decoded(secret)
    return [secret.encode("utf-8", "replace"), *([spelled] if len(spelled) == KEY_BYTES else [])]


def _decoded(text: str) -> bytes:
    text = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def label(message: Message) -> Labelled:
    """Label a webhook with GitLab's delivery id, which stays the same when it is sent again.

    That is webhook-id, which a signature covers, else Idempotency-Key (they are equal). X-Gitlab-Event-UUID is shared by
    all events that one event caused, so it identifies none. GitLab before 17.4 has neither; a digest of the content is used.
    The kind is that in the body, which a signature covers, else that in the header.
    """
    delivery = message.headers.get(ID, "").strip() or message.headers.get("idempotency-key", "").strip()
    kind = parse.text_in(peek(message), "object_kind", "event_name", "event_type")
    header = message.headers.get("x-gitlab-event", "").strip().lower().removesuffix(" hook").replace(" ", "_")
    kind = kind or header
    return Labelled(parse.cut(delivery, 300), parse.cut(kind.removeprefix("pull."), 150))


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the facts of a webhook or of a pulled record; None for kinds that are not translated."""
    translator = TRANSLATORS.get(kind)
    if translator is None:
        return None
    payload = as_object(read_json(message), "the event")
    received = parse.moment(message.headers.get("received-at", ""))
    if kind == "push":
        return translators.push(payload, config, received)
    if kind == "merge_request" and is_asked(payload):
        return [*status_check(payload, config, received), *translators.merge_request(payload, config)]
    return translator(payload, config)


TRANSLATORS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], list[Seen]]] = {
    "pipeline": translators.pipeline,
    "pull.pipeline": translators.pipeline,
    "build": translators.job,
    "job": translators.job,
    "deployment": translators.deployment,
    "pull.deployment": translators.deployment,
    "merge_request": translators.merge_request,
    "pull.merge_request": translators.merge_request,
    "issue": translators.issue,
    "work_item": translators.issue,
    "pull.issue": translators.issue,
    "release": translators.release,
    "pull.release": translators.release,
    "push": translators.push,
    "pull.environment": translators.environment,
}
NOTHING = {
    "push": "It added no commits to the default branch.",
    "merge_request": "The merge request isn’t merged into the default branch, or has no merge commit.",
    "build": "The job has no pipeline.",
    "job": "The job has no pipeline.",
    "release": "The release was deleted, or names no tag.",
    "issue": "The issue is confidential, so it stays in GitLab.",
    "work_item": "The issue is confidential, so it stays in GitLab.",
    "environment": "The environment is stopped, or is a review app, which only counts once something is deployed there.",
}
PROVIDER = Provider(
    kind="gitlab",
    name="GitLab",
    pushes=True,
    pulls=True,
    label=label,
    translate=translate,
    secret_headers=(TOKEN, SIGNATURE, CHECK_SIGNATURE),
    authentic=authentic,
    how_to_sign="Put the source's token into the webhook's “Secret token” (X-Gitlab-Token), or use its signing token.",
    pulling=PULLING,
    settings=SETTINGS,
    check=check,
    tables=(PIPELINES, DEPLOYMENTS),
    nothing=NOTHING,
    tickets=True,
)
