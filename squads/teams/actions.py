"""What people do to squads and services, called by the pages and the API.

These verbs validate the data and raise ValidationError naming the field. Their callers check permissions, with
`Squad.is_writable_by`.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.text import slugify

from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.locks import hold
from portal.kernel.models import StateChange
from portal.kernel.names import fold_name
from portal.kernel.outbox import publish
from portal.kernel.transitions import AlreadyMoved, signed
from squads.events import ServiceChanged, ServiceSaved, SquadSaved
from squads.teams import queries
from squads.teams.models import Membership, Service, Squad

# Slugs that no squad may have, since pages use them: /squads/new/.
RESERVED_SLUGS = {"new"}
LONGEST_KEY, MOST_REPOSITORIES = 250, 200
LONGEST_TEXT, LONGEST_REASON = 5000, 2000
# One more than the longest user name. SQLite cannot compare texts of any length.
LONGEST_USERNAME = 151
# Names of locks. Two people who give the same name at once are serialised, so that the second gets the error.
EDITED = ("name", "key_prefix", "kind", "mission", "key_repositories", "descriptions_count")
NAMES_OF_SQUADS, NAMES_OF_SERVICES = "names of squads", "names of services and their repositories"


def free_slug(model: type[models.Model], name: str, fallback: str) -> str:
    """Return a slug for `name` that no row of the model has; names without Latin letters use `otherwise`."""
    longest = 70
    stem = slugify(name)[:longest].strip("-_") or slugify(fallback)[:longest] or model._meta.model_name or "x"
    slug, number = stem, 1
    while slug in RESERVED_SLUGS or model._default_manager.filter(slug=slug).exists():
        number += 1
        slug = f"{stem}-{number}"
    return slug


@transaction.atomic
def create_squad(
    *,
    by: Actor,
    name: str,
    key_prefix: str,
    kind: str = Squad.Kind.HORIZONTAL,
    mission: str = "",
    key_repositories: Iterable[str] = (),
    descriptions_count: bool = False,
) -> Squad:
    """Create a squad; whoever creates it is its first member and leads it."""
    hold(NAMES_OF_SQUADS)
    squad = Squad(
        name=name.strip(),
        key_prefix=key_prefix,
        kind=kind,
        mission=mission,
        key_repositories=_checked_keys("key_repositories", key_repositories),
        descriptions_count=descriptions_count,
    )
    squad.slug = free_slug(Squad, squad.name, key_prefix)
    _check_length("mission", mission)
    squad.full_clean()
    squad.save(force_insert=True)
    Membership.objects.create(squad=squad, user=by, role=Membership.Role.LEAD)
    audit.record(by=by, did=f"created the squad {squad}", kind="squad", key=squad.slug)
    publish(SquadSaved(ids=[squad.pk]))
    return squad


@transaction.atomic
def edit_squad(squad: Squad, *, by: Actor, **fields: Any) -> Squad:
    """Change name, kind, mission, what may name its keys, or, while no story has a key made from it, the key prefix."""
    hold(NAMES_OF_SQUADS)
    before = Squad.objects.select_for_update().get(pk=squad.pk)
    prefix = fields.get("key_prefix", before.key_prefix)
    if prefix != before.key_prefix and before.next_number > 1:
        raise ValidationError(
            {
                "key_prefix": f"Stories already use {before.key_prefix} in their keys, so it can’t change. "
                "Create another squad for a new prefix."
            }
        )
    if "key_repositories" in fields:
        fields["key_repositories"] = _checked_keys("key_repositories", fields["key_repositories"])
    for name in EDITED:
        if name in fields:
            setattr(squad, name, fields[name])
    _check_length("mission", squad.mission if "mission" in fields else "")
    squad.full_clean()
    squad.save(update_fields=EDITED)
    parts = [name.replace("_", " ") for name in EDITED if getattr(squad, name) != getattr(before, name)]
    did = f"edited the squad {before}: {', '.join(parts) or 'nothing new'}"
    audit.record(by=by, did=did, kind="squad", key=squad.slug)
    publish(SquadSaved(ids=[squad.pk]))
    return squad


@transaction.atomic
def save_squad(squad: Squad) -> None:
    """Write a squad as the admin pages leave it, which say more of it than people do."""
    hold(NAMES_OF_SQUADS)
    squad.save()
    publish(SquadSaved(ids=[squad.pk]))


@transaction.atomic
def archive_squad(squad: Squad, *, by: Actor, because: str = "") -> Squad:
    """Archive a squad: its stories and services stay readable, and it takes no new work.

    Raises AlreadyMoved when it is archived already.
    """
    return _archived(squad, clock.now(), by, because)


@transaction.atomic
def unarchive_squad(squad: Squad, *, by: Actor, because: str = "") -> Squad:
    """Have a squad work again. Raises AlreadyMoved when it is not archived."""
    return _archived(squad, None, by, because)


def _archived(squad: Squad, at: datetime | None, by: Actor, because: str) -> Squad:
    """Archive or unarchive with one guarded UPDATE and its row in the history."""
    before, after = ("active", "archived") if at else ("archived", "active")
    if len(because) > LONGEST_REASON:
        raise ValidationError({"because": f"Use at most {LONGEST_REASON} characters."})
    if Squad.objects.filter(pk=squad.pk, archived_at__isnull=at is not None).update(archived_at=at) != 1:
        raise AlreadyMoved(f"squad {squad}", after, after)
    StateChange.objects.create(
        kind="squad",
        key=squad.slug,
        from_state=before,
        to_state=after,
        by=by,
        because=signed(by, because.strip()),
        at=at or clock.now(),
    )
    squad.archived_at = at
    audit.record(by=by, did=f"{'archived' if at else 'unarchived'} the squad {squad}", kind="squad", key=squad.slug)
    publish(SquadSaved(ids=[squad.pk]))
    return squad


@transaction.atomic
def add_member(squad: Squad, username: str, *, by: Actor, role: str = "", accepts: bool | None = None) -> Membership:
    """Make the person with this user name a member; for one who is already, only role and `accepts` change."""
    username = username.strip()[:LONGEST_USERNAME]
    person = get_user_model().objects.filter(username__iexact=username, is_active=True).first()
    if person is None:
        raise ValidationError(
            {"username": f"There’s no account “{username}”. Check the spelling, or invite the person by e-mail."}
        )
    membership, is_new = Membership.objects.get_or_create(squad=squad, user=person)
    if is_new:
        audit.record(by=by, did=f"added {person.name} to {squad}", kind="squad", key=squad.slug)
    return change_member(membership, by=by, role=role or membership.role, accepts=accepts)


@transaction.atomic
def change_member(membership: Membership, *, by: Actor, role: str, accepts: bool | None = None) -> Membership:
    """Make a person member or lead of their squad, and accepter of its stories or not."""
    if role not in Membership.Role.values:
        raise ValidationError({"role": "Choose member or lead."})
    if membership.is_lead and role != Membership.Role.LEAD:
        _check_other_lead(membership, by)
    before = (membership.role, membership.accepts)
    membership.role = role
    membership.accepts = membership.accepts if accepts is None else accepts
    membership.save(update_fields=["role", "accepts"])
    if before != (membership.role, membership.accepts):
        accepting = "accepts its stories" if membership.accepts else "doesn’t accept its stories"
        did = f"made {membership.user.name} a {membership.get_role_display()} of {membership.squad}, who {accepting}"
        audit.record(by=by, did=did, kind="squad", key=membership.squad.slug)
    return membership


@transaction.atomic
def remove_member(squad: Squad, username: str, *, by: Actor) -> None:
    """End a membership; what the person did keeps their name. Doing it twice changes nothing."""
    named = squad.memberships.filter(user__username__iexact=username[:LONGEST_USERNAME])
    membership = named.select_related("user", "squad").first()
    if membership is None:
        return
    if membership.is_lead:
        _check_other_lead(membership, by)
    membership.delete()
    did = f"left {squad}" if membership.user == by else f"removed {membership.user.name} from {squad}"
    audit.record(by=by, did=did, kind="squad", key=squad.slug)


def _check_other_lead(membership: Membership, by: Actor) -> None:
    """Refuse to take the only lead from a squad that still has members, unless an administrator does it."""
    # The lock serialises two leads who step down at once, so that the second gets the error.
    squad = Squad.objects.select_for_update().get(pk=membership.squad_id)
    others = Membership.objects.filter(squad=squad).exclude(pk=membership.pk)
    if by.is_staff or not others.exists() or others.filter(role=Membership.Role.LEAD).exists():
        return
    raise ValidationError(
        f"{membership.user.name} is the only lead of {squad}. Make someone else lead first, or ask an administrator."
    )


@transaction.atomic
def create_service(
    *, by: Actor | None, name: str, squad: Squad, description: str = "", repositories: Iterable[str] = ()
) -> Service:
    """Create a service owned by a squad. A ValidationError says so when one of this name exists and can be claimed."""
    hold(NAMES_OF_SERVICES)
    squad.check_active()
    service = Service(name=name.strip(), squad=squad, description=description)
    known = Service.objects.find(service.name)
    if known is not None:
        remedy = "Claim it on its page." if known.squad_id is None else f"{known.squad} owns it."
        raise ValidationError({"name": f"There’s already a service {known.name}. {remedy}"})
    service.slug = free_slug(Service, service.name, "service")
    _check_length("description", description)
    service.full_clean()
    service.save(force_insert=True)
    publish(ServiceChanged(id=service.pk, repositories=_claim_repositories(service, repositories)))
    publish(ServiceSaved(ids=[service.pk]))
    return service


@transaction.atomic
def edit_service(service: Service, *, by: Actor, repositories: Iterable[str] | None = None, **fields: Any) -> Service:
    """Change a service's description, owner or repositories. Its name stays, since events use it."""
    hold(NAMES_OF_SERVICES)
    if fields.get("squad") not in (None, service.squad):
        fields["squad"].check_active()
    for name in ("description", "squad"):
        if name in fields:
            setattr(service, name, fields[name])
    _check_length("description", service.description if "description" in fields else "")
    service.full_clean()
    service.save(update_fields=["description", "squad"])
    if repositories is not None:
        publish(ServiceChanged(id=service.pk, repositories=_claim_repositories(service, repositories)))
    publish(ServiceSaved(ids=[service.pk]))
    return service


