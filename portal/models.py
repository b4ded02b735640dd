"""Every model of the portal app; tests/architecture guards the list."""

from portal.accounts.models import ApiToken, Invitation, User
from portal.kernel.models import Message, StateChange
from portal.search.models import SearchEntry, SearchSpelling

__all__ = ["ApiToken", "Invitation", "Message", "SearchEntry", "SearchSpelling", "StateChange", "User"]
