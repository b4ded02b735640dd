"""Who may be assigned, and how the pages show who is."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When

from portal.kernel.actors import Actor
from portal.kernel.among import Among, Given
from squads.assignments.models import Assignment
from squads.teams.models import Membership, Squad

AWAY = ("", "not in the squad", "can no longer sign in")


class Assignee(NamedTuple):
    """A person on a story: how they are called, their initials, and why they may not work on it any more, if so."""

    username: str
    name: str
    initials: str
    away: str


def initials_of(name: str) -> str:
    """Return the first letters of a person's first and last name, or the first two of their only one."""
    words = name.split()
    return (words[0][0] + words[-1][0] if len(words) > 1 else name[:2]).upper()


def assignees_of(stories: Iterable[int]) -> dict[int, list[Assignee]]:
    """Return who is assigned to each of these stories, the longest first; one query, however many."""
    ids = list(stories)
    return assignees_in(assigned_in(ids).order_by("at", "pk")) if ids else {}


def assigned_in(stories: Iterable[int] | Given) -> "QuerySet[Any]":
    """Return what `assignees_in` reads, in no order: seven columns, so that a union with other rows is one query."""
    inside = Membership.objects.filter(squad=OuterRef("story__squad"), user=OuterRef("person"))
    away = Case(When(person__is_active=False, then=2), When(Exists(inside), then=0), default=1)
    rows = Assignment.objects.filter(Among(F("story_id"), stories)).order_by()
    names = ("person__username", "person__first_name", "person__last_name")
    return rows.values_list("story_id", *names, away, "at", "pk")


def assignees_in(rows: Iterable[tuple[Any, ...]]) -> dict[int, list[Assignee]]:
    """Return who is assigned to which story, from rows of `assigned_in` that stand in the order wanted."""
    found: dict[int, list[Assignee]] = {}
    for story, username, first, last, away, *_ in rows:
        name = f"{first} {last}".strip() or username
        found.setdefault(story, []).append(Assignee(username, name, initials_of(name), AWAY[away]))
    return found


def assignable(squad: Squad) -> "QuerySet[Any]":
    """Return the people whom a story of this squad may be assigned to: its members who can sign in."""
    people = get_user_model().objects.filter(is_active=True, program_of=None, memberships__squad=squad)
    return people.order_by("first_name", "last_name", "username")


def offered(squads: Iterable[Squad], story: Any = None) -> "QuerySet[Any]":
    """Return the people a form offers: those who may be assigned in these squads, and those who are."""
    inside = Membership.objects.filter(squad__in=squads).values("user")
    wanted = Q(is_active=True, program_of=None, pk__in=inside)
    if story is not None:
        wanted |= Q(pk__in=Assignment.objects.filter(story=story).values("person"))
    return get_user_model().objects.filter(wanted).order_by("first_name", "last_name", "username")


def assigned_to(assignee: str, me: Any = None) -> Q:
    """Return what stories must be to be assigned to somebody: a user name, "me" for the reader, or "none" for nobody."""
    if assignee == "none":
        return Q(assignments__isnull=True)
    rows = Assignment.objects.filter(person=me.pk if me is not None else None)
    if assignee != "me":
        rows = Assignment.objects.filter(person__username=assignee)
    return Q(pk__in=rows.values("story"))


def unseen(person: Actor) -> QuerySet[Assignment]:
    """Return what others assigned to a person that they have not seen, the newest first."""
    rows = Assignment.objects.filter(person=person, seen_at=None)
    return rows.select_related("by", "story").order_by(F("at").desc(), "-pk")
