"""What the pages of environments show.

Packages may import only downwards, and deployments and incidents lie above: they are reached through the relation.
"""

from typing import Any, NamedTuple

from django.db.models import Count, Exists, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from releases.environments.models import Environment
from squads.models import Service

WHO_MAY_EDIT = "Only project managers and squad members can change environments. Join or create a squad first."


class Running(NamedTuple):
    """What of one service runs in an environment now, and what ran there before."""

    service: Service
    now: Any
    before: Any


def environments() -> QuerySet[Environment]:
    """Return every environment in order, with how many services were deployed to it."""
    deployed = _deployments().filter(environment=OuterRef("pk")).order_by().values("environment")
    counted = deployed.annotate(n=Count("service", distinct=True)).values("n")
    return (
        Environment.objects.unmerged().annotate(service_count=Coalesce(Subquery(counted), 0)).order_by("order", "name")
    )


def _deployments() -> Any:
    return Environment._meta.get_field("deployments").related_model._default_manager.all()


def services_in(environment: Environment) -> QuerySet[Service]:
    """Return the services ever deployed there successfully, with the newest such deployment and the one before."""
    # The newest success is what runs. A removal is one too: then nothing runs.
    here = _deployments().successful().filter(environment=environment, service=OuterRef("pk"))
    successful = here.order_by("-finished_at", "-pk")
    return (
        Service.objects.filter(Exists(successful))
        .select_related("squad")
        .annotate(now_id=Subquery(successful.values("pk")[:1]), before_id=Subquery(successful.values("pk")[1:2]))
        .order_by("name")
    )


def running(services: list[Any]) -> list[Running]:
    """Return what runs, for services as `services_in` gives them, in one query."""
    wanted = {pk for service in services for pk in (service.now_id, service.before_id) if pk}
    found = {row.pk: row for row in _deployments().filter(pk__in=wanted).select_related("artifact", "environment")}
    return [Running(service, found.get(service.now_id), found.get(service.before_id)) for service in services]


def deployments(environment: Environment) -> "QuerySet[Any]":
    """Return all deployments to an environment, those under way first, then the newest."""
    rows: QuerySet[Any] = _deployments().filter(environment=environment)
    rows = rows.select_related("service", "artifact", "environment")
    return rows.order_by(F("finished_at").desc(nulls_first=True), "-pk")


def incidents(environment: Environment) -> "QuerySet[Any]":
    """Return its incidents, the open ones first, then the newest; maintenance is none."""
    rows: QuerySet[Any] = environment.incidents.real().open_first()
    return rows.select_related("severity").prefetch_related("services")


def services_at(environment: Environment) -> list[int]:
    """Return the ids of the services deployed to or checked in an environment."""
    deployed = _deployments().filter(environment=environment).order_by().values_list("service_id", flat=True).distinct()
    checks = environment.acceptance_runs.filter(service__isnull=False)
    return sorted({*deployed, *checks.order_by().values_list("service_id", flat=True).distinct()})


def stories_checked_at(environment: Environment) -> list[str]:
    """Return the keys of the stories checked in an environment."""
    checks = environment.acceptance_runs.exclude(story_key="")
    return sorted(set(checks.order_by().values_list("story_key", flat=True)))
