"""What the pages of squads and services show."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.db.models.lookups import IsNull

from portal.accounts.access import access_rules
from portal.accounts.models import AccessRules, Invitation
from portal.kernel import clock
from portal.kernel.actors import Anyone
from portal.kernel.among import Among, Given
from portal.kernel.issued_secrets import digest_of
from portal.kernel.models import StateChange
from portal.kernel.prepared import Prepared
from portal.kernel.sentences import listed
from squads.teams.models import Membership, Service, Squad

# The stages of the ladder in order. Packages import only downwards, and the judge lies above teams.
STAGES = ("to do", "in progress", "dev done", "integrated", "tested", "deployed", "rodeo done")


@dataclass(frozen=True, slots=True)
class StageCount:
    """How many stories are in one stage."""

    stage: str
    name: str
    count: int


def stage_counts(found: Mapping[str, int] | None) -> list[StageCount]:
    """Return the count of every stage in order, zeros included."""
    stages = [(name.replace("to do", "todo").replace(" ", "_"), name) for name in STAGES]
    return [StageCount(stage, name, (found or {}).get(stage, 0)) for stage, name in stages]


def squads_of(user: Anyone) -> list[Squad]:
    """Return the squads this person may write for."""
    return list(Squad.objects.writable_by(user).order_by("name")[:200])


def people_of(squad: Squad) -> "QuerySet[Membership]":
    """Return who is in a squad, its leads first."""
    return squad.memberships.select_related("user").order_by("role", "joined_at", "pk")


def open_invitations(**which: Any) -> "QuerySet[Invitation]":
    """Return the invitations that can still be accepted, the newest first.

    An invitation ends when whoever made it may no longer invite, since they know its link and could use it themselves.
    """
    leads = Membership.objects.filter(squad=OuterRef("squad"), user=OuterRef("invited_by"), role=Membership.Role.LEAD)
    valid = Invitation.objects.filter(accepted_at=None, revoked_at=None, expires_at__gt=clock.now(), **which)
    may = Q(invited_by__is_staff=True)
    if access_rules().inviters == AccessRules.Inviters.LEADS:
        may |= Q(Exists(leads))
    valid = valid.filter(may, invited_by__is_active=True)
    return valid.select_related("invited_by", "squad")


def invitation_behind(secret: str) -> Invitation | None:
    """Return the open invitation with this secret."""
    return open_invitations(digest=digest_of(secret)).first()


def deployments_of(service: Service) -> "QuerySet[Any]":
    """Return the service's deployments, newest first; their model is looked up by name, as that of repositories is."""
    rows = apps.get_model("releases", "Deployment")._default_manager.filter(service=service)
    newest: QuerySet[Any] = rows.select_related("environment", "artifact").newest_first()
    return newest


def repositories() -> "QuerySet[Any]":
    """Return all repositories. The model is looked up by its name, since squads imports no code of releases
    (docs/adr/0002)."""
    return apps.get_model("releases", "Repository")._default_manager.all()


def owners(names: Iterable[str]) -> dict[str, str]:
    """Return {service name: squad name} of those that have an owner."""
    wanted = set(names)
    if not wanted:
        return {}
    return dict(OWNERS.rows(names=wanted))


def _owners() -> "QuerySet[Any, Any]":
    found = Service.objects.filter(Among(F("name"), Given("names")), squad__isnull=False)
    return found.order_by().values_list("name", "squad__name")


OWNERS = Prepared(_owners)


def squads() -> QuerySet[Squad]:
    """Return squads with their numbers of people and services, each counted for the squads of the page only."""
    return Squad.objects.archived_last().annotate(
        people=_count(Membership.objects.filter(squad=OuterRef("pk"))),
        service_count=_count(Service.objects.filter(squad=OuterRef("pk"))),
    )


def _count(rows: "QuerySet[Any]") -> Coalesce:
    return Coalesce(Subquery(rows.order_by().values("squad").annotate(n=Count("pk")).values("n")), 0)


