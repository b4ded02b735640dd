"""Every model of the portal app; tests/architecture guards the list."""

from portal.accounts.models import ApiToken, Invitation, KnownName, User
from portal.kernel.models import Message, StateChange
from portal.search.models import SearchEntry, SearchSpelling

__all__ = [
    "ApiToken",
    "Invitation",
    "KnownName",
    "Message",
    "SearchEntry",
    "SearchSpelling",
    "StateChange",
    "User",
]
