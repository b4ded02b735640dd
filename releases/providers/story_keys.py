"""Finding story keys in what people write. No Django in here."""

import re

KEY = re.compile(r"(?<![A-Za-z0-9-])([A-Z][A-Z0-9]{1,9})-([1-9][0-9]{0,6})(?![A-Za-z0-9])")
# In the name of a branch or test, other characters surround a key: feature/pay-12-refunds, test_PAY_12_refund.
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
    """Return the story keys in a text, in order, each once. Only capitals count: PAY-12, never pay-12."""
    found = (f"{prefix}-{number}" for prefix, number in KEY.findall(text[:LONGEST_TEXT]))
    return list(dict.fromkeys(found))


def keys_in_name(text: str) -> list[str]:
    """Return what may be story keys in the name of a branch or test, in capitals: feature/pay-12-refunds names PAY-12."""
    found = (f"{prefix.upper()}-{number}" for prefix, number in LOOSE.findall(text[:LONGEST_TEXT]))
    return list(dict.fromkeys(found))


def issues_in(text: str, repository: str) -> list[str]:
    """Return the issues ("#7") of a repository that a text says it closes, in order, each once.

    Issues of other repositories (shop/web#7) are left out; those of this repository may be written in full.
    """
    found: dict[str, None] = {}
    own = f"/{repository.lower()}"
    for issues in CLOSES.findall(text[:LONGEST_TEXT]):
        for path, issue in NAMED_ISSUE.findall(issues):
            if not path or ("/" in path and own.endswith(f"/{path.lower()}")):
                found.setdefault(issue)
    return list(found)
