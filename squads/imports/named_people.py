"""The people that a file names, as members of the squad: by e-mail address, as accounts have it now or had it before."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F, Q
from django.db.models.functions import Lower

from portal.accounts.models import KnownName
from squads.assignments.actions import MOST_ASSIGNED
from squads.assignments.queries import assignable
from squads.imports.formats import listed
from squads.teams.models import Squad

AT_ONCE = 900
LONGEST_NAME = 320


@dataclass(slots=True)
class NamedPeople:
    """Which members of the squad a file's names mean, and how many rows name somebody who is none."""

    squad: Squad
    people: dict[str, Any] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, squad: Squad, names: Iterable[str], *, by_user_name: bool) -> "NamedPeople":
        """Look up names: e-mail addresses, and user names in Rodeo's own export. Other systems' user names mean nobody here:
        somebody else may be called the same."""
        wanted = {name.lower() for name in names if len(name) <= LONGEST_NAME and (by_user_name or "@" in name)}
        found: dict[str, dict[int, Any]] = {}
        ordered = sorted(wanted)
        for start in range(0, len(ordered), AT_ONCE):
            rows = KnownName.objects.annotate(small=Lower("name")).filter(small__in=ordered[start : start + AT_ONCE])
            called = Q(name__contains="@") | Q(name=F("user__username")) if by_user_name else Q(name__contains="@")
            rows = rows.filter(called, user__in=assignable(squad).values("pk")).select_related("user")
            for row in rows:
                found.setdefault(row.small, {})[row.user_id] = row.user
        # An address that two had means neither.
        return cls(squad, {name: next(iter(users.values())) for name, users in found.items() if len(users) == 1})

    def of_row(self, names: Iterable[str] | None) -> list[Any]:
        """Return the people that a row names; those who are nobody here are counted."""
        found = dict[int, Any]()
        for name in dict.fromkeys(names or ()):
            person = self.people.get(name.lower())
            if person is None:
                self.unknown[name] += 1
            elif len(found) < MOST_ASSIGNED:
                found[person.pk] = person
        return list(found.values())

    def notes(self) -> list[str]:
        """Say who is named and is no member of the squad."""
        if not self.unknown:
            return []
        names = listed([f"{name[:60]} ({count})" for name, count in self.unknown.most_common()])
        return [
            f"Assignees not imported, because no member of {self.squad} has their e-mail address: {names}. Add them to the "
            "squad and import the file again, or assign their stories here."
        ]