def stages_of(squad_ids: Iterable[int]) -> dict[int, Counter[str]]:
    """Return how many stories each of these squads has in each stage, without those that ended other than done."""
    stories = apps.get_model("squads", "Story")._default_manager
    found: dict[int, Counter[str]] = {}
    rows = stories.not_ended().filter(squad_id__in=list(squad_ids)).order_by().values_list("squad_id", "stage")
    for squad, stage, count in rows.annotate(n=Count("*")):
        found.setdefault(squad, Counter())[stage] = count
    return found


def archived_of(squad: Squad) -> StateChange | None:
    """Return when, by whom and why a squad was archived; None where it is not."""
    changes = StateChange.objects.filter(kind="squad", key=squad.slug, to_state="archived").select_related("by")
    return changes.order_by("-at", "-pk").first() if squad.archived_at else None


def left_out(rows: "QuerySet[Any]", *, archived: bool = False) -> str:
    """Say how many of these stories a list leaves out, since they were cancelled or are duplicates; "" where none are.

    With `archived`, it leaves out the stories of archived squads too.
    """
    counts = dict(rows.exclude(ending="").order_by().values_list("ending").annotate(n=Count("*")))
    if archived:
        counts["archived"] = rows.filter(ending="", squad__archived_at__isnull=False).count()
    return left_out_words(counts)


def with_left_out(squads: "QuerySet[Squad]") -> "QuerySet[Squad]":
    """Squads with how many of their stories boards leave out, for `left_out_of`: `cancelled` and `duplicate`."""
    rows = apps.get_model("squads", "Story")._default_manager.filter(squad=OuterRef("pk")).order_by()

    def counted(ending: str) -> Coalesce:
        found = rows.filter(ending=ending).values("squad").annotate(n=Count("*"))
        return Coalesce(Subquery(found.values("n")), 0)

    return squads.annotate(cancelled=counted("cancelled"), duplicate=counted("duplicate"))


def left_out_of(squad: Squad) -> str:
    """Say how many of a squad's stories are left out of its numbers; no query where it was read `with_left_out`."""
    read = vars(squad)
    if "cancelled" in read:
        return left_out_words({ending: read[ending] for ending in ("cancelled", "duplicate")})
    return left_out(apps.get_model("squads", "Story")._default_manager.filter(squad=squad))


def left_out_words(counts: Mapping[str, int]) -> str:
    """Say how many cancelled stories and duplicates are left out: "2 cancelled stories and 1 duplicate are left out"."""
    cancelled, duplicates = counts.get("cancelled", 0), counts.get("duplicate", 0)
    said = [f"{cancelled} cancelled stor{'y' if cancelled == 1 else 'ies'}"] if cancelled else []
    said += [f"{duplicates} duplicate{'' if duplicates == 1 else 's'}"] if duplicates else []
    archived = counts.get("archived", 0)
    said += [f"{archived} stor{'y' if archived == 1 else 'ies'} of archived squads"] if archived else []
    return f"{listed(said)} {'is' if cancelled + duplicates + archived == 1 else 'are'} left out" if said else ""


def services() -> QuerySet[Service]:
    """Return services with owner and number of repositories; those without an owner come first, to be claimed, and
    those of archived squads last."""
    counted = repositories().filter(service=OuterRef("pk")).order_by().values("service").annotate(n=Count("pk"))
    return (
        Service.objects.unmerged()
        .select_related("squad")
        .annotate(repository_count=Coalesce(Subquery(counted.values("n")), 0))
        .order_by(IsNull(F("squad__archived_at"), False), F("squad__name").asc(nulls_first=True), "name")
    )


def unclaimed_repositories() -> "QuerySet[Any]":
    """Return repositories that events or sources named and that belong to no service."""
    return repositories().filter(service=None).order_by("key")
