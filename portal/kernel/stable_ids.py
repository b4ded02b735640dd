"""Identities that follow from content, so that replaying the inbox makes the same rows again."""

import hashlib
import uuid

NAMESPACE = uuid.UUID("6f0c2b8e-59ab-5c0e-9a51-0d0a4e3f7c11")
_SEED = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)


def stable_id(*parts: object) -> uuid.UUID:
    """Return the identity of a derived row from the parts of its natural key.

    Parts are length-prefixed, so ("a", "bc") and ("ab", "c") differ.
    """
    # What uuid.uuid5 does, without beginning the namespace anew each time.
    digest = _SEED.copy()
    digest.update("".join([f"{len(text)}:{text}" for text in map(str, parts)]).encode())
    return uuid.UUID(bytes=digest.digest()[:16], version=5)
