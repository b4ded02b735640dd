"""How to make each address of the portal, for the tests of who may open it.

A new address needs one entry in CASES: `"squads:boards:board": Case(lambda w: [w.squad.slug])`. `args` makes the address from
the world of `world()`; `body` is what is sent with each method that changes something; `also` and `never` name roles that
the mark alone would not (the mark speaks of the squad concerned, and some pages concern the person's own).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.accounts.actions import make_token
from portal.accounts.models import ApiToken, Invitation, User
from releases.environments.actions import create_environment
from releases.intake.actions import store
from releases.models import Environment, InboundEvent, Release, Source
from releases.planning.plans import create_release
from squads.models import Membership, Service, Squad, Story
from squads.stories.actions import create_story
from squads.teams.invitations import invite

ROLES = ("anonymous", "reader", "other", "member", "lead", "manager", "administrator")
SIGNED_IN = set(ROLES) - {"anonymous"}
# What each mark lets through, where the squad concerned is Payments; "other" is a member of Search.
MAY = {
    "public": set(ROLES),
    "reading": SIGNED_IN,
    "writing": SIGNED_IN,
    "members": {"member", "lead", "administrator"},
    "leads": {"lead", "administrator"},
    "planners": {"other", "member", "lead", "manager", "administrator"},
    "administrators": {"administrator"},
    "reports": set(),
}


@dataclass
class World:
    """One of everything, all of squad Payments."""

    people: dict[str, User | None]
    squad: Squad
    search: Squad
    story: Story
    service: Service
    unowned: Service
    membership: Membership
    release: Release
    environment: Environment
    source: Source
    git: Source
    event: InboundEvent
    invitation: Invitation
    secret: str
    token: ApiToken


def world() -> World:
    """Make it, and one person for every role."""
    squad = Squad.objects.create(name="Payments", slug="payments", key_prefix="PAY")
    search = Squad.objects.create(name="Search", slug="search", key_prefix="SEA")
    people: dict[str, User | None] = {"anonymous": None}
    for role in ROLES[1:]:
        people[role] = User.objects.create_user(
            role, f"{role}@example.org", f"{role}-password", is_staff=role == "administrator",
            is_superuser=role == "administrator", is_project_manager=role == "manager",
        )  # fmt: skip
    lead: Any = people["lead"]
    Membership.objects.create(squad=search, user=people["other"], role="lead")
    Membership.objects.create(squad=squad, user=people["member"])
    Membership.objects.create(squad=squad, user=lead, role="lead")
    mo = User.objects.create_user("mo", "mo@example.org", "mo-password")
    service = Service.objects.create(name="checkout", slug="checkout", squad=squad)
    source = Source.objects.create(key="ci", name="CI", kind="report")
    git = Source.objects.create(
        key="git", name="git", kind="git", config={"url": "https://git.example.org/x.git"},
        next_pull_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    event, _ = store(source, delivery="1", kind="k", body=b"{}")
    InboundEvent.objects.update(state="failed")
    invitation, secret = invite(by=lead, email="new@example.org", squad=squad)
    return World(
        people=people, squad=squad, search=search, story=create_story(squad, by=lead, title="Pay", flag="photo"), service=service,
        unowned=Service.objects.create(name="worker", slug="worker", discovered=True),
        membership=Membership.objects.create(squad=squad, user=mo),
        release=create_release(by=lead, version="1.0", line="Shop"),
        environment=create_environment(by=lead, key="prod", tier="production"),
        source=source, git=git, event=event, invitation=invitation, secret=secret,
        token=make_token(by=lead, name="CI", scopes=["read"], days=7, squad=squad)[0],
    )  # fmt: skip


def _nothing(_: World) -> list[Any]:
    return []


def _empty(_: World) -> dict[str, Any]:
    return {}


@dataclass
class Case:
    """How to make one address, what to send, and who may beyond or short of its mark."""

    args: Callable[[World], list[Any]] = _nothing
    body: Callable[[World], dict[str, Any]] = _empty
    query: str = ""
    # Roles by method, such as {"GET": {"other"}}.
    also: dict[str, set[str]] = field(default_factory=dict)
    never: dict[str, set[str]] = field(default_factory=dict)
    # Answers from 400 on that mean "let in, but the thing said no" (a token that is none, say).
    fine: tuple[int, ...] = ()
    # Answers that refuse, beside 401, 403 and being sent to sign in (a form that offers only one's own squads).
    refusals: tuple[int, ...] = ()


def _slug(w: World) -> list[Any]:
    return [w.squad.slug]


def _key(w: World) -> list[Any]:
    return [w.story.key]


def _service(w: World) -> list[Any]:
    return [w.service.slug]


def _release(w: World) -> list[Any]:
    return [w.release.slug]


def _environment(w: World) -> list[Any]:
    return [w.environment.slug]


def _source(w: World) -> list[Any]:
    return [w.source.key]


def _git(w: World) -> list[Any]:
    return [w.git.key]


def _event(w: World) -> list[Any]:
    return [str(w.event.pk)]


def _squad_said(_: World) -> dict[str, Any]:
    return {"name": "Payments", "key_prefix": "PAY", "kind": "vertical", "mission": "Pay."}


def _squad_new(_: World) -> dict[str, Any]:
    return {"name": "New", "key_prefix": "NEW", "kind": "vertical", "mission": ""}


def _story_said(w: World) -> dict[str, Any]:
    return {"squad": w.squad.pk, "title": "Pay again", "type": "user_story", "audience": "everyone"}


def _version(_: World) -> dict[str, Any]:
    return {"version": "2.0"}


def _token(_: World) -> dict[str, Any]:
    return {"name": "CI", "scopes": ["read"], "days": 30}


def _prod(_: World) -> dict[str, Any]:
    return {"key": "qa", "name": "QA", "tier": "testing", "order": 3}


ANY_SQUAD = {"GET": {"other"}, "POST": {"other"}, "PATCH": {"other"}}
PAGE = {"GET": {"other"}}
OWN = Case()

# Signing in and one's own account: whatever is sent, the mark alone decides.
SIGNING_IN = (
    "accounts:login", "accounts:logout", "account_login", "account_logout", "account_inactive",
    "account_reauthenticate", "account_email", "account_change_password", "account_set_password",
    "account_reset_password", "account_reset_password_done", "account_reset_password_from_key_done", "mfa_index",
    "mfa_authenticate", "mfa_reauthenticate", "mfa_activate_totp", "mfa_generate_recovery_codes", "mfa_list_webauthn",
    "mfa_add_webauthn", "mfa_reauthenticate_webauthn", "mfa_login_webauthn", "socialaccount_connections",
    "socialaccount_login_cancelled", "socialaccount_signup", "account_signup",
)  # fmt: skip

CASES: dict[str, Case] = {
    # First page, health, one question
    "home": OWN,
    "ask": OWN,
    "is": Case(_key),
    "ops:healthz": OWN,
    "ops:readyz": Case(fine=(503,)),
    # Signing in and one's own account
    **dict.fromkeys(SIGNING_IN, OWN),
    # Nobody here has a second factor yet.
    **{
        name: Case(fine=(404,))
        for name in ("mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_download_recovery_codes")
    },
    "socialaccount_login_error": Case(fine=(401,)),
    "account_email_verification_sent": Case(fine=(405,)),
    "account_confirm_email": Case(lambda w: ["abc"], fine=(404,)),
    "account_reset_password_from_key": Case(lambda w: ["1", "abc"]),
    "mfa_edit_webauthn": Case(lambda w: [1]),
    "mfa_remove_webauthn": Case(lambda w: [1]),
    "openid_connect_login": Case(lambda w: ["oidc"], fine=(404,)),
    "openid_connect_callback": Case(lambda w: ["oidc"], fine=(404,)),
    # The admin pages' sign-in answers 403 to people who are signed in and no administrators.
    "admin_login": Case(never=dict.fromkeys(("GET", "POST"), SIGNED_IN), also={}),
    "account:page": Case(body=lambda w: {"first_name": "A", "last_name": "B"}),
    "account:token_create": Case(body=_token),
    "account:token_revoke": Case(lambda w: [w.token.pk], fine=(404,)),
    # Squads, services, people
    "squads:teams:list": OWN,
    "squads:teams:create": Case(body=_squad_new),
    "squads:teams:detail": Case(_slug),
    "squads:teams:edit": Case(_slug, _squad_said),
    "squads:teams:people": Case(_slug),
    "squads:teams:member_change": Case(lambda w: ["payments", w.membership.pk], lambda w: {"role": "lead"}),
    "squads:teams:member_add": Case(_slug, lambda w: {"username": "reader"}),
    "squads:teams:member_remove": Case(_slug, lambda w: {"username": "mo"}),
    "squads:teams:invite": Case(_slug, lambda w: {"email": "x@example.org", "role": "member"}),
    "squads:teams:invitation_revoke": Case(lambda w: ["payments", w.invitation.pk]),
    "squads:teams:invitations": Case(body=lambda w: {"email": "x@example.org", "role": "member"}),
    "squads:teams:invitation_revoke_any": Case(lambda w: [w.invitation.pk]),
    "squads:teams:invitation": Case(
        lambda w: [w.secret],
        lambda w: {"first_name": "Nia", "username": "nia", "password": "a long pass phrase"},
    ),
    "squads:teams:token_create": Case(_slug, _token),
    "squads:teams:token_revoke": Case(lambda w: ["payments", w.token.pk]),
    "squads:teams:service_list": OWN,
    "squads:teams:service_create": Case(
        body=lambda w: {"name": "ledger", "squad": w.squad.pk}, also=PAGE, refusals=(400,)
    ),
    "squads:teams:service": Case(_service),
    "squads:teams:service_edit": Case(_service, lambda w: {"squad": w.squad.pk, "description": "x"}),
    "squads:teams:service_claim": Case(lambda w: [w.unowned.slug], lambda w: {"squad": "payments"}),
    # Stories
    "squads:stories:list": OWN,
    "squads:stories:create": Case(body=_story_said, also=PAGE, refusals=(400,)),
    "squads:stories:detail": Case(_key),
    "squads:stories:edit": Case(_key, _story_said),
    "squads:stories:changes": Case(_key),
    "squads:stories:release": Case(
        _key, lambda w: {"release": w.release.pk}, never={"GET": {"other"}, "POST": {"other"}}
    ),
    "squads:stories:progress": Case(_key, lambda w: {"to": "in_progress"}),
    "squads:stories:evidence": Case(
        _key,
        lambda w: {"kind": "acceptance", "verdict": "success", "at": "2026-01-01T10:00", "note": "I tried it."},
    ),
    # Releases, environments
    "releases:planning:list": OWN,
    "releases:planning:create": Case(body=_version),
    "releases:planning:board": Case(_release),
    "releases:planning:edit": Case(_release, _version),
    "releases:planning:changes": Case(_release),
    "releases:planning:unlinked": Case(_release),
    "releases:environments:list": OWN,
    "releases:environments:create": Case(body=_prod, also=ANY_SQUAD),
    "releases:environments:detail": Case(_environment),
    "releases:environments:edit": Case(_environment, _prod, also=ANY_SQUAD),
    # Sources and the inbox
    "releases:intake:hook": Case(_source, fine=(401, 405)),
    "releases:intake:source_list": OWN,
    "releases:intake:source": Case(_source),
    "releases:intake:source_create_git": Case(
        body=lambda w: {
            "url": "https://git.example.org/y.git",
            "service": "y",
            "squad": w.squad.pk,
            "line_is": "service",
        }
    ),
    "releases:intake:source_create_push": Case(body=lambda w: {"kind": "report", "name": "Deployments"}),
    "releases:intake:source_edit": Case(_source, lambda w: {"name": "CI 2"}),
    "releases:intake:source_token": Case(_source),
    "releases:intake:source_pull": Case(_git),
    "releases:intake:source_state": Case(_source, lambda w: {"state": "paused"}),
    "releases:intake:source_remove": Case(_git),
    "releases:intake:event_list": OWN,
    "releases:intake:event": Case(_event),
    "releases:intake:event_state": Case(_event),
    "releases:intake:event_body": Case(_event),
    "releases:intake:event_replay": Case(_event, also=ANY_SQUAD),
    "releases:intake:replay_failed": Case(also=ANY_SQUAD),
    # The API
    "docs": OWN,
    "schema": OWN,
    "api:squad-list": Case(body=_squad_new),
    "api:squad-detail": Case(_slug, lambda w: {"mission": "Pay."}),
    "api:squad-members": Case(_slug, lambda w: {"username": "reader"}),
    "api:squad-member": Case(lambda w: ["payments", "mo"]),
    "api:service-list": Case(body=lambda w: {"name": "ledger", "squad": "payments"}),
    "api:service-detail": Case(_service, lambda w: {"description": "x"}),
    "api:service-claim": Case(lambda w: [w.unowned.slug], lambda w: {"squad": "payments"}),
    "api:story-list": Case(body=lambda w: {"squad": "payments", "title": "Pay again"}),
    "api:story-detail": Case(_key, lambda w: {"title": "Pay twice"}),
    "api:story-answer": Case(_key),
    "api:story-progress": Case(_key, lambda w: {"to": "in_progress"}),
    "api:story-evidence": Case(_key, lambda w: {"kind": "acceptance", "note": "I tried it."}),
    "api:release-list": Case(body=_version),
    "api:release-detail": Case(_release, lambda w: {"notes": "x"}),
    "api:release-board": Case(_release),
    "api:environment-list": Case(body=_prod, also=ANY_SQUAD),
    "api:environment-detail": Case(_environment, lambda w: {"name": "Live"}, also=ANY_SQUAD),
    "api:deployment-list": Case(body=lambda w: {"service": "checkout", "environment": "prod", "version": "1"}),
    "api:run-list": Case(body=lambda w: {"id": "7", "service": "checkout", "outcome": "success", "commit": "abcdef1"}),
    "api:acceptance-run-list": Case(body=lambda w: {"environment": "prod", "story": "PAY-1", "outcome": "passed"}),
    "api:flag-state-list": Case(body=lambda w: {"flag": "photo", "environment": "prod", "on": True}),
    "api:source-list": OWN,
    "api:source-detail": Case(_source),
    "api:source-git": Case(
        body=lambda w: {"url": "https://git.example.org/z.git", "service": "z", "squad": "payments"}
    ),
    "api:source-push": Case(body=lambda w: {"kind": "report", "name": "Deployments"}),
    "api:source-pull": Case(_git),
    "api:event-list": OWN,
    "api:event-detail": Case(_event),
    "api:event-replay": Case(_event, also=ANY_SQUAD),
    "api:event-replay-failed": Case(also=ANY_SQUAD),
}
