"""What the pages show of labels. Stories lie above this package: their model is looked up by name."""

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db.models import Count, F, Q, QuerySet

from portal.kernel.among import Among, Given
from portal.kernel.names import fold_name
from squads.labels.models import Label
from squads.teams.models import Squad

SHOWN = 200


def labels_of(stories: Iterable[int]) -> dict[int, list[str]]:
    """Return the labels of each of these stories by name, in the order of the alphabet; one query, however many."""
    ids = list(stories)
    found: dict[int, list[str]] = {}
    if not ids:
        return found
    for story, name in links_in(ids).order_by("label__folded").values_list("story_id", "label__name"):
        found.setdefault(story, []).append(name)
    return found


def links_in(stories: Iterable[int] | Given) -> "QuerySet[Any]":
    """Return which label which of these stories has, in no order."""
    links: QuerySet[Any] = apps.get_model("squads", "Story").labels.through._default_manager.all()
    return links.filter(Among(F("story_id"), stories)).order_by()


def unknown_labels(squad: Squad, names: Iterable[str]) -> list[str]:
    """Return those of these names that no label of the squad has."""
    names = list(names)
    known = set(squad.labels.filter(folded__in=[fold_name(name) for name in names]).values_list("folded", flat=True))
    return [name for name in names if fold_name(name) not in known]


def with_counts(squad: Squad) -> QuerySet[Label]:
    """Return a squad's labels, each with how many stories have it (`count`)."""
    return squad.labels.annotate(count=Count("stories")).order_by("folded")


def labelled(label: str) -> Q:
    """Return what stories must be to have a label of this name, in whichever squad."""
    links: Any = apps.get_model("squads", "Story").labels.through._default_manager
    return Q(pk__in=links.filter(label__folded=fold_name(label)).values("story"))