@transaction.atomic
def claim_service(service: Service, squad: Squad, *, by: Actor | None) -> Service:
    """Give a service without an owner to a squad; a ValidationError names another squad that owns it already."""
    squad.check_active()
    if Service.objects.filter(pk=service.pk, squad=None).update(squad=squad) != 1:
        owner = Service.objects.select_related("squad").get(pk=service.pk).squad
        if owner != squad:
            raise ValidationError(f"{owner} already owns {service.name}. Ask them to hand it over.")
    service.squad = squad
    publish(ServiceSaved(ids=[service.pk]))
    return service


def _check_length(field: str, text: str) -> None:
    if len(text) > LONGEST_TEXT:
        raise ValidationError({field: f"This is over {LONGEST_TEXT} characters. Shorten it, or link to the rest."})


def _claim_repositories(service: Service, keys: Iterable[str]) -> list[int]:
    """Make these, and only these, the repositories of the service; unknown ones are created, empty for now.

    Return the ids of those that came or went, since the evidence of their stories names the service.
    """
    wanted = _checked_keys("repositories", keys)
    all_repositories = queries.repositories()
    known = _repositories_named(wanted)
    for key, row in known.items():
        if row.service is not None and row.service != service:
            raise ValidationError(
                {"repositories": f"{key} belongs to the service {row.service.name}. Remove it there first."}
            )
    kept = [row.pk for row in known.values()]
    removed = list(all_repositories.filter(service=service).exclude(pk__in=kept).values_list("pk", flat=True))
    added = [row.pk for row in known.values() if row.service is None]
    all_repositories.filter(pk__in=removed).update(service=None)
    all_repositories.filter(pk__in=added).update(service=service)
    created = [all_repositories.create(key=key, service=service).pk for key in wanted if key not in known]
    return [*removed, *added, *created]


