"""What a story's key looks like, here and elsewhere."""

import re
from typing import NamedTuple

# More prefixes than squads here have: trackers allow longer ones. Of numbers up to a million, since keys here go on from the
# highest one of their prefix and stay short enough to be found in commits.
KEY = re.compile(r"([A-Z][A-Z0-9_]{0,19})-([1-9][0-9]{0,5})")


# What people call the systems that `Story.external` starts with.
SYSTEMS = {
    "jira": "Jira",
    "csv": "a table",
    "trello": "Trello",
    "taiga": "Taiga",
    "github": "GitHub",
    "gitlab": "GitLab",
    "rodeo": "another Rodeo",
}


class Key(NamedTuple):
    """A key in capitals, and its parts."""

    text: str
    prefix: str
    number: int


def as_key(text: str) -> Key | None:
    """Read "RES-1" or "res-1"; None for what is no key, such as the name of an issue on GitHub."""
    found = KEY.fullmatch(text.strip().upper())
    return Key(found[0], found[1], int(found[2])) if found else None


def foreign_key_of(external: str, own: str) -> str:
    """Return what a story is called where it came from, given `Story.external`; "" for its title, and for its own key."""
    system, _, name = external.partition(":")
    return "" if not system or name.startswith("title:") or name.upper() == own else name


def keeps_key(external: str, own: str) -> bool:
    """Say whether a story has the key that it had where it came from, given `Story.external` and its key here."""
    return external.partition(":")[2].upper() == own
