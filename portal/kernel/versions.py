"""How versions are ordered, and when two texts are the same version. The one place that reads them.

Versions are text and of any form: 5.10, v1.2.3-rc.1, 2026.02.1, checkout-1.4, 1.0.2a, R7. Numbers in them are ordered as
numbers, what comes before its final version stands before it, and anything else is ordered as text.
"""

import re
from typing import NamedTuple

PART = re.compile(r"\d+|[^\W\d_]+|\+")
# Words after a number that name a version before the final one, in the order in which these follow each other.
BEFORE_FINAL = {
    word: rank
    for rank, words in enumerate(
        (
            "dev snapshot nightly canary",
            "alpha",
            "beta preview pre ea",
            "milestone",
            "rc cr candidate",
        )
    )
    for word in words.split()
}
# Single letters mean this only where a number follows: 1.0b2 is a beta, 1.0.2b comes after 1.0.2a.
SHORT = {"a": "alpha", "b": "beta", "m": "milestone", "c": "rc"}
FINAL = {"final", "ga", "release"}
# What stands before a number without a meaning of its own.
PREFIXES = {"v", "ver", "version"}
BEFORE, END, BUILD, TEXT, NUMBER = b"\x00", b"\x01", b"\x02", b"\x03", b"\x04"
# How long the longest key is, in characters: a version has at most 200.
LONGEST_KEY = 1000


class _Part(NamedTuple):
    text: str
    is_number: bool


def version_key(version: str) -> str:
    """Return a text by which versions sort in any database and collation: 5.9 < 5.10-rc1 < 5.10 < 5.10.1; v5.10 is 5.10.

    It holds only digits and the letters a to f. Versions that are ordered alike have the same key.
    """
    parts = _parts(version)
    key, at = b"", 0
    seen_number = False
    while at < len(parts):
        text, is_number = parts[at]
        following = parts[at + 1] if at + 1 < len(parts) else None
        if is_number:
            run = _numbers(parts, at)
            at += len(run)
            key += b"".join(_number(each) for each in _without_last_zeros(run))
            seen_number = True
            continue
        at += 1
        if text == "+":
            key += BUILD
        elif seen_number and (rank := _rank_before_final(text, following)) is not None:
            key += BEFORE + bytes([rank])
        elif not (seen_number and text in FINAL):
            key += TEXT + text.encode("utf-8", "replace") + b"\x00"
    return (key + END).hex()[:LONGEST_KEY]


def same_version(version: str) -> str:
    """Return what two texts have in common that are one version, and no others: V5.10 and 5.10 do; 5.1 and 5.10 do not."""
    text = " ".join(version.split()).casefold()
    return re.sub(r"^v(?:er(?:sion)?)?[ ._-]?(?=\d)", "", text)


def spellings(version: str) -> tuple[str, ...]:
    """Return how this version may be written elsewhere: as it is, without a leading v, and with one."""
    plain = version[1:] if re.match(r"[vV]\d", version) else version
    return tuple(dict.fromkeys((version, plain, *((f"v{plain}", f"V{plain}") if plain[:1].isdecimal() else ()))))


def _parts(version: str) -> list[_Part]:
    found = [_Part(each, each.isdecimal()) for each in PART.findall(version.casefold())]
    return [
        part
        for at, part in enumerate(found)
        if not (part.text in PREFIXES and at + 1 < len(found) and found[at + 1].is_number)
    ]


def _numbers(parts: list[_Part], at: int) -> list[str]:
    end = at
    while end < len(parts) and parts[end].is_number:
        end += 1
    return [part.text for part in parts[at:end]]


def _without_last_zeros(run: list[str]) -> list[str]:
    """5.1.0-rc1 comes before 5.1, so the zero counts for nothing."""
    end = len(run)
    while end > 1 and not int(run[end - 1][:300]):
        end -= 1
    return run[:end]


def _number(text: str) -> bytes:
    digits = str(int(text[:200]))
    return NUMBER + bytes([len(digits)]) + digits.encode()


def _rank_before_final(text: str, following: _Part | None) -> int | None:
    if following is not None and following.is_number:
        text = SHORT.get(text, text)
    return BEFORE_FINAL.get(text)
