"""The status words of outside systems, as tables that both the code and the documentation read."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made

from releases.providers import facts


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a word means on our two axes; `outcome` is empty until something has ended. `why` is for the reader."""

    phase: str
    outcome: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class StatusTable:
    """The words of one field of one system. `manage.py provider_docs` writes it into docs/providers/<kind>.md."""

    title: str
    field: str
    words: Mapping[str, Meaning] = made(default_factory=dict)
    # The door refuses other words, for a person sends them and can be told.
    closed: bool = False

    def read(self, word: object) -> Meaning:
        """Return what a word means; one that nobody explained to us is unknown, never success or failure.

        Words differ in case and in - for _ only by accident.
        """
        text = word.strip() if isinstance(word, str) else ""
        known = self.words.get(text) or self.words.get(text.lower().replace("-", "_").replace(" ", "_"))
        return known or Meaning(facts.FINISHED, facts.UNKNOWN)
