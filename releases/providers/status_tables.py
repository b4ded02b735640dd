"""Status tables: what the raw statuses of outside systems mean, for the code and for docs/providers."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made

from releases.providers import facts


@dataclass(frozen=True, slots=True)
class Meaning:
    """The phase and outcome of a raw status; `outcome` is empty until something has ended. `why` is shown in the docs."""

    phase: str
    outcome: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class StatusTable:
    """The raw statuses of one field of one system. `manage.py provider_docs` writes it into docs/providers/<kind>.md."""

    title: str
    field: str
    meanings: Mapping[str, Meaning] = made(default_factory=dict)
    # Whether the API answers 400 to other values: a person sends these and can be told.
    closed: bool = False

    def meaning_of(self, raw_status: object) -> Meaning:
        """Return the meaning of a raw status; one that is not in the table is finished and unknown, never guessed.

        Upper and lower case, and "-", "_" and " ", count as the same.
        """
        text = raw_status.strip() if isinstance(raw_status, str) else ""
        known = self.meanings.get(text) or self.meanings.get(text.lower().replace("-", "_").replace(" ", "_"))
        return known or Meaning(facts.FINISHED, facts.UNKNOWN)
