"""Twins: environments, services or repositories whose names differ only in how they are spelled."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

from django.db.models import Count

from releases.environments.models import Environment
from releases.pipelines.models import Repository
from squads.models import Service

LISTED = 500


class Twin(NamedTuple):
    """A name that is spelled like another, which goes on when they are merged. `kind` is environment, service or repository."""

    kind: str
    id: int
    name: str
    same_as: str


def twins() -> Iterator[Twin]:
    """Yield what is spelled like another: a service that no squad owns, a tier nobody confirmed, the younger one. Two queries
    for each kind."""
    for kind, model in (("environment", Environment), ("service", Service)):
        rows = model._default_manager.filter(merged_into=None)
        several = rows.order_by().values("folded").annotate(times=Count("pk")).filter(times__gt=1).values("folded")
        alike: dict[str, list[Any]] = {}
        for row in rows.filter(folded__in=list(several.values_list("folded", flat=True)[:LISTED])).order_by("pk"):
            alike.setdefault(row.folded, []).append(row)
        for _, some in sorted(alike.items()):
            first, *others = sorted(some, key=_goes_on, reverse=True)
            yield from (Twin(kind, row.pk, name_of(row), name_of(first)) for row in others)

    yield from _repositories()


def _repositories() -> Iterator[Twin]:
    several = Repository.objects.order_by().values("folded").annotate(times=Count("pk")).filter(times__gt=1)
    folded = list(several.values_list("folded", flat=True)[:LISTED])
    rows = Repository.objects.filter(folded__in=folded).annotate(connected=Count("sources")).order_by("folded", "pk")
    for _, some in groupby(rows, key=lambda row: row.folded):
        # The one that somebody claimed or connected goes on.
        first, *others = sorted(some, key=lambda row: (row.service_id is None, not row.connected, row.pk))
        yield from (Twin("repository", row.pk, row.key, first.key) for row in others)


def _goes_on(row: Environment | Service) -> tuple[bool, bool, int]:
    known = row.tier_confirmed if isinstance(row, Environment) else row.squad_id is not None
    return known, not row.discovered, -row.pk


def name_of(row: Environment | Service) -> str:
    """Return the name by which events call an environment or a service."""
    return row.key if isinstance(row, Environment) else row.name
