"""What a commit's message says of other commits: that it takes one back, repeats one, or is one request's. No Django in here.

Read are the sentences that git, GitHub and GitLab write by themselves; what people write in their own words is not guessed.
"""

import re
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a relation says; `target` is a sha or its beginning, a request such as "#12" or "!12", or a subject."""

    REVERTS = "reverts"
    REVERTS_REQUEST = "reverts_request"
    REVERTS_SUBJECT = "reverts_subject"
    PICKS = "picks"
    REQUEST = "request"  # the commit is the one that this request became
    ORIGINAL = "original"  # a commit of a request that a squash left out


class Relation(NamedTuple):
    """One thing that a commit says of another."""

    kind: Kind
    target: str


SHA = r"([0-9a-f]{7,64})"
REVERTS = re.compile(
    rf"^[ \t]*This reverts commits? {SHA}((?:(?:,| and|, and)[ \t\n]+{SHA})*)", re.IGNORECASE | re.MULTILINE
)
EACH_SHA = re.compile(r"\b[0-9a-f]{7,64}\b", re.IGNORECASE)
# GitHub: "Reverts shop/checkout#12"; GitLab: "This reverts merge request !12".
REVERTS_REQUEST = re.compile(
    r"^[ \t]*(?:Reverts (?:[\w.-]+/[\w.-]+)?(#[1-9]\d{0,8})"
    r"|This reverts merge request (?:[\w./-]+)?(![1-9]\d{0,8}))\b",
    re.IGNORECASE | re.MULTILINE,
)
PICKS = re.compile(rf"^[ \t]*\(cherry[ -]picked from commit {SHA}\)", re.IGNORECASE | re.MULTILINE)
# "Add refunds (#12)", "Merge pull request #12 from shop/refunds"; GitLab: "See merge request shop/checkout!12".
SQUASHED = re.compile(r"\((#[1-9]\d{0,8})\)\s*$")
MERGED = re.compile(r"^Merge pull request (#[1-9]\d{0,8}) from ")
SEE_REQUEST = re.compile(r"^See merge request (?:[\w./-]+)?(![1-9]\d{0,8})\s*$", re.MULTILINE)
ADDRESS = re.compile(r"/(pull|pulls|pull-requests|merge_requests)/([1-9]\d{0,8})(?:[/?#]|$)")
# git writes Revert "…"; from 2.43 on, Reapply "…" for the revert of a revert. Others write other quotes.
QUOTED = re.compile(r"""^(Revert|Reapply) (?:"(.*)"|'(.*)'|“(.*)”)(?:\s*\([#!]\d+\))?\s*$""", re.IGNORECASE)
LONGEST_SUBJECT = 300
MOST = 50


def relations_of(message: str) -> list[Relation]:
    """Return what a commit message says of other commits, each once, in the order in which it says so."""
    subject = next((line.strip() for line in message.splitlines() if line.strip()), "")
    found = [
        Relation(Kind.REVERTS, sha.lower()) for match in REVERTS.finditer(message) for sha in EACH_SHA.findall(match[0])
    ]
    found += [Relation(Kind.REVERTS_REQUEST, match[1] or match[2]) for match in REVERTS_REQUEST.finditer(message)]
    if named := reverted_subject(subject):
        found.append(Relation(Kind.REVERTS_SUBJECT, named))
    found += [Relation(Kind.PICKS, sha.lower()) for sha in PICKS.findall(message)]
    for pattern, text in ((MERGED, subject), (SQUASHED, subject), (SEE_REQUEST, message)):
        found += [Relation(Kind.REQUEST, number) for number in pattern.findall(text)]
    return list(dict.fromkeys(found))[:MOST]


def reverted_subject(subject: str) -> str:
    """Return the subject of the commit that one with this subject takes back; "" when it takes none back.

    Reapply "X" takes back the commit called Revert "X".
    """
    match = QUOTED.match(subject)
    if match is None:
        return ""
    quoted = match[2] or match[3] or match[4] or ""
    named = f'Revert "{quoted}"' if match[1].lower() == "reapply" else quoted
    return named.strip()[:LONGEST_SUBJECT]


def request_of_address(url: str) -> Relation | None:
    """Return the request that a page of GitHub, GitLab or Bitbucket is about, as messages call it; None for other pages."""
    match = ADDRESS.search(url)
    if match is None:
        return None
    return Relation(Kind.REQUEST, f"{'!' if match[1] == 'merge_requests' else '#'}{match[2]}")
