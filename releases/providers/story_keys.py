"""Finding story keys in what people write. No Django in here."""

import re

KEY = re.compile(r"(?<![A-Za-z0-9-])([A-Z][A-Z0-9]{1,9})-([1-9][0-9]{0,6})(?![A-Za-z0-9])")
# In a branch or test name a key is set off by other signs: feature/pay-12-refunds, test_PAY_12_refund.
LOOSE = re.compile(r"(?:^|[^A-Za-z0-9])([A-Za-z][A-Za-z0-9]{1,9})[-_]([1-9][0-9]{0,6})(?![A-Za-z0-9])")
# How GitHub and GitLab close an issue from a message: fixes #7, Closes: shop/checkout#7, resolves #7, #8 and #9.
CLOSES = re.compile(
    r"(?<![a-z0-9])(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)):?[ \t]+((?:[\w./-]{0,250}#[0-9]{1,9}\b"
    r"(?:,?[ \t]+and[ \t]+|,[ \t]*)?){1,50})",
    re.IGNORECASE,
)
NAMED_ISSUE = re.compile(r"([\w./-]{0,250})(#[1-9][0-9]{0,8})\b")
ISSUE = re.compile(r"#[1-9][0-9]{0,8}")
LONGEST_TEXT = 20_000


def keys_in(text: str) -> list[str]:
    """Return the story keys a sentence names, in order, each once. Keys are capitals: PAY-12, never pay-12."""
    found = (f"{prefix}-{number}" for prefix, number in KEY.findall(text[:LONGEST_TEXT]))
    return list(dict.fromkeys(found))


def keys_in_name(text: str) -> list[str]:
    """Return the story keys a branch or test name may name, in capitals: feature/pay-12-refunds names PAY-12."""
    found = (f"{prefix.upper()}-{number}" for prefix, number in LOOSE.findall(text[:LONGEST_TEXT]))
    return list(dict.fromkeys(found))


def issues_in(text: str, repository: str) -> list[str]:
    """Return the issues ("#7") of a repository that a text says it closes, in order, each once.

    Another repository's issue, shop/web#7, is none of this one's; this one's may be written in full.
    """
    found: dict[str, None] = {}
    own = f"/{repository.lower()}"
    for said in CLOSES.findall(text[:LONGEST_TEXT]):
        for place, issue in NAMED_ISSUE.findall(said):
            if not place or ("/" in place and own.endswith(f"/{place.lower()}")):
                found.setdefault(issue)
    return list(found)
