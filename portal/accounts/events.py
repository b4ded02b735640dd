"""What happens to people's accounts, as the outbox tells it: one class for each topic."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from portal.kernel.events import AboutSome


@dataclass(frozen=True, kw_only=True)
class PersonSaved(AboutSome):
    """An account was made, renamed, switched off or on, or deleted. Published by accounts.

    ids: the accounts.
    """

    topic: ClassVar[str] = "person.saved"
    ids: Sequence[int]
