"""Who did what that not everybody may: the audit log of administrators.

Every verb that only administrators, project managers or leads may use records what it did, in its own transaction;
tests/portal/test_audit.py asks every such address for its entry.
"""

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.models import AuditEntry

# What entries are about, as pages call it.
KINDS = {
    "access": "access rules",
    "environment": "environments",
    "event": "events",
    "freeze": "freezes",
    "host": "allowed hosts",
    "incident": "incidents",
    "invitation": "invitations",
    "mail": "mail",
    "mapping": "mapping",
    "message": "messages",
    "person": "people",
    "release": "releases",
    "retention": "retention",
    "row": "corrections by hand",
    "session": "sessions",
    "source": "sources",
    "squad": "squads",
    "story": "stories",
    "token": "API tokens",
}
LONGEST_KEY = 200


def record(*, by: Actor | None, did: str, kind: str, key: str = "") -> None:
    """Note what somebody did, in the caller's transaction. `kind` is one of KINDS, `key` what names the thing there.

    Never pass a secret: every administrator can read it, for as long as entries are kept.
    """
    if kind not in KINDS:
        raise ValueError(f"“{kind}” is not in KINDS")
    token = getattr(by, "token", None)
    AuditEntry.objects.create(
        at=clock.now(),
        by=by,
        token=token.name if token is not None else "",
        did=did.replace("\0", ""),
        kind=kind,
        key=key[:LONGEST_KEY],
    )
