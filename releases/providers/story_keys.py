"""Which stories a text names, and whether naming them asks for the change. One rule for every provider. No Django in here.

A key in a commit message, in a request's title or in a branch asks: the change is part of the story. In a request's
description, in quoted lines and in what a bot writes below its subject a key is only a mention, unless the description
closes it ("fixes PAY-12"). A key in small letters (pay-12) counts where its squad owns the repository, else it is a hint.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

# CVE-2026-1234, ISO-8859-1 and TLS-1.2 are no keys, and MY_PAY-1 is not PAY-1.
KEY = re.compile(r"(?<![A-Za-z0-9-])(?<![A-Z0-9]_)([A-Z][A-Z0-9_]{1,9})-([1-9][0-9]{0,6})(?![A-Za-z0-9]|[-.][0-9])")
ANY_CASE = re.compile(
    r"(?<![A-Za-z0-9_./@-])([A-Za-z][A-Za-z0-9]{1,9})-([1-9][0-9]{0,6})(?![A-Za-z0-9_]|[.-][A-Za-z0-9])"
)
# In the name of a branch or test, other characters surround a key: feature/pay-12-refunds, test_PAY_12_refund.
LOOSE = re.compile(r"(?:^|[^A-Za-z0-9])([A-Za-z][A-Za-z0-9]{1,9})[-_]([1-9][0-9]{0,6})(?![A-Za-z0-9])")
CLOSING = (
    r"(?<![a-z0-9])(?<!not )(?<!n't )(?<!n’t )(?<!never )"
    r"(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?):?[ \t]+"
)
AND = r"(?:,?[ \t]+and[ \t]+|,[ \t]*)?"
# How GitHub and GitLab close an issue from a message (fixes #7, Closes: shop/checkout#7, resolves #7, #8 and #9), and the
# same for keys: fixes PAY-12, closes [PAY-12](…), resolves PAY-12 and #7.
AN_ISSUE = r"[\w./-]{0,250}#[0-9]{1,9}\b|https?://[^\s()\[\],]{1,500}/issues/[1-9][0-9]{0,8}\b"
A_KEY = r"\[?(?:https?://[^\s()\[\],]{1,500}/)?[a-z][a-z0-9]{1,9}-[1-9][0-9]{0,6}(?![a-z0-9]|[-.][0-9])\]?(?:\([^()\s]{0,500}\))?"
CLOSES = re.compile(rf"{CLOSING}((?:(?:{AN_ISSUE}|{A_KEY}){AND}){{1,50}})", re.IGNORECASE)
# A key in such a list, also at the end of an address.
LISTED_KEY = re.compile(r"(?<![A-Za-z0-9-])([A-Za-z][A-Za-z0-9]{1,9})-([1-9][0-9]{0,6})(?![A-Za-z0-9]|[-.][0-9])")
ISSUE_ADDRESS = re.compile(r"https?://([^\s()\[\],]{1,500}?)(?:/-)?/issues/([1-9][0-9]{0,8})\b")
NAMED_ISSUE = re.compile(r"([\w./-]{0,250})(#[1-9][0-9]{0,8})\b")
ISSUE = re.compile(r"#[1-9][0-9]{0,8}")
LONGEST_TEXT = 20_000
# What a merge says of itself: git, GitHub, Gitea, Bitbucket and GitLab. Then come the branches it merged.
MERGE = re.compile(r"^merged? (?:remote-tracking )?(?:branch(?:es)?|pull request|tag|commit|in)\b", re.IGNORECASE)
MERGED = re.compile(r"'([^']{1,250})'|(?:\b(?:from|into|in)[ ]+)([^\s']{1,250})")
ELSEWHERE = re.compile(r"\bof[ ]+\S{1,500}")
# Lines that name people or other commits, and no work.
TRAILER = re.compile(
    r"^\s*(?:co-authored-by|co-developed-by|signed-off-by|reviewed-by|acked-by|tested-by|reported-by|suggested-by|approved-by"
    r"|cc|change-id|reviewed-on|commit-queue|see merge request)\b:?|^\s*\(cherry picked from ",
    re.IGNORECASE,
)
# Without either, a text names no key and no issue.
NAMES_SOMETHING = re.compile(r"[-#][1-9]")
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
QUOTED_BLOCK = re.compile(r"<(details|blockquote)\b(?:(?!<\1\b).)*?</\1>", re.DOTALL | re.IGNORECASE)

# The kinds of text that an event may hold.
MESSAGE, TITLE_TEXT, DESCRIPTION_TEXT, BRANCH_TEXT, EVENT_TEXT = "message", "title", "description", "branch", "event"
# The places in which a key may stand.
SUBJECT, BODY, TITLE, DESCRIPTION, CLOSED, BRANCH, EVENT, QUOTED, QUOTED_BELOW = (
    "subject",
    "body",
    "title",
    "description",
    "closes",
    "branch",
    "event",
    "quoted",
    "quoted_below",
)
# The rule that a link shows for each place; the first of them is the strongest.
RULE_BY_PLACE = {
    SUBJECT: "message",
    BODY: "message",
    TITLE: "pull_request",
    BRANCH: "branch",
    EVENT: "event",
    CLOSED: "description",
    DESCRIPTION: "description",
    QUOTED: "description",
    QUOTED_BELOW: "message",
}
# Where a bot quotes what others wrote.
NOTES = (BODY, DESCRIPTION, CLOSED, QUOTED, QUOTED_BELOW)
# Why a link is for reading only, from what says most to what says least; "" is a link that asks.
ASKS, DESCRIBED, IN_QUOTES, BY_BOT, NOT_ALLOWED, HINT, NOTHING = (
    "",
    "description",
    "quoted",
    "bot",
    "repository",
    "hint",
    "nothing",
)
# What only looks like a key: shown to whoever links by hand, and nowhere else.
RESEMBLANCES = (HINT, NOTHING)
STRENGTH = (ASKS, DESCRIBED, IN_QUOTES, BY_BOT, NOT_ALLOWED, HINT, NOTHING)


class Naming(NamedTuple):
    """A place in which a key stands, who wrote the text (`bot`: their system says it is one), and whether it is in
    small letters (`loose`)."""

    place: str
    who: str = ""
    bot: bool = False
    loose: bool = False


class Standing(NamedTuple):
    """What a link is: the rule that made it, and why it is for reading only; "" where it asks for the change."""

    rule: str
    mention: str


def keys_in(text: str) -> list[str]:
    """Return the story keys in a text, in order, each once. Only capitals count: PAY-12, never pay-12."""
    found = (f"{prefix}-{number}" for prefix, number in KEY.findall(text[:LONGEST_TEXT]))
    return list(dict.fromkeys(found))


def keys_told(text: str) -> list[str]:
    """Return the story keys in a field that holds nothing but keys, in capitals: pay-12 there is PAY-12."""
    return keys_in(text.upper())


def keys_in_name(text: str) -> list[str]:
    """Return what may be story keys in the name of a branch or test, in capitals: feature/pay-12-refunds names PAY-12."""
    return [key for key, _ in _of_name(text)]


def issues_in(text: str, repository: str) -> list[str]:
    """Return the issues ("#7") of a repository that a text says it closes, in order, each once.

    Issues of other repositories (shop/web#7) are left out; those of this repository may be written in full.
    """
    if "#" not in text and "/issues/" not in text:
        return []
    own = f"/{repository.lower()}"
    found: dict[str, None] = {}
    for issues in CLOSES.findall(text[:LONGEST_TEXT]):
        placed = [(each.start(), each[2]) for each in NAMED_ISSUE.finditer(issues) if _is_own(each[1], own)]
        # The repository may be known without its host, and never by less than its path.
        placed += [
            (each.start(), f"#{each[2]}")
            for each in ISSUE_ADDRESS.finditer(issues)
            if "/" in repository and f"/{each[1].lower()}".endswith(own)
        ]
        found |= dict.fromkeys(issue for _, issue in sorted(placed))
    return list(found)


def _is_own(path: str, own: str) -> bool:
    return not path or ("/" in path and own.endswith(f"/{path.lower()}"))


def named_in(kind: str, text: str, repository: str) -> Iterator[tuple[str, str, bool]]:
    """Yield (key, place, loose) for every story key and closed issue ("#7") that a text of this kind names."""
    text = text[:LONGEST_TEXT]
    if kind == MESSAGE:
        yield from _of_message(text, repository)
    elif kind == DESCRIPTION_TEXT:
        yield from _of_description(text, repository)
    elif kind == BRANCH_TEXT:
        yield from ((key, BRANCH, loose) for key, loose in _of_name(text))
    elif kind == EVENT_TEXT:
        yield from ((key, EVENT, False) for key in keys_told(text))
    else:
        yield from _of_line(text, TITLE, repository)


def standing(
    namings: Iterable[Naming], *, here: bool, allowed: bool, described: bool, is_bot: Callable[[str, bool], bool]
) -> Standing:
    """Return what a key in all these places makes of a link; the strongest place counts.

    `here`: the key's squad owns the repository. `allowed`: that squad lets the repository name its keys. `described`: its
    rule says that keys in descriptions count. `is_bot` answers for an author and what their system says of them.
    """
    strongest = (STRENGTH.index(NOTHING), len(RULE_BY_PLACE), "event")
    for each in namings:
        mention = _mention(each, here=here, described=described, by_bot=is_bot(each.who, each.bot))
        if mention == ASKS and not allowed:
            mention = NOT_ALLOWED
        found = (STRENGTH.index(mention), list(RULE_BY_PLACE).index(each.place), RULE_BY_PLACE[each.place])
        strongest = min(strongest, found)
    return Standing(strongest[2], STRENGTH[strongest[0]])


def _mention(naming: Naming, *, here: bool, described: bool, by_bot: bool) -> str:
    if naming.loose and not here:
        # Names of packages that a bot updates look like keys: left-pad-2.
        return NOTHING if by_bot else HINT
    if by_bot and (naming.loose or naming.place in NOTES):
        return BY_BOT
    if naming.place in (QUOTED, QUOTED_BELOW):
        return IN_QUOTES
    if naming.place == DESCRIPTION and not described:
        return DESCRIBED
    return ASKS


def _of_name(text: str) -> Iterator[tuple[str, bool]]:
    found: dict[str, bool] = {}
    for prefix, number in LOOSE.findall(text[:LONGEST_TEXT]):
        key = f"{prefix.upper()}-{number}"
        found[key] = found.get(key, True) and prefix != prefix.upper()
    yield from found.items()


def _of_line(text: str, place: str, repository: str) -> Iterator[tuple[str, str, bool]]:
    exact = keys_in(text) if "-" in text else []
    yield from ((key, place, False) for key in exact)
    for prefix, number in ANY_CASE.findall(text) if "-" in text else ():
        if (key := f"{prefix.upper()}-{number}") not in exact:
            yield key, place, True
    yield from ((issue, place, False) for issue in issues_in(text, repository))


def _of_message(text: str, repository: str) -> Iterator[tuple[str, str, bool]]:
    subject, _, body = text.strip().partition("\n")
    if not MERGE.match(subject):
        yield from _of_line(subject, SUBJECT, repository)
    else:
        for quoted, bare in MERGED.findall(ELSEWHERE.sub(" ", subject)):
            yield from ((key, BRANCH, loose) for key, loose in _of_name(quoted or bare))
        yield from _of_line(MERGED.sub(" ", ELSEWHERE.sub(" ", subject)), SUBJECT, repository)
        # Below, a merge repeats the title of its request, and then its description.
        title, _, body = body.strip().partition("\n")
        if not TRAILER.match(title):
            yield from _of_line(title, TITLE, repository)
        yield from _of_description(body, repository)
        return
    written, quoted = _quotes_apart(body)
    yield from _of_line(written, BODY, repository)
    yield from _of_quotes(quoted, QUOTED_BELOW)


def _of_description(text: str, repository: str) -> Iterator[tuple[str, str, bool]]:
    written, quoted = _quotes_apart(text)
    closed = [key for named in CLOSES.findall(written) for key in LISTED_KEY.findall(named)]
    for prefix, number in closed:
        yield f"{prefix.upper()}-{number}", CLOSED, prefix != prefix.upper()
    yield from ((issue, CLOSED, False) for issue in issues_in(written, repository))
    yield from ((key, place, loose) for key, place, loose in _of_line(written, DESCRIPTION, "") if key[0] != "#")
    yield from _of_quotes(quoted, QUOTED)


def _of_quotes(text: str, place: str) -> Iterator[tuple[str, str, bool]]:
    yield from ((key, place, False) for key in keys_in(text))


def _quotes_apart(text: str) -> tuple[str, str]:
    """Return what somebody wrote below a subject, and what they quote there: lines with ">", code, folded blocks.

    Comments that a template leaves behind, and lines that only name people or commits, are in neither.
    """
    quoted: list[str] = []
    if not NAMES_SOMETHING.search(text):
        return "", ""
    text = COMMENT.sub(" ", text)
    while (found := QUOTED_BLOCK.search(text)) is not None and len(quoted) < 100:
        quoted.append(found[0])
        text = f"{text[: found.start()]}\n{text[found.end() :]}"
    written: list[str] = []
    in_code = False
    for line in text.splitlines():
        is_fence = line.lstrip().startswith(("```", "~~~"))
        in_code ^= is_fence
        if in_code or is_fence or line.lstrip().startswith(">"):
            quoted.append(line)
        elif not TRAILER.match(line):
            written.append(line)
    return "\n".join(written), "\n".join(quoted)
