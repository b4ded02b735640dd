"""Which releases the overview shows, as its address says."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlencode

from portal.kernel.text_input import plain
from releases.gates.readiness import VERDICTS

LONGEST = 200
ME = "me"


@dataclass(frozen=True, slots=True)
class Asked:
    """A part of the open releases: of a squad (its slug), a line, with a verdict, of an owner (a user name, or “me”)."""

    squad: str = ""
    line: str = ""
    verdict: str = ""
    owner: str = ""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "Asked":
        """Read the query of an address. A verdict that there isn't is left out."""
        said = {each.name: plain(str(values.get(each.name) or ""))[:LONGEST] for each in fields(cls)}
        return cls(**{**said, "verdict": said["verdict"] if said["verdict"] in VERDICTS else ""})

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))

    @property
    def query(self) -> str:
        """What follows the question mark in the overview's address."""
        return urlencode({each.name: value for each in fields(self) if (value := getattr(self, each.name))})
