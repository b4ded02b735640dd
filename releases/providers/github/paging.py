"""Asking GitHub for lists, with the tags of what was answered before: what is still the same is answered 304, for free."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from releases.providers.base import Answer, PullFailed, PullRefused, Session

PER_PAGE = 100
Params = dict[str, str | int]


class Asker:
    """Asks below one address. `tags` holds, for each address asked, its tag and a note of what followed from the answer."""

    def __init__(self, session: Session, prefix: str, tags: object) -> None:
        self.session, self.prefix = session, prefix
        self.tags: dict[str, list[Any]] = {
            name: kept
            for name, kept in (tags.items() if isinstance(tags, Mapping) else ())
            if isinstance(kept, list) and len(kept) == 2
        }
        self._used: set[str] = set()

    def ask(self, path: str, params: Params | None = None) -> tuple[Answer | None, Any]:
        """Return the answer; or, when it is what it was, None and the note that was kept with it."""
        name = _name(path, params)
        self._used.add(name)
        kept = self.tags.get(name)
        answer = self.session.get(f"{self.prefix}{path}", params, {"If-None-Match": kept[0]} if kept else {})
        if answer.status != 304:
            return answer, None
        if kept is None:
            raise PullFailed(f"{answer.url} says that nothing changed since a time we never asked it.")
        return None, kept[1]

    def keep(self, path: str, params: Params | None, answer: Answer, note: Any) -> None:
        """Remember an answer's tag with a note. To be called once all that the answer says is on its way."""
        tag = answer.headers.get("etag", "")
        if tag:
            self.tags[_name(path, params)] = [tag, note]
        else:
            self.tags.pop(_name(path, params), None)

    def plain(self, path: str, params: Params | None = None) -> Answer:
        """Ask for what is read only once."""
        return self.session.get(f"{self.prefix}{path}", params)

    def prune(self) -> bool:
        """Forget the addresses that were not asked this time; say whether there were any."""
        before = len(self.tags)
        self.tags = {name: kept for name, kept in self.tags.items() if name in self._used}
        return len(self.tags) != before


def _name(path: str, params: Params | None) -> str:
    return f"{path}?{urlencode(sorted((params or {}).items()))}" if params else path


def listed(answer: Answer, within: str = "") -> list[dict[str, Any]]:
    """Return the objects in a list (`within` a field of the answer); PullRefused when it holds none."""
    read = answer.json()
    if within and isinstance(read, Mapping):
        read = read.get(within)
    if not isinstance(read, list):
        raise PullRefused(f"{answer.url} holds no list. Check that the address is that of GitHub's API.")
    return [each for each in read if isinstance(each, dict)]


def has_next(answer: Answer) -> bool:
    """Say whether another page follows, by the Link header. Its address is not taken: it may name another host."""
    return any(
        'rel="next"' in part.partition(";")[2].replace("'", '"') for part in answer.headers.get("link", "").split(",")
    )
