"""Conditional requests: GitHub answers 304 where an ETag still matches, which does not count against the rate limit."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from releases.providers.base import Answer, PullFailed, PullRefused, Session

PER_PAGE = 100
Params = dict[str, str | int]


class EtagClient:
    """Requests paths below one prefix. `etags` holds, for each path and parameters, the ETag and a note on the answer."""

    def __init__(self, session: Session, prefix: str, etags: object) -> None:
        self.session, self.prefix = session, prefix
        self.etags: dict[str, list[Any]] = {
            name: stored
            for name, stored in (etags.items() if isinstance(etags, Mapping) else ())
            if isinstance(stored, list) and len(stored) == 2
        }
        self._used: set[str] = set()

    def get_if_changed(self, path: str, params: Params | None = None) -> tuple[Answer | None, Any]:
        """Return the answer and None; or, when it has not changed, None and the note that was stored with it."""
        name = _key(path, params)
        self._used.add(name)
        stored = self.etags.get(name)
        answer = self.session.get(f"{self.prefix}{path}", params, {"If-None-Match": stored[0]} if stored else {})
        if answer.status != 304:
            return answer, None
        if stored is None:
            raise PullFailed(f"{answer.url} answered “not modified” to a request without a condition.")
        return None, stored[1]

    def remember(self, path: str, params: Params | None, answer: Answer, note: Any) -> None:
        """Store an answer's ETag with a note. Call it only when the answer's records are about to be yielded."""
        etag = answer.headers.get("etag", "")
        if etag:
            self.etags[_key(path, params)] = [etag, note]
        else:
            self.etags.pop(_key(path, params), None)

    def get(self, path: str, params: Params | None = None) -> Answer:
        """Send an ordinary request, for what is read only once."""
        return self.session.get(f"{self.prefix}{path}", params)

    def prune(self) -> bool:
        """Drop the ETags of paths that were not requested by this pull; say whether there were any."""
        before = len(self.etags)
        self.etags = {name: stored for name, stored in self.etags.items() if name in self._used}
        return len(self.etags) != before


def _key(path: str, params: Params | None) -> str:
    return f"{path}?{urlencode(sorted((params or {}).items()))}" if params else path


def objects_in(answer: Answer, field: str = "") -> list[dict[str, Any]]:
    """Return the objects in a list, the answer's own or that in a field of it; PullRefused when there is no list."""
    document = answer.json()
    if field and isinstance(document, Mapping):
        document = document.get(field)
    if not isinstance(document, list):
        raise PullRefused(f"{answer.url} returned no list. Check that this is GitHub’s API address.")
    return [each for each in document if isinstance(each, dict)]


def has_next_page(answer: Answer) -> bool:
    """Say whether the Link header announces another page. Its URL is not used: it may name another host."""
    return any(
        'rel="next"' in part.partition(";")[2].replace("'", '"') for part in answer.headers.get("link", "").split(",")
    )
