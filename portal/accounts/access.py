"""Who may found squads and invite people, and from which mail domains. Administrators decide (docs/permissions.md)."""

import re
from collections.abc import Iterable

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.accounts.models import AccessRules
from portal.kernel import audit
from portal.kernel.actors import Actor, Anyone
from portal.kernel.locks import hold
from portal.kernel.policy import check_administrator
from portal.kernel.sentences import listed
from portal.kernel.transitions import ChangedMeanwhile

ONLY = 1
DOMAIN = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+")
MOST_DOMAINS = 50
WHO_FOUNDS = {
    AccessRules.Founders.MANAGERS: "Only project managers and administrators can create squads. Ask one of them.",
    AccessRules.Founders.ADMINISTRATORS: "Only administrators can create squads. Ask one of them.",
}


def access_rules() -> AccessRules:
    """Return the rules in force: the saved ones, else those that hold at first."""
    return AccessRules.objects.filter(pk=ONLY).first() or AccessRules(pk=ONLY)


def may_found(user: Anyone) -> bool:
    """Say whether this person may create squads. A squad's API tokens never may."""
    if not user.is_authenticated or user.program_of_id:
        return False
    if user.is_staff:
        return True
    founders = access_rules().founders
    return founders == AccessRules.Founders.EVERYONE or (
        founders == AccessRules.Founders.MANAGERS and user.is_project_manager
    )


def check_founder(user: Anyone) -> None:
    """Refuse somebody who may not create squads, saying who may."""
    if getattr(user, "program_of_id", None):
        raise PermissionDenied("Squad tokens can’t create squads. Ask a person to.")
    if not may_found(user):
        raise PermissionDenied(WHO_FOUNDS.get(AccessRules.Founders(access_rules().founders), "Sign in first."))


def may_invite(user: Anyone) -> bool:
    """Say whether somebody who leads a squad may invite people to it who have no account."""
    return bool(user.is_authenticated and (user.is_staff or access_rules().inviters == AccessRules.Inviters.LEADS))


def check_inviter(user: Anyone) -> None:
    """Refuse somebody who may not invite people, saying who may. That they lead the squad was asked before."""
    if not may_invite(user):
        raise PermissionDenied("Only administrators can invite people. Ask one of them.")


def allowed_domains() -> list[str]:
    """Return the domains that people may be invited from; empty means any.

    While administrators have named none, those of the company's own sign-in hold (RODEO_OIDC_DOMAINS).
    """
    return list(access_rules().domains or settings.RODEO_OIDC_DOMAINS)


def check_address(email: str) -> None:
    """Refuse an address outside the allowed domains. Raises ValidationError naming the field and the domains."""
    domains = allowed_domains()
    if domains and email.rpartition("@")[2].strip().lower() not in domains:
        raise ValidationError(
            {
                "email": f"Only addresses at {listed(domains, 'or')} are allowed. Administrators can change that under Access."
            }
        )


def change_rules(*, by: Actor, founders: str, inviters: str, domains: Iterable[str], version: int) -> AccessRules:
    """Change the rules, unless somebody else did since `version` was read: then ChangedMeanwhile is raised."""
    check_administrator(by, "change who can create squads and invite people")
    with transaction.atomic():
        hold("access rules")
        row = access_rules()
        if row.version != version:
            raise ChangedMeanwhile("the access rules")
        before = _words(row)
        row.founders, row.inviters, row.domains = founders, inviters, _checked(domains)
        row.clean_fields()
        changed = [after for was, after in zip(before, _words(row), strict=True) if was != after]
        if changed:
            row.version += 1
            row.save()
            audit.record(by=by, did=f"changed the access rules: {'; '.join(changed)}", kind="access")
        return row


def _words(row: AccessRules) -> tuple[str, str, str]:
    return (
        f"squads are created by {row.get_founders_display()}",
        f"people are invited by {row.get_inviters_display()}",
        f"addresses at {listed(row.domains, 'or')}" if row.domains else "no domains named",
    )


def _checked(domains: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(each.strip().lower().removeprefix("@") for each in domains if each.strip()))
    for each in found:
        if len(each) > 253 or not DOMAIN.fullmatch(each):
            raise ValidationError({"domains": f"“{each[:60]}” isn’t a domain. Write it like example.org."})
    if len(found) > MOST_DOMAINS:
        raise ValidationError({"domains": f"Name at most {MOST_DOMAINS} domains."})
    return found
