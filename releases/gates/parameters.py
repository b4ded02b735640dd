"""What can be set for a gate, and checking what somebody set."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

CHOICE, NUMBER, NAMES = "choice", "number", "names"
MOST_NAMES, LONGEST_NAME = 20, 80


class InvalidParameter(ValueError):
    """A value that a gate can't take. `field` is the parameter's name."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that can be set for a gate. A number that is None is not set."""

    name: str
    title: str
    kind: str
    default: Any
    choices: tuple[tuple[str, str], ...] = ()
    least: int = 1
    most: int = 10_000
    help: str = ""

    def clean(self, value: Any) -> Any:
        """Return the value as it is kept. Raises InvalidParameter with what can be entered instead."""
        if self.kind == CHOICE:
            return self._chosen(value)
        return self._number(value) if self.kind == NUMBER else self._names(value)

    def _chosen(self, value: Any) -> str:
        known = dict(self.choices)
        if not isinstance(value, str) or value not in known:
            raise InvalidParameter(self.name, f"Choose one of: {', '.join(known)}.")
        return value

    def _number(self, value: Any) -> int | None:
        if value in (None, "") and not isinstance(value, bool):
            return None
        # A whole number that some form or JSON wrote as text is one too; True isn't.
        text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
        if not (text.isascii() and text.isdigit() and len(text) < 10) or not self.least <= int(text) <= self.most:
            raise InvalidParameter(
                self.name, f"Enter a whole number from {self.least} to {self.most}, or leave it empty."
            )
        return int(text)

    def _names(self, value: Any) -> list[str]:
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            raise InvalidParameter(self.name, "Enter a list of names.")
        names = list(dict.fromkeys(each.strip() for each in value if each.strip()))
        if len(names) > MOST_NAMES or any(len(each) > LONGEST_NAME for each in names):
            raise InvalidParameter(
                self.name, f"Enter {MOST_NAMES} names or fewer, of {LONGEST_NAME} characters or fewer."
            )
        return names


STALE_AFTER = Parameter(
    "stale_after_hours",
    "Evidence is too old after (hours)",
    NUMBER,
    None,
    most=24 * 365,
    help="Stale evidence never passes. Leave empty for no limit.",
)
STEADY_FOR = Parameter(
    "steady_minutes",
    "Must have held for (minutes)",
    NUMBER,
    None,
    most=60 * 24 * 90,
    help="Leave empty if it may pass at once.",
)
# Every gate has these.
COMMON = (STALE_AFTER, STEADY_FOR)


@dataclass(frozen=True, slots=True)
class GateSetting:
    """A gate as a template has it: its name, and what is set for it by parameter name."""

    gate: str
    values: Mapping[str, Any]

    @property
    def stale_after(self) -> timedelta | None:
        """How old its evidence may be."""
        hours = self.values.get(STALE_AFTER.name)
        return None if hours is None else timedelta(hours=hours)

    @property
    def steady_for(self) -> timedelta | None:
        """How long it must have held."""
        minutes = self.values.get(STEADY_FOR.name)
        return None if minutes is None else timedelta(minutes=minutes)