def _checked_keys(field: str, keys: Iterable[str]) -> list[str]:
    """Return the keys of repositories that somebody listed, each once; a ValidationError names the field."""
    wanted = list({fold_name(key): key.strip() for key in keys if key.strip()}.values())
    if long := [key for key in wanted if len(key) > LONGEST_KEY]:
        raise ValidationError({field: f"“{long[0][:40]}…” is too long: {LONGEST_KEY} characters at most."})
    if len(wanted) > MOST_REPOSITORIES:
        raise ValidationError({field: f"{len(wanted)} repositories is too many; {MOST_REPOSITORIES} is the most."})
    return wanted


def _repositories_named(keys: Iterable[str]) -> dict[str, Any]:
    """Return the known repositories that these keys mean, in whatever case either is written."""
    folded = {fold_name(key): key for key in keys}
    rows = queries.repositories().filter(folded__in=list(folded)).select_related("service").order_by("pk")
    found: dict[str, Any] = {}
    for row in rows:
        key = folded[row.folded]
        if key not in found or row.key == key:
            found[key] = row
    return found


def service_named(name: str) -> Service:
    """Return the service that events call by this name, created as discovered and without an owner if it is new."""
    name = name.strip()[:120] or "unnamed"
    known: Service | None = Service.objects.find(name)
    if known is not None:
        return known
    slug = free_slug(Service, name, "service")
    service, created = Service.objects.get_or_create(name=name, defaults={"slug": slug, "discovered": True})
    if created:
        publish(ServiceSaved(ids=[service.pk]))
    return service
