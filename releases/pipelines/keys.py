"""Finding story keys in what people write. No Django in here."""

import re

KEY = re.compile(r"(?<![A-Za-z0-9-])([A-Z][A-Z0-9]{1,9})-([1-9][0-9]{0,6})(?![A-Za-z0-9])")
# In a branch or test name a key is set off by other signs: feature/pay-12-refunds, test_PAY_12_refund.
LOOSE = re.compile(r"(?:^|[^A-Za-z0-9])([A-Za-z][A-Za-z0-9]{1,9})[-_]([1-9][0-9]{0,6})(?![A-Za-z0-9])")
LONGEST_TEXT = 20_000


def keys_in(text: str) -> list[str]:
    """Return the story keys a sentence names, in order, each once. Keys are capitals: PAY-12, never pay-12."""
    found = (f"{prefix}-{number}" for prefix, number in KEY.findall(text[:LONGEST_TEXT]))
    return list(dict.fromkeys(found))


def keys_in_name(text: str) -> list[str]:
    """Return the story keys a branch or test name may name, in capitals: feature/pay-12-refunds names PAY-12."""
    found = (f"{prefix.upper()}-{number}" for prefix, number in LOOSE.findall(text[:LONGEST_TEXT]))
    return list(dict.fromkeys(found))
