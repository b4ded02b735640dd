"""The card of a story on any board."""

from typing import NamedTuple


class Card(NamedTuple):
    """One story as one board shows it now. `version` changes whenever what is shown of it does, words of "ago" aside."""

    story: int
    topic: str
    key: str
    stage: str
    rank: int
    version: str
    html: str
