"""Questions about retrospectives: who can read which, and which there are."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from portal.kernel.actors import Anyone

if TYPE_CHECKING:
    from squads.retrospectives.models import Retrospective

# Published text can be changed for so long; then it is locked.
LOCKED_AFTER = timedelta(days=30)

# What only some can read, and what is still being written. Said so that an index finds it: as two conditions on the state,
# and with `in` for what is true, which SQLite finds by no index else.
NOT_PUBLIC = Q(state__in=("draft", "in_review")) | Q(state="published", restricted__in=[True])


def text_version(retrospective: str) -> Any:
    """Return, as an expression, the version in which the text of a retrospective last changed; `retrospective` names the column.

    Its title, its themes and its timeline are no text.
    """
    edits = apps.get_model("squads", "RetrospectiveEdit")._default_manager
    changed = edits.filter(retrospective=OuterRef(retrospective), field__startswith="section:").order_by("-version")
    return Coalesce(Subquery(changed.values("version")[:1]), Value(1), output_field=models.IntegerField())


class RetrospectiveQuerySet(models.QuerySet["Retrospective"]):
    """Questions about retrospectives."""

    def readable_by(self, reader: Anyone) -> "RetrospectiveQuerySet":
        """Return those this person can read. Every page, list, count, search, feed and export asks here.

        Published and in review: everyone who may read at all. Drafts and restricted ones: the squad's members, its
        facilitator, the people who were added, and administrators.
        """
        shown = Q(restricted=False, state__in=("in_review", "published"))
        if not reader.is_authenticated:
            return self.filter(restricted=False, state="published")
        if reader.program_of_id:
            return self.filter(shown | Q(squad=reader.program_of_id))
        if reader.is_staff:
            return self
        return self.filter(shown | self.own_of(reader))

    @staticmethod
    def own_of(person: Anyone) -> Q:
        """Return the condition that a retrospective is this person's to work on, whatever its state."""
        member = apps.get_model("squads", "Membership")._default_manager.filter(user=person.pk, squad=OuterRef("squad"))
        added = apps.get_model("squads", "RetrospectiveParticipant")._default_manager.filter(
            person=person.pk, retrospective=OuterRef("pk")
        )
        return Exists(member) | Exists(added) | Q(facilitator=person.pk)

    def published(self) -> "RetrospectiveQuerySet":
        """Return those that are published."""
        return self.filter(state="published")

    def public(self) -> "RetrospectiveQuerySet":
        """Return those that everyone can read who may read at all: what search and feeds hold."""
        return self.filter(restricted=False, state="published")

    def not_public(self) -> "RetrospectiveQuerySet":
        """Return the others: drafts, what is in review, and restricted ones. Of these there are few."""
        return self.filter(NOT_PUBLIC)

    def with_learnings(self) -> "RetrospectiveQuerySet":
        """Return those in which something is written under learnings."""
        sections = apps.get_model("squads", "RetrospectiveSection")._default_manager.filter(key="learnings")
        return self.filter(pk__in=sections.exclude(text="").values("retrospective"))

    def newest(self) -> "RetrospectiveQuerySet":
        """Order them as lists show them: by when they were published, drafts by when they were created, the newest first."""
        return self.order_by("-shown_at", "-pk")

    def of_day(self, at: datetime) -> "RetrospectiveQuerySet":
        """Return those about something that began on this day of another year."""
        return self.filter(anniversary=at.month * 100 + at.day, began_at__lt=at - timedelta(days=180))

    def count_read(self, row: "Retrospective") -> None:
        """Count that one was read."""
        self.filter(pk=row.pk).update(reads=models.F("reads") + 1)
