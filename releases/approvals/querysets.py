"""Questions about approvals: which wait for a person."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Exists, OuterRef, Q

from portal.kernel.actors import Actor
from squads.models import Membership

if TYPE_CHECKING:
    from releases.approvals.models import Approval  # noqa: F401 - named in quotes below


class ApprovalQuerySet(models.QuerySet["Approval"]):
    """Questions about approvals."""

    def of_open_releases(self) -> "ApprovalQuerySet":
        """Return those of releases that nobody said are out."""
        return self.filter(release__is_out=False)

    def waiting(self) -> "ApprovalQuerySet":
        """Return those that nobody answered or withdrew, of releases that aren't out yet."""
        return self.of_open_releases().filter(state="waiting")

    def waiting_for(self, person: Actor) -> "ApprovalQuerySet":
        """Return the waiting ones that were asked of this person, by name or by what they are, and not by them."""
        if person.program_of_id:
            return self.none()
        members = Membership.objects.filter(user=person, squad=OuterRef("squad"))
        asked = (
            Q(person=person)
            | Q(Exists(members), kind="members")
            | Q(Exists(members.filter(role="lead")), kind="leads")
            | Q(Exists(members.filter(accepts=True)), kind="accepters")
        )
        if person.is_project_manager:
            asked |= Q(kind="managers")
        if person.is_staff:
            asked |= Q(kind="administrators")
        given = self.model._default_manager.filter(release=OuterRef("release"), state="given", answered_by=person)
        twice = Exists(given.exclude(kind="person")) & ~Q(kind="person")
        return self.waiting().filter(asked).exclude(asked_by=person).exclude(twice)
