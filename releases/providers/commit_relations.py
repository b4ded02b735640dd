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


SHA = r"`?([0-9a-f]{7,64})`?"
# git: "This reverts commit 4f2a91c"; Azure DevOps: "Reverted commit `4f2a91c`"; by hand: "Reverts 4f2a91c".
REVERTS = re.compile(
    rf"^[ \t]*(?:This reverts commits?|Reverted commits?|Reverts(?: commits?)?|Revert commits?)\s+{SHA}"
    rf"((?:(?:,| and|, and)\s+{SHA})*)(?![0-9a-z])",
    re.IGNORECASE | re.MULTILINE,
)
EACH_SHA = re.compile(r"\b[0-9a-f]{7,64}\b", re.IGNORECASE)
# GitHub: "Reverts shop/checkout#12"; GitLab: "This reverts merge request !12"; Bitbucket: "This reverts pull request #12".
REVERTS_REQUEST = re.compile(
    r"^[ \t]*(?:Reverts (?:[\w.-]{1,100}/[\w.-]{1,100})?([#!][1-9]\d{0,8})"
    r"|This reverts (?:merge|pull) request (?:[\w./-]{1,200})?([#!][1-9]\d{0,8}))\b",
    re.IGNORECASE | re.MULTILINE,
)
PICKS = re.compile(rf"^[ \t]*\(cherry[ -]picked from commit {SHA}\)", re.IGNORECASE | re.MULTILINE)
# "Add refunds (#12)", "Merge pull request #12 from shop/refunds", "Merged in refunds (pull request #12)", "Merged PR 12:
# Add refunds"; GitLab: "See merge request shop/checkout!12".
SQUASHED = re.compile(r"\((?:pull request )?(#[1-9]\d{0,8})\)$")
MERGED = re.compile(r"^Merge pull request (#[1-9]\d{0,8}) from ")
MERGED_PR = re.compile(r"^Merged PR ([1-9]\d{0,8}):")
SEE_REQUEST = re.compile(r"^See merge request (?:[\w./-]{1,200})?(![1-9]\d{0,8})[ \t]*$", re.MULTILINE)
ADDRESS = re.compile(r"/(pull|pulls|pull-requests|pullrequest|merge_requests)/([1-9]\d{0,8})(?:[/?#]|$)")
# The branches that GitHub and GitLab make for a revert.
REVERTING_BRANCH = re.compile(r"^Merge pull request #\d{1,9} from [\w.-]{1,100}/revert-([1-9]\d{0,8})-")
REVERTING_SHA = re.compile(r"^Merge branch '(?:cherry-pick-|revert-)?revert-([0-9a-f]{8,64})' into ")
# git writes Revert "…"; from 2.43 on, Reapply "…" for the revert of a revert. Others write other quotes, or a colon.
QUOTED = re.compile(r"""^(Revert|Reapply):? (?:"(.*)"|'(.*)'|“(.*)”)(?: ?\([#!]\d{1,9}\))?$""", re.IGNORECASE)
CONVENTIONAL = re.compile(r"^revert(?:\([^()]{1,100}\))?!?: (.+)$", re.IGNORECASE)
REFS = re.compile(r"^Refs:(.*)$", re.IGNORECASE | re.MULTILINE)
MERGE = re.compile(r"^Merge(?:d in|d PR| branch| pull request| remote-tracking branch)\b")
BEFORE = re.compile(r"^(?:\[[^\]]{0,50}\] ?|Merged PR \d{1,9}: ){1,3}")
TAKING_BACK = re.compile(
    r"\b(?:revert\w{0,3}|undo\w{0,3}|back(?:ed|s|ing)? ?out|roll(?:ed|s|ing)? ?back|take \w{1,30} out)\b", re.I
)
LONGEST_SUBJECT = 300
MOST = 50


def relations_of(message: str) -> list[Relation]:
    """Return what a commit message says of other commits, each once, in the order in which it says so."""
    subject = next((line.strip() for line in message.splitlines() if line.strip()), "")
    found = [] if _undoes_itself(message) else _taken_back(message, subject)
    found += [Relation(Kind.PICKS, sha.lower()) for sha in PICKS.findall(message)]
    for pattern, text in ((MERGED, subject), (SQUASHED, subject), (SEE_REQUEST, message)):
        found += [Relation(Kind.REQUEST, number) for number in pattern.findall(text)]
    found += [Relation(Kind.REQUEST, f"!{number}") for number in MERGED_PR.findall(subject)]
    return list(dict.fromkeys(found))[:MOST]


def _taken_back(message: str, subject: str) -> list[Relation]:
    shas = [sha for match in REVERTS.finditer(message) for sha in EACH_SHA.findall(match[0])]
    shas += REVERTING_SHA.findall(subject)
    if CONVENTIONAL.match(subject):
        shas += [sha for line in REFS.findall(message) for sha in EACH_SHA.findall(line)]
    found = [Relation(Kind.REVERTS, sha.lower()) for sha in shas]
    found += [Relation(Kind.REVERTS_REQUEST, one or other) for one, other in REVERTS_REQUEST.findall(message)]
    found += [Relation(Kind.REVERTS_REQUEST, f"#{number}") for number in REVERTING_BRANCH.findall(subject)]
    named = reverted_subject(subject)
    if not named and MERGE.match(subject):
        # The title of the request that a merge brought is the first line below.
        named = next((named for line in message.splitlines()[1:6] if (named := reverted_subject(line.strip()))), "")
    if named:
        bare = BEFORE.sub("", SQUASHED.sub("", named)).strip()
        found += [Relation(Kind.REVERTS_SUBJECT, each) for each in dict.fromkeys((named, bare))]
    return found


def _undoes_itself(message: str) -> bool:
    """Say whether a message tells of several commits, one of which brings back what another took back."""
    lines = [line.strip().removeprefix("* ") for line in message.splitlines()[1:]]
    taken = {named for line in lines if (named := reverted_subject(line))}
    return any(f'Revert "{named}"' in taken for named in taken)


def reverted_subject(subject: str) -> str:
    """Return the subject of the commit that one with this subject takes back; "" when it takes none back.

    Reapply "X" takes back the commit called Revert "X".
    """
    subject = BEFORE.sub("", subject[: 2 * LONGEST_SUBJECT].strip())
    match = QUOTED.match(subject)
    if match is None:
        plain = CONVENTIONAL.match(subject)
        return plain[1].strip()[:LONGEST_SUBJECT] if plain else ""
    quoted = match[2] or match[3] or match[4] or ""
    named = f'Revert "{quoted}"' if match[1].lower() == "reapply" else quoted
    return named.strip()[:LONGEST_SUBJECT]


def calls_itself_a_revert(subject: str) -> bool:
    """Say whether a subject speaks of taking something back, in whatever words."""
    return bool(reverted_subject(subject) or TAKING_BACK.search(subject))


def request_of_address(url: str) -> Relation | None:
    """Return the request that a page of GitHub, GitLab or Bitbucket is about, as messages call it; None for other pages."""
    match = ADDRESS.search(url)
    if match is None:
        return None
    return Relation(Kind.REQUEST, f"{'!' if match[1] == 'merge_requests' else '#'}{match[2]}")
