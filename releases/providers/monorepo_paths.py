"""Which services of a repository a change touches, by the folders it touches. Pure."""

from collections.abc import Iterable, Mapping, Sequence

DEEPEST = 20
MOST_PATHS = 200


def depth_of(prefixes: Iterable[str]) -> int:
    """Return how deep the deepest of these folders lies; 0 without any."""
    return max((prefix.count("/") + 1 for prefix in prefixes), default=0)


def cut(paths: Iterable[str], prefixes: Sequence[str], most: int = MOST_PATHS) -> tuple[str, ...]:
    """Return the folders that these paths lie in, as deep as the deepest prefix and in order, at most `most` of them.

    Those that a prefix holds come before others when there are too many.
    """
    depth = depth_of(prefixes)
    folders = {"/".join(path.split("/")[:depth]) for path in paths if path}
    if len(folders) > most:
        held = {folder for folder in folders if holding(folder, prefixes)}
        folders = {*sorted(held)[:most], *sorted(folders - held)[: max(0, most - len(held))]}
    return tuple(sorted(folders))


def holding(path: str, prefixes: Iterable[str]) -> str:
    """Return the innermost of these folders that holds a path; "" when none does."""
    return max((each for each in prefixes if path == each or path.startswith(f"{each}/")), key=len, default="")


def services_of(paths: Iterable[str], parts: Mapping[str, str], own: str) -> list[str]:
    """Return the services that a change of these paths belongs to, `parts` being service by folder.

    What lies in no part is of the repository's own service, and so is a change of which no path is known.
    """
    found = {parts[prefix] if (prefix := holding(path, parts)) else own for path in paths}
    return sorted(found or {own})
