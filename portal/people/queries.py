"""What the pages of people read."""

from typing import Any, NamedTuple

from allauth.mfa.models import Authenticator
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from portal.accounts.models import ADMINISTRATOR, MANAGER, READER, User
from portal.accounts.queries import tokens_of
from portal.accounts.sessions import sessions_of
from portal.kernel.models import AuditEntry

BY_ROLE = {
    ADMINISTRATOR: Q(is_staff=True),
    MANAGER: Q(is_staff=False, is_project_manager=True),
    READER: Q(is_staff=False, is_project_manager=False),
}
STATES = {"active": True, "inactive": False}
LATEST = 10


def people(*, text: str = "", role: str = "", state: str = "") -> "QuerySet[User]":
    """Return everyone with an account, by name: each with the number of their squads, and whether they use a second factor.

    `text` looks in names and addresses; `role` is one of ROLES; `state` is active or inactive. Accounts of squads' tokens
    are none of a person.
    """
    rows = User.objects.filter(program_of=None)
    if text:
        looked = Q(username__icontains=text) | Q(email__icontains=text)
        rows = rows.filter(looked | Q(first_name__icontains=text) | Q(last_name__icontains=text))
    if role in BY_ROLE:
        rows = rows.filter(BY_ROLE[role])
    if state in STATES:
        rows = rows.filter(is_active=STATES[state])
    squads = User.objects.filter(pk=OuterRef("pk")).values("pk").annotate(n=Count("memberships")).values("n")
    factors = Authenticator.objects.filter(user=OuterRef("pk")).exclude(type=Authenticator.Type.RECOVERY_CODES)
    counted = rows.annotate(squad_count=Coalesce(Subquery(squads), 0), has_factor=Exists(factors))
    return counted.order_by("username", "pk")


class Account(NamedTuple):
    """What an administrator sees of one account."""

    person: User
    memberships: list[Any]
    sessions: list[Any]
    tokens: list[Any]
    factors: list[str]
    did: list[AuditEntry]


FACTORS = {Authenticator.Type.TOTP: "app", Authenticator.Type.WEBAUTHN: "passkey"}


def account_of(person: User) -> Account:
    """Return what an administrator sees of one account: the latest of each kind."""
    memberships: Any = person.memberships  # type: ignore[attr-defined]
    kinds = Authenticator.objects.filter(user=person).order_by("type").values_list("type", flat=True)
    return Account(
        person,
        list(memberships.select_related("squad").order_by("squad__name")[:200]),
        list(sessions_of(person)[:LATEST]),
        list(tokens_of(user=person)[:LATEST]),
        [FACTORS[kind] for kind in kinds if kind in FACTORS],
        list(AuditEntry.objects.filter(kind="person", key=person.username).select_related("by")[:LATEST]),
    )
