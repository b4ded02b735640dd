"""Every model of the portal app; tests/architecture guards the list."""

from portal.accounts.models import AccessRules, ApiToken, Invitation, KnownName, User, UserSession
from portal.kernel.models import AuditEntry, Mail, Message, StateChange
from portal.retention.models import Deletion, Retention
from portal.search.models import SearchEntry, SearchSpelling

__all__ = [
    "AccessRules",
    "ApiToken",
    "AuditEntry",
    "Deletion",
    "Invitation",
    "KnownName",
    "Mail",
    "Message",
    "Retention",
    "SearchEntry",
    "SearchSpelling",
    "StateChange",
    "User",
    "UserSession",
]
