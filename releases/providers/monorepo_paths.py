"""Monorepo paths: which services of a repository a change touches, by the folders it touches. Pure."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence

DEEPEST = 20
MOST_PATHS = 200


def depth_of(prefixes: Iterable[str]) -> int:
    """Return the number of levels of the deepest of these folders; 0 without any."""
    return max((prefix.count("/") + 1 for prefix in prefixes), default=0)


def folders_of(paths: Iterable[str], prefixes: Sequence[str], most: int = MOST_PATHS) -> tuple[str, ...]:
    """Return the folders of these paths, sorted and cut to the depth of the deepest prefix, at most `most` of them.

    When there are too many, folders inside a prefix are kept before others.
    """
    depth = depth_of(prefixes)
    folders = {"/".join(path.split("/")[:depth]) for path in paths if path}
    if len(folders) > most:
        inside = {folder for folder in folders if innermost_prefix(folder, prefixes)}
        folders = {*sorted(inside)[:most], *sorted(folders - inside)[: max(0, most - len(inside))]}
    return tuple(sorted(folders))


def innermost_prefix(path: str, prefixes: Iterable[str]) -> str:
    """Return the most specific of these folders that contains a path; "" when none does."""
    return max((each for each in prefixes if path == each or path.startswith(f"{each}/")), key=len, default="")


def services_of(paths: Iterable[str], service_by_folder: Mapping[str, str], own: str) -> list[str]:
    """Return the services that a change of these paths belongs to.

    A path outside these folders belongs to `own`, the repository's service, and so does a change without known paths.
    """
    found = {
        service_by_folder[prefix] if (prefix := innermost_prefix(path, service_by_folder)) else own for path in paths
    }
    return sorted(found or {own})


def part_named(name: str, service_by_folder: Mapping[str, str], common: Container[str] = ()) -> str:
    """Return the service of the part that a name such as "web-production" names by its service or folder; "" if none.

    The most words decide; where two parts are named alike, neither is meant. Words in `common` alone name nothing.
    """
    words = words_of(name)
    longest, meant = 0, set[str]()
    for folder, service in service_by_folder.items():
        for title in (words_of(service), words_of(folder.rpartition("/")[2])):
            if len(title) < max(longest, 1) or all(word in common for word in title):
                continue
            if any(words[at : at + len(title)] == title for at in range(len(words))):
                meant = meant | {service} if len(title) == longest else {service}
                longest = len(title)
    return meant.pop() if len(meant) == 1 else ""


def words_of(name: str) -> list[str]:
    """Return the words of a name in small letters: "Production – Web_2" is production, web and 2."""
    return re.findall(r"[^\W_]+", name.casefold())
