"""GitLab's webhooks: who sent one, what it is filed under, what it says. docs/providers/gitlab.md has the tables."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any

from releases.providers import parse
from releases.providers.base import Labelled, Message, Provider, Refused
from releases.providers.envelope import as_object, peek, read
from releases.providers.facts import Seen
from releases.providers.gitlab import objects
from releases.providers.gitlab.client import PULLING, SETTINGS, check
from releases.providers.gitlab.tables import DEPLOYMENTS, PIPELINES
from releases.providers.signatures import SIGNATURE_HEADERS, same, verified

TOKEN = "x-gitlab-token"
SIGNATURE, ID, TIMESTAMP = "webhook-signature", "webhook-id", "webhook-timestamp"
PREFIX = "whsec_"
KEY_BYTES = 32
# GitLab signs every attempt anew, so a late one is as fresh as the first; what is older was kept by somebody else.
PATIENCE = 300


def authentic(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Say whether the sender knows the secret: by X-Gitlab-Token, by a signature, or as senders to any source may.

    A signature that is sent must be right, even beside a right token. Refused for one that is right but old.
    """
    if not secret:
        return False
    if SIGNATURE in headers:
        return _signed(headers, body, secret)
    if any(name in headers for name in SIGNATURE_HEADERS) or TOKEN not in headers:
        return verified(headers, body, secret)
    return same(headers[TOKEN].strip(), secret)


def _signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Check a signature of Standard Webhooks: HMAC-SHA-256 of id, time and body, in base64, one or several."""
    written = headers.get(TIMESTAMP, "").strip()
    said = f"{headers.get(ID, '').strip()}.{written}.".encode("utf-8", "replace") + body
    wanted = [base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode() for key in keys_of(secret)]
    given = [each.partition(",")[2] for each in headers[SIGNATURE].split() if each.startswith("v1,")]
    if not any(same(one, other) for one in given for other in wanted):
        return False
    if not (written.isascii() and written.isdigit() and abs(time.time() - int(written[:15])) <= PATIENCE):
        raise Refused(
            401,
            "The signature is right, but it was made more than 5 minutes from now. Set the clocks of GitLab and of "
            "Rodeo; a delivery that was kept on the way comes with the next pull.",
        )
    return True


def keys_of(secret: str) -> list[bytes]:
    """Return the keys a secret may stand for: of whsec_…, the bytes behind it; of a token, also those it spells."""
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
    """File a delivery under GitLab's id for it, which stays the same when it is sent again.

    That is webhook-id, which a signature covers, else Idempotency-Key (they are equal). X-Gitlab-Event-UUID is shared by
    all events that one event set off, so it names none. GitLab before 17.4 has neither: the content tells a repeat.
    The kind is the body's own, which a signature covers; the header stands in where the body says nothing.
    """
    delivery = message.headers.get(ID, "").strip() or message.headers.get("idempotency-key", "").strip()
    kind = parse.text_in(peek(message), "object_kind", "event_name", "event_type")
    header = message.headers.get("x-gitlab-event", "").strip().lower().removesuffix(" hook").replace(" ", "_")
    kind = kind or header
    return Labelled(parse.cut(delivery, 300), parse.cut(kind.removeprefix("pull."), 150))


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the facts of a webhook or of a pulled record; None for kinds that Rodeo keeps without reading them."""
    reader = READERS.get(kind)
    if reader is None:
        return None
    said = as_object(read(message), "the event")
    if kind == "push":
        return objects.push(said, config, parse.moment(message.headers.get("received-at", "")))
    return reader(said, config)


READERS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], list[Seen]]] = {
    "pipeline": objects.pipeline,
    "pull.pipeline": objects.pipeline,
    "build": objects.job,
    "job": objects.job,
    "deployment": objects.deployment,
    "pull.deployment": objects.deployment,
    "merge_request": objects.merge_request,
    "pull.merge_request": objects.merge_request,
    "issue": objects.issue,
    "work_item": objects.issue,
    "pull.issue": objects.issue,
    "release": objects.release,
    "pull.release": objects.release,
    "push": objects.push,
    "pull.environment": objects.environment,
}
PROVIDER = Provider(
    kind="gitlab",
    name="GitLab",
    pushes=True,
    pulls=True,
    label=label,
    translate=translate,
    secret_headers=(TOKEN, SIGNATURE),
    authentic=authentic,
    how_to_sign="Put the source's token into the webhook's “Secret token” (X-Gitlab-Token), or use its signing token.",
    pulling=PULLING,
    settings=SETTINGS,
    check=check,
    tables=(PIPELINES, DEPLOYMENTS),
    tickets=True,
)
