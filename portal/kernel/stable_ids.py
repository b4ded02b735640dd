"""Identities that follow from content, so that replaying the inbox makes the same rows again."""

import hashlib
import uuid

NAMESPACE = uuid.UUID("6f0c2b8e-59ab-5c0e-9a51-0d0a4e3f7c11")
_SEED = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)


# The version and the variant of an identity are written over the digest, as RFC 9562 says.
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def stable_id(*parts: object) -> uuid.UUID:
    """Return the identity of a derived row from the parts of its natural key, as uuid.uuid5 makes it.

    Parts are length-prefixed, so ("a", "bc") and ("ab", "c") differ.
    """
    return uuid.UUID(stable_id_text(*parts))


def stable_id_text(*parts: object) -> str:
    """Return what `stable_id` returns as text, for the makers of many rows: an object of each takes longer than its digest."""
    # The namespace is not begun anew each time.
    digest = _SEED.copy()
    digest.update("".join([f"{len(text)}:{text}" for text in map(str, parts)]).encode())
    text = digest.hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"
