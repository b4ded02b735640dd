"""Every model of the portal app; tests/architecture guards the list."""

from portal.accounts.models import User
from portal.kernel.models import Message, StateChange

__all__ = ["Message", "StateChange", "User"]
