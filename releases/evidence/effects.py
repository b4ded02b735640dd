"""What is in effect somewhere: there in one of its forms, and not taken back there. Pure: no Django in here."""

from collections.abc import Callable
from typing import Protocol

# Longer chains of commits that revert each other are made by machines; the rest of one counts as not taken back.
DEEPEST = 200


class Related(Protocol):
    """What is the same change as a commit, and what takes a commit back; by sha."""

    def alike(self, sha: str) -> set[str]:
        """Return the commits that are the same change, this one included."""

    def takers(self, sha: str) -> set[str]:
        """Return the commits that take back this one, or the merge that brought it."""


class Effects:
    """Answers for one place: a deployed commit, or the mainline up to some point.

    `holds` says whether a commit is in the place's history (None: nothing tells); `comes_after` whether one commit was made
    on top of another. What takes a change back may be taken back itself, which brings the change back.
    """

    def __init__(
        self, related: Related, holds: Callable[[str], bool | None], comes_after: Callable[[str, str], bool]
    ) -> None:
        self._related, self._holds, self._comes_after = related, holds, comes_after
        self._taken_back: dict[str, str] = {}
        self._depth = 0

    def of(self, sha: str) -> bool | None:
        """Say whether a change is in effect here; None when nothing tells."""
        unknown = False
        for each in sorted(self._related.alike(sha)):
            held = self._holds(each)
            if held and not self.taken_back_by(each):
                return True
            unknown = unknown or held is None
        return None if unknown else False

    def taken_back_by(self, sha: str) -> str:
        """Return the commit that takes this one back here, and is not taken back itself; "" for none."""
        if sha not in self._taken_back and self._depth < DEEPEST:
            # Commits that take each other back, as nothing tells which was first, take nothing back.
            self._taken_back[sha] = ""
            self._depth += 1
            self._taken_back[sha] = self._taker(sha)
            self._depth -= 1
        return self._taken_back.get(sha, "")

    def _taker(self, sha: str) -> str:
        for each in sorted(self._related.takers(sha)):
            if self._holds(each) and self._comes_after(each, sha) and not self.taken_back_by(each):
                return each
        return ""
